"""OpenPGP, strictly: who signed these bytes, by a policy that nobody switches off.

`policy` reads trust.toml: which primary keys count, for what, and how many of
them.  `detached` takes a signature file apart (`armour`, `packets`,
`signature`), and `judge` asks `attribution` of each signature who made it.
`certificate` holds what is cryptographically true of a signer's keys, by the
numbers of `keypacket` and the operations of `keys`, the one door to PGPy;
`validity` says from that what a key may do at a point in time.  `archive`
applies the same rules to what an apt archive signed, through `cleartext`.
`signing` and `generation` make signatures and keys, and `describe` shows them.
"""
