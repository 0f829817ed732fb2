"""Rule `nss`: what the name service of the C library reads, and the modules it opens.

glibc goes by /etc/nsswitch.conf, nsswitch.conf(5): for each service named there
it opens libnss_SERVICE.so.2, except `files` and `dns`, which are part of libc
since 2.34.  Without the file its built-in default holds.  musl has no modules
and reads its few files itself.

/etc/passwd and /etc/group are generated, resolv.conf is the runtime's: neither
is this rule's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

from imagesmith.trace.rules.libc.clibrary import glibc
from imagesmith.trace.rules.rule import Finding, Load, Rule, Ship
from imagesmith.trace.rules.scene import Binary, Scene

NSSWITCH: Final = "/etc/nsswitch.conf"
BUILT_IN_SINCE: Final = (2, 34)
"""The glibc that took `files` and `dns` into libc (its NEWS)."""
_BUILT_IN: Final = ("files", "dns")
_SERVICE: Final = re.compile(r"[A-Za-z0-9_.+-]+")
_ACTION: Final = re.compile(r"\[[^\[\]]*\]")


@attrs.frozen(kw_only=True)
class _Kind:
    """One kind of question to the name service."""

    symbols: tuple[str, ...]
    databases: tuple[str, ...]
    """As in nsswitch.conf."""
    files: tuple[str, ...] = ()
    """What glibc reads beside it."""
    musl: tuple[str, ...] = ()
    """What musl reads."""


_KINDS: Final = (
    _Kind(
        symbols=("getpwnam", "getpwnam_r", "getpwuid", "getpwuid_r", "getpwent", "getpwent_r"),
        databases=("passwd",),
    ),
    _Kind(
        symbols=(
            *("getgrnam", "getgrnam_r", "getgrgid", "getgrgid_r", "getgrent", "getgrent_r"),
            *("initgroups", "getgrouplist"),
        ),
        databases=("group", "initgroups"),
    ),
    _Kind(symbols=("getspnam", "getspnam_r"), databases=("shadow",)),
    _Kind(
        symbols=(
            *("getaddrinfo", "getnameinfo", "gethostbyname", "gethostbyname_r"),
            *("gethostbyname2", "gethostbyname2_r", "gethostbyaddr", "gethostbyaddr_r"),
        ),
        databases=("hosts",),
        files=("/etc/hosts", "/etc/host.conf", "/etc/gai.conf"),
        musl=("/etc/hosts",),
    ),
    _Kind(
        symbols=(
            *("getservbyname", "getservbyname_r", "getservbyport", "getservbyport_r"),
            "getservent",
        ),
        databases=("services",),
        files=("/etc/services",),
        musl=("/etc/services",),
    ),
    _Kind(
        symbols=(
            *("getprotobyname", "getprotobyname_r", "getprotobynumber", "getprotobynumber_r"),
            "getprotoent",
        ),
        databases=("protocols",),
        files=("/etc/protocols",),
    ),
)
"""glibc's nss/ and posix/ functions by database; musl has the protocols compiled in."""


def find(scene: Scene) -> Iterator[Finding]:
    """Ask for each kind of question who puts it, and follow the first."""
    for kind in _KINDS:
        askers: dict[str, tuple[Binary, str]] = {}
        for binary, symbol in scene.importers(*kind.symbols):
            askers.setdefault(binary.libc, (binary, symbol))
        if "musl" in askers:
            binary, symbol = askers["musl"]
            yield from (Ship(path, binary.path, symbol) for path in kind.musl)
        if "glibc" in askers:
            yield from _of_glibc(scene, kind, *askers["glibc"])


def _of_glibc(scene: Scene, kind: _Kind, binary: Binary, symbol: str) -> Iterator[Finding]:
    yield from (Ship(path, binary.path, symbol) for path in (NSSWITCH, *kind.files))
    listed = databases(scene)
    for libc in glibc(scene):
        for database in kind.databases:
            for service in listed.get(database, _default(database)):
                if service not in _BUILT_IN or _version(libc) < BUILT_IN_SINCE:
                    name = f"libnss_{service}.so.2"
                    yield Load((name,), libc.path, f"{symbol} of {binary.path}, {database}")


def databases(scene: Scene) -> dict[str, tuple[str, ...]]:
    """Return the services that nsswitch.conf lists, by database; actions count for nothing."""
    found: dict[str, tuple[str, ...]] = {}
    for line in scene.lines(NSSWITCH):
        database, colon, services = line.partition(":")
        if colon:
            words = _ACTION.sub(" ", services).split()
            named = tuple(word for word in words if _SERVICE.fullmatch(word))
            found.setdefault(database.strip(), named)
    return found


def _default(database: str) -> tuple[str, ...]:
    """Return what glibc does for a database that is not listed (nss_database_select_default)."""
    return {"hosts": ("files", "dns"), "initgroups": ()}.get(database, ("files",))


def _version(libc: Binary) -> tuple[int, ...]:
    text = libc.loader.version if libc.loader is not None else ""
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


NSS: Final = Rule(
    name="nss",
    title="nsswitch.conf with its modules, hosts, services, for getpwnam, getaddrinfo and the like",
    find=find,
)
