"""Images in registries: the OCI distribution-spec 1.1, without changing a byte.

`name` says where an image lies, `challenge` and `login` how a registry is told
who asks.  `session` sends requests with that, and again where that does no harm;
`repository` has the verbs of the specification.  `push` and `pull` move whole
images, their documents exactly as they are, so a digest stays what it was;
`referrers` lists and adds what refers to one.
"""
