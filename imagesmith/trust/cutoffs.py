"""Algorithms with an end: until when a key that is strong enough today still counts.

The table is what Sequoia's StandardPolicy and apt's configuration of it cut off in
the future, of that which this room accepts at all; the sooner of the two dates
stands.  What they have cut off already is refused here whatever the time
(openpgp.md S11): MD5, SHA-1, RIPEMD-160 and SHA-224, version 3 signatures, DSA, RSA
below 2048 bits.  A key is held against the table as of the time it is judged at,
never as of the time its signature claims, and so is its primary key (S18, S28).
"""

from __future__ import annotations

import attrs

from imagesmith.model.moment import rfc3339
from imagesmith.trust.keypacket import ALGORITHMS, PublicKey
from imagesmith.trust.verdict import Reason, Rejected


@attrs.frozen(kw_only=True)
class Cutoff:
    """From when on keys of one algorithm and less than a size do not count."""

    algorithm: str
    """As `ALGORITHMS` names it."""
    below: int
    """Bits."""
    at: int
    """Unix seconds."""
    source: str
    """Who cuts off then."""


CUTOFFS = (
    Cutoff(
        algorithm="RSA",
        below=3072,
        at=1_896_134_400,  # 2030-02-01
        source="apt 3.3, default-sequoia.config: rsa2048",
    ),
)


def problem(key: PublicKey, at: int) -> Rejected | None:
    """Return why `key` does not count at `at`, or None."""
    cutoff = following(key)
    if cutoff is None or at < cutoff.at:
        return None
    return Rejected(Reason.KEY_WEAK, detail(key, cutoff))


def following(key: PublicKey) -> Cutoff | None:
    """Return the first cut-off that `key` meets, past or to come."""
    name = ALGORITHMS.get(key.algorithm)
    met = [each for each in CUTOFFS if each.algorithm == name and key.bits < each.below]
    return min(met, key=lambda each: each.at, default=None)


def detail(key: PublicKey, cutoff: Cutoff) -> str:
    """Say what `cutoff` means for `key`."""
    return (
        f"key {key.fingerprint}: {cutoff.algorithm} of {key.bits} bits is not accepted "
        f"from {rfc3339(cutoff.at)} on"
    )
