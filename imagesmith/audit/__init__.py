"""Re-checking: what an image or a manifest claims against what can be computed.

`problem` is one finding; `expectation` holds results against a manifest.
`layout` walks an image archive from `index.json` down: `reading` gives it blobs
and documents, `spelling`, `config`, `naming` and `docker` each check one part.
`contents` reads layers back and `changeset` lays them over each other, into the
tree a runtime would see.  Findings are collected, not raised: a verification
lists all of them.  `difference` names the first thing in which two archives differ, by
`tars` where it lies in a layer.  `exporting` writes a sound image's root out, to be run.
"""
