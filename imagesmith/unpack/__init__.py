"""Archives become trees, and nothing is ever extracted.

`ar` lists the members of a .deb, `deb` opens one and streams its payload, and
`control` reads what the package says of itself.  `header`, `pax` and `tar`
read the payload's members under strict rules into a `Tree` whose files are
spans of the payload; `codec` turns that into bytes the store can keep.
`script` reads `#!` lines, and `directory` looks at a host directory as lazily
as a `Tree` is complete.
"""
