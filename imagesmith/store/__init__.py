"""Bytes by digest, on disk.

`Store.open` checks that nobody else can write to the directory.  `put` turns a
stream and the digest it must have into a `Blob`, or into nothing; `add` names
bytes that were made here.  `read` and `chunks` verify what they return, `map`
lends the bytes for verification by the caller.  `derive` remembers that a pure
function of one digest gave another; `remember` keeps for good what was seen, and
`recall` tells it.  `export` has the root filesystem of an image written out to be
run.  `verify` looks at everything, `collect` throws away what was
not used for a while.

`layout` knows the names, `draft` how a file gets one, `lending` how its bytes are read
in place, `memory` keeps what was seen, `exports` has what is run, `upkeep` walks them all;
`store` has the verbs.
"""

from imagesmith.store.lending import ReadSpan, forget_pages
from imagesmith.store.store import Blob, Store
from imagesmith.store.upkeep import Collected, Problem

__all__ = ["Blob", "Collected", "Problem", "ReadSpan", "Store", "forget_pages"]
