"""The corpus before independent judges: never laxer, and stricter only for a reason."""

from __future__ import annotations

import pytest
from builders import gnupg
from builders import openpgp_judges as judges
from builders.openpgp_vectors import NOW, VECTORS, Vector, differences, timeline
from builders.openpgp_vectors.timeline import MOMENTS, Moment

from imagesmith.trust.content import Content
from imagesmith.trust.judge import judge
from imagesmith.trust.verdict import Verdict

needs_gpg = pytest.mark.skipif(not gnupg.present(), reason="gpg is not installed")
needs_gpgv = pytest.mark.skipif(not judges.present("gpgv"), reason="gpgv is not installed")
EXPLAINED = {name for names in differences.GNUPG.values() for name in names}


def verdict(vector: Vector, *, now: int = NOW) -> Verdict:
    """Judge a vector without anybody's second opinion."""
    return judge(Content.of(vector.document), vector.signature, vector.policy, now=now)


def outcome(vector: Vector) -> str | None:
    """Return the first reason a vector is rejected for, or None."""
    found = verdict(vector)
    return None if found.valid else found.rejected[0].reason


def asked(judge_of: judges.Judge, vector: Vector) -> bool:
    """Put a vector to another judge."""
    return judge_of(vector.document, vector.signature, vector.certificate, vector.primary)


def sequoia(vector: Vector) -> tuple[bool, ...]:
    """Ask Sequoia, as the library and, where it is installed, as the program."""
    programs = (judges.sqv_accepts,) if judges.present("sqv") else ()
    return tuple(asked(each, vector) for each in (judges.pysequoia_accepts, *programs))


def unexplained(vectors: tuple[Vector, ...]) -> dict[str, list[str]]:
    """Return the differences to Sequoia, except where we are stricter and say why."""
    opinions = [(vector, sequoia(vector)) for vector in vectors]
    return {
        "laxer": [
            vector.name
            for vector, accepted in opinions
            if vector.reason is None and not all(accepted)
        ],
        "stricter": [
            vector.name
            for vector, accepted in opinions
            if vector.reason is not None and any(accepted) and not vector.stricter
        ],
    }


NONE: dict[str, list[str]] = {"laxer": [], "stricter": []}


class TestCorpus:
    """Everything our own writer makes."""

    def test_is_large_and_names_every_case_once(self) -> None:
        """No case hides another one."""
        names = [vector.name for vector in VECTORS]

        assert len(names) >= 350
        assert len(names) == len(set(names))

    def test_explains_rejections_alone(self) -> None:
        """A rule makes nothing stricter that is accepted."""
        assert [v.name for v in VECTORS if v.stricter and v.reason is None] == []

    def test_is_judged_as_sequoia_does_or_stricter_for_a_reason(self) -> None:
        """Nothing Sequoia refuses is accepted; what only we refuse names the rule."""
        assert unexplained(VECTORS) == NONE

    @needs_gpgv
    def test_is_judged_as_gpgv_does_but_for_what_is_listed(self) -> None:
        """Read as apt reads it; the list says what gpgv does otherwise."""
        differ = [
            vector.name
            for vector in VECTORS
            if (vector.reason is None) is not asked(judges.gpgv_accepts, vector)
        ]

        assert [name for name in differ if name not in EXPLAINED] == []

    def test_lists_no_difference_of_a_case_that_is_gone(self) -> None:
        """What is explained is there."""
        known = {vector.name for vector in VECTORS}

        assert {name for name in EXPLAINED if not name.startswith("gpg: ")} <= known


class TestTimeline:
    """A revoked key, judged when it signed."""

    def test_asks_every_reason_at_every_time(self) -> None:
        """Three places, four times, eight reasons or none."""
        assert len(MOMENTS) == 3 * 4 * (1 + len(timeline.SOFT | timeline.HARD))

    @pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.vector.name)
    def test_counts_then_if_nothing_hard_or_earlier_is_said(self, moment: Moment) -> None:
        """Never before the key, never after a soft revocation, never with a hard one."""
        found = verdict(moment.vector, now=moment.signed)

        assert found.valid is moment.counts_then

    def test_is_never_laxer_than_sequoia_then(self) -> None:
        """Sequoia asks for the time of the signature as well."""
        laxer = [
            moment.vector.name
            for moment in MOMENTS
            if moment.counts_then and not asked(judges.pysequoia_accepts, moment.vector)
        ]

        assert laxer == []


@needs_gpg
@needs_gpgv
def test_what_gpg_makes_is_judged_as_recorded() -> None:
    """Keys, revocations and signatures of gpg's making, before the same judges."""
    vectors = gnupg.vectors()
    differ = {v.name for v in vectors if (v.reason is None) is not asked(judges.gpgv_accepts, v)}

    assert {v.name: outcome(v) for v in vectors} == {v.name: v.reason for v in vectors}
    assert unexplained(vectors) == NONE
    assert differ <= EXPLAINED
