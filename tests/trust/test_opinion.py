"""The second opinion can only say no."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0

from imagesmith.errors import HostError, SignatureError
from imagesmith.trust import archive, opinion
from imagesmith.trust.archive import Anchors, ReleaseFile
from imagesmith.trust.attribution import Maker
from imagesmith.trust.content import Content
from imagesmith.trust.judge import judge
from imagesmith.trust.opinion import Opinion
from imagesmith.trust.policy import Policy
from imagesmith.trust.verdict import Reason, Verdict

NOW = T0 + 10 * DAY
ALICE, BOB, SIGNER = map(pgp.make_key, ("alice", "bob", "alice's subkey"))
GOOD = pgp.detached(b"x", ALICE)
CERTIFICATE = pgp.certificate(ALICE)
POLICY = pgp.pin((ALICE, CERTIFICATE))


def other(objection: str | None, *, now: int = NOW) -> Opinion:
    """Return an opinion that is always the same."""
    return Opinion("other", lambda: "1.0", now, lambda _maker, _content: objection)


def sequoia(now: int = NOW) -> Opinion:
    """Return pysequoia, which the tests need."""
    found = opinion.sequoia(now)
    assert found is not None
    return found


def verdict(
    asked: Opinion | None, signatures: bytes = GOOD, *, now: int = NOW, policy: Policy = POLICY
) -> Verdict:
    """Judge a signature over one letter."""
    return judge(Content.of(b"x"), signatures, policy, now=now, opinion=asked)


class TestConfirm:
    """Any other implementation."""

    def test_agreement_changes_nothing(self) -> None:
        """The verdict is the one without."""
        assert verdict(other(None)) == verdict(None)

    def test_an_objection_is_a_rejection(self) -> None:
        """With a code of its own and what was said."""
        found = verdict(other("no such thing"))

        assert (found.valid, len(found.rejected)) == (False, 1)
        assert str(found.rejected[0]) == "SECOND_OPINION: other 1.0 disagrees: no such thing"

    def test_is_asked_about_acceptances_only(self) -> None:
        """What is refused anyway is nobody else's concern."""
        asked: list[Maker] = []
        curious = Opinion("other", str, NOW, lambda maker, _content: asked.append(maker))
        verdict(curious, pgp.detached(b"y", ALICE) + pgp.detached(b"x", BOB) + GOOD + GOOD)

        assert [each.primary for each in asked] == [ALICE.fingerprint]

    def test_an_objection_at_another_time_is_none(self) -> None:
        """Where the other judges at a time at which this room refuses too, nothing is known."""
        until = pgp.flags(3) + pgp.key_lifetime(20 * DAY)
        own = pgp.primary(ALICE) + pgp.user_id() + pgp.certify(ALICE, more=until)
        found = verdict(other("expired", now=T0 + 30 * DAY), policy=pgp.pin((ALICE, own)))

        assert found.valid
        assert Reason.SECOND_OPINION in {each.reason for each in found.warnings}

    def test_an_objection_to_what_is_yet_to_be_made_is_none(self) -> None:
        """A signature from the other's future."""
        assert verdict(other("future", now=T0 - DAY)).valid

    def test_another_time_excuses_nothing_else(self) -> None:
        """What this room would accept at the other's time, the other must accept."""
        assert not verdict(other("forged", now=NOW + 999 * DAY)).valid


class TestSequoia:
    """pysequoia, by its own clock."""

    def test_confirms_what_is_good(self) -> None:
        """By primary key and by subkey, with nothing to add."""
        policy = pgp.pin((ALICE, pgp.with_subkey(ALICE, SIGNER)))

        assert verdict(sequoia()) == verdict(None)
        assert verdict(sequoia(), pgp.detached(b"x", SIGNER), policy=policy).valid

    def test_has_a_name_and_a_version(self) -> None:
        """For people who want to know that it is there."""
        assert str(sequoia()).startswith("pysequoia 0.")

    @pytest.mark.parametrize(
        ("content", "certificate"),
        [
            (Content.of(b"y"), CERTIFICATE),
            (Content.stream([b"x"]), CERTIFICATE),
            (Content.stream([b"x"], path="/nonexistent"), CERTIFICATE),
        ],
    )
    def test_objects_to_anything_else(self, content: Content, certificate: bytes) -> None:
        """Another document, none, or one that cannot be read again; in one line."""
        heard: list[Maker] = []
        ear = Opinion("ear", str, NOW, lambda maker, _content: heard.append(maker))
        verdict(ear, policy=pgp.pin((ALICE, certificate)))

        said = sequoia().objection(heard[0], content)

        assert said
        assert said.isprintable()

    def test_reads_a_large_document_by_its_path(self, tmp_path: Path) -> None:
        """The same file again, not a copy in memory."""
        file = tmp_path / "file"
        file.write_bytes(b"x")
        content = Content.stream([b"x"], path=str(file))

        assert judge(content, GOOD, POLICY, now=NOW, opinion=sequoia()).valid

    def test_judges_at_the_systems_time_only(self) -> None:
        """A signature that has expired since counts at an earlier time, with a warning."""
        brief = pgp.detached(b"x", ALICE, more=pgp.lifetime(20 * DAY))
        found = verdict(sequoia(int(time.time())), brief, now=NOW)

        assert found.valid
        assert Reason.SECOND_OPINION in {each.reason for each in found.warnings}

    @pytest.mark.parametrize("as_cleartext", [True, False])
    def test_confirms_archives(self, *, as_cleartext: bool) -> None:
        """The text of an InRelease file, dashes, blanks and all, and Release.gpg."""
        text = b"Origin: Debian\n- dash \t\n\n-----x\n"
        detached = pgp.detached(text, ALICE)
        file = (
            ReleaseFile(pgp.cleartext(text, ALICE)) if as_cleartext else ReleaseFile(text, detached)
        )
        anchors = Anchors(
            certificates=(CERTIFICATE,),
            fingerprints=(ALICE.fingerprint,),
            now=NOW,
            opinion=sequoia(),
        )

        assert archive.verify(file, anchors, document="InRelease").signers

    def test_an_objection_refuses_an_archive(self) -> None:
        """There too it can say no."""
        anchors = Anchors(
            certificates=(CERTIFICATE,),
            fingerprints=(ALICE.fingerprint,),
            now=NOW,
            opinion=other("no"),
        )

        with pytest.raises(SignatureError) as e:
            archive.verify(ReleaseFile(b"x", GOOD), anchors, document="Release")
        assert e.value.reasons == ("SECOND_OPINION: other 1.0 disagrees: no",)

    def test_is_none_where_it_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody needs it."""
        monkeypatch.setitem(sys.modules, "pysequoia", None)

        assert opinion.sequoia(NOW) is None

    def test_is_an_error_where_half_of_it_is_missing(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """As after an upgrade of Python: the package is there, its library is not."""
        (tmp_path / "pysequoia").mkdir()
        (tmp_path / "pysequoia" / "__init__.py").write_text("from .pysequoia import *")
        monkeypatch.delitem(sys.modules, "pysequoia")
        monkeypatch.delitem(sys.modules, "pysequoia.pysequoia")
        monkeypatch.syspath_prepend(tmp_path)

        with pytest.raises(HostError, match="no module named"):
            opinion.sequoia(NOW)

    def test_is_an_error_where_it_is_broken(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """An opinion that was wanted is not dropped in silence."""
        (tmp_path / "pysequoia.py").write_text("raise ImportError('libx.so.1: missing')")
        monkeypatch.delitem(sys.modules, "pysequoia")
        monkeypatch.syspath_prepend(tmp_path)

        with pytest.raises(HostError, match="libx"):
            opinion.sequoia(NOW)
