"""The commands that maintainer scripts call, a module for each kind.

Every command is a function from a call and the world to a result.  It changes the
world's values only, and raises `Unreproduced` for what it does not know how to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from imagesmith.rootfs.effects.filesystem import Refusal
from imagesmith.rootfs.effects.outcome import Call, Result
from imagesmith.rootfs.effects.world import World

Command = Callable[[Call, World], Result]
"""One command."""
Commands = Mapping[str, Command]
"""By name."""
Operand = TypeVar("Operand")


def every(act: Callable[[Operand], object], operands: Iterable[Operand]) -> None:
    """Do something to each operand; one that is refused keeps no other from it."""
    refused: Refusal | None = None
    for operand in operands:
        try:
            act(operand)
        except Refusal as refusal:
            refused = refusal
    if refused is not None:
        raise refused
