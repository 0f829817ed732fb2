"""The operator's settings: config.toml, and what the host says by itself.

Precedence rises from the host's files over config.toml and `IMAGESMITH_*` to
options (DESIGN.md §1).  Nothing here can change an image's bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from imagesmith.errors import DocumentError, HostError, UsageError
from imagesmith.manifest import table as toml

APT = Path("/etc/apt")
KEYRINGS = (
    Path("/usr/share/keyrings"),
    Path("/etc/apt/keyrings"),
    Path("/etc/apt/trusted.gpg.d"),
)
MAX_KEYRING = 1024 * 1024


@attrs.frozen(kw_only=True)
class Configuration:
    """What config.toml says; None and empty where it is silent."""

    store: Path | None = None
    jobs: int | None = None
    proxy: str | None = None
    trust: Path | None = None
    keyrings: tuple[Path, ...] = ()
    mirrors: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Base locations by suite; the key `*` stands for every suite."""


def directory(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """Return imagesmith's directory below an XDG base directory (basedir-spec)."""
    base = environ.get(variable, "")
    home = Path(environ.get("HOME") or "/nonexistent")
    return (Path(base) if base.startswith("/") else home / default) / "imagesmith"


def load(path: Path | None, environ: Mapping[str, str]) -> Configuration:
    """Read config.toml; one that was not named need not exist."""
    found = path or directory(environ, "XDG_CONFIG_HOME", ".config") / "config.toml"
    try:
        text = found.read_bytes()
    except FileNotFoundError:
        if path is None:
            return Configuration()
        raise HostError(path=str(path), problem="no such configuration file") from None
    except OSError as error:
        if path is None and isinstance(error, NotADirectoryError):
            return Configuration()
        problem = (error.strerror or "cannot be read").lower()
        raise HostError(path=str(found), problem=problem) from None
    return parse(text, document=str(found), base=found.parent)


def parse(text: bytes, *, document: str, base: Path) -> Configuration:
    """Read a configuration; its paths are relative to `base`."""
    root = toml.parse(text, document=document)
    mirrors = root.table("mirrors", optional=True)

    def path(key: str) -> Path | None:
        return Path(location(root.string(key), base)) if root.has(key) else None

    configuration = Configuration(
        store=path("store"),
        jobs=root.integer("jobs", minimum=1) if root.has("jobs") else None,
        proxy=root.string("proxy") if root.has("proxy") else None,
        trust=path("trust"),
        keyrings=tuple(Path(location(item, base)) for item in root.strings("keyrings", ())),
        mirrors={
            suite: tuple(location(text, base) for text in mirrors.strings(suite))
            for suite in mirrors.names()
        },
    )
    root.end()
    return configuration


def location(text: str, base: Path) -> str:
    """Return a URL as it is, and a directory as an absolute path seen from `base`."""
    if "://" in text:
        return text
    try:
        return str((base / Path(text).expanduser()).absolute())
    except RuntimeError:
        raise UsageError(problem=f"{text}: no such user") from None


def host_mirrors(suite: str, apt: Path = APT) -> tuple[str, ...]:
    """Return the base locations the host's own apt uses for `suite`."""
    from imagesmith.sources.debian import aptsources

    entries: list[aptsources.AptSource] = []
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for file in files:
        text = _text(file)
        if file.suffix == ".sources":
            entries += aptsources.parse_sources(text)
        elif file.suffix == ".list":
            entries += aptsources.parse_list(text)
    return aptsources.mirrors(entries, suite)


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def keyrings(named: tuple[Path, ...]) -> tuple[bytes, ...]:
    """Return the named keyrings, or else the host's; each a file of OpenPGP certificates."""
    if named:
        return tuple(_keyring(file) for file in named)
    found = sorted(
        file
        for folder in KEYRINGS
        for pattern in ("*.gpg", "*.asc", "*.pgp")
        for file in folder.glob(pattern)
    )
    texts = (_host_keyring(file) for file in found)
    return tuple(dict.fromkeys(text for text in texts if text))


def _keyring(file: Path) -> bytes:
    try:
        text = file.read_bytes()
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise HostError(path=str(file), problem=problem) from None
    if len(text) > MAX_KEYRING:
        raise DocumentError(document=str(file), place="", problem=f"larger than {MAX_KEYRING}")
    return text


def _host_keyring(file: Path) -> bytes:
    try:
        return file.read_bytes() if file.stat().st_size <= MAX_KEYRING else b""
    except OSError:
        return b""
