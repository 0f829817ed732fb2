"""The public-key operations, and the door they stand behind."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import attrs
import pytest
from builders import openpgp as pgp
from hypothesis import given, settings
from hypothesis import strategies as st

import imagesmith
from imagesmith.errors import SignatureError
from imagesmith.trust import keypacket, keys
from imagesmith.trust.keypacket import PublicKey, SecretKey
from imagesmith.trust.verdict import Reason

DIGEST = hashlib.sha512(b"document").digest()
KINDS = ("ed25519", "p256", "p384", "p521", "rsa2048")
BANNED = frozenset({"PGPKey", "PGPSignature", "PGPMessage", "PGPKeyring", "PGPUID"})
"""Everything of PGPy that decides something; `SignatureV4` would parse signatures."""
ALLOWED = {
    "pgpy.packet.Packet",
    "pgpy.packet.packets.PrivKeyV4",
    "pgpy.constants.EllipticCurveOID",
    "pgpy.constants.HashAlgorithm",
    "pgpy.constants.PubKeyAlgorithm",
    "pgpy.constants.SymmetricKeyAlgorithm",
}
"""What secret keys are made, locked and unlocked with."""


def secret(kind: str = "ed25519") -> SecretKey:
    """Return an unprotected secret key."""
    return keypacket.parse_secret(pgp.make_key("alice", kind).secret_body)


def public(kind: str = "ed25519") -> PublicKey:
    """Return a public key."""
    return keypacket.parse_public(pgp.make_key("alice", kind).body)


@cache
def signed(kind: str) -> bytes:
    """Return a signature of the digest."""
    return keys.sign(secret(kind), 10, DIGEST, None)


@cache
def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of every module of the package."""
    root = Path(imagesmith.__file__).parent
    return {
        path.relative_to(root).as_posix(): ast.parse(path.read_text())
        for path in sorted(root.rglob("*.py"))
    }


class TestVerify:
    """Whether numbers are a key's signature of a digest."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_holds_for_what_sign_makes(self, kind: str) -> None:
        """Signing and verifying agree, for every algorithm."""
        material = keys.sign(secret(kind), 10, DIGEST, None)

        assert keys.verify(public(kind), 10, DIGEST, material)

    @pytest.mark.parametrize("kind", KINDS)
    def test_does_not_hold_for_another_digest(self, kind: str) -> None:
        """One changed octet of the digest is enough."""
        material = keys.sign(secret(kind), 10, DIGEST, None)

        assert not keys.verify(public(kind), 10, b"\0" + DIGEST[1:], material)

    @pytest.mark.parametrize("kind", ["ed25519", "p256", "rsa2048"])
    @settings(deadline=None, max_examples=40)
    @given(at=st.integers(0, 255), bit=st.integers(0, 7))
    def test_a_flipped_bit_is_never_a_signature(self, kind: str, at: int, bit: int) -> None:
        """It is refused, by one exception type or by the answer."""
        material = bytearray(signed(kind))
        material[at % len(material)] ^= 1 << bit
        try:
            holds = keys.verify(public(kind), 10, DIGEST, bytes(material))
        except SignatureError:
            holds = False

        assert not holds

    @pytest.mark.parametrize(
        ("kind", "material"),
        [
            ("ed25519", b""),
            ("ed25519", pgp.number(1)),
            ("ed25519", pgp.number(1) * 3),
            ("rsa2048", pgp.number(1) + b"\0"),
            ("rsa2048", b"\0\x09\0\xff"),
        ],
    )
    def test_wants_the_right_numbers(self, kind: str, material: bytes) -> None:
        """As many as the algorithm has, canonical, and nothing after them."""
        with pytest.raises(SignatureError) as e:
            keys.verify(public(kind), 10, DIGEST, material)

        assert e.value.reasons == (Reason.SIG_MALFORMED,)

    def test_refuses_keys_that_cannot_count(self) -> None:
        """A weak key verifies nothing."""
        with pytest.raises(SignatureError) as e:
            keys.verify(public("rsa1024"), 10, DIGEST, pgp.number(1))

        assert e.value.reasons == (Reason.KEY_WEAK,)

    @pytest.mark.parametrize(
        ("key", "hash_algorithm", "material"),
        [
            (public("ed25519"), 10, pgp.number(1 << 300) * 2),
            (public("rsa2048"), 10, pgp.number(1 << 2100)),
            (public("rsa2048"), 3, pgp.number(7)),
            (
                attrs.evolve(public("p256"), body=public("p256").body[:-1] + b"\0"),
                10,
                pgp.number(1) * 2,
            ),
            (attrs.evolve(public("ed25519"), body=b"\x04\0\0\0\0\x16"), 10, pgp.number(1) * 2),
        ],
    )
    def test_turns_what_the_library_raises_into_its_own_error(
        self,
        key: PublicKey,
        hash_algorithm: int,
        material: bytes,
    ) -> None:
        """Numbers that are too large, points off the curve, unknown hashes."""
        with pytest.raises(SignatureError) as e:
            keys.verify(key, hash_algorithm, DIGEST, material)

        assert e.value.reasons == (Reason.SIG_BAD,)

    def test_a_key_of_another_kind_never_holds(self) -> None:
        """An X25519 key where a signing key should be does not sign."""
        curve = bytes.fromhex("2b060104019755010501")
        body = b"\x04\0\0\0\0\x12" + bytes((len(curve),)) + curve
        body += pgp.number((0x40 << 256) + 9) + b"\x03\x01\x08\x07"
        key = attrs.evolve(public(), body=body)

        with pytest.raises(SignatureError):
            keys.verify(key, 10, DIGEST, pgp.number(1) * 2)


class TestSign:
    """Making numbers."""

    def test_wants_the_passphrase(self) -> None:
        """A protected key says so; a wrong passphrase says so too."""
        locked = keys.protect(secret(), "correct horse")

        assert locked.is_protected
        assert keys.verify(
            locked.public, 10, DIGEST, keys.sign(locked, 10, DIGEST, "correct horse")
        )
        for word in (None, "wrong", ""):
            with pytest.raises(SignatureError) as e:
                keys.sign(locked, 10, DIGEST, word)
            assert e.value.reasons == (Reason.KEY_PASSPHRASE,)

    def test_refuses_stubs(self) -> None:
        """What is on a card cannot be used from a file."""
        stub = keypacket.parse_secret(pgp.make_key().body + b"\xff\0\x65\0GNU\x01")
        with pytest.raises(SignatureError) as e:
            keys.sign(stub, 10, DIGEST, "x")

        assert e.value.reasons == (Reason.KEY_NO_SECRET,)

    @pytest.mark.parametrize(
        "body",
        [
            pgp.make_key().body + pgp.make_key("bob").secret_body[len(pgp.make_key().body) :],
            pgp.make_key().body + b"\0",
            pgp.make_key().body + b"\x09garbage",
            pgp.make_key("alice", "rsa2048").body + b"\0" + pgp.number(3) * 4 + b"\0\0",
        ],
    )
    def test_refuses_secrets_that_are_not_the_keys(self, body: bytes) -> None:
        """A signature that would not verify is never returned."""
        with pytest.raises(SignatureError) as e:
            keys.sign(keypacket.parse_secret(body), 10, DIGEST, None)

        assert e.value.reasons[0] in (Reason.KEY_MALFORMED, Reason.KEY_PASSPHRASE)

    def test_refuses_algorithms_that_cannot_count(self) -> None:
        """DSA keys are read and not used."""
        with pytest.raises(SignatureError):
            keys.sign(secret("dsa"), 10, DIGEST, None)

    def test_is_silent(self) -> None:
        """What the library warns of is not for the user's terminal."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            locked = keys.protect(keys.generate(created=pgp.T0), "x")

            assert keys.sign(locked, 10, DIGEST, "x")


class TestDoor:
    """One module imports PGPy, for secret keys only, and nothing of it decides anything."""

    def imported(self, tree: ast.AST) -> set[str]:
        """Return what is imported, with the modules it comes from."""
        found = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        return found

    def from_pgpy(self, tree: ast.AST) -> set[str]:
        """Return what is imported of PGPy."""
        return {name for name in self.imported(tree) if name.partition(".")[0] == "pgpy"}

    @pytest.mark.parametrize("package", ["pgpy", "cryptography"])
    def test_is_one_module(self, package: str) -> None:
        """Nobody else can ask the library anything."""
        doors = [
            module
            for module, tree in modules().items()
            if any(name.partition(".")[0] == package for name in self.imported(tree))
        ]

        assert doors == ["trust/keys.py"]

    def test_opens_on_nothing_that_decides(self) -> None:
        """PGPy's own verdicts, parsers of signatures and keyrings are not even named."""
        named = {
            name
            for tree in modules().values()
            for node in ast.walk(tree)
            for name in (
                getattr(node, "id", None),
                getattr(node, "attr", None),
                getattr(node, "name", None),
            )
        }

        assert set() == named & (BANNED | {"SignatureV4"})

    def test_opens_on_packets_of_secret_keys_alone(self) -> None:
        """What is imported is on this list, inside of functions that verify nothing."""
        tree = modules()["trust/keys.py"]
        users = [node for node in tree.body if self.from_pgpy(node)]
        called = {
            node.func.attr
            for user in users
            for node in ast.walk(user)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }

        assert self.from_pgpy(tree) == ALLOWED
        assert all(isinstance(user, ast.FunctionDef) for user in users)
        assert "verify" not in called

    def test_is_closed_while_signatures_are_judged(self) -> None:
        """No process that only verifies has PGPy in it."""
        key, digest, made = public(), DIGEST, signed("ed25519")
        program = (
            "import sys; from imagesmith.trust import judge, keypacket, keys;"
            f"key = keypacket.parse_public({key.body!r});"
            f"assert keys.verify(key, 10, {digest!r}, {made!r});"
            "print('pgpy' in sys.modules)"
        )

        said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

        assert said.stdout == b"False\n"
