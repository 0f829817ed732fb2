"""Algorithms with an end."""

from __future__ import annotations

import attrs
import pytest
from builders import openpgp as pgp

from imagesmith.trust import cutoffs, keypacket
from imagesmith.trust.content import Content
from imagesmith.trust.judge import judge
from imagesmith.trust.keypacket import PublicKey
from imagesmith.trust.verdict import Reason

END = 1_896_134_400
"""2030-02-01T00:00:00Z"""


def key(bits: int, algorithm: int = 1) -> PublicKey:
    """Return a key of some size."""
    some = keypacket.parse_public(pgp.make_key("alice", "rsa2048").body)
    return attrs.evolve(some, bits=bits, algorithm=algorithm)


@pytest.mark.parametrize(
    ("algorithm", "bits", "is_met"),
    [
        (1, 2048, True),
        (3, 3071, True),
        (1, 3072, False),
        (1, 4096, False),
        (19, 515, False),
        (22, 263, False),
    ],
)
def test_small_rsa_ends_in_2030(algorithm: int, bits: int, *, is_met: bool) -> None:
    """The last second before it counts; curves have no such date."""
    found = cutoffs.problem(key(bits, algorithm), END)

    assert cutoffs.problem(key(bits, algorithm), END - 1) is None
    assert (found is not None and found.reason == Reason.KEY_WEAK) is is_met


def test_says_which_key_and_from_when() -> None:
    """The size, the key and the date."""
    found = cutoffs.problem(key(2048), END)

    assert found is not None
    assert "RSA of 2048 bits is not accepted from 2030-02-01T00:00:00Z on" in found.detail


@pytest.mark.parametrize("weak", ["primary", "subkey"])
def test_holds_for_the_signing_key_and_its_primary(weak: str) -> None:
    """A strong subkey does not make up for a weak primary key, or the other way round."""
    kinds = ("rsa2048", "ed25519") if weak == "primary" else ("ed25519", "rsa2048")
    primary, subkey = (pgp.make_key("alice", kind) for kind in kinds)
    policy = pgp.pin((primary, pgp.with_subkey(primary, subkey)))
    made = pgp.detached(b"x", subkey)

    assert judge(Content.of(b"x"), made, policy, now=END - 1).valid
    (rejected,) = judge(Content.of(b"x"), made, policy, now=END).rejected
    assert rejected.reason == Reason.KEY_WEAK


def test_a_signature_made_before_does_not_count_after() -> None:
    """The table is held against now, not against the time a signature claims."""
    small = pgp.make_key("alice", "rsa2048")
    policy = pgp.pin((small, pgp.certificate(small)))

    assert not judge(Content.of(b"x"), pgp.detached(b"x", small), policy, now=END).valid
