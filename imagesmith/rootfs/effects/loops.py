"""Commands that run again: `for`, `while`, `until`."""

from __future__ import annotations

from imagesmith.rootfs.effects import expansion
from imagesmith.rootfs.effects import syntax as sh
from imagesmith.rootfs.effects.branches import either, reason
from imagesmith.rootfs.effects.outcome import Result, is_known
from imagesmith.rootfs.effects.shell import GivenUp, Left, Shell

MAX_ROUNDS = 1000
"""Of one loop."""


def each(shell: Shell, loop: sh.For) -> Result:
    """Walk `for`: a value nobody knows stands for any number of them."""
    values = (
        list(shell.positional)
        if loop.words is None
        else expansion.fields(loop.words, shell, shell.world.files)
    )
    if len(values) > MAX_ROUNDS:
        raise GivenUp
    before, result, going = len(shell.doubts), Result(), True
    for value in values:
        shell.assign(loop.name, value)
        if is_known(value):
            going, result = _round(shell, loop.body)
        else:
            result = _perhaps(shell, loop.body, f"for {loop.name}")
        if not going:
            break
    return shell.certain(before, result, "break")


def repeated(shell: Shell, loop: sh.Loop) -> Result:
    """Walk `while` and `until`."""
    before, result = len(shell.doubts), Result()
    for _ in range(MAX_ROUNDS):
        with shell.checking():
            tested = shell.run(loop.condition)
        if tested.status is None:
            result = _perhaps(shell, loop.body, reason(loop.condition))
            break
        if (tested.status == 0) == loop.until:
            break
        going, result = _round(shell, loop.body)
        if not going:
            break
    else:
        raise GivenUp
    return shell.certain(before, result, "break")


def _round(shell: Shell, body: sh.Sequence) -> tuple[bool, Result]:
    """Walk a loop's body once; say whether the loop goes on, and how the body ended."""
    before, result = len(shell.doubts), Result()
    shell.loops += 1
    try:
        result, going = shell.run(body), True
    except Left as left:
        if left.way not in ("break", "continue"):
            raise
        if left.levels > 1:
            raise Left(left.way, left.status, left.levels - 1) from None
        going = left.way == "continue"
    finally:
        shell.loops -= 1
    return going, shell.certain(before, result, "continue")


def _perhaps(shell: Shell, body: sh.Sequence, why: str) -> Result:
    """Walk a loop's body of which nobody knows how often it runs."""

    def walk() -> Result:
        return _round(shell, body)[1]

    before, notes = dict(shell.variables), len(shell.notes)
    result = either(shell, walk, Result, why)
    if shell.variables != before:  # the second round finds what the first one leaves behind
        del shell.notes[notes:]
        result = either(shell, walk, Result, why)
    return result
