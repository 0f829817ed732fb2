"""The corpus: what is signed how, and what must come of it, rule by rule (openpgp.md §1.3, §2).

Each vector is a document, a signature file and a certificate file with one
pinned primary key; `reason` is the code it is rejected with, None if it is
accepted.  The same vectors are put to independent implementations, and where one
of them comes to another verdict the vector says why.  `cast` has the keys, the
other modules a part of the table each; what gpg makes is in `builders.gnupg`.
"""

from __future__ import annotations

from builders.openpgp_vectors import (
    algorithms,
    files,
    hidden,
    revocations,
    self_signatures,
    signatures,
    subkeys,
    timeline,
    versions,
)
from builders.openpgp_vectors.cast import (
    ALICE,
    BOB,
    BY_SUBKEY,
    DOCUMENT,
    GOOD,
    MALLORY,
    NOW,
    PLAIN,
    SIGNED,
    SIGNER,
    SUBKEYED,
    Vector,
)

__all__ = [
    "ALICE",
    "BOB",
    "BY_SUBKEY",
    "DOCUMENT",
    "GOOD",
    "MALLORY",
    "NOW",
    "PLAIN",
    "SIGNED",
    "SIGNER",
    "SUBKEYED",
    "VECTORS",
    "Vector",
]

VECTORS = (
    *signatures.vectors(),
    *files.vectors(),
    *versions.vectors(),
    *algorithms.vectors(),
    *self_signatures.vectors(),
    *hidden.vectors(),
    *subkeys.vectors(),
    *revocations.vectors(),
    *timeline.vectors(),
)
