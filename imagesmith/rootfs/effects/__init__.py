"""What maintainer scripts would have done, read off them without running anything.

`parser` (with `words`) makes a script `syntax`; a `shell` walks it through `branches`
and `loops` in a `world` of files, accounts, links and diversions, where `expansion`
and `conditions` work with what is known.  `calling` finds the `commands`, of which
every one changes the world, changes nothing that counts, or is left out; the
`ledger` says which.  `configure` does that for all packages, dependencies first.
"""
