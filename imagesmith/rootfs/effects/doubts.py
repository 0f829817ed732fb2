"""What may or may not have happened: the shell as it would be if it had not gone on.

A script that may have left a function, a loop or a subshell goes on behind it in one
of two states.  What both agree on stays known, the rest is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from imagesmith.rootfs.effects import syntax as sh
from imagesmith.rootfs.effects.outcome import UNKNOWN
from imagesmith.rootfs.effects.world import World

Way = Literal["exit", "return", "break", "continue"]


@attrs.frozen(kw_only=True)
class State:
    """What commands of a shell leave behind in the shell itself."""

    variables: Mapping[str, str]
    positional: tuple[str, ...]
    functions: Mapping[str, sh.Command]
    status: int | None
    output: str

    def merged(self, other: State) -> State:
        """Return what both states agree on; a function of two bodies is one nobody knows."""
        shared = self.variables.keys() & other.variables.keys()
        names = self.functions.keys() | other.functions.keys()
        both = list(zip(self.positional, other.positional, strict=False))
        return State(
            variables={
                name: self.variables[name]
                if name in shared and self.variables[name] == other.variables[name]
                else UNKNOWN
                for name in {**other.variables, **self.variables}
            },
            positional=tuple(one if one == two else UNKNOWN for one, two in both)
            if len(self.positional) == len(other.positional)
            else (UNKNOWN,),
            functions={
                name: self.functions[name]
                if name in self.functions and self.functions[name] == other.functions.get(name)
                else _anything(name)
                for name in sorted(names)
            },
            status=self.status if self.status == other.status else None,
            output=self.output if self.output == other.output else UNKNOWN,
        )


def _anything(name: str) -> sh.Command:
    """Return a command of which nobody knows which it is."""
    return sh.Simple(line=1, text=name, words=(sh.Word((sh.Text(UNKNOWN),)),))


@attrs.frozen
class Doubt:
    """Why what follows may not happen, the world to go back to, and the shell if it does not."""

    way: Way | Literal["branch"]
    why: str
    world: World
    state: State
