"""chmod, chown, chgrp."""

from __future__ import annotations

from collections.abc import Iterator

from imagesmith.model.tree import Directory, File, Symlink
from imagesmith.rootfs.effects.commands import every, modes
from imagesmith.rootfs.effects.filesystem import Refusal
from imagesmith.rootfs.effects.outcome import (
    Call,
    Options,
    Result,
    Unreproduced,
    options,
    reproduced,
)
from imagesmith.rootfs.effects.world import World

_FLAGS = "R c f h v H L P recursive changes silent quiet no-dereference verbose"


def chmod(call: Call, world: World) -> Result:
    """Change modes."""
    given = options(_mode_first(call), flags=_FLAGS, valued="reference")
    if given.has("reference") or not given.operands:
        raise Unreproduced("modes are not taken from other files")
    mode, *paths = given.operands

    def one(path: str) -> None:
        for here in _real(path, given, world):
            entry = world.files.at(here, follow=False)
            if isinstance(entry, File | Directory):
                wanted = modes.parse(mode, entry.mode, is_directory=isinstance(entry, Directory))
                world.files.alter(here, by=world.package, mode=wanted)

    every(one, paths)
    return reproduced(f"{mode} {', '.join(paths)}")


def _mode_first(call: Call) -> Call:
    """Return the call with a mode such as -x told from options."""
    words = call.known()
    for number, word in enumerate(words):
        if word == "--":
            break
        if word.startswith("-") and word[1:2] in "rwxXst" and len(word) > 1 and word[1] != "-":
            rest = (*words[:number], *words[number + 1 :])
            return Call(words=(call.words[0], "--", f"a{word}", *rest), reads=call.reads)
    return call


def chown(call: Call, world: World) -> Result:
    """Change owners, and groups behind a colon."""
    given = options(call, flags=_FLAGS, valued="reference from")
    if given.has("reference", "from") or not given.operands:
        raise Unreproduced("owners are not taken from other files")
    owner, *paths = given.operands
    return _own(owner, *_ids(owner, world), paths, given, world)


def chgrp(call: Call, world: World) -> Result:
    """Change groups."""
    given = options(call, flags=_FLAGS, valued="reference")
    if given.has("reference") or not given.operands:
        raise Unreproduced("groups are not taken from other files")
    group, *paths = given.operands
    return _own(group, None, group_id(group, world), paths, given, world)


def _own(
    name: str, uid: int | None, gid: int | None, paths: list[str], given: Options, world: World
) -> Result:

    def one(path: str) -> None:
        for here in _real(path, given, world):
            own(here, uid, gid, world)

    every(one, paths)
    return reproduced(f"{name} {', '.join(paths)}")


def own(here: str, uid: int | None, gid: int | None, world: World) -> None:
    """Give what lies at a real path to somebody; the kernel takes a program's setuid bits away."""
    entry = world.files.at(here, follow=False)
    mode = None
    if isinstance(entry, File):
        mode = entry.mode & ~0o4000
        mode = mode & ~0o2000 if mode & 0o010 else mode
    world.files.alter(here, by=world.package, mode=mode, uid=uid, gid=gid)


def _ids(owner: str, world: World) -> tuple[int | None, int | None]:
    """Return the ids of `user`, `user:group`, `user:` or `:group`."""
    user, colon, group = owner.partition(":")
    if not colon and "." in owner and world.accounts.uid(owner) is None:
        user, colon, group = owner.partition(".")
    uid = user_id(user, world) if user else None
    if group:
        return uid, group_id(group, world)
    return uid, world.accounts.primary(user) if colon else None


def user_id(name: str, world: World) -> int:
    """Return a user's id; Unreproduced if nobody has that name."""
    found = world.accounts.uid(name)
    if found is None:
        raise Unreproduced(f"no user {name} is known")
    return found


def group_id(name: str, world: World) -> int:
    """Return a group's id; Unreproduced if none has that name."""
    found = world.accounts.gid(name)
    if found is None:
        raise Unreproduced(f"no group {name} is known")
    return found


def _real(path: str, given: Options, world: World) -> Iterator[str]:
    """Yield the real path of a path, with -R of all below it."""
    here = world.files.real(path, follow=not given.has("h", "no-dereference"))
    entry = None if here is None else world.files.entry(here)
    if here is None or entry is None:
        raise Refusal(f"{path} is not there")
    inside = list(world.files.under(here)) if given.has("R", "recursive") else []
    yield here
    for inner in inside:
        if not isinstance(world.files.entry(inner), Symlink):
            yield inner


COMMANDS = {"chmod": chmod, "chown": chown, "chgrp": chgrp}
