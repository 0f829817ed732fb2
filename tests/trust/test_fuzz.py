"""Hostile octets: nothing but a verdict comes out, and it is never laxer than Sequoia's.

IMAGESMITH_EXAMPLES asks for a longer run than is fit for every day.
"""

from __future__ import annotations

import os
import time
import tracemalloc

import pytest
from builders import openpgp as pgp
from builders import openpgp_hostile, openpgp_judges
from builders.openpgp_hostile import Hostile
from builders.openpgp_strategies import MUTATIONS, histories, mutate, rearranged, respelled
from builders.openpgp_vectors import (
    ALICE,
    BY_SUBKEY,
    GOOD,
    NOW,
    PLAIN,
    SUBKEYED,
    Vector,
)
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from imagesmith.errors import SignatureError
from imagesmith.trust import archive, armour, detached
from imagesmith.trust.archive import Anchors, ReleaseFile
from imagesmith.trust.content import Content
from imagesmith.trust.judge import judge
from imagesmith.trust.signature import Signature
from imagesmith.trust.verdict import Verdict

INRELEASE = pgp.cleartext(b"Origin: Debian\n", ALICE)
MEGABYTES = 50
"""What reading a hostile megabyte may take."""


def examples(everyday: int) -> settings:
    """Return how many examples to try: some every day, as many as asked for by hand."""
    number = int(os.environ.get("IMAGESMITH_EXAMPLES", everyday))
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(deadline=None, max_examples=number, suppress_health_check=slow)


def verdict(vector: Vector, *, now: int = NOW) -> Verdict:
    """Judge a vector without anybody's second opinion."""
    return judge(Content.of(vector.document), vector.signature, vector.policy, now=now)


def signed(signature: bytes, certificate: bytes) -> Vector:
    """Return a case with alice pinned."""
    return Vector("drawn", signature, certificate, None)


def moments(vector: Vector) -> tuple[int, ...]:
    """Return when to judge: now, and as of the signature, which Sequoia does unless it expires."""
    now = int(time.time())
    try:
        read = detached.read(vector.signature)
    except SignatureError:
        return (now,)
    known = [each for each in read if isinstance(each, Signature)]
    lasting = [each.created for each in known if each.expires is None]
    return (now, *(created for created in lasting if created < now))


def is_no_laxer(vector: Vector) -> bool:
    """Say whether Sequoia accepts as well what is accepted at any of these moments."""
    if not any(verdict(vector, now=moment).valid for moment in moments(vector)):
        event("rejected")
        return True
    event("accepted")
    case = vector.document, vector.signature, vector.certificate, vector.primary
    return openpgp_judges.pysequoia_accepts(*case)


@examples(200)
@given(histories())
def test_no_history_of_a_key_is_judged_laxer(vector: Vector) -> None:
    """Whatever a key genuinely says of itself, Sequoia accepts what is accepted."""
    assert is_no_laxer(vector)


@examples(200)
@given(rearranged())
def test_no_rearranged_certificate_is_judged_laxer(vector: Vector) -> None:
    """Packets of all the corpus, inserted, dropped, doubled, exchanged, framed otherwise."""
    assert is_no_laxer(vector)


@examples(200)
@given(respelled())
def test_no_respelled_signature_is_judged_laxer(signature: bytes) -> None:
    """Nor is who made it another: only what nobody signed can change."""
    for certificate in (PLAIN, SUBKEYED):
        found = verdict(signed(signature, certificate))
        good = BY_SUBKEY if certificate is SUBKEYED else GOOD

        assert not found.valid or found.accepted == verdict(signed(good, certificate)).accepted
        assert is_no_laxer(signed(signature, certificate))


@examples(150)
@given(MUTATIONS, st.booleans())
def test_no_mutated_certificate_is_judged_laxer(
    mutations: list[tuple[int, bytes, int]],
    subkeyed: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    """Whoever is accepted is who was accepted before, and Sequoia accepts it too."""
    good, certificate = (BY_SUBKEY, SUBKEYED) if subkeyed else (GOOD, PLAIN)
    mutated = signed(good, mutate(certificate, mutations))
    found = verdict(mutated)

    assert not found.valid or found.accepted == verdict(signed(good, certificate)).accepted
    assert is_no_laxer(mutated)


@examples(100)
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_garbage_is_rejected(signatures: bytes, certificate: bytes) -> None:
    """Octets from nowhere never sign anything."""
    assert not verdict(signed(signatures, PLAIN)).valid
    assert not verdict(signed(GOOD, certificate)).valid
    assert not verdict(signed(b"\x80" + signatures, b"\x80" + certificate)).valid


@examples(100)
@given(MUTATIONS)
def test_a_mutated_inrelease_says_the_same_or_nothing(
    mutations: list[tuple[int, bytes, int]],
) -> None:
    """What comes out is what was signed."""
    anchors = Anchors(certificates=(PLAIN,), fingerprints=(ALICE.fingerprint,), now=NOW)
    try:
        file = ReleaseFile(mutate(INRELEASE, mutations))
        found = archive.verify(file, anchors, document="InRelease")
    except SignatureError:
        return

    assert found.text == b"Origin: Debian\n"


@pytest.fixture(scope="module")
def hostile() -> tuple[Hostile, ...]:
    """Make every hostile megabyte, and have what reads them imported."""
    assert verdict(signed(GOOD, PLAIN)).valid
    return openpgp_hostile.inputs()


def test_hostile_megabytes_are_refused_in_little_memory(hostile: tuple[Hostile, ...]) -> None:
    """No limit is found by reaching it; how long it takes is measured by `make bench`."""
    greedy = []
    for each in hostile:
        tracemalloc.start()
        assert each.read(), each.name
        if tracemalloc.get_traced_memory()[1] > MEGABYTES << 20:
            greedy.append(each.name)
        tracemalloc.stop()

    assert greedy == []


def test_armour_of_a_megabyte_is_read() -> None:
    """Large is not hostile."""
    assert len(armour.decode(armour.encode(b"\x80" * 700_000, "X"), "X")) == 700_000
