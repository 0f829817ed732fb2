"""Commands that tell something and change nothing: of names, packages, accounts, the machine."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from imagesmith.model.tree import File
from imagesmith.rootfs.effects.outcome import (
    MAX_TEXT,
    UNKNOWN,
    Call,
    Result,
    Unreproduced,
    bounded,
    is_known,
)
from imagesmith.rootfs.effects.world import World

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64", "ppc64el": "ppc64le"}
"""What `uname -m` says on a Debian architecture."""
_UNKNOWN = Result(None, UNKNOWN)


def dpkg(call: Call, world: World) -> Result:
    """Answer what scripts ask of dpkg: versions, architectures, packages."""
    match call.arguments:
        case ["--compare-versions", first, operator, second]:
            return _compare(first, operator, second, world)
        case ["--print-architecture"]:
            return Result(0, f"{world.machine.arch.debian}\n")
        case ["--print-foreign-architectures"]:
            return Result(0, "")
        case [first, *_] if first.startswith(("--assert-", "--validate-")):
            return Result(0)
        case _:
            return _packages(call, world)


def _packages(call: Call, world: World) -> Result:
    """Answer for packages; of those that are not there nothing is told, of others it is unknown."""
    names = [word for word in call.arguments if not word.startswith("-")]
    if names and is_known("".join(names)):
        present = [name for name in names if name.partition(":")[0] in world.machine.versions]
        if not present and not any(mark in "".join(names) for mark in "*?[/"):
            return Result(1, "")
    return _UNKNOWN


def _compare(first: str, operator: str, second: str, world: World) -> Result:
    """Compare versions as dpkg(1) does, of which an empty one is the earliest or the latest."""
    if not is_known(first + operator + second):
        return _UNKNOWN
    if first and second:
        try:
            order = world.machine.compare(first, second)
        except ValueError:
            return _UNKNOWN
    else:
        order = (first > "") - (second > "")
        order = -order if operator.endswith("-nl") else order
    holds = _HOLDS.get(operator.removesuffix("-nl"))
    return _UNKNOWN if holds is None else Result(int((order > 0) - (order < 0) not in holds))


_HOLDS: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("lt", "<<"), (-1,)),
    **dict.fromkeys(("le", "<=", "<"), (-1, 0)),
    **dict.fromkeys(("eq", "="), (0,)),
    "ne": (-1, 1),
    **dict.fromkeys(("ge", ">=", ">"), (0, 1)),
    **dict.fromkeys(("gt", ">>"), (1,)),
}


def dirname(call: Call, world: World) -> Result:
    """Return directories of paths."""
    if not is_known("".join(call.arguments)):
        return _UNKNOWN
    names = [posixpath.dirname(word.rstrip("/")) or "." for word in call.arguments]
    return Result(0, "".join(f"{name}\n" for name in names))


def basename(call: Call, world: World) -> Result:
    """Return the last component of a path, without a suffix."""
    if not call.arguments or not is_known("".join(call.arguments)):
        return _UNKNOWN
    name = posixpath.basename(call.arguments[0].rstrip("/"))
    suffix = call.arguments[1] if len(call.arguments) > 1 else ""
    return Result(0, f"{name.removesuffix(suffix) if name != suffix else name}\n")


def uname(call: Call, world: World) -> Result:
    """Tell the kernel's name and machine; its release is the host's."""
    machine = _MACHINES.get(world.machine.arch.debian, UNKNOWN)
    known = {(): "Linux", ("-s",): "Linux", ("-m",): machine, ("-o",): "GNU/Linux"}
    return Result(0, known.get(call.arguments, UNKNOWN) + "\n")


def which(call: Call, world: World) -> Result:
    """Return where programs lie on dpkg's PATH."""
    names = [word for word in call.arguments if not word.startswith("-")]
    if not is_known("".join(names)):
        return _UNKNOWN
    found = [program(name, world) for name in names]
    return Result(int("" in found or not found), "".join(f"{path}\n" for path in found if path))


def program(name: str, world: World) -> str:
    """Return the path of a program, or nothing."""
    places = [name] if "/" in name else [f"{above}/{name}" for above in PATH.split(":")]
    for path in places:
        entry = world.files.at(path)
        if isinstance(entry, File) and entry.mode & 0o111:
            return path
    return ""


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What dpkg finds programs in, and a script's `$PATH`."""


def getent(call: Call, world: World) -> Result:
    """Look up users and groups."""
    match call.arguments:
        case ["passwd", name] if is_known(name):
            uid = world.accounts.uid(name) if world.accounts.has_user(name) else None
            gid = world.accounts.primary(name)
            return Result(2) if uid is None else Result(0, f"{name}:x:{uid}:{gid}:{UNKNOWN}\n")
        case ["group", name] if is_known(name):
            gid = world.accounts.gid(name) if world.accounts.has_group(name) else None
            return Result(2) if gid is None else Result(0, f"{name}:x:{gid}:{UNKNOWN}\n")
        case _:
            return _UNKNOWN


def identity(call: Call, world: World) -> Result:
    """Tell ids as id(1) does; scripts run as root."""
    match call.arguments:
        case ["-u"] | ["-g"]:
            return Result(0, "0\n")
        case ["-un"]:
            return Result(0, "root\n")
        case [*options, name] if is_known(name) and not name.startswith("-"):
            if not world.accounts.has_user(name):
                return Result(1)
            told: dict[tuple[str, ...], object] = {
                ("-u",): world.accounts.uid(name),
                ("-g",): world.accounts.primary(name),
                ("-Gn",): " ".join(world.accounts.groups_of(name)),
            }
            return Result(0, f"{told.get(tuple(options), UNKNOWN)}\n")
        case _:
            return _UNKNOWN


def perl(call: Call, world: World) -> Result:
    """Say whether there is a perl that starts; what others of its programs do is not read."""
    match call.arguments:
        case [*_, "-e", "" | "0" | "1"]:
            return Result(0 if program("perl", world) else None)
        case _:
            raise Unreproduced("a program of its own")


def seq(call: Call, world: World) -> Result:
    """Count."""
    try:
        numbers = [int(word) for word in call.arguments]
    except ValueError:
        return _UNKNOWN
    match numbers:
        case [last]:
            counted = range(1, last + 1)
        case [first, last]:
            counted = range(first, last + 1)
        case [first, step, last] if step:
            counted = range(first, last + (1 if step > 0 else -1), step)
        case _:
            return _UNKNOWN
    return Result(0, bounded("".join(f"{number}\n" for number in counted[:MAX_TEXT])))


def unknown(call: Call, world: World) -> Result:
    """Tell nothing: what it prints and how it ends depends on what is not known."""
    return _UNKNOWN


_NAMES = (
    "[[ apt-config blkid cmp date df diff dpkg-architecture dpkg-vendor expr file "
    "aa-enabled findmnt free hostname ischroot ldd locale lsb_release md5sum mountpoint nproc "
    "pgrep pidof ps runlevel sha1sum sha256sum ss systemd-detect-virt tty wc whoami"
)

COMMANDS = {
    "dpkg": dpkg,
    "dpkg-query": _packages,
    "dirname": dirname,
    "basename": basename,
    "uname": uname,
    "which": which,
    "getent": getent,
    "id": identity,
    "perl": perl,
    "seq": seq,
    **dict.fromkeys(_NAMES.split(), unknown),
}
