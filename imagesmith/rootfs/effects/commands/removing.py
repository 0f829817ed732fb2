"""rm and rmdir."""

from __future__ import annotations

from imagesmith.model.tree import Directory, parent
from imagesmith.rootfs.effects.filesystem import Refusal
from imagesmith.rootfs.effects.outcome import Call, Result, options, reproduced
from imagesmith.rootfs.effects.world import World


def rm(call: Call, world: World) -> Result:
    """Remove files, with -r directories too."""
    given = options(
        call, flags="f r R d v i force recursive dir verbose one-file-system preserve-root"
    )
    for path in given.operands:
        here = world.files.real(path, follow=False)
        entry = None if here is None else world.files.entry(here)
        if here is None or entry is None:
            if not given.has("f", "force"):
                raise Refusal(f"{path} is not there")
        elif isinstance(entry, Directory) and not given.has("r", "R", "recursive"):
            raise Refusal(f"{path} is a directory")
        else:
            world.files.remove(here)
    return reproduced(", ".join(given.operands))


def rmdir(call: Call, world: World) -> Result:
    """Remove empty directories, with -p those above them too."""
    given = options(call, flags="p v parents verbose ignore-fail-on-non-empty")
    for path in given.operands:
        here = world.files.real(path, follow=False)
        if here is None or not isinstance(world.files.entry(here), Directory):
            raise Refusal(f"{path} is no directory")
        while here != "/":
            if world.files.names(here):
                if given.has("ignore-fail-on-non-empty"):
                    break
                raise Refusal(f"{here} is not empty")
            world.files.remove(here)
            here = parent(here) if given.has("p", "parents") else "/"
    return reproduced(", ".join(given.operands))


COMMANDS = {"rm": rm, "rmdir": rmdir}
