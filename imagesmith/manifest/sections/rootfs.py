"""`[rootfs]`: what is generated beside the traced files, and what is declared outright."""

from __future__ import annotations

import re
from typing import Literal

import attrs

from imagesmith.manifest import table as toml
from imagesmith.manifest.sections import declared
from imagesmith.manifest.sections.declared import Declared
from imagesmith.manifest.sections.words import MAX_ID, choice, image_path
from imagesmith.manifest.table import Table
from imagesmith.model.arch import Arch

LdSoCache = Literal["auto", "always", "never"]
LD_SO_CACHES: tuple[LdSoCache, ...] = ("auto", "always", "never")

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")


@attrs.frozen(kw_only=True)
class User:
    """A line of /etc/passwd and, with the same name and id, of /etc/group."""

    name: str
    uid: int
    gid: int
    home: str = "/"
    shell: str = "/usr/sbin/nologin"


@attrs.frozen(kw_only=True)
class RootfsSection:
    """Which files are generated beside the traced ones."""

    ca_bundle: bool = False
    os_release: bool = True
    licences: bool = True
    ld_so_cache: LdSoCache = "auto"
    """Whether /etc/ld.so.cache is made: where the loader cannot do without, or at any rate."""
    users: tuple[User, ...] = ()
    declared: Declared = Declared()

    def on(self, arch: Arch) -> RootfsSection:
        """Return what holds for one architecture."""
        return attrs.evolve(self, declared=self.declared.on(arch))


def read_rootfs(table: Table, *, locked: bool) -> RootfsSection:
    """Read `[rootfs]`; a locked document holds what a recipe may leave in files beside it."""
    users = tuple(_read_user(user) for user in table.tables("users", optional=True))
    for index, user in enumerate(users):
        for other in users[:index]:
            if user.name == other.name or user.uid == other.uid:
                raise table.error(
                    "users", f"{other.name} ({other.uid}) and {user.name} ({user.uid}) clash"
                )
    names = [user.name for user in users]
    section = RootfsSection(
        ca_bundle=table.boolean("ca-bundle", default=False),
        os_release=table.boolean("os-release", default=True),
        licences=table.boolean("licences", default=True),
        ld_so_cache=choice(table, "ld-so-cache", LD_SO_CACHES),
        users=tuple(sorted(users, key=lambda user: user.uid)),
        declared=declared.read_declared(table, {"root", *names}, locked=locked),
    )
    table.end()
    return section


def _read_user(table: Table) -> User:
    name = table.string("name")
    if not _USER.match(name) or name == "root":
        raise table.error("name", f"not a user name one can add: {name!r}")
    uid = table.integer("uid", minimum=1)
    user = User(
        name=name,
        uid=uid,
        gid=table.integer("gid", uid, minimum=1),
        home=table.convert("home", table.string("home", "/"), _home),
        shell=table.convert("shell", table.string("shell", "/usr/sbin/nologin"), _home),
    )
    for key in ("uid", "gid"):
        if getattr(user, key) > MAX_ID:
            raise table.error(key, f"expected at most {MAX_ID}")
    table.end()
    return user


def _home(text: str) -> str:
    if ":" in text:
        raise ValueError("a colon cannot stand in /etc/passwd")
    return text if text == "/" else image_path(text)


def write_rootfs(section: RootfsSection) -> list[str]:
    """Write `[rootfs]`."""
    lines = [
        "",
        "[rootfs]",
        f"ca-bundle = {toml.boolean(section.ca_bundle)}",
        f"os-release = {toml.boolean(section.os_release)}",
        f"licences = {toml.boolean(section.licences)}",
    ]
    if section.ld_so_cache != "auto":
        lines.append(f"ld-so-cache = {toml.string(section.ld_so_cache)}")
    if section.users:
        lines.append("users = [")
        lines += [f"    {_write_user(user)}," for user in section.users]
        lines.append("]")
    return [*lines, *declared.write_declared(section.declared)]


def _write_user(user: User) -> str:
    return (
        f"{{ name = {toml.string(user.name)}, uid = {user.uid}, gid = {user.gid}, "
        f"home = {toml.string(user.home)}, shell = {toml.string(user.shell)} }}"
    )
