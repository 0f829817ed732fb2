"""Synthetic Debian archives: small, deterministic directories that apt accepts.

A directory written here serves as a mirror: `file:` for apt, a directory for us.
"""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Callable, Iterable, Mapping, Sequence
from email.utils import formatdate
from pathlib import Path

import attrs

DATE = 1_700_000_000
"""Tue, 14 Nov 2023 22:13:20 UTC."""

Sign = Callable[[bytes], bytes]


@attrs.frozen
class Binary:
    """One binary package, with a file in the pool where `deb` is given."""

    name: str
    version: str = "1.0"
    architecture: str = "amd64"
    fields: Mapping[str, str] = attrs.field(factory=dict, kw_only=True)
    """More fields of the stanza, or others than would be written."""
    deb: bytes | None = attrs.field(default=None, kw_only=True)
    component: str = attrs.field(default="main", kw_only=True)

    @property
    def path(self) -> str:
        """Where the .deb lies, relative to the archive; as usual, without the epoch."""
        version = self.version.partition(":")[2] or self.version
        folder = f"pool/{self.component}/{self.name[0]}/{self.name}"
        return f"{folder}/{self.name}_{version}_{self.architecture}.deb"

    def stanza(self) -> bytes:
        """Return the stanza of the Packages index."""
        content = self.deb if self.deb is not None else self.path.encode()
        written = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.architecture,
            "Maintainer": "Nobody <nobody@example.org>",
            "Filename": self.path,
            "Size": str(len(content)),
            "SHA256": hashlib.sha256(content).hexdigest(),
            "Description": "synthetic",
        }
        lines = (f"{name}: {value}\n" for name, value in {**written, **self.fields}.items())
        return "".join(lines).encode()


def packages_bytes(packages: Iterable[Binary]) -> bytes:
    """Return the bytes of a Packages index, its stanzas in the order given."""
    return b"".join(package.stanza() + b"\n" for package in packages)


def write_archive(
    directory: Path,
    packages: Sequence[Binary],
    *,
    suite: str = "bookworm",
    architectures: Sequence[str] = ("amd64",),
    date: int = DATE,
    valid_until: int | None = None,
    sign_cleartext: Sign | None = None,
    sign_detached: Sign | None = None,
    more: Mapping[str, str] | None = None,
) -> Path:
    """Write pool and one suite of an archive; further suites can be written beside it.

    Unsigned without signers; with them InRelease and Release.gpg hold what they return,
    and without one its file is gone.  `more` are fields of the release file, or others
    than would be written.
    """
    for package in packages:
        if package.deb is not None:
            _write(directory / package.path, package.deb)
    components = sorted({"main", *(package.component for package in packages)})
    files: dict[str, bytes] = {}
    for component in components:
        for arch in architectures:
            chosen = [p for p in packages if p.component == component]
            chosen = [p for p in chosen if p.architecture in (arch, "all")]
            path = f"{component}/binary-{arch}/Packages"
            files[path] = packages_bytes(chosen)
            files[f"{path}.xz"] = lzma.compress(files[path], preset=1)
    home = directory / "dists" / suite
    for path, content in files.items():
        _write(home / path, content)
        digest = hashlib.sha256(content).hexdigest()
        _write(home / path.rpartition("/")[0] / "by-hash" / "SHA256" / digest, content)
    fields = {"Suite": suite, "Components": components, "Architectures": architectures}
    fields |= more or {}
    release = release_bytes(files, fields=fields, date=date, valid_until=valid_until)
    _write(home / "Release", release)
    for name, sign in (("InRelease", sign_cleartext), ("Release.gpg", sign_detached)):
        (home / name).unlink(missing_ok=True)
        if sign is not None:
            _write(home / name, sign(release))
    return directory


def release_bytes(
    files: Mapping[str, bytes],
    *,
    fields: Mapping[str, str | Sequence[str]],
    date: int = DATE,
    valid_until: int | None = None,
) -> bytes:
    """Return the bytes of a Release file that vouches for `files`."""
    written: dict[str, str] = {"Origin": "Synthetic", "Label": "Synthetic"}
    for name, value in fields.items():
        written[name] = value if isinstance(value, str) else " ".join(value)
    written.setdefault("Codename", written.get("Suite", ""))
    written["Date"] = _date(date)
    if valid_until is not None:
        written["Valid-Until"] = _date(valid_until)
    written["Acquire-By-Hash"] = "yes"
    lines = [f"{name}: {value}\n" for name, value in written.items()]
    lines.append("SHA256:\n")
    for path, content in sorted(files.items()):
        lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content):>8} {path}\n")
    return "".join(lines).encode()


def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True).replace("GMT", "UTC")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
