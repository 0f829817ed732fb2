"""What recipe and manifest say in the same words: trace, rootfs, image.

Each section is a frozen value with a reader and a writer, so that the manifest
repeats the recipe without a second model of it.
"""

from __future__ import annotations

import re
from typing import Literal, TypeVar

import attrs

from imagesmith.manifest import table as toml
from imagesmith.manifest.table import Table
from imagesmith.model.config import ImageConfig, Pairs
from imagesmith.model.reference import REFERENCE

IMAGE_NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*\Z")
"""A repository name without a registry (OCI distribution-spec, "Pulling manifests")."""
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_PORT = re.compile(r"([1-9][0-9]{0,4})/(tcp|udp|sctp)\Z")
_SIGNAL = re.compile(r"(?:SIG)?[A-Z][A-Z0-9+-]{0,15}\Z|[0-9]{1,3}\Z")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
MAX_NAME = 128
MAX_ID = 2**32 - 2
"""The largest user or group id; the next one means "none" to the kernel."""
Compression = Literal["zstd", "gzip", "none"]
COMPRESSIONS: tuple[Compression, ...] = ("zstd", "gzip", "none")
LdSoCache = Literal["auto", "always", "never"]
_Choice = TypeVar("_Choice", bound=str)
LD_SO_CACHES: tuple[LdSoCache, ...] = ("auto", "always", "never")


@attrs.frozen(kw_only=True)
class TraceSection:
    """Where tracing starts, and what people add to or take from its result."""

    seeds: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


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


@attrs.frozen(kw_only=True)
class ImageSection:
    """How the image is packed and what a runtime is told."""

    config: ImageConfig = ImageConfig()
    compression: Compression = "zstd"
    reference: str = ""
    """Name and tag that loading gives the image; empty means `NAME:latest`."""


def image_path(text: str) -> str:
    """Check an absolute, normalised path inside the image."""
    parts = text.split("/")
    if not text.startswith("/") or any(part in ("", ".", "..") for part in parts[1:]):
        raise ValueError(f"expected an absolute path without '.', '..' or '//', got {text!r}")
    if _CONTROL.search(text):
        raise ValueError(f"control character in {text!r}")
    return text


def image_name(text: str) -> str:
    """Check the name of an image: lower-case letters and digits joined by `.`, `_`, `-`, `/`."""
    if not IMAGE_NAME.match(text) or len(text) > MAX_NAME:
        raise ValueError(f"expected a name like curl or team/curl, got {text!r}")
    return text


def read_trace(table: Table) -> TraceSection:
    """Read `[trace]`."""
    section = TraceSection(
        seeds=table.convert_all("seeds", table.strings("seeds", ()), image_path),
        include=table.convert_all("include", table.strings("include", ()), image_path),
        exclude=table.convert_all("exclude", table.strings("exclude", ()), image_path),
    )
    table.end()
    if not section.seeds and not section.include:
        raise table.error("seeds", "nothing to ship: name a seed or an include")
    return section


def write_trace(section: TraceSection) -> list[str]:
    """Write `[trace]`, one line an element."""
    lines = ["", "[trace]", f"seeds = {toml.array(section.seeds)}"]
    if section.include:
        lines.append(f"include = {toml.block(section.include)}")
    if section.exclude:
        lines.append(f"exclude = {toml.block(section.exclude)}")
    return lines


def read_rootfs(table: Table) -> RootfsSection:
    """Read `[rootfs]`."""
    users = tuple(_read_user(user) for user in table.tables("users", optional=True))
    for index, user in enumerate(users):
        for other in users[:index]:
            if user.name == other.name or user.uid == other.uid:
                raise table.error(
                    "users", f"{other.name} ({other.uid}) and {user.name} ({user.uid}) clash"
                )
    section = RootfsSection(
        ca_bundle=table.boolean("ca-bundle", default=False),
        os_release=table.boolean("os-release", default=True),
        licences=table.boolean("licences", default=True),
        ld_so_cache=_choice(table, "ld-so-cache", LD_SO_CACHES),
        users=tuple(sorted(users, key=lambda user: user.uid)),
    )
    table.end()
    return section


def _choice(table: Table, key: str, choices: tuple[_Choice, ...]) -> _Choice:
    """Return one of a few words; the first is the default."""
    named = table.string(key, choices[0])
    chosen = next((known for known in choices if known == named), None)
    if chosen is None:
        raise table.error(key, f"expected one of {', '.join(choices)}")
    return chosen


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
    return lines


def _write_user(user: User) -> str:
    return (
        f"{{ name = {toml.string(user.name)}, uid = {user.uid}, gid = {user.gid}, "
        f"home = {toml.string(user.home)}, shell = {toml.string(user.shell)} }}"
    )


def read_image(table: Table) -> ImageSection:
    """Read `[image]`."""
    compression = _choice(table, "compression", COMPRESSIONS)
    reference = table.string("reference", "")
    if reference and not REFERENCE.fullmatch(reference):
        raise table.error("reference", f"not an image reference: {reference!r}")
    section = ImageSection(config=_read_config(table), compression=compression, reference=reference)
    table.end()
    return section


def _read_config(table: Table) -> ImageConfig:
    ports = table.convert_all("ports", table.strings("ports", ()), _port)
    working_dir = table.string("working-dir", "")
    return ImageConfig(
        entrypoint=table.words("entrypoint", ()),
        cmd=table.words("cmd", ()),
        env=_read_pairs(table, "env"),
        user=table.string("user", ""),
        working_dir=working_dir and table.convert("working-dir", working_dir, _home),
        labels=_read_pairs(table, "labels"),
        exposed_ports=tuple(sorted(ports)),
        volumes=tuple(
            sorted(table.convert_all("volumes", table.strings("volumes", ()), image_path))
        ),
        stop_signal=_signal(table),
    )


def _signal(table: Table) -> str:
    text = table.string("stop-signal", "")
    if text and not _SIGNAL.match(text):
        raise table.error("stop-signal", f"expected a signal like SIGTERM, got {text!r}")
    return text


def _port(text: str) -> str:
    match = _PORT.match(text)
    if not match or int(match[1]) > 65535:  # noqa: PLR2004 - a port is 16 bits wide
        raise ValueError(f"expected a port like 8080/tcp, got {text!r}")
    return text


def _read_pairs(table: Table, key: str) -> Pairs:
    inner = table.table(key, optional=True)
    pairs = tuple((name, inner.string(name)) for name in sorted(inner.names()))
    for name, value in pairs:
        if "\0" in value:
            raise inner.error(name, "a NUL cannot be passed on")
        if not name or "=" in name or _CONTROL.search(name):
            raise inner.error(name, "not a name for a variable or label")
    return pairs


def write_image(section: ImageSection) -> list[str]:
    """Write `[image]`, leaving out what is empty."""
    config = section.config
    lines = ["", "[image]", f"compression = {toml.string(section.compression)}"]
    if section.reference:
        lines.append(f"reference = {toml.string(section.reference)}")
    arrays = {
        "entrypoint": config.entrypoint,
        "cmd": config.cmd,
        "ports": config.exposed_ports,
        "volumes": config.volumes,
    }
    lines += [f"{key} = {toml.array(values)}" for key, values in arrays.items() if values]
    texts = {
        "user": config.user,
        "working-dir": config.working_dir,
        "stop-signal": config.stop_signal,
    }
    lines += [f"{key} = {toml.string(value)}" for key, value in texts.items() if value]
    for name, pairs in (("env", config.env), ("labels", config.labels)):
        if pairs:
            lines += ["", f"[image.{name}]"]
            lines += [f"{toml.key(key)} = {toml.string(value)}" for key, value in pairs]
    return lines
