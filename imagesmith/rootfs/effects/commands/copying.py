"""cp, mv, install, ucf: what lies elsewhere, too or instead."""

from __future__ import annotations

import posixpath

import attrs

from imagesmith.model.tree import Directory, Entry, File, Symlink
from imagesmith.rootfs.effects.commands import every, modes
from imagesmith.rootfs.effects.commands.attributes import group_id, own, user_id
from imagesmith.rootfs.effects.commands.making import make_directory
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


def cp(call: Call, world: World) -> Result:
    """Copy files, with -r or -a directories too."""
    given = options(
        call,
        flags="a d f i n p r R v L P T x Z archive force no-clobber recursive verbose "
        "dereference no-dereference no-target-directory preserve",
        valued="t target-directory",
    )
    is_archive = given.has("a", "archive")
    preserve = is_archive or given.has("p", "preserve")
    deep = is_archive or given.has("r", "R", "recursive")
    follow = given.has("L", "dereference") or not (deep or given.has("d", "P", "no-dereference"))
    keeps = given.has("n", "no-clobber")

    def one(pair: tuple[str, str]) -> None:
        source, target = pair
        here = world.files.real(source, follow=follow)
        if here is None or world.files.entry(here) is None:
            raise Refusal(f"{source} is not there")
        if not (keeps and world.files.at(target) is not None):
            _copy(here, target, world, preserve=preserve, deep=deep)

    every(one, _pairs(given, world))
    return reproduced(" -> ".join(given.operands))


def _copy(  # noqa: C901 - each of cp's refusals
    here: str, target: str, world: World, *, preserve: bool, deep: bool
) -> None:
    entry = world.files.at(here, follow=False)
    entry = world.files.at(here) if not isinstance(entry, Symlink) else entry
    there = world.files.real(target, follow=not isinstance(entry, Symlink))
    if entry is None or there is None:
        raise Refusal(f"no directory for {target}")
    if there == here:
        raise Refusal(f"{target} is the same file")
    if there.startswith(f"{here.rstrip('/')}/"):
        raise Unreproduced("a directory is copied into itself")
    if not isinstance(entry, Directory):
        present = world.files.at(there)
        copied = _copied(entry, present, None if preserve else world.umask)
        if isinstance(copied, File) and isinstance(present, File):
            world.files.write(there, copied, by=world.package)
        else:
            world.files.put(there, copied, by=world.package, inherits=not preserve)
        return
    if not deep:
        raise Refusal(f"{here} is a directory")
    names, present = world.files.names(here), world.files.entry(there)
    if present is not None and not isinstance(present, Directory):
        raise Refusal(f"{there} is no directory")
    if not isinstance(world.files.entry(there), Directory):
        made = entry if preserve else Directory(mode=entry.mode & ~world.umask)
        world.files.put(there, made, by=world.package, inherits=not preserve)
    for name in names:
        _copy(f"{here}/{name}", f"{there}/{name}", world, preserve=preserve, deep=True)


def _copied(entry: Entry, present: Entry | None, umask: int | None) -> Entry:
    """Return what a copy looks like: root's, unless what is there stays or no `umask` counts."""
    if not isinstance(entry, File) or umask is None:
        return entry
    if isinstance(present, File):
        return attrs.evolve(
            entry, mode=present.mode, uid=present.uid, gid=present.gid, xattrs=present.xattrs
        )
    return attrs.evolve(entry, mode=entry.mode & 0o777 & ~umask, uid=0, gid=0, xattrs=())


def mv(call: Call, world: World) -> Result:
    """Rename files and directories."""
    given = options(
        call,
        flags="f i n v T Z force no-clobber verbose no-target-directory",
        valued="t target-directory",
    )
    keeps = given.has("n", "no-clobber")

    def one(pair: tuple[str, str]) -> None:
        here, there = (world.files.real(path, follow=False) for path in pair)
        if here is None or there is None or world.files.entry(here) is None:
            raise Refusal(f"{pair[0]} is not there")
        if not (keeps and world.files.entry(there) is not None):
            _move(here, there, world)

    every(one, _pairs(given, world))
    return reproduced(" -> ".join(given.operands))


def _move(here: str, there: str, world: World) -> None:
    """Rename as rename(2) does: a directory replaces an empty one, and nothing else."""
    is_directory, present = isinstance(world.files.entry(here), Directory), world.files.entry(there)
    if present is not None and isinstance(present, Directory) != is_directory:
        raise Refusal(f"{there} is of another kind")
    if is_directory and world.files.names(there):
        raise Refusal(f"{there} is not empty")
    world.files.move(here, there, by=world.package)


def install(call: Call, world: World) -> Result:
    """Make directories with -d, or copy files with mode and owner."""
    given = options(
        call,
        flags="d D c p v C T s Z directory verbose no-target-directory preserve-timestamps",
        valued="m o g t mode owner group target-directory",
    )
    mode = given.value("m", "mode") or "00755"
    owner, group = given.value("o", "owner"), given.value("g", "group")
    uid = user_id(owner, world) if owner else None
    gid = group_id(group, world) if group else None

    def finish(here: str) -> None:
        own(here, uid, gid, world)
        present = world.files.entry(here)
        is_directory = isinstance(present, Directory)
        kept = present.mode if isinstance(present, Directory) else 0
        world.files.alter(
            here, by=world.package, mode=modes.parse(mode, kept, is_directory=is_directory)
        )

    if given.has("d", "directory"):
        every(lambda path: finish(make_directory(path, 0o755, world, parents=True)), given.operands)
    else:
        if given.has("D") and "/" in given.operands[-1]:
            make_directory(posixpath.dirname(given.operands[-1]), 0o755, world, parents=True)
        every(lambda pair: finish(_installed(*pair, world)), _pairs(given, world))
    return reproduced(", ".join(given.operands))


def _installed(source: str, target: str, world: World) -> str:
    there = world.files.real(target, follow=False)
    if there is None:
        raise Refusal(f"no directory for {target}")
    if source == "/dev/null":
        world.files.put(there, File.of(b""), by=world.package)
        return there
    entry = world.files.at(source)
    if not isinstance(entry, File) or world.files.real(source) == world.files.real(target):
        raise Refusal(f"{source} is no other file")
    world.files.put(there, _copied(entry, None, world.umask), by=world.package)
    return there


def ucf(call: Call, world: World) -> Result:
    """Put a package's configuration where it is missing (ucf(1)), as on any fresh system."""
    given = options(
        call,
        flags="three-way debconf-ok debconf-escape-ok d n p force",
        valued="sum-file src-dir",
    )
    if len(given.operands) != len(("source", "target")):
        raise Unreproduced("expected a new and an old file")
    source, target = given.operands
    entry, there = world.files.at(source), world.files.real(target)
    if not isinstance(entry, File) or there is None:
        raise Unreproduced(f"{source} or the directory of {target} is not there")
    if world.files.entry(there) is None:
        world.files.put(there, _copied(entry, None, None), by=world.package)
    return reproduced(f"{source} -> {target}")


def _pairs(given: Options, world: World) -> list[tuple[str, str]]:
    """Return every source with its target."""
    into = given.value("t", "target-directory")
    *sources, last = (*given.operands, into) if into is not None else given.operands or ("",)
    if not sources:
        raise Refusal("missing operand")
    is_directory = isinstance(world.files.at(last), Directory)
    if is_directory and not given.has("T", "no-target-directory"):
        return [(source, f"{last}/{posixpath.basename(source.rstrip('/'))}") for source in sources]
    if len(sources) > 1:
        raise Refusal(f"{last} is no directory")
    return [(sources[0], last)]


COMMANDS = {"cp": cp, "mv": mv, "install": install, "ucf": ucf}
