"""Whatever a library raises."""

from __future__ import annotations

import pytest

from imagesmith.errors import SignatureError
from imagesmith.trust.guard import guard
from imagesmith.trust.verdict import Reason


class PanicException(BaseException):
    """What a panic of Rust code comes as."""


@pytest.mark.parametrize(
    "raised",
    [ValueError, StopIteration, RecursionError, MemoryError, OverflowError, PanicException],
)
def test_is_a_refusal(raised: type[BaseException]) -> None:
    """Exceptions and panics end in the reason that was given."""
    with pytest.raises(SignatureError) as e, guard(Reason.SIG_BAD, "no"):
        raise raised

    assert (e.value.reasons, e.value.problem) == ((Reason.SIG_BAD,), "no")


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
def test_the_users_will_is_not(raised: type[BaseException]) -> None:
    """Nobody's Ctrl-C becomes a bad signature."""
    with pytest.raises(raised), guard(Reason.SIG_BAD, "no"):
        raise raised
