"""The wiring: recipe to manifest, manifest to images.  No format is known here.

`effects` is what the machine offers; `begin` makes a first recipe.  `releases`
verifies what archives sign and holds it against what was `seen`, `indices` fetches
the package indices that are vouched for so, and `resolve` takes pins from them;
`upstream` replays all that later from the kept `evidence`, stanza by stanza
(`stanzas`).

`acquire` turns pins into indexed package trees, `indexing` makes an index, with the
`facts` of each file; `contents` reads file contents, verified; `plan` names a build
by all of its inputs; `union` lays its packages over each other and `execute` builds
one architecture, whose layers `packing` makes or finds, to be kept among `results`;
`lock` writes a manifest; `deliver` puts finished images where they are wanted.
`providers` guesses the packages that may bring what a closure misses.  `exporting`
writes trees to the store so that programs of them can be run, `recording` runs one
and notes what it used, and `checks` runs the checks of a manifest in its images.
`again` has everything built a `second` time, among other surroundings, and compares.
"""
