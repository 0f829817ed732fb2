"""Hostile octets: nothing but a verdict comes out, and it is no."""

from __future__ import annotations

import time

import pysequoia
import pytest
from builders import openpgp as pgp
from builders.openpgp_vectors import (
    ALICE,
    BY_SUBKEY,
    DOCUMENT,
    GOOD,
    NOW,
    PLAIN,
    SUBKEYED,
    VECTORS,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import SignatureError
from imagesmith.trust import archive, armour, cleartext, packets
from imagesmith.trust.judge import judge
from imagesmith.trust.verdict import Verdict

INRELEASE = pgp.cleartext(b"Origin: Debian\n", ALICE)
PACKETS = sorted(
    {packet for vector in VECTORS for packet in packets.split(vector.certificate)[1:]},
    key=lambda packet: (packet.tag, packet.body),
)
MUTATIONS = st.lists(
    st.tuples(st.integers(0, 1000), st.binary(max_size=3), st.integers(0, 3)),
    min_size=1,
    max_size=3,
)


def mutate(octets: bytes, mutations: list[tuple[int, bytes, int]]) -> bytes:
    """Replace some octets by others, at places taken modulo the length."""
    for where, junk, dropped in mutations:
        at = where % (len(octets) + 1)
        octets = octets[:at] + junk + octets[at + dropped :]
    return octets


def verdict(signatures: bytes, certificate: bytes, document: bytes = DOCUMENT) -> Verdict:
    """Judge with alice pinned."""
    return judge(document, signatures, pgp.pin((ALICE, certificate)), now=NOW)


@settings(deadline=None, max_examples=300)
@given(MUTATIONS)
def test_a_mutated_signature_that_is_accepted_says_the_same(
    mutations: list[tuple[int, bytes, int]],
) -> None:
    """Only what is not signed can change: hints, headers and packets that mean nothing."""
    found = verdict(mutate(GOOD, mutations), PLAIN)

    assert not found.valid or found.accepted == verdict(GOOD, PLAIN).accepted


@settings(deadline=None, max_examples=200)
@given(MUTATIONS, st.booleans())
def test_a_mutated_certificate_never_accepts_another_key(
    mutations: list[tuple[int, bytes, int]],
    subkeyed: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    """Whoever is accepted is who was accepted before."""
    good, certificate = (BY_SUBKEY, SUBKEYED) if subkeyed else (GOOD, PLAIN)
    found = verdict(good, mutate(certificate, mutations))

    assert not found.valid or found.accepted == verdict(good, certificate).accepted


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_rearranged_certificate_is_never_judged_laxer(data: st.DataObject) -> None:
    """Packets of all the table's certificates, mixed: Sequoia accepts whatever is accepted."""
    vector = data.draw(st.sampled_from(VECTORS))
    first, *rest = packets.split(vector.certificate)
    for stray in data.draw(st.lists(st.sampled_from(PACKETS), max_size=3)):
        rest.insert(data.draw(st.integers(0, len(rest))), stray)
    if data.draw(st.booleans()) and rest:
        rest.pop(data.draw(st.integers(0, len(rest) - 1)))
    certificate = b"".join(packets.frame(each.tag, each.body) for each in (first, *rest))
    policy = pgp.pin((vector.key, certificate))
    signature = data.draw(st.sampled_from([vector.signature, GOOD, BY_SUBKEY]))

    if judge(vector.document, signature, policy, now=int(time.time())).valid:
        known = pysequoia.Cert.from_bytes(certificate)
        assert pysequoia.verify(
            bytes=vector.document,
            store=lambda _ids: [known],
            signature=pysequoia.Sig.from_bytes(signature),
        ).valid_sigs


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_garbage_is_rejected(signatures: bytes, certificate: bytes) -> None:
    """Octets from nowhere never sign anything."""
    assert not verdict(signatures, PLAIN).valid
    assert not verdict(GOOD, certificate).valid
    assert not verdict(b"\x80" + signatures, b"\x80" + certificate).valid


@settings(deadline=None, max_examples=100)
@given(MUTATIONS)
def test_a_mutated_inrelease_says_the_same_or_nothing(
    mutations: list[tuple[int, bytes, int]],
) -> None:
    """What comes out is what was signed."""
    try:
        found = archive.verify_inrelease(
            mutate(INRELEASE, mutations),
            certificates=(PLAIN,),
            fingerprints=(ALICE.fingerprint,),
            now=NOW,
            document="InRelease",
        )
    except SignatureError:
        return

    assert found.text == b"Origin: Debian\n"


@pytest.mark.parametrize(
    "unit",
    [
        b"-----BEGIN PGP SIGNATURE-----\n",
        b"-----BEGIN PGP SIGNATURE-----\n\n",
        b"a: b\n",
        b"\xc2\x00",
        b"\xc2\xff\0\0\0\0",
        b"\xc8\x03\x03BZ",
        b"\xff",
    ],
)
def test_a_megabyte_of_anything_ends(unit: bytes) -> None:
    """Limits are checked before work is done."""
    octets = unit * (1_000_000 // len(unit))

    assert not verdict(octets, PLAIN).valid
    assert not verdict(GOOD, octets).valid


def test_deeply_nested_signatures_end() -> None:
    """An embedded signature is looked into once."""
    body = pgp.signature(0x19, ALICE, (b"",), hashed=pgp.at(1))
    for _ in range(200):
        body = pgp.signature(0x18, ALICE, (b"",), hashed=pgp.at(1) + pgp.sub(32, body))

        if len(body) > 60_000:
            break

    assert not verdict(b"\xc2\xff" + len(body).to_bytes(4, "big") + body, PLAIN).valid


def test_a_message_of_many_dashes_ends() -> None:
    """The splitter has one pass."""
    with pytest.raises(SignatureError):
        cleartext.split(b"-----BEGIN PGP SIGNED MESSAGE-----\n\n" + b"- \n" * 300_000)


def test_armour_of_a_megabyte_is_read() -> None:
    """Large is not hostile."""
    assert len(armour.decode(armour.encode(b"\x80" * 700_000, "X"), "X")) == 700_000
