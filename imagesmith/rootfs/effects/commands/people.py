"""adduser(8), addgroup(8), useradd(8), groupadd(8), usermod(8)."""

from __future__ import annotations

from imagesmith.rootfs.effects.accounts import NO_HOME, NOGROUP, NOLOGIN, Account
from imagesmith.rootfs.effects.commands import modes
from imagesmith.rootfs.effects.commands.attributes import group_id
from imagesmith.rootfs.effects.commands.making import make_directory
from imagesmith.rootfs.effects.filesystem import Refusal
from imagesmith.rootfs.effects.outcome import (
    Call,
    Options,
    Result,
    Unreproduced,
    inert,
    options,
    reproduced,
)
from imagesmith.rootfs.effects.world import World

_ADDUSER = (
    "system group quiet q debug force-badname allow-badname allow-bad-names allow-all-names "
    "no-create-home disabled-login disabled-password allow-badname comment-no verbose"
)
_ADDUSER_VALUED = "home uid gid shell gecos comment ingroup conf firstuid lastuid"
CHOSEN = -1
"""An id that is to be chosen."""


def adduser(call: Call, world: World) -> Result:
    """Make a system user, or put a user into a group."""
    given = options(call, flags=_ADDUSER, valued=_ADDUSER_VALUED)
    if call.name == "addgroup" or (given.has("group") and not given.has("system")):
        return _addgroup(given, world)
    match given.operands:
        case (user, group):
            return _join(user, group, world)
        case (user,):
            return _add_system_user(user, given, world)
        case _:
            raise Refusal("expected a user")


def _addgroup(given: Options, world: World) -> Result:
    if len(given.operands) > 1:
        return _join(given.operands[0], given.operands[1], world)
    if not given.operands:
        raise Refusal("expected a group")
    name = given.operands[0]
    gid = world.accounts.add_group(name, gid=_number(given, "gid"), package=world.package)
    return reproduced(f"group {name} ({gid})")


def _join(user: str, group: str, world: World) -> Result:
    if not world.accounts.has_user(user) and world.accounts.uid(user) is None:
        raise Unreproduced(f"no user {user} is known")
    group_id(group, world)
    world.accounts.join(user, group, package=world.package)
    return reproduced(f"{user} in {group}")


def _add_system_user(name: str, given: Options, world: World) -> Result:
    if not given.has("system"):
        raise Unreproduced("only system users are made")
    registry = world.accounts
    group = given.value("ingroup")
    uid, gid = _number(given, "uid"), _number(given, "gid")
    if group is not None:
        gid = group_id(group, world)
    elif gid is None and given.has("group"):
        gid = registry.add_group(name, gid=uid, package=world.package)
    home = given.value("home") or NO_HOME
    account = Account(
        name=name,
        uid=CHOSEN if uid is None else uid,
        gid=NOGROUP if gid is None else gid,
        gecos=given.value("gecos", "comment") or "",
        home=home,
        shell=given.value("shell") or NOLOGIN,
        package=world.package,
    )
    is_new = not registry.has_user(name)
    registry.add_user(account)
    if is_new and not given.has("no-create-home") and not home.startswith(NO_HOME):
        _make_home(home, "0755", name, world)
    return reproduced(f"user {name} ({registry.uid(name)})")


def _make_home(home: str, mode: str, name: str, world: World) -> None:
    """Make a home unless it is there; what is there stays as it is."""
    if world.files.at(home) is None:
        here = make_directory(home, modes.parse(mode, 0), world, parents=True)
        uid, gid = world.accounts.uid(name), world.accounts.primary(name)
        world.files.alter(here, by=world.package, uid=uid, gid=gid)


def _number(given: Options, *names: str) -> int | None:
    """Return the id given for one of some options, if any."""
    value = given.value(*names)
    if value is not None and not value.isdecimal():
        raise Refusal(f"{value} is no id")
    return None if value is None else int(value)


def useradd(call: Call, world: World) -> Result:
    """Make a user as it is described; a group of the same name unless another is named."""
    given = options(
        call,
        flags="r m M N U o system create-home no-create-home no-user-group user-group non-unique",
        valued="u g G d s c k K uid gid groups home-dir home shell comment password p",
    )
    if len(given.operands) != 1:
        raise Refusal("expected a user")
    (name,) = given.operands
    registry, group = world.accounts, given.value("g", "gid")
    if registry.has_user(name):
        raise Refusal(f"{name} is there")
    wanted = _number(given, "u", "uid")
    if group is not None:
        gid = group_id(group, world)
    elif given.has("N", "no-user-group"):
        gid = registry.add_group("users", package=world.package)
    else:
        gid = registry.add_group(name, package=world.package)
    home = given.value("d", "home-dir", "home") or f"/home/{name}"
    registry.add_user(
        Account(
            name=name,
            uid=CHOSEN if wanted is None else wanted,
            gid=gid,
            gecos=given.value("c", "comment") or "",
            home=home,
            shell=given.value("s", "shell") or "/bin/sh",
            package=world.package,
        )
    )
    for other in filter(None, (given.value("G", "groups") or "").split(",")):
        _join(name, other, world)
    if given.has("m", "create-home"):
        _make_home(home, "0755", name, world)
    return reproduced(f"user {name} ({registry.uid(name)})")


def groupadd(call: Call, world: World) -> Result:
    """Make a group."""
    given = options(call, flags="r f o system force non-unique", valued="g K gid")
    if len(given.operands) != 1:
        raise Refusal("expected a group")
    (name,) = given.operands
    if world.accounts.has_group(name) and not given.has("f", "force"):
        raise Refusal(f"{name} is there")
    gid = _number(given, "g", "gid")
    gid = world.accounts.add_group(name, gid=gid, package=world.package)
    return reproduced(f"group {name} ({gid})")


def usermod(call: Call, world: World) -> Result:
    """Put a user into groups; other changes of accounts are not made."""
    given = options(call, flags="a append", valued="G groups")
    groups = given.value("G", "groups")
    if len(given.operands) != 1 or groups is None:
        raise Unreproduced("only groups of users are changed")
    for group in groups.split(","):
        _join(given.operands[0], group, world)
    return reproduced(f"{given.operands[0]} in {groups}")


def passwords(call: Call, world: World) -> Result:
    """Lock and unlock nothing: accounts of an image have no passwords."""
    return inert("accounts of an image have no passwords")


COMMANDS = {
    "adduser": adduser,
    "addgroup": adduser,
    "useradd": useradd,
    "groupadd": groupadd,
    "usermod": usermod,
    "passwd": passwords,
    "chage": passwords,
    "pwconv": passwords,
    "grpconv": passwords,
    "shadowconfig": passwords,
}
