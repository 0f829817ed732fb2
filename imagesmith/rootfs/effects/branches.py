"""Commands that run or not: `if`, `case`, `&&` and `||`."""

from __future__ import annotations

from functools import partial

import attrs

from imagesmith.rootfs.effects import expansion, patterns
from imagesmith.rootfs.effects import syntax as sh
from imagesmith.rootfs.effects.doubts import State
from imagesmith.rootfs.effects.ledger import Note
from imagesmith.rootfs.effects.outcome import UNKNOWN, Kind, Result, is_known
from imagesmith.rootfs.effects.shell import Left, Shell, Walk


@attrs.frozen(kw_only=True)
class _Trial:
    """A branch that was walked without knowing whether it is taken."""

    state: State
    notes: tuple[tuple[Kind, Note], ...]
    left: Left | None
    fails: bool
    """Whether the script ends in it, and not with success."""


def either(shell: Shell, first: Walk, second: Walk, why: str) -> Result:
    """Walk both branches of what cannot be known, or the only one that does not fail."""
    one = _try(shell, first, why)
    if one.fails:
        return second()
    other = _try(shell, second, why)
    if other.fails:
        return first()
    shell.notes += one.notes + other.notes
    return _after(shell, one, other, why)


def _try(shell: Shell, branch: Walk, why: str) -> _Trial:
    """Walk a branch in a world of its own; leave the shell as it was."""
    notes, before, state = len(shell.notes), len(shell.doubts), shell.state(None)
    errexit, trapped, place = shell.errexit, shell.trapped, shell.input.place
    shell.doubted("branch", why, state)
    left: Left | None = None
    try:
        status = branch().status
    except Left as found:
        left, status = found, found.status
    trial = _Trial(
        state=shell.state(status),
        notes=tuple(shell.notes[notes:]),
        left=left,
        fails=left is not None and left.way == "exit" and bool(left.status) and not shell.subshells,
    )
    del shell.notes[notes:]
    if shell.input.place != place or shell.trapped != trapped:
        shell.input.text, shell.trapped = UNKNOWN, UNKNOWN * (shell.trapped != trapped)
    shell.errexit, shell.input.place = errexit, place
    shell.certain(before, Result(status), "branch")
    shell.restore(state)
    return trial


def _after(shell: Shell, one: _Trial, other: _Trial, why: str) -> Result:
    """Go on after two branches, in doubt if one of them does not."""
    if (one.left is None) == (other.left is None):
        state = one.state.merged(other.state)
    else:
        state = other.state if one.left else one.state
    shell.restore(state)
    if one.left is not None and other.left is not None and one.left.way == other.left.way:
        raise Left(one.left.way, state.status, one.left.levels)
    for trial in (one, other):
        if trial.left is not None:
            shell.doubted(trial.left.way, why, trial.state)
    return Result(state.status)


def conditional(shell: Shell, command: sh.If) -> Result:
    """Walk `if`."""
    return _conditional(shell, command.branches, command.otherwise)


def _conditional(
    shell: Shell,
    branches: tuple[tuple[sh.Sequence, sh.Sequence], ...],
    otherwise: sh.Sequence,
) -> Result:
    if not branches:
        return shell.run(otherwise) if otherwise.commands else Result()
    (condition, body), rest = branches[0], branches[1:]
    with shell.checking():
        tested = shell.run(condition)

    def no() -> Result:
        with shell.deeper():
            return _conditional(shell, rest, otherwise)

    yes = partial(shell.run, body)
    if tested.status is None:
        return either(shell, yes, no, reason(condition))
    return no() if tested.status else yes()


def case(shell: Shell, command: sh.Case) -> Result:
    """Walk `case`."""
    subject = expansion.text(command.subject, shell)
    names = [part.name for part in command.subject.parts if isinstance(part, sh.Parameter)]
    return _arms(shell, command.arms, subject, f"case ${names[0]}" if names else "case …")


def _arms(shell: Shell, arms: tuple[sh.Arm, ...], subject: str, why: str) -> Result:
    for number, arm in enumerate(arms):
        taken = _matches(shell, arm, subject)
        if taken:
            return shell.run(arm.body)
        if taken is None:
            yes = partial(shell.run, arm.body)
            return either(shell, yes, partial(_arms, shell, arms[number + 1 :], subject, why), why)
    return Result()


def _matches(shell: Shell, arm: sh.Arm, subject: str) -> bool | None:
    found: bool | None = False
    for word in arm.patterns:
        tokens = expansion.pattern(word, shell)
        if tokens == (None,):
            return True
        if tokens is None or not is_known(subject) or len(subject) > patterns.MAX_LENGTH:
            found = None
        elif patterns.matches(tokens, subject):
            return True
    return found


def chain(shell: Shell, command: sh.Chain) -> Result:
    """Walk what `&&` and `||` join; only the last of it may end the script."""
    with shell.checking():
        result = shell.run(command.first)
    for number, (operator, following) in enumerate(command.rest, start=1):
        succeeds = operator == "&&"
        if result.status is not None and (result.status == 0) != succeeds:
            continue
        follow = partial(_follow, shell, following, is_last=number == len(command.rest))
        if result.status is None:
            without = partial(Result, 1 if succeeds else 0)
            result = either(shell, follow, without, reason(command.first))
        else:
            result = follow()
    return result


def _follow(shell: Shell, command: sh.Command, *, is_last: bool) -> Result:
    if is_last:
        return shell.run(command)
    with shell.checking():
        return shell.run(command)


def reason(command: sh.Command) -> str:
    """Return the words of a condition."""
    match command:
        case sh.Simple(text=text) | sh.Redirected(text=text):
            return text
        case sh.Pipeline(commands=(first, *_)) | sh.Chain(first=first):
            return reason(first)
        case sh.Sequence(commands=(*_, last)):
            return reason(last)
        case sh.Group(body=body):
            return reason(body)
        case _:
            return "a condition"
