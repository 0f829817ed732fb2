"""From seeds to the set of paths an image needs, each with its reason.

`seeds` is the way in: it traces programs (`program`, which follows `scripts`
and hands ELF files to the elf room), adds what `patterns` name, with whatever
`shipping` that brings along, asks the runtime `rules`, and gives a `closure`.
The room sees trees, not archives; directories above the paths are
added when the rootfs is assembled.  `loading` then asks of the finished tree
whether everything in it would load.
"""
