"""rm and rmdir."""

from __future__ import annotations

from imagesmith.model.tree import Directory, parent
from imagesmith.rootfs.effects.commands import every
from imagesmith.rootfs.effects.filesystem import Refusal
from imagesmith.rootfs.effects.outcome import Call, Result, options, reproduced
from imagesmith.rootfs.effects.world import World


def rm(call: Call, world: World) -> Result:
    """Remove files, with -r directories too."""
    given = options(
        call, flags="f r R d v i force recursive dir verbose one-file-system preserve-root"
    )
    forced, deep = given.has("f", "force"), given.has("r", "R", "recursive")

    def one(path: str) -> None:
        here = world.files.real(path, follow=False)
        entry = None if here is None else world.files.entry(here)
        if path.rpartition("/")[2] in (".", "..") or here == "/":
            raise Refusal(f"{path} is not removed")
        if here is None or entry is None:
            if not forced:
                raise Refusal(f"{path} is not there")
        elif isinstance(entry, Directory) and not deep:
            raise Refusal(f"{path} is a directory")
        else:
            world.files.remove(here)

    every(one, given.operands)
    return reproduced(", ".join(given.operands))


def rmdir(call: Call, world: World) -> Result:
    """Remove empty directories, with -p those above them too."""
    given = options(call, flags="p v parents verbose ignore-fail-on-non-empty")
    keeps_full = given.has("ignore-fail-on-non-empty")

    def one(path: str) -> None:
        here = world.files.real(path, follow=False)
        if here is None or not isinstance(world.files.entry(here), Directory):
            raise Refusal(f"{path} is no directory")
        while here != "/":
            if world.files.names(here):
                if keeps_full:
                    break
                raise Refusal(f"{here} is not empty")
            world.files.remove(here)
            here = parent(here) if given.has("p", "parents") else "/"

    every(one, given.operands)
    return reproduced(", ".join(given.operands))


COMMANDS = {"rm": rm, "rmdir": rmdir}
