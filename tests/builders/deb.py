"""Debian packages by hand: honest ones from entries, and any other from raw ar members."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Callable, Mapping

import attrs
import zstandard
from builders.tar import Files, complete, make_tar

from imagesmith.model.tree import File

BUILT = 1_700_000_000
"""When these packages were built."""

_COMPRESSORS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "none": ("", bytes),
    "gzip": (".gz", lambda raw: gzip.compress(raw, mtime=0)),
    "xz": (".xz", lambda raw: lzma.compress(raw, preset=1)),
    "zstd": (".zst", lambda raw: zstandard.ZstdCompressor().compress(raw)),
    "bzip2": (".bz2", bz2.compress),
    "lzma": (".lzma", lambda raw: lzma.compress(raw, lzma.FORMAT_ALONE, preset=1)),
}


@attrs.frozen(kw_only=True)
class ArMember:
    """One member of an ar archive, its header field by field."""

    name: bytes
    body: bytes
    size: bytes | None = None
    """The body's length unless given."""
    mtime: bytes = b"%d" % BUILT
    magic: bytes = b"`\n"
    padding: bytes | None = None
    """A line feed after an odd body unless given."""

    def to_bytes(self) -> bytes:
        """Return header, body and padding."""
        size = b"%d" % len(self.body) if self.size is None else self.size
        padding = b"\n" * (len(self.body) % 2) if self.padding is None else self.padding
        owner = b"0     0     100644  "
        header = self.name.ljust(16) + self.mtime.ljust(12) + owner + size.ljust(10) + self.magic
        return header + self.body + padding


def make_ar(*members: ArMember, magic: bytes = b"!<arch>\n") -> bytes:
    """Return the archive of exactly these members."""
    return magic + b"".join(member.to_bytes() for member in members)


def compressed(raw: bytes, compression: str) -> tuple[str, bytes]:
    """Return the extension of `compression` and what it makes of `raw`."""
    extension, compress = _COMPRESSORS[compression]
    return extension, compress(raw)


def stanza(
    name: str,
    version: str,
    arch: str,
    *,
    depends: str = "",
    fields: Mapping[str, str] | None = None,
) -> bytes:
    """Return a control file."""
    content = {
        "Package": name,
        "Version": version,
        "Architecture": arch,
        "Maintainer": "Nobody <nobody@example.org>",
        **({"Depends": depends} if depends else {}),
        "Description": f"{name}\n a package made for tests",
        **(fields or {}),
    }
    return "".join(f"{key}: {value}\n" for key, value in content.items()).encode()


def make_deb(
    name: str = "hello",
    version: str = "1.0-1",
    arch: str = "amd64",
    files: Files | None = None,
    *,
    depends: str = "",
    fields: Mapping[str, str] | None = None,
    scripts: Mapping[str, bytes | str] | None = None,
    conffiles: tuple[str, ...] = (),
    compression: str = "xz",
    built: int = BUILT,
) -> bytes:
    """Return a package that dpkg would accept; the same arguments give the same bytes."""
    files = files or {}
    payload = make_tar(files, mtime=built)
    control = control_tar(
        stanza(name, version, arch, depends=depends, fields=fields),
        {
            **({"conffiles": "".join(f"{path}\n" for path in conffiles)} if conffiles else {}),
            "md5sums": md5sums(files),
            **(scripts or {}),
        },
    )
    return assemble(control, payload, compression=compression, built=built)


def control_tar(control: bytes, others: Mapping[str, bytes | str] | None = None) -> bytes:
    """Return a control archive; everything but lists and the stanza is executable."""
    entries: dict[str, File] = {"/control": File.of(control)}
    for name, content in (others or {}).items():
        raw = content.encode() if isinstance(content, str) else content
        mode = 0o644 if name in {"conffiles", "md5sums", "triggers"} else 0o755
        entries[f"/{name}"] = File.of(raw, mode=mode)
    return make_tar(entries)


def assemble(
    control: bytes, payload: bytes, *, compression: str = "xz", built: int = BUILT
) -> bytes:
    """Return the package of two tar archives."""
    outer = compression if compression in {"none", "gzip", "xz", "zstd"} else "gzip"
    mtime = b"%d" % built
    control_extension, control_body = compressed(control, outer)
    extension, body = compressed(payload, compression)
    return make_ar(
        ArMember(name=b"debian-binary", body=b"2.0\n", mtime=mtime),
        ArMember(name=f"control.tar{control_extension}".encode(), body=control_body, mtime=mtime),
        ArMember(name=f"data.tar{extension}".encode(), body=body, mtime=mtime),
    )


def md5sums(files: Files) -> str:
    """Return the list dh_md5sums would write."""
    return "".join(
        f"{hashlib.md5(entry.content, usedforsecurity=False).hexdigest()}  {path[1:]}\n"
        for path, entry in complete(files).items()
        if isinstance(entry, File) and isinstance(entry.content, bytes)
    )
