"""dpkg-divert(1): a package's file makes room for another package's."""

from __future__ import annotations

from imagesmith.rootfs.effects.filesystem import Refusal
from imagesmith.rootfs.effects.outcome import (
    Call,
    Options,
    Result,
    Unreproduced,
    options,
    reproduced,
)
from imagesmith.rootfs.effects.world import Diversion, World
from imagesmith.rootfs.overlay import merged_path


def dpkg_divert(call: Call, world: World) -> Result:
    """Add, remove or tell of a diversion."""
    given = options(
        call,
        flags="add remove rename no-rename quiet local test list listpackage truename",
        valued="divert package",
    )
    if not given.operands:
        raise Unreproduced("every diversion is asked for")
    path = given.operands[-1]
    present = world.diversions.get(merged_path(path))
    if given.has("list"):
        return Result(0, "" if present is None else "\0")
    if given.has("listpackage"):
        owner = "" if present is None else present.package or "LOCAL"
        return Result(0, f"{owner}\n" if owner else "")
    if given.has("truename"):
        return Result(0, f"{present.target if present else path}\n")
    if given.has("remove"):
        return _remove(path, present, given, world)
    return _add(path, present, given, world)


def _package(given: Options, world: World) -> str:
    """Return whose diversion it is: none's, the one named, or that of the script."""
    return "" if given.has("local") else given.value("package") or world.package


def _add(path: str, present: Diversion | None, given: Options, world: World) -> Result:
    made = Diversion(given.value("divert") or f"{path}.distrib", _package(given, world))
    if present is not None and present != made:
        raise Refusal(f"{path} is diverted otherwise")
    world.diversions[merged_path(path)] = made
    if present is None and given.has("rename"):
        _rename(path, made.target, world)
    return reproduced(f"{path} -> {made.target}")


def _remove(path: str, present: Diversion | None, given: Options, world: World) -> Result:
    if present is not None:
        if present.package != _package(given, world):
            raise Refusal(f"{path} is diverted by another package")
        del world.diversions[merged_path(path)]
        if given.has("rename"):
            _rename(present.target, path, world)
    return reproduced(f"{path} is not diverted")


def _rename(old: str, new: str, world: World) -> None:
    here, there = (world.files.real(path, follow=False) for path in (old, new))
    if here is not None and there is not None and world.files.entry(here) is not None:
        world.files.move(here, there, by=world.package)


COMMANDS = {"dpkg-divert": dpkg_divert}
