"""OpenPGP, strictly: who signed these bytes, by a policy that nobody switches off.

`policy` reads trust.toml: which keys (`pin`) count, for what, and how many of
them.  `detached` takes a signature file apart (`armour`, `packets`, `signature`),
and `judge` asks `attribution` of each signature over a `content` who made it.
A `certificate` holds what `assembly` found cryptographically true of a signer's keys,
by the numbers of `keypacket` and the operations of `keys`, the one door to PGPy,
which `guard` keeps shut; `shapes` knows subpackets, and `keyring` certificate files.
`validity` says from that what a key may do at a point in time, `cutoffs` until when
its algorithm counts, and `outlook` what will fail within a year.  `opinion` asks
Sequoia as well, where it is installed.  `trusted` is what manifests come to, and
`rollback` what was seen of them before;
`archive` applies the same rules to what an apt archive signed, through
`cleartext`.  `signing` and `generation` make signatures and keys, and `describe`
shows them.  Each rule has its row in docs/signature-policy.md.
"""
