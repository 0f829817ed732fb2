"""systemd-sysusers(8): accounts as sysusers.d(5) describes them."""

from __future__ import annotations

import shlex

from imagesmith.rootfs.effects.accounts import NOGROUP, NOLOGIN, Account
from imagesmith.rootfs.effects.commands.people import CHOSEN
from imagesmith.rootfs.effects.outcome import Call, Result, Unreproduced, options, reproduced
from imagesmith.rootfs.effects.world import World

DIRECTORY = "/usr/lib/sysusers.d"
MAX_BYTES = 64 * 1024
"""Of one file."""


def systemd_sysusers(call: Call, world: World) -> Result:
    """Make the accounts of the files named, or of all files there are."""
    given = options(call, flags="", valued="root replace")
    names = given.operands or tuple(world.files.names(DIRECTORY))
    if "-" in names:
        raise Unreproduced("what it reads is not in a file")
    made: list[str] = []
    for name in names:
        if name.endswith(".conf"):
            path = name if name.startswith("/") else f"{DIRECTORY}/{name}"
            text = world.text(path, limit=MAX_BYTES)
            if text is None:
                raise Unreproduced(f"{path} cannot be read")
            made += apply(text, world)
    return reproduced(", ".join(made) or "nobody")


def apply(text: str, world: World) -> list[str]:
    """Make the accounts of one file, groups before users and members last; return their names."""
    rows = [row for line in text.splitlines() if (row := _row(line)) is not None]
    for kind, name, wanted, *_ in rows:
        if kind in ("g", "u") and not (kind == "u" and ":" in wanted):
            world.accounts.add_group(name, gid=_id(wanted), package=world.package)
    for row in rows:
        if row[0] == "u":
            _add_user(row, world)
    for kind, name, wanted, *_ in rows:
        if kind == "m":
            world.accounts.add_group(wanted, package=world.package)
            world.accounts.join(name, wanted, package=world.package)
    return [row[1] for row in rows if row[0] in "gum"]


def _row(line: str) -> list[str] | None:
    """Return type, name, id, description, home and shell; None for what is no line of accounts."""
    try:
        words = shlex.split(line, comments=line.lstrip().startswith("#"))
    except ValueError:
        raise Unreproduced(f"not a line of sysusers.d: {line.strip()}") from None
    if not words:
        return None
    kind = words[0].rstrip("!+-=~^$")
    if kind == "r":
        return None
    if (
        kind not in ("g", "u", "m")
        or len(words) < len((kind, "name"))
        or "%" in "".join(words[1:2])
    ):
        raise Unreproduced(f"not a line of sysusers.d: {line.strip()}")
    return [kind, *words[1:], *["-"] * (6 - len(words))]


def _id(wanted: str) -> int | None:
    """Return the id that a field asks for; Unreproduced if it is that of a file's owner."""
    if wanted in ("-", ""):
        return None
    if not wanted.isdecimal():
        raise Unreproduced(f"an id is taken from {wanted}")
    return int(wanted)


def _add_user(row: list[str], world: World) -> None:
    _, name, wanted, gecos, home, shell, *_ = row
    own, colon, group = wanted.partition(":")
    uid = _id(own)
    gid = world.accounts.gid(group if colon else name)
    world.accounts.add_user(
        Account(
            name=name,
            uid=CHOSEN if uid is None else uid,
            gid=NOGROUP if gid is None else gid,
            gecos="" if gecos == "-" else gecos,
            home="/" if home in ("-", "") else home,
            shell=NOLOGIN if shell in ("-", "") else shell,
            package=world.package,
        )
    )


COMMANDS = {"systemd-sysusers": systemd_sysusers}
