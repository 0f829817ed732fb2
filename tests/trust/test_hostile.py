"""Key material on which the libraries raise: every public entry says no."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import attrs
import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0

from imagesmith.errors import SignatureError
from imagesmith.trust import archive, detached, keypacket, keys, signing
from imagesmith.trust.archive import Anchors, ReleaseFile
from imagesmith.trust.content import Content
from imagesmith.trust.describe import RefusedCertificate, describe
from imagesmith.trust.judge import judge
from imagesmith.trust.packets import frame
from imagesmith.trust.verdict import Reason

NOW = T0 + 10 * DAY
DOCUMENT = b"x"
HASHED = pgp.at(T0 + DAY)
ED25519, P256 = pgp.make_key("alice"), pgp.make_key("alice", "p256")
RSA = pgp.make_key("alice", "rsa2048")


def key(algorithm: int, fields: bytes) -> pgp.Key:
    """Return a key with these public fields; its private part belongs to another."""
    body = b"\x04" + T0.to_bytes(4, "big") + bytes((algorithm,)) + fields
    return attrs.evolve(ED25519, algorithm=algorithm, body=body)


def curve(oid: bytes, point: bytes) -> bytes:
    """Write the fields of a key on a curve."""
    return bytes((len(oid),)) + oid + pgp.number(int.from_bytes(point, "big"))


def material(owner: pgp.Key, numbers: bytes) -> bytes:
    """Write a signature packet by `owner` with these numbers, its left octets right."""
    good = pgp.signature(0, owner, (DOCUMENT,), hashed=HASHED, digest=pgp.SHA256)
    start = len(good) - len(_numbers(good))
    return frame(2, good[:start] + numbers)


def _numbers(body: bytes) -> bytes:
    """Return what follows the left octets of a signature."""
    at = 6 + int.from_bytes(body[4:6], "big")
    at += 2 + int.from_bytes(body[at : at + 2], "big")
    return body[at + 2 :]


OFF_CURVE = key(pgp.ECDSA, curve(pgp.CURVES["p256"][0], b"\x04" + bytes(63) + b"\x07"))
AT_INFINITY = key(pgp.ECDSA, curve(pgp.CURVES["p384"][0], b"\x04" + bytes(96)))
EVEN_MODULUS = key(pgp.RSA, pgp.number(1 << 2047) + pgp.number(65537))
TINY_EXPONENT = key(pgp.RSA, pgp.number((1 << 2047) + 1) + pgp.number(1))
LARGE = pgp.number((1 << 4000) + 1)

MATERIAL = {
    "point that is not on the curve": (OFF_CURVE, LARGE + LARGE),
    "point of zeroes": (AT_INFINITY, pgp.number(1) + pgp.number(1)),
    "even modulus": (EVEN_MODULUS, pgp.number(1)),
    "exponent of one": (TINY_EXPONENT, pgp.number(1)),
    "Ed25519 numbers that are too large": (ED25519, LARGE + LARGE),
    "Ed25519 numbers of zero": (ED25519, pgp.number(0) + pgp.number(0)),
    "ECDSA numbers of zero": (P256, pgp.number(0) + pgp.number(0)),
    "ECDSA numbers that are too large": (P256, LARGE + LARGE),
    "RSA number larger than the modulus": (RSA, LARGE),
    "RSA number of zero": (RSA, pgp.number(0)),
    "one number too few": (ED25519, pgp.number(1)),
    "one number too many": (RSA, pgp.number(1) * 2),
    "no number": (P256, b""),
}


@attrs.frozen
class Case:
    """A key that cannot be computed with, its certificate, and a signature that names it."""

    owner: pgp.Key
    signature: bytes
    certificate: bytes

    @classmethod
    def of(cls, name: str) -> Case:
        """Return a case by its name in the table."""
        owner, numbers = MATERIAL[name]
        content = owner.prefixed, pgp.named(b"A")
        stated = pgp.at(T0) + pgp.flags(3)
        good = pgp.signature(0x13, owner, content, hashed=stated)
        spoilt = frame(2, good[: -len(_numbers(good))] + numbers)
        certificate = pgp.primary(owner) + pgp.user_id(b"A") + spoilt
        return cls(owner, material(owner, numbers), certificate)


def by_judge(case: Case) -> None:
    """Judge a signature."""
    policy = pgp.pin((case.owner, case.certificate))
    assert not judge(Content.of(DOCUMENT), case.signature, policy, now=NOW).valid


def by_archive(case: Case) -> None:
    """Verify a release file, and look up who signed it."""
    file, certificates = ReleaseFile(DOCUMENT, case.signature), (case.certificate,)
    pinned = (case.owner.fingerprint,)
    anchors = Anchors(certificates=certificates, fingerprints=pinned, now=NOW)
    with pytest.raises(SignatureError):
        archive.verify(file, anchors, document="Release")
    with suppress(SignatureError):
        assert archive.signers_of(file, certificates, now=NOW) == ()


def by_description(case: Case) -> None:
    """Show the certificate, alone and with the signature misplaced in it."""
    for octets in (case.certificate, case.certificate + case.signature):
        for found in describe(octets, NOW):
            assert isinstance(found, RefusedCertificate) or found.primary.problem


def by_merging(case: Case) -> None:
    """Add to a file that holds the signature."""
    assert detached.merge(case.signature, pgp.detached(DOCUMENT, pgp.make_key("bob")))


def by_signing(case: Case) -> None:
    """Sign with a secret key of this public part."""
    secret = frame(5, case.owner.body + b"\0" + pgp.number(1) + b"\0\1")
    rest = case.certificate[len(pgp.primary(case.owner)) :]
    with pytest.raises(SignatureError):
        signing.sign(DOCUMENT, secret + rest, created=NOW, passphrase=None)


ENTRIES = (by_judge, by_archive, by_description, by_merging, by_signing)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)
@pytest.mark.parametrize("name", MATERIAL)
def test_no_entry_accepts_or_raises(name: str, entry: Callable[[Case], None]) -> None:
    """Whatever a library thinks of the numbers, it is a finding here (S26)."""
    entry(Case.of(name))


@pytest.mark.parametrize("name", MATERIAL)
def test_beside_a_good_key_it_is_that_signature_alone(name: str) -> None:
    """The neighbours are judged as if nothing had happened (S17, S24)."""
    owner, numbers = MATERIAL[name]
    alice = pgp.make_key("alice", "p384")
    certificate = pgp.certificate(alice, pgp.subkey(owner), pgp.bind(alice, owner, back=b""))
    signatures = material(owner, numbers) + pgp.detached(DOCUMENT, alice, digest=pgp.SHA384)
    found = judge(Content.of(DOCUMENT), signatures, pgp.pin((alice, certificate)), now=NOW)

    assert found.valid
    assert len(found.rejected) == 1


def test_the_libraries_do_raise() -> None:
    """Errors of several kinds are caught at the door, so the cases above mean something."""
    causes = set()
    for owner, numbers in MATERIAL.values():
        public = attrs.evolve(keypacket.parse_public(owner.body), problem=None)
        with suppress(SignatureError):
            try:
                assert not keys.verify(public, pgp.SHA256, bytes(32), numbers)
            except SignatureError as error:
                causes.add(type(error.__cause__))
                raise

    assert {ValueError, OverflowError} <= causes


@pytest.mark.parametrize(
    "octets", [b"\0", b"\xfe\x07\x03\x08" + bytes(9), b"\xff" * 40, b"\x01" * 9]
)
def test_a_hostile_secret_part_is_an_error_of_ours(octets: bytes) -> None:
    """However it claims to be protected."""
    secret = keypacket.parse_secret(ED25519.body + octets)

    with pytest.raises(SignatureError) as e:
        keys.sign(secret, pgp.SHA512, bytes(64), "passphrase")
    assert e.value.reasons[0] in set(Reason)
