"""Making signatures, judged by ourselves and by others."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pysequoia
import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0

from imagesmith.errors import SignatureError
from imagesmith.trust import armour, assembly, detached, generation, keyring, signing
from imagesmith.trust.content import Content
from imagesmith.trust.judge import judge
from imagesmith.trust.packets import frame
from imagesmith.trust.signature import Signature
from imagesmith.trust.verdict import Reason

DOCUMENT = b'name = "curl"\n'
NOW = T0 + 10 * DAY
ALICE, SIGNER = pgp.make_key("alice"), pgp.make_key("alice's subkey")
CERTIFIES = pgp.certify(ALICE, more=pgp.flags(0x01))


def secret(key: pgp.Key, *more: bytes, self_signed: bytes | None = None) -> bytes:
    """Return a secret key file, binary."""
    own = frame(5, key.secret_body) + pgp.user_id()
    return own + (pgp.certify(key) if self_signed is None else self_signed) + b"".join(more)


def secret_subkey(key: pgp.Key) -> bytes:
    """Return a secret subkey packet."""
    return frame(7, key.secret_body)


def sign(octets: bytes, *, created: int = NOW) -> bytes:
    """Sign with an unprotected key."""
    return signing.sign(DOCUMENT, octets, created=created, passphrase=None)


def made_by(octets: bytes) -> tuple[str, ...]:
    """Return who a signature says made it."""
    (found,) = detached.read(sign(octets))
    assert isinstance(found, Signature)
    return found.issuer_fingerprints


def refusal(octets: bytes, *, created: int = NOW) -> tuple[str, str]:
    """Return why a file cannot sign."""
    with pytest.raises(SignatureError) as e:
        sign(octets, created=created)
    return e.value.reasons[0], e.value.problem


class TestSign:
    """By a key in a file."""

    @pytest.mark.parametrize("kind", ["ed25519", "p256", "p384", "p521", "rsa2048"])
    def test_makes_what_the_policy_and_others_accept(self, kind: str) -> None:
        """Every algorithm that can count can sign."""
        key = pgp.make_key("alice", kind)
        public = pgp.certificate(key)
        made = sign(secret(key))

        known = pysequoia.Cert.from_bytes(public)
        found = pysequoia.verify(
            bytes=DOCUMENT,
            store=lambda _ids: [known],
            signature=pysequoia.Sig.from_bytes(made),
        )
        assert len(found.valid_sigs) == 1
        assert judge(Content.of(DOCUMENT), made, pgp.pin((key, public)), now=NOW).valid

    def test_reads_armoured_files(self) -> None:
        """As `keys generate` writes them."""
        assert sign(armour.encode(secret(ALICE), armour.PRIVATE_KEY))

    def test_takes_the_newest_subkey_that_may_sign(self) -> None:
        """Encryption subkeys, revoked ones and older ones are passed over."""
        older = pgp.make_key("older", created=T0)
        newer = pgp.make_key("newer", created=T0 + DAY)
        cipher = pgp.make_key("cipher", created=T0 + 2 * DAY)
        octets = secret(
            ALICE,
            secret_subkey(newer) + pgp.bind(ALICE, newer, created=T0 + DAY),
            secret_subkey(older) + pgp.bind(ALICE, older),
            secret_subkey(cipher) + pgp.bind(ALICE, cipher, created=T0 + 2 * DAY, granted=0x0C),
        )

        assert (newer.fingerprint,) == made_by(octets)
        assert (older.fingerprint,) == made_by(octets + pgp.bind(ALICE, newer, kind=0x28))

    def test_falls_back_to_the_primary_key(self) -> None:
        """A primary key that may sign does where no subkey can."""
        assert (ALICE.fingerprint,) == made_by(secret(ALICE, pgp.subkey(SIGNER)))

    def test_passes_over_stubs(self) -> None:
        """An offline primary key leaves its subkeys usable."""
        stub = frame(5, ALICE.body + b"\xff\0\x65\0GNU\x01") + pgp.user_id()
        stub += pgp.certify(ALICE)

        assert (SIGNER.fingerprint,) == made_by(
            stub + secret_subkey(SIGNER) + pgp.bind(ALICE, SIGNER)
        )
        assert "its secret part is not in this file" in refusal(stub)[1]

    @pytest.mark.parametrize(
        ("octets", "reason"),
        [
            (
                secret(ALICE, self_signed=pgp.certify(ALICE, more=pgp.flags(1))),
                Reason.KEY_NOT_SIGNING,
            ),
            (secret(ALICE, pgp.direct(ALICE, kind=0x20)), Reason.KEY_NOT_SIGNING),
            (pgp.certificate(ALICE), Reason.KEY_NO_SECRET),
            (secret(ALICE) + secret(SIGNER), Reason.CERT_MALFORMED),
            (b"", Reason.ARMOUR),
            (pgp.user_id(), Reason.CERT_MALFORMED),
            (frame(5, b"\x06junk"), Reason.KEY_MALFORMED),
            (armour.encode(pgp.certificate(ALICE), armour.PUBLIC_KEY), Reason.KEY_NO_SECRET),
        ],
    )
    def test_refuses_what_a_verifier_would_refuse(self, octets: bytes, reason: Reason) -> None:
        """No signature is made that could not count."""
        assert reason == refusal(octets)[0]

    @pytest.mark.parametrize("created", [-1, 1 << 32])
    def test_refuses_times_that_cannot_be_written(self, created: int) -> None:
        """Times have four octets."""
        expected = Reason.KEY_NOT_SIGNING if created < 0 else Reason.SIG_CREATION_TIME

        assert expected == refusal(secret(ALICE), created=created)[0]

    def test_asks_for_the_passphrase_once_and_only_if_needed(self) -> None:
        """Nobody is bothered for a key that is not protected."""
        pair = generation.generate("A", created=T0, lifetime=None, passphrase="word")
        asked: list[str] = []

        def ask() -> str:
            asked.append("asked")
            return "word"

        assert signing.sign(DOCUMENT, pair.secret, created=NOW, passphrase=ask)
        assert signing.sign(DOCUMENT, secret(ALICE), created=NOW, passphrase=ask)
        assert asked == ["asked"]
        assert refusal(pair.secret)[0] == Reason.KEY_PASSPHRASE


class TestGpgSignature:
    """By gpg, through a runner."""

    def run(
        self, answer: bytes, exported: bytes = pgp.certificate(ALICE)
    ) -> Callable[[list[str], bytes], bytes]:
        """Return a runner that gives this answer, and this certificate when it is to export."""
        return lambda command, _document: exported if "--export" in command else answer

    def test_returns_what_gpg_made(self) -> None:
        """Armoured or not, one binary packet comes back."""
        made = pgp.detached(DOCUMENT, ALICE)
        text = armour.encode(made, armour.SIGNATURE)

        assert made == signing.gpg_signature(DOCUMENT, "alice", run=self.run(text))

    def test_asks_for_exactly_this_key_and_form(self) -> None:
        """gpg.conf has no say, and a key that looks like an option is not one."""
        seen: list[tuple[list[str], bytes]] = []

        def run(command: list[str], document: bytes) -> bytes:
            seen.append((command, document))
            return self.run(pgp.detached(DOCUMENT, ALICE))(command, document)

        signing.gpg_signature(DOCUMENT, "--version", run=run)

        (command, document), (export, nothing) = seen
        assert (command[0], document) == ("gpg", DOCUMENT)
        assert {"--detach-sign", "--no-textmode", "--local-user=--version"} <= set(command)
        assert (export[-3:], nothing) == (["--export", "--", "--version"], b"")

    def test_refuses_a_signature_that_its_own_certificate_does_not_verify(self) -> None:
        """Of another document, or by a key that is not the one exported."""
        other = pgp.detached(b"other", ALICE)
        with pytest.raises(SignatureError) as e:
            signing.gpg_signature(DOCUMENT, "alice", run=self.run(other))

        assert e.value.reasons == (Reason.SIG_BAD,)

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (b"", Reason.SIG_MISSING),
            (frame(2, b"\x03"), Reason.SIG_VERSION),
            (pgp.detached(DOCUMENT, ALICE, kind=1), Reason.SIG_TYPE),
            (pgp.detached(DOCUMENT, ALICE) * 2, Reason.SIG_TYPE),
        ],
    )
    def test_refuses_other_answers(self, answer: bytes, reason: Reason) -> None:
        """What could not count is not written."""
        with pytest.raises(SignatureError) as e:
            signing.gpg_signature(DOCUMENT, "alice", run=self.run(answer))

        assert (reason,) == e.value.reasons


@pytest.fixture(scope="module")
def gpg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., bytes]]:
    """Run gpg in a home of its own."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    # The fewest rounds there are: calibrating and using more takes seconds.
    (home / "gpg-agent.conf").write_text("s2k-count 65536\n")
    environment = {"GNUPGHOME": str(home), "PATH": "/usr/bin:/bin"}

    def run(command: list[str], stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            command, input=stdin, env=environment, cwd=home, capture_output=True, check=True
        )
        return done.stdout

    yield run
    subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=False)


class TestGpg:
    """The real thing, both ways."""

    def test_gpg_and_sqv_accept_our_keys_and_signatures(
        self,
        gpg: Callable[..., bytes],
        tmp_path: Path,
    ) -> None:
        """A key made here, protected, and a signature by it."""
        now = int(time.time())
        pair = generation.generate(
            "Ä <a@example.org>", created=now - 9, lifetime=DAY, passphrase="x"
        )
        made = signing.sign(DOCUMENT, pair.secret, created=now - 5, passphrase=lambda: "x")
        for name, octets in {"doc": DOCUMENT, "sig": made, "key": pair.public}.items():
            (tmp_path / name).write_bytes(octets)
        document, signature, key = (str(tmp_path / name) for name in ("doc", "sig", "key"))
        gpg(["gpg", "--batch", "--import", key])

        status = gpg(["gpg", "--batch", "--status-fd", "1", "--verify", signature, document])

        assert b"GOODSIG" in status
        assert f"VALIDSIG {made_by_subkey(pair.public)}".encode().upper() in status.upper()
        if shutil.which("sqv"):
            out = gpg(["sqv", "--keyring", key, signature, document])
            assert pair.fingerprint.upper().encode() in out

    @pytest.mark.parametrize("kind", ["ed25519", "rsa2048"])
    def test_we_sign_with_keys_of_gpgs_making(self, gpg: Callable[..., bytes], kind: str) -> None:
        """Gpg's own protection of secret keys is understood."""
        loopback = ["gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", "word"]
        gpg([*loopback, "--quick-generate-key", f"{kind} <{kind}@example.org>", kind, "sign"])
        octets = gpg([*loopback, "--export-secret-keys", f"{kind}@example.org"])
        public = gpg(["gpg", "--export", f"{kind}@example.org"])
        (fingerprint,) = keyring.index(public)
        now = int(time.time()) + 1

        made = signing.sign(DOCUMENT, octets, created=now, passphrase=lambda: "word")
        by_gpg = signing.gpg_signature(
            DOCUMENT,
            fingerprint,
            run=lambda command, document: gpg([*loopback, *command[1:]], document),
        )

        pinned = pgp.pin_fingerprint(fingerprint, public)
        assert judge(Content.of(DOCUMENT), made, pinned, now=now).valid
        assert judge(Content.of(DOCUMENT), by_gpg, pinned, now=now).valid


def made_by_subkey(public: bytes) -> str:
    """Return the fingerprint of a certificate's only subkey."""
    (group,) = keyring.split(public)
    return assembly.assemble(group).keys[1].fingerprint
