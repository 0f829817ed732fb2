"""The documents: recipe, manifest and mtree, as values and as bytes.

`table` reads TOML strictly, with the place of every mistake; `sections` holds
what recipe and manifest say in the same words; `recipe` is what people write,
`manifest` what `lock` writes and `build` reads, `record` what a program was seen to
use, `mtree` the list of every path of a root filesystem.  Nothing here opens a file.
"""
