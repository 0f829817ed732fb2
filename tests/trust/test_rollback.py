"""An older manifest is refused by whoever has seen a newer one, and its end is its end."""

from __future__ import annotations

from functools import cache

import attrs
import pytest
from builders import openpgp as pgp
from builders.documents import MANIFEST, digest
from builders.openpgp import DAY, T0
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import DocumentError, SignatureError
from imagesmith.manifest import manifest as manifests
from imagesmith.trust import rollback, trusted
from imagesmith.trust.rollback import Seen
from imagesmith.trust.trusted import TrustedManifest

ALICE = pgp.make_key("alice")
POLICY = pgp.pin((ALICE, pgp.certificate(ALICE)))
SIGNED = T0 + DAY
NOW = T0 + 2 * DAY
SEEN = Seen(serial=3, manifest=digest("another"), accepted=NOW)
TEXT = SEEN.to_bytes()


@cache
def accepted(
    *, serial: int = 3, epoch: int = 0, expires: int | None = None, now: int = NOW
) -> TrustedManifest:
    """Return a manifest that alice signed, as it is trusted at `now`."""
    manifest = attrs.evolve(MANIFEST, serial=serial, epoch=epoch, expires=expires)
    raw = manifests.to_bytes(manifest)
    signature = pgp.detached(raw, ALICE, created=SIGNED)
    return trusted.verify(raw, signature, POLICY, now=now, document="m.toml")


def judge(
    found: TrustedManifest, seen: Seen | None = SEEN, *, allowed: bool = False, now: int = NOW
) -> tuple[str, ...]:
    """Return what is odd about a manifest called m.toml."""
    return rollback.judge(found, seen, document="m.toml", now=now, allowed=allowed)


class TestSeen:
    """What is remembered of a name."""

    def test_is_a_document_people_can_read(self) -> None:
        """One fact a line."""
        assert TEXT.decode() == (
            f'serial = 3\nmanifest = "{digest("another")}"\naccepted = 2023-11-16T22:13:20Z\n'
        )
        assert rollback.parse(TEXT, document="x") == SEEN

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("serial = 3", "serial = 0", "x: serial: expected at least 1, got 0"),
            ("serial = 3", "", "x: serial: missing; expected an integer"),
            ("manifest", "image", "x: manifest: missing; expected a string"),
            ("sha256:", "sha1:", "x: manifest: expected a digest like"),
            ("accepted = ", "at = ", "x: accepted: missing; expected a date-time"),
            ("Z\n", "Z\nmore = 1\n", "x: more: unknown key"),
        ],
    )
    def test_what_cannot_be_read_is_an_error(self, old: str, new: str, message: str) -> None:
        """It is not taken for the first use."""
        with pytest.raises(DocumentError) as e:
            rollback.parse(TEXT.replace(old.encode(), new.encode(), 1), document="x")

        assert e.value.message.startswith(message)


class TestJudge:
    """What a serial means after another."""

    def test_the_first_the_next_and_the_same_are_fine(self) -> None:
        """Nothing is said of them."""
        same = accepted()

        assert judge(same, None) == ()
        assert judge(accepted(serial=4)) == ()
        assert judge(same, attrs.evolve(SEEN, manifest=same.digest)) == ()

    def test_a_lower_serial_is_refused(self) -> None:
        """With both serials, and when the higher one was accepted."""
        with pytest.raises(SignatureError) as e:
            judge(accepted(serial=2))

        assert e.value == SignatureError(
            document="m.toml",
            problem="serial 2 of curl is older than serial 3, accepted here at"
            " 2023-11-16T22:13:20Z",
            hint="get the newer manifest; --allow-rollback takes the old one for this run; "
            "if this is another image, give it another name, or name another store",
        )

    def test_a_lower_serial_may_be_allowed(self) -> None:
        """Whoever does is told what that means."""
        expected = (
            "m.toml: serial 2 of curl is older than serial 3, accepted here at"
            " 2023-11-16T22:13:20Z: what was mended since is broken again;"
            " serial 3 stays remembered"
        )

        assert judge(accepted(serial=2), allowed=True) == (expected,)

    @pytest.mark.parametrize("allowed", [False, True])
    def test_two_manifests_with_one_serial_are_odd(self, *, allowed: bool) -> None:
        """Both digests are named: the signers should know which one they meant."""
        found = accepted()

        expected = (
            f"m.toml: two manifests are serial 3 of curl: {SEEN.manifest}, accepted here at"
            f" 2023-11-16T22:13:20Z, and {found.digest}, used now"
        )

        assert judge(found, allowed=allowed) == (expected,)

    def test_a_clock_that_goes_back_is_odd(self) -> None:
        """It would make expired manifests and keys good again; half an hour is not much."""
        expected = (
            "m.toml: the clock says 2023-11-16T21:43:19Z, which is before 2023-11-16T22:13:20Z,"
            " when serial 3 of curl was accepted here: nothing can be judged by a wrong clock"
        )

        assert judge(accepted(serial=4), now=NOW - 1800) == ()
        assert judge(accepted(serial=4), now=NOW - 1801) == (expected,)

    @settings(deadline=None, max_examples=40)
    @given(serials=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 1)), max_size=8))
    def test_what_is_remembered_never_falls(self, serials: list[tuple[int, int]]) -> None:
        """Whatever comes in whatever order, it is the first manifest of the highest serial."""
        seen: Seen | None = None
        for time, (serial, epoch) in enumerate(serials):
            newer = rollback.advance(accepted(serial=serial, epoch=epoch), seen, now=time)
            seen = newer or seen
        highest = max((serial for serial, _ in serials), default=None)
        first = next((n for n, (serial, _) in enumerate(serials) if serial == highest), 0)

        if highest is None:
            assert seen is None
        else:
            found = accepted(serial=highest, epoch=serials[first][1])
            assert seen == Seen(serial=highest, manifest=found.digest, accepted=first)


class TestExpiry:
    """A manifest says itself how long it is good."""

    def test_it_is_good_until_then(self) -> None:
        """To the second."""
        until = NOW + 10

        assert accepted(expires=until, now=until - 1).manifest.expires == until
        with pytest.raises(SignatureError) as e:
            accepted(expires=until, now=until)
        assert e.value == SignatureError(
            document="m.toml",
            problem="expired at 2023-11-16T22:13:30Z, now is 2023-11-16T22:13:30Z",
            hint="renew it: imagesmith lock . --update, review, sign",
        )

    def test_without_a_date_it_never_ends(self) -> None:
        """Nor does it near its end."""
        assert not accepted(now=NOW + 10_000 * DAY).is_ending(NOW + 10_000 * DAY)

    def test_the_last_tenth_of_its_life_is_its_end(self) -> None:
        """Counted from the first signature, as its key must be good too."""
        found = accepted(expires=SIGNED + 100 * DAY)

        assert not found.is_ending(SIGNED + 90 * DAY)
        assert found.is_ending(SIGNED + 90 * DAY + 1)

    def test_an_end_is_not_believed_without_a_signature(self) -> None:
        """Whoever signed nothing cannot make it look expired either."""
        raw = manifests.to_bytes(attrs.evolve(MANIFEST, expires=NOW - 1))
        forged = pgp.detached(raw, pgp.make_key("mallory"), created=SIGNED)
        with pytest.raises(SignatureError, match="acceptable signatures: 0"):
            trusted.verify(raw, forged, POLICY, now=NOW, document="m.toml")
