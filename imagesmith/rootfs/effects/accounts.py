"""Users and groups that maintainer scripts make: adduser(8), useradd(8) and their kin.

Ids are the same wherever the same packages are configured in the same order: the
one asked for, else the one the recipe gives to that name, else the first free one
from 100 upwards (FIRST_SYSTEM_UID of adduser.conf(5)).  Names that every Debian
system has keep the ids that are theirs for ever (Debian policy 9.2.2).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import attrs

from imagesmith.manifest.sections import User
from imagesmith.rootfs.effects.outcome import Unreproduced

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?")
FIRST_SYSTEM = 100
"""FIRST_SYSTEM_UID and FIRST_SYSTEM_GID of adduser.conf(5)."""
NOGROUP = 65534
NOLOGIN = "/usr/sbin/nologin"
NO_HOME = "/nonexistent"

STATIC_GROUPS = {
    "root": 0,
    "daemon": 1,
    "bin": 2,
    "sys": 3,
    "adm": 4,
    "tty": 5,
    "disk": 6,
    "lp": 7,
    "mail": 8,
    "news": 9,
    "uucp": 10,
    "man": 12,
    "proxy": 13,
    "kmem": 15,
    "dialout": 20,
    "fax": 21,
    "voice": 22,
    "cdrom": 24,
    "floppy": 25,
    "tape": 26,
    "sudo": 27,
    "audio": 29,
    "dip": 30,
    "www-data": 33,
    "backup": 34,
    "operator": 37,
    "list": 38,
    "irc": 39,
    "src": 40,
    "shadow": 42,
    "utmp": 43,
    "video": 44,
    "sasl": 45,
    "plugdev": 46,
    "staff": 50,
    "games": 60,
    "users": 100,
    "nogroup": NOGROUP,
}
"""What base-passwd makes on every system."""
STATIC_USERS = {
    "root": (0, 0),
    "daemon": (1, 1),
    "bin": (2, 2),
    "sys": (3, 3),
    "sync": (4, NOGROUP),
    "games": (5, 60),
    "man": (6, 12),
    "lp": (7, 7),
    "mail": (8, 8),
    "news": (9, 9),
    "uucp": (10, 10),
    "proxy": (13, 13),
    "www-data": (33, 33),
    "backup": (34, 34),
    "list": (38, 38),
    "irc": (39, 39),
    "_apt": (42, NOGROUP),
    "nobody": (NOGROUP, NOGROUP),
}
"""User id and primary group of the same."""


@attrs.frozen(kw_only=True)
class Account:
    """A user that a package's script makes."""

    name: str
    uid: int
    gid: int
    gecos: str = ""
    home: str = NO_HOME
    shell: str = NOLOGIN
    package: str
    """Whose script makes it."""


@attrs.frozen(kw_only=True)
class AccountGroup:
    """A group that a package's script makes, or adds members to."""

    name: str
    gid: int
    members: tuple[str, ...] = ()
    package: str


@attrs.frozen(kw_only=True)
class Accounts:
    """Everybody that scripts made, in the order of their ids."""

    users: tuple[Account, ...] = ()
    groups: tuple[AccountGroup, ...] = ()

    def of(self, packages: Collection[str]) -> Accounts:
        """Return those whom some packages made."""
        return Accounts(
            users=tuple(each for each in self.users if each.package in packages),
            groups=tuple(each for each in self.groups if each.package in packages),
        )


NOBODY = Accounts()


@attrs.define
class Registry:
    """Users and groups while packages are configured."""

    reserved: tuple[User, ...] = ()
    """The recipe's own users: their names have these ids, and nobody else gets them."""
    users: dict[str, Account] = attrs.field(factory=dict)
    groups: dict[str, AccountGroup] = attrs.field(factory=dict)

    def copy(self) -> Registry:
        """Return a registry that changes by itself."""
        return Registry(self.reserved, dict(self.users), dict(self.groups))

    def result(self) -> Accounts:
        """Return everybody who was added."""
        return Accounts(
            users=tuple(sorted(self.users.values(), key=lambda each: (each.uid, each.name))),
            groups=tuple(sorted(self.groups.values(), key=lambda each: (each.gid, each.name))),
        )

    def uid(self, name: str) -> int | None:
        """Return the id of a user, by name or number, if there is one."""
        if name.isdecimal():
            return int(name)
        if name in self.users:
            return self.users[name].uid
        found = STATIC_USERS.get(name)
        return found[0] if found else self._promised(name, "uid")

    def gid(self, name: str) -> int | None:
        """Return the id of a group, by name or number, if there is one."""
        if name.isdecimal():
            return int(name)
        if name in self.groups:
            return self.groups[name].gid
        return STATIC_GROUPS.get(name, self._promised(name, "gid"))

    def primary(self, name: str) -> int | None:
        """Return the id of a user's primary group."""
        if name in self.users:
            return self.users[name].gid
        found = STATIC_USERS.get(name)
        return found[1] if found else self._promised(name, "gid")

    def has_user(self, name: str) -> bool:
        """Say whether there is a user of this name already; the recipe's come with the image."""
        return name in self.users or name in STATIC_USERS

    def has_group(self, name: str) -> bool:
        """Say whether there is a group of this name already."""
        return name in self.groups or name in STATIC_GROUPS

    def groups_of(self, name: str) -> list[str]:
        """Return the names of a user's groups, the primary one first."""
        gid = self.primary(name)
        everybody = {**STATIC_GROUPS, **{each.name: each.gid for each in self.groups.values()}}
        primary = [group for group, number in everybody.items() if number == gid]
        joined = [each.name for each in self.groups.values() if name in each.members]
        return [*primary, *(group for group in joined if group not in primary)]

    def _promised(self, name: str, field: str) -> int | None:
        for user in self.reserved:
            if user.name == name:
                return user.uid if field == "uid" else user.gid
        return None

    def add_group(self, name: str, *, gid: int | None = None, package: str) -> int:
        """Make a group unless there is one; return its id."""
        present = self.gid(name) if self.has_group(name) else None
        if present is not None:
            return present
        _check(name)
        taken = {**STATIC_GROUPS, **{each.name: each.gid for each in self.groups.values()}}
        if gid in taken.values() or gid in {user.gid for user in self.reserved}:
            raise Unreproduced(f"the group id {gid} is somebody else's")
        if gid is None:
            gid = self._promised(name, "gid")
        if gid is None:
            gid = _free(
                {*STATIC_GROUPS.values(), *(each.gid for each in self.groups.values())}
                | {user.gid for user in self.reserved}
            )
        self.groups[name] = AccountGroup(name=name, gid=gid, package=package)
        return gid

    def add_user(self, account: Account) -> None:
        """Make a user as it is described unless there is one; a negative id is to be chosen."""
        if self.has_user(account.name):
            return
        _check(account.name, account.gecos, account.home, account.shell)
        others = {number for number, _ in STATIC_USERS.values()}
        others |= {each.uid for each in self.users.values()}
        others |= {user.uid for user in self.reserved if user.name != account.name}
        if account.uid in others:
            raise Unreproduced(f"the user id {account.uid} is somebody else's")
        uid = account.uid if account.uid >= 0 else self._promised(account.name, "uid")
        if uid is None:
            uid = _free(others)
        self.users[account.name] = attrs.evolve(account, uid=uid)

    def join(self, user: str, group: str, *, package: str) -> None:
        """Make a user a member of a group that exists."""
        gid = self.gid(group)
        assert gid is not None, f"{group} is joined and is not there"
        found = self.groups.get(group) or AccountGroup(name=group, gid=gid, package=package)
        members = tuple(sorted({*found.members, user}))
        self.groups[group] = attrs.evolve(found, members=members)


def _check(name: str, *fields: str) -> None:
    """Refuse what passwd(5) and group(5) cannot hold; names are as adduser(8) lets them be."""
    if not _NAME.fullmatch(name) or any(mark in "".join(fields) for mark in ":\n\r\0"):
        raise Unreproduced("no line of /etc/passwd can say so")


def _free(taken: Iterable[int]) -> int:
    occupied = frozenset(taken)
    return next(number for number in range(FIRST_SYSTEM, NOGROUP) if number not in occupied)
