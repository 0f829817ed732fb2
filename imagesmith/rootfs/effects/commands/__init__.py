"""The commands that maintainer scripts call, a module for each kind.

Every command is a function from a call and the world to a result.  It changes the
world's values only, and raises `Unreproduced` for what it does not know how to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from imagesmith.rootfs.effects.outcome import Call, Result
from imagesmith.rootfs.effects.world import World

Command = Callable[[Call, World], Result]
"""One command."""
Commands = Mapping[str, Command]
"""By name."""
