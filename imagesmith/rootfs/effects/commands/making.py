"""mkdir, ln, touch: what is made anew."""

from __future__ import annotations

import posixpath

from imagesmith.model.tree import Directory, File, Hardlink, Symlink
from imagesmith.rootfs.effects.commands import every, modes
from imagesmith.rootfs.effects.filesystem import Refusal
from imagesmith.rootfs.effects.outcome import Call, Result, Unreproduced, options, reproduced
from imagesmith.rootfs.effects.world import World


def mkdir(call: Call, world: World) -> Result:
    """Make directories."""
    given = options(call, flags="p v Z parents verbose", valued="m mode")
    mode = given.value("m", "mode")
    if not given.operands:
        raise Refusal("missing operand")
    wanted = modes.parse(mode, 0o777) if mode else 0o777 & ~world.umask
    has_parents = given.has("p", "parents")
    every(lambda path: make_directory(path, wanted, world, parents=has_parents), given.operands)
    return reproduced(", ".join(given.operands))


def make_directory(path: str, mode: int, world: World, *, parents: bool) -> str:
    """Make one directory and return its real path; with `parents` it may be there already."""
    here = world.files.real(path)
    if here is None and parents:
        _make_parents(path, world)
        here = world.files.real(path)
    if here is None:
        raise Refusal(f"no directory for {path}")
    present = world.files.entry(here)
    if present is None:
        world.files.put(here, Directory(mode=mode), by=world.package)
    elif not (parents and isinstance(present, Directory)):
        raise Refusal(f"{path} is there")
    return here


def _make_parents(path: str, world: World) -> None:
    """Make what is missing above a path, from the top."""
    above = [path.rstrip("/")]
    while posixpath.dirname(above[-1]) not in ("", "/"):
        above.append(posixpath.dirname(above[-1]))
    for each in reversed(above[1:]):
        make_directory(each, 0o777 & ~world.umask, world, parents=True)


def touch(call: Call, world: World) -> Result:
    """Make empty files; what is there keeps everything but its time, which is the image's."""
    given = options(
        call, flags="a c f h m no-create no-dereference", valued="d r t date reference time"
    )
    follow, makes = not given.has("h", "no-dereference"), not given.has("c", "no-create")

    def one(path: str) -> None:
        here = world.files.real(path, follow=follow)
        if here is None and makes:
            raise Refusal(f"no directory for {path}")
        if here is not None and world.files.entry(here) is None and makes:
            world.files.put(here, File.of(b"", mode=0o666 & ~world.umask), by=world.package)

    every(one, given.operands)
    return reproduced(", ".join(given.operands))


def ln(call: Call, world: World) -> Result:
    """Make symbolic and hard links."""
    given = options(
        call,
        flags="s f n v T r b symbolic force no-dereference verbose no-target-directory relative",
        valued="t target-directory",
    )
    if given.has("r", "relative", "b"):
        raise Unreproduced("relative and backed-up links are not made")
    *targets, last = given.operands or ("",)
    into = given.value("t", "target-directory")
    if into is not None:
        targets, last = [*targets, last], into
    if not targets:
        targets, last = [last], posixpath.basename(last)
    follow = not given.has("n", "no-dereference", "T", "no-target-directory")
    is_directory = isinstance(world.files.at(last, follow=follow), Directory)
    if len(targets) > 1 and not is_directory:
        raise Refusal(f"{last} is no directory")
    symbolic, force = given.has("s", "symbolic"), given.has("f", "force")

    def one(target: str) -> None:
        link = f"{last}/{posixpath.basename(target.rstrip('/'))}" if is_directory else last
        _link(target, link, world, symbolic=symbolic, force=force)

    every(one, targets)
    return reproduced(f"{last} -> {', '.join(targets)}")


def _link(target: str, link: str, world: World, *, symbolic: bool, force: bool) -> None:
    here = world.files.real(link, follow=False)
    if here is None:
        raise Refusal(f"no directory for {link}")
    present = world.files.entry(here)
    if present is not None and (not force or isinstance(present, Directory)):
        raise Refusal(f"{link} is there")
    if present is not None and world.files.real(target, follow=False) == here:
        raise Refusal(f"{link} is the same file")
    if symbolic:
        world.files.put(here, Symlink(target=target), by=world.package)
        return
    real = world.files.real(target)
    entry = None if real is None else world.files.entry(real)
    if real is None or not isinstance(entry, File | Hardlink):
        raise Refusal(f"{target} is no file")
    origin = entry.target if isinstance(entry, Hardlink) else real
    if here != origin:
        world.files.put(here, Hardlink(target=origin), by=world.package)


COMMANDS = {"mkdir": mkdir, "touch": touch, "ln": ln}
