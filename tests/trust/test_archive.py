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
from imagesmith.trust.archive import Anchors, ReleaseFile, SignedText
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
    at: int | None = None,
) -> SignedText:
    """Verify an InRelease file."""
    fingerprints = tuple(key.fingerprint for key in pinned)
    anchors = Anchors(certificates=rings, fingerprints=fingerprints, now=now, at=at)
    return archive.verify(ReleaseFile(inrelease), anchors, document="InRelease")


def refusal(
    inrelease: bytes,
    *pinned: pgp.Key,
    rings: tuple[bytes, ...] = RINGS,
    now: int = NOW,
    at: int | None = None,
) -> SignatureError:
    """Return why an InRelease file is refused."""
    with pytest.raises(SignatureError) as e:
        verify(inrelease, *pinned, rings=rings, now=now, at=at)
    return e.value


def problem(inrelease: bytes, *pinned: pgp.Key, rings: tuple[bytes, ...] = RINGS) -> str:
    """Return the message of the refusal."""
    return refusal(inrelease, *pinned, rings=rings).message


def signers(inrelease: bytes, rings: tuple[bytes, ...], *, now: int = NOW) -> tuple[Accepted, ...]:
    """Return whose keys signed an InRelease file."""
    return archive.signers_of(ReleaseFile(inrelease), rings, now=now)


class TestInrelease:
    """The signed text, or why not."""

    def test_returns_the_text_and_its_signers(self) -> None:
        """Only pinned keys are recorded, so the host's keyrings do not matter."""
        assert SignedText(TEXT, (BY_ALICE,), pgp.certificate(ALICE)) == verify(
            INRELEASE, ALICE, BOB
        )

    def test_takes_fingerprints_in_any_case(self) -> None:
        """As apt's Signed-By does."""
        pinned = (ALICE.fingerprint.upper(),)
        anchors = Anchors(certificates=RINGS, fingerprints=pinned, now=NOW)
        found = archive.verify(ReleaseFile(INRELEASE), anchors, document="InRelease")

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
        assert signers(both, RINGS) == (BY_ALICE,)

    @pytest.mark.skipif(not (HOST_LISTS and HOST_RINGS), reason="no apt lists, or no keyrings")
    def test_accepts_what_the_host_apt_accepted(self) -> None:
        """What Debian's keys signed on this machine is found to be signed by them."""
        rings = tuple(path.read_bytes() for path in HOST_RINGS)
        for path in HOST_LISTS:
            inrelease = path.read_bytes()
            signed_at = int(min(path.stat().st_mtime, time.time()))
            known = signers(inrelease, rings, now=signed_at)
            if not known:
                continue  # of another archive
            pinned = tuple(each.primary for each in known)
            anchors = Anchors(certificates=rings, fingerprints=pinned, now=signed_at)
            found = archive.verify(ReleaseFile(inrelease), anchors, document=path.name)

            assert known == found.signers
            assert found.text in inrelease.replace(b"\n- ", b"\n")


class TestRelease:
    """Release with Release.gpg."""

    def verify(self, release: bytes, signature: bytes) -> SignedText:
        """Verify with alice pinned."""
        anchors = Anchors(certificates=RINGS, fingerprints=(ALICE.fingerprint,), now=NOW)
        return archive.verify(ReleaseFile(release, signature), anchors, document="Release")

    def test_returns_the_octets_that_were_signed(self) -> None:
        """Nothing is stripped or unescaped."""
        text = TEXT + b"trailing \r\n"
        signature = pgp.detached(text, ALICE, digest=pgp.SHA256)

        assert SignedText(text, (BY_ALICE,), pgp.certificate(ALICE)) == self.verify(text, signature)

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


class TestAtAPastDate:
    """Keys are judged when the release file was made; compromise counts for all time."""

    YEARS_LATER = T0 + 3000 * DAY

    def judged(self, *more: bytes, inrelease: bytes = INRELEASE) -> SignedText:
        """Verify years later as of the day after the signature."""
        rings = (pgp.certificate(ALICE), pgp.certificate(ALICE, *more))
        return verify(inrelease, ALICE, rings=rings, now=self.YEARS_LATER, at=SIGNED + DAY)

    def test_a_key_may_have_expired_since(self) -> None:
        """It is accepted, and said that it would not be today."""
        mortal = pgp.flags(0x03) + pgp.key_lifetime(100 * DAY)
        ring = pgp.primary(ALICE) + pgp.user_id() + pgp.certify(ALICE, more=mortal)
        pinned, later = (ring,), self.YEARS_LATER
        found = verify(INRELEASE, ALICE, rings=pinned, now=later, at=SIGNED)

        assert [ALICE.fingerprint] == [primary for primary, _ in found.lapsed]
        assert found.lapsed[0][1].startswith("KEY_EXPIRED: ")
        assert refusal(INRELEASE, ALICE, rings=pinned, now=later).reasons
        assert refusal(INRELEASE, ALICE, rings=pinned, now=later, at=T0 + 100 * DAY).reasons

    def test_a_signature_may_have_expired_since(self) -> None:
        """Its end of life is judged on the same day."""
        lines = TEXT.removesuffix(b"\n").replace(b"\n", b"\r\n")
        packet = pgp.detached(lines, ALICE, kind=1, more=pgp.lifetime(10 * DAY))
        head = b"-----BEGIN PGP SIGNED MESSAGE-----\n\n" + TEXT
        short = head + armour.encode(packet, armour.SIGNATURE)

        assert self.judged(inrelease=short).lapsed[0][1].startswith("SIG_EXPIRED: ")
        assert "SIG_EXPIRED" in refusal(short, ALICE, now=self.YEARS_LATER).message

    def test_a_key_may_have_been_retired_since(self) -> None:
        """A soft revocation counts from its time on."""
        retired = pgp.direct(ALICE, created=T0 + 9 * DAY, kind=0x20, more=pgp.reason(3))

        assert self.judged(retired).lapsed[0][1].startswith("KEY_REVOKED_SOFT: ")

    def test_a_compromised_key_never_was_good(self) -> None:
        """In whichever file the revocation is, and however late it was made."""
        compromised = pgp.direct(ALICE, created=T0 + 2000 * DAY, kind=0x20, more=pgp.reason(2))
        with pytest.raises(SignatureError) as e:
            self.judged(compromised)

        assert "KEY_REVOKED_HARD" in e.value.message

    def test_the_future_is_what_the_clock_says(self) -> None:
        """No date of judgement makes a signature of tomorrow good."""
        assert "SIG_FUTURE" in refusal(INRELEASE, ALICE, now=T0, at=self.YEARS_LATER).message


class TestPin:
    """Whose signatures count, key by key."""

    RINGS = (pgp.certificate(ALICE, pgp.subkey(SIGNER), pgp.bind(ALICE, SIGNER)),)
    BY_SUBKEY = pgp.cleartext(TEXT, SIGNER)

    def test_an_exact_pin_is_that_key_alone(self) -> None:
        """Another key of its certificate signs nothing, the primary key neither."""
        anchors = Anchors(
            certificates=self.RINGS, fingerprints=(f"{SIGNER.fingerprint}!",), now=NOW
        )
        found = archive.verify(ReleaseFile(self.BY_SUBKEY), anchors, document="InRelease")

        assert [each.key for each in found.signers] == [SIGNER.fingerprint]
        with pytest.raises(SignatureError) as e:
            archive.verify(ReleaseFile(INRELEASE), anchors, document="InRelease")
        assert e.value.reasons[0].startswith("SIGNER_KEY: ")

    def test_a_pin_of_a_primary_key_covers_its_subkeys(self) -> None:
        """Unless it is exact."""
        pins = (ALICE.fingerprint, f"{ALICE.fingerprint}!")
        plain, exact = (
            Anchors(certificates=self.RINGS, fingerprints=(pin,), now=NOW) for pin in pins
        )

        assert archive.verify(ReleaseFile(self.BY_SUBKEY), plain, document="InRelease").signers
        with pytest.raises(SignatureError):
            archive.verify(ReleaseFile(self.BY_SUBKEY), exact, document="InRelease")


class TestHint:
    """What to do when nobody pinned has signed."""

    def test_names_the_key_that_did(self) -> None:
        """Its primary key if the certificate is at hand, or else what the signature says."""
        by_subkey = pgp.cleartext(TEXT, SIGNER)
        ring = (pgp.with_subkey(ALICE, SIGNER) + pgp.certificate(BOB),)
        at_hand, unknown = refusal(by_subkey, BOB, rings=ring), refusal(by_subkey, BOB)
        assert at_hand.hint
        assert unknown.hint

        assert at_hand.hint.startswith(f"it names {ALICE.fingerprint}; if the archive has a new")
        assert unknown.hint.startswith(f"it names {SIGNER.fingerprint}; ")

    def test_is_silent_where_a_pinned_key_signed_something_else(self) -> None:
        """Whoever changed the text can add a signature as well."""
        assert refusal(INRELEASE.replace(b"stable", b"sid"), ALICE).hint is None

    def test_does_not_blame_the_archive_for_a_clock(self) -> None:
        """Whoever else signed need not be looked at."""
        both = pgp.detached(TEXT, ALICE) + pgp.detached(TEXT, SIGNER)
        anchors = Anchors(certificates=RINGS, fingerprints=(ALICE.fingerprint,), now=SIGNED - DAY)
        with pytest.raises(SignatureError) as e:
            archive.verify(ReleaseFile(TEXT, both), anchors, document="Release")

        assert e.value.hint == "check this machine's clock (date -u)"

    def test_asks_for_a_keyring_where_none_has_a_pinned_key(self) -> None:
        """Pinning the subkey that the signature names would not help."""
        hint = refusal(INRELEASE, ALICE, rings=()).hint

        assert hint is not None
        assert hint.startswith("no usable certificate of a pinned key is at hand: install ")


class TestSignersOf:
    """Whose keys signed an InRelease file."""

    def test_names_the_keys_at_hand(self) -> None:
        """Only certificates that hold a key named by a signature are asked."""
        assert signers(INRELEASE, RINGS) == (BY_ALICE,)
        assert signers(INRELEASE, (pgp.certificate(BOB),)) == ()

    def test_finds_the_certificate_of_a_subkey(self) -> None:
        """The primary key is named, since that is what is pinned."""
        found = signers(pgp.cleartext(TEXT, SIGNER), (pgp.with_subkey(ALICE, SIGNER),))

        assert [ALICE.fingerprint] == [each.primary for each in found]

    def test_passes_over_keys_of_other_versions(self) -> None:
        """A keyring may hold what this room cannot read."""
        odd = b"\xc6\x02\x06x" + pgp.certificate(ALICE) + b"\xce\x02\x06x"

        assert signers(INRELEASE, (odd,)) == (BY_ALICE,)

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
