"""Commands that look at files: what they are, where links lead, which are there."""

from __future__ import annotations

import posixpath
from itertools import count

from imagesmith.model.tree import Directory, Entry, File, Symlink
from imagesmith.rootfs.effects.commands.attributes import group_id, own, user_id
from imagesmith.rootfs.effects.filesystem import Refusal
from imagesmith.rootfs.effects.outcome import (
    UNKNOWN,
    Call,
    Result,
    Unreproduced,
    inert,
    is_known,
    options,
    reproduced,
)
from imagesmith.rootfs.effects.world import World

_UNKNOWN = Result(None, UNKNOWN)


def stat(call: Call, world: World) -> Result:
    """Tell mode, owner or group of one file in the forms that scripts ask for."""
    words = [word for word in call.arguments if word not in ("-L", "--dereference", "--")]
    if len(words) == len(("-c", "form", "path")) and words[0] == "-c":
        words = [f"--format={words[1]}", words[2]]
    match words:
        case [form, path] if form.startswith(("--format=", "--printf=")) and is_known(path):
            entry = world.files.at(path)
            if entry is None:
                return Result(1)
            return Result(0, f"{_told(form.partition('=')[2], entry)}\n")
        case _:
            return _UNKNOWN


def _told(form: str, entry: Entry) -> str:
    if not isinstance(entry, File | Directory):
        return UNKNOWN
    known = {"%a": f"{entry.mode:o}", "%u": str(entry.uid), "%g": str(entry.gid)}
    return known.get(form, UNKNOWN)


def readlink(call: Call, world: World) -> Result:
    """Tell where a link leads."""
    flags = "".join(word[1:] for word in call.arguments if word.startswith("-"))
    paths = [word for word in call.arguments if not word.startswith("-")]
    if len(paths) != 1 or not is_known(paths[0]):
        return _UNKNOWN if paths else Result(1)
    if {*flags} & {*"fem"}:
        here = world.files.real(paths[0])
        is_there = here is not None and world.files.entry(here) is not None
        return Result(0, f"{here}\n") if here and (is_there or "e" not in flags) else Result(1)
    entry = world.files.at(paths[0], follow=False)
    return Result(0, f"{entry.target}\n") if isinstance(entry, Symlink) else Result(1)


def mktemp(call: Call, world: World) -> Result:
    """Make a temporary file or directory under a name that nobody else has."""
    given = options(
        call, flags="d q t u directory quiet dry-run tmpdir", valued="p tmpdir suffix m prefix"
    )
    template = given.operands[-1] if given.operands else "tmp.XXXXXXXXXX"
    is_named = bool(given.operands) and not given.has("t", "tmpdir")
    above = given.value("p", "tmpdir") or ("" if is_named else "/tmp")  # noqa: S108 - a path inside the image
    stem = posixpath.join(above, template.rstrip("X")) + "X" * 6
    path = next(
        path
        for path in (f"{stem}{number}" for number in count())
        if world.files.at(path, follow=False) is None
    )
    here = world.files.real(path)
    if here is None:
        raise Refusal(f"no directory for {path}")
    is_directory = given.has("d", "directory")
    made = Directory(mode=0o700) if is_directory else File.of(b"", mode=0o600)
    world.files.put(here, made, by=world.package)
    return Result(0, f"{path}\n")


def find(call: Call, world: World) -> Result:
    """Find files, which changes nothing unless something is done to them."""
    acting = {"-delete", "-exec", "-execdir", "-ok", "-okdir", "-fprint", "-fprintf", "-fls"}
    if acting & {*call.arguments}:
        raise Unreproduced("what it finds is not followed")
    return _UNKNOWN


def ls(call: Call, world: World) -> Result:
    """Say whether files are there, and nothing of how they are listed."""
    paths = [word for word in call.arguments if not word.startswith("-")]
    if not paths or not is_known("".join(paths)):
        return _UNKNOWN
    is_there = [world.files.at(path, follow=False) is not None for path in paths]
    return Result(0 if all(is_there) else 2, UNKNOWN if any(is_there) else "")


def statoverride(call: Call, world: World) -> Result:
    """Give a file its owner and mode; a fresh system has no overrides to tell of."""
    match [word for word in call.known() if word not in ("--force", "--quiet", "--force-all")]:
        case ["--list", *_]:
            return Result(1)
        case ["--remove", *_]:
            return Result(0)
        case ["--update", "--add", user, group, mode, path] if mode.isdecimal():
            here = world.files.real(path)
            if here is None or world.files.entry(here) is None:
                return inert("what it is for is not there")
            own(here, user_id(user, world), group_id(group, world), world)
            world.files.alter(here, by=world.package, mode=int(mode, 8))
            return reproduced(f"{user}:{group} {mode} {path}")
        case _:
            raise Unreproduced("its arguments are not read")


def resolved(call: Call, world: World) -> Result:
    """Tell where a path leads, as readlink -f does."""
    return readlink(Call(words=("readlink", "-f", *call.arguments)), world)


COMMANDS = {
    "stat": stat,
    "readlink": readlink,
    "realpath": resolved,
    "dpkg-realpath": resolved,
    "mktemp": mktemp,
    "tempfile": mktemp,
    "find": find,
    "ls": ls,
    "dpkg-statoverride": statoverride,
}
