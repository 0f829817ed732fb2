"""What archives sign: InRelease, Release.gpg, pinned keys."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0

from imagesmith.errors import SignatureError
from imagesmith.trust import archive, armour
from imagesmith.trust.archive import SignedText
from imagesmith.trust.verdict import Accepted

TEXT = b"Origin: Debian\nSuite: stable\n"
NOW = T0 + 10 * DAY
SIGNED = T0 + DAY
ALICE, BOB, SIGNER = map(pgp.make_key, ("alice", "bob", "alice's subkey"))
INRELEASE = pgp.cleartext(TEXT, ALICE)
RINGS = (pgp.certificate(BOB) + pgp.certificate(ALICE),)
BY_ALICE = Accepted(ALICE.fingerprint, ALICE.fingerprint, SIGNED, "SHA256", "EdDSA")

HOST_LISTS = sorted(Path("/var/lib/apt/lists").glob("*InRelease"))
HOST_RINGS = sorted(Path("/usr/share/keyrings").glob("debian-archive-*.gpg"))


def verify(
    inrelease: bytes,
    *pinned: pgp.Key,
    rings: tuple[bytes, ...] = RINGS,
    now: int = NOW,
) -> SignedText:
    """Verify an InRelease file."""
    fingerprints = tuple(key.fingerprint for key in pinned)
    return archive.verify_inrelease(
        inrelease,
        certificates=rings,
        fingerprints=fingerprints,
        now=now,
        document="InRelease",
    )


def problem(inrelease: bytes, *pinned: pgp.Key, rings: tuple[bytes, ...] = RINGS) -> str:
    """Return why an InRelease file is refused."""
    with pytest.raises(SignatureError) as e:
        verify(inrelease, *pinned, rings=rings)
    return e.value.message


class TestVerifyInrelease:
    """The signed text, or why not."""

    def test_returns_the_text_and_its_signers(self) -> None:
        """Only pinned keys are recorded, so the host's keyrings do not matter."""
        assert SignedText(TEXT, (BY_ALICE,)) == verify(INRELEASE, ALICE, BOB)

    def test_takes_fingerprints_in_any_case(self) -> None:
        """As apt's Signed-By does."""
        found = archive.verify_inrelease(
            INRELEASE,
            certificates=RINGS,
            fingerprints=(ALICE.fingerprint.upper(),),
            now=NOW,
            document="InRelease",
        )

        assert found.signers == (BY_ALICE,)

    def test_joins_copies_of_a_certificate(self) -> None:
        """A revocation in any file counts, a subkey from any file works."""
        plain, subkeyed = pgp.certificate(ALICE), pgp.with_subkey(ALICE, SIGNER)
        by_subkey = pgp.cleartext(TEXT, SIGNER)
        revoked = plain + pgp.direct(ALICE, kind=0x20)

        assert verify(by_subkey, ALICE, rings=(plain, subkeyed)).signers
        assert "KEY_REVOKED_HARD" in problem(by_subkey, ALICE, rings=(subkeyed, revoked))

    @pytest.mark.parametrize(
        ("inrelease", "pinned", "reason"),
        [
            (INRELEASE, BOB, "SIGNER_UNKNOWN"),
            (INRELEASE, SIGNER, "CERT_MISMATCH: archive key"),
            (INRELEASE.replace(b"stable", b"sid"), ALICE, "SIG_BAD"),
            (pgp.cleartext(TEXT, ALICE, kind=0), ALICE, "SIG_TYPE"),
            (TEXT, ALICE, "CLEARTEXT"),
            (INRELEASE.replace(b"=", b"!"), ALICE, "ARMOUR"),
        ],
    )
    def test_refuses_what_no_pinned_key_signed(
        self,
        inrelease: bytes,
        pinned: pgp.Key,
        reason: str,
    ) -> None:
        """The message names the document and every finding."""
        message = problem(inrelease, pinned)

        assert message.startswith("InRelease: not signed by any of the pinned archive keys; ")
        assert reason in message

    def test_reports_keyrings_that_cannot_be_read(self) -> None:
        """A broken keyring does not hide the others."""
        assert verify(INRELEASE, ALICE, rings=(b"garbage", *RINGS)).signers
        assert "ARMOUR" in problem(INRELEASE, ALICE, rings=(b"garbage",))

    def test_reports_signatures_that_cannot_be_read(self) -> None:
        """An unreadable signature does not hide the others."""
        octets = armour.decode(
            INRELEASE[INRELEASE.index(b"-----BEGIN PGP SIGNATURE") :], armour.SIGNATURE
        )
        head = INRELEASE[: INRELEASE.index(b"-----BEGIN PGP SIGNATURE")]
        both = head + armour.encode(b"\xc2\x01\x03" + octets, armour.SIGNATURE)

        assert verify(both, ALICE).signers == (BY_ALICE,)
        assert "SIG_VERSION" in problem(both, BOB)
        assert archive.signers_of(both, RINGS, now=NOW) == (BY_ALICE,)

    @pytest.mark.skipif(not (HOST_LISTS and HOST_RINGS), reason="no apt lists, or no keyrings")
    def test_accepts_what_the_host_apt_accepted(self) -> None:
        """What Debian's keys signed on this machine is found to be signed by them."""
        rings = tuple(path.read_bytes() for path in HOST_RINGS)
        for path in HOST_LISTS:
            inrelease = path.read_bytes()
            signed_at = int(min(path.stat().st_mtime, time.time()))
            signers = archive.signers_of(inrelease, rings, now=signed_at)
            if not signers:
                continue  # of another archive
            found = archive.verify_inrelease(
                inrelease,
                certificates=rings,
                fingerprints=tuple(each.primary for each in signers),
                now=signed_at,
                document=path.name,
            )

            assert signers == found.signers
            assert found.text in inrelease.replace(b"\n- ", b"\n")


class TestVerifyRelease:
    """Release with Release.gpg."""

    def verify(self, release: bytes, signature: bytes) -> SignedText:
        """Verify with alice pinned."""
        return archive.verify_release(
            release,
            signature,
            certificates=RINGS,
            fingerprints=(ALICE.fingerprint,),
            now=NOW,
            document="Release",
        )

    def test_returns_the_octets_that_were_signed(self) -> None:
        """Nothing is stripped or unescaped."""
        text = TEXT + b"trailing \r\n"
        signature = pgp.detached(text, ALICE, digest=pgp.SHA256)

        assert SignedText(text, (BY_ALICE,)) == self.verify(text, signature)

    @pytest.mark.parametrize(
        ("signature", "reason"),
        [
            (b"", "SIG_MISSING"),
            (pgp.detached(TEXT, BOB), "SIGNER_UNKNOWN"),
            (pgp.detached(TEXT, ALICE, kind=1), "SIG_TYPE"),
        ],
    )
    def test_refuses_what_no_pinned_key_signed(self, signature: bytes, reason: str) -> None:
        """The message names the document and every finding."""
        with pytest.raises(SignatureError) as e:
            self.verify(TEXT, signature)

        assert (e.value.document, len(e.value.reasons)) == ("Release", 1)
        assert e.value.reasons[0].startswith(reason)


class TestSignersOf:
    """Whose keys signed an InRelease file."""

    def test_names_the_keys_at_hand(self) -> None:
        """Only certificates that hold a key named by a signature are asked."""
        assert archive.signers_of(INRELEASE, RINGS, now=NOW) == (BY_ALICE,)
        assert archive.signers_of(INRELEASE, (pgp.certificate(BOB),), now=NOW) == ()

    def test_finds_the_certificate_of_a_subkey(self) -> None:
        """The primary key is named, since that is what is pinned."""
        signers = archive.signers_of(
            pgp.cleartext(TEXT, SIGNER),
            (pgp.with_subkey(ALICE, SIGNER),),
            now=NOW,
        )

        assert [ALICE.fingerprint] == [each.primary for each in signers]

    def test_passes_over_keys_of_other_versions(self) -> None:
        """A keyring may hold what this room cannot read."""
        odd = b"\xc6\x02\x06x" + pgp.certificate(ALICE) + b"\xce\x02\x06x"

        assert archive.signers_of(INRELEASE, (odd,), now=NOW) == (BY_ALICE,)

    def test_gpgv_agrees_with_the_builder(self, tmp_path: Path) -> None:
        """The InRelease files made here are real ones."""
        (tmp_path / "ring.gpg").write_bytes(RINGS[0])
        (tmp_path / "InRelease").write_bytes(INRELEASE)
        command = ["gpgv", "--keyring", "./ring.gpg", "--output", "-", "InRelease"]
        try:
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        except FileNotFoundError:
            pytest.skip("gpgv is not installed")

        assert (done.returncode, done.stdout) == (0, TEXT)
