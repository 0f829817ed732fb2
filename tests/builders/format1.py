"""Image format 1, written a second time from docs/image-format.md alone.

Nothing of imagesmith is imported.  Members are plain tuples; the result is the
bytes that page promises, so that the page and the program judge each other.
What may be long is made while it is read, as often as that is asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import attrs

SEGMENT = 4194304
MEDIA = "application/vnd.oci.image"


@attrs.frozen
class Blob:
    """Bytes that are made while they are read."""

    digest: str
    size: int
    pieces: Callable[[], Iterable[bytes | memoryview]]

    @classmethod
    def of(cls, pieces: Callable[[], Iterable[bytes | memoryview]]) -> Blob:
        """Read everything once, to know digest and size."""
        sha256, size = hashlib.sha256(), 0
        for piece in pieces():
            sha256.update(piece)
            size += len(piece)
        return cls(f"sha256:{sha256.hexdigest()}", size, pieces)

    @classmethod
    def holding(cls, content: bytes) -> Blob:
        """Return these bytes as a blob."""
        return cls.of(lambda: (content,))


@attrs.frozen(kw_only=True)
class Member:
    """One path, relative to the root, and what lies there."""

    path: bytes
    type: str
    """The typeflag: `0`, `1`, `2` or `5`."""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    link: bytes = b""
    xattrs: Mapping[str, bytes] = attrs.field(factory=dict)
    content: bytes = b""
    blob: Blob | None = None
    """The content, if it is too long to be held."""

    @property
    def size(self) -> int:
        """The length of the content."""
        return len(self.content) if self.blob is None else self.blob.size


def tar(members: Iterable[Member], epoch: int) -> bytes:
    """Return "The layer's tar"."""
    return b"".join(pieces(members, epoch))


def pieces(members: Iterable[Member], epoch: int) -> Iterator[bytes | memoryview]:
    """Yield "The layer's tar" in pieces."""
    for member in sorted(members, key=lambda each: each.path):
        yield _headers(member, epoch)
        yield from (member.content,) if member.blob is None else member.blob.pieces()
        yield bytes(-member.size % 512)
    yield bytes(1024)


def _headers(member: Member, epoch: int) -> bytes:
    name = member.path + (b"/" if member.type == "5" else b"")
    prefix, name_field = _split(name)
    records = {b"SCHILY.xattr." + key.encode(): value for key, value in member.xattrs.items()}
    names = {b"path": name} if len(name_field) > 100 else {}
    if len(member.link) > 100:
        names[b"linkpath"] = member.link
    if any(_is_odd(value) for value in names.values()):
        records[b"hdrcharset"] = b"BINARY"
    records |= names
    numbers = {b"uid": member.uid, b"gid": member.gid}
    numbers |= {b"size": member.size, b"mtime": epoch}
    for key, number in numbers.items():
        if number > (8589934591 if key in (b"size", b"mtime") else 2097151):
            records[key] = str(number).encode()
            numbers[key] = 0
    fields = (prefix, name_field[:100], member.link[:100])
    block = _block(fields, member.type, member.mode, numbers)
    if not records:
        return block
    body = b"".join(_record(key, records[key]) for key in sorted(records))
    own = {b"uid": 0, b"gid": 0, b"size": len(body), b"mtime": numbers[b"mtime"]}
    return _block((b"", b"././@PaxHeader", b""), "x", 0o644, own) + _padded(body) + block


def _split(name: bytes) -> tuple[bytes, bytes]:
    """Return prefix and name as "Long names" says; a name that is still too long is not split."""
    if len(name) <= 100:
        return b"", name
    fitting = [
        cut
        for cut in range(1, 156)
        if name[cut : cut + 1] == b"/" and 1 <= len(name) - cut - 1 <= 100
    ]
    return (name[: fitting[-1]], name[fitting[-1] + 1 :]) if fitting else (b"", name)


def _is_odd(value: bytes) -> bool:
    return value.decode(errors="replace").encode() != value


def _record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = next(n for n in range(len(rest), len(rest) + 20) if len(str(n)) + len(rest) == n)
    return str(length).encode() + rest


def _block(
    fields: tuple[bytes, bytes, bytes], kind: str, mode: int, numbers: Mapping[bytes, int]
) -> bytes:
    prefix, name, link = fields
    block = bytearray(512)
    parts = {
        0: name,
        100: f"{mode:07o}\0{numbers[b'uid']:07o}\0{numbers[b'gid']:07o}\0".encode(),
        124: f"{numbers[b'size']:011o}\0{numbers[b'mtime']:011o}\0".encode(),
        148: b" " * 8,
        156: kind.encode() + link,
        257: b"ustar\x0000",
        329: b"0000000\x00" * 2,
        345: prefix,
    }
    for start, part in parts.items():
        block[start : start + len(part)] = part
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def segments(layer: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Cut a tar as "Compression" says."""
    pending = bytearray()
    for piece in layer:
        pending += piece
        while len(pending) >= SEGMENT:
            yield bytes(pending[:SEGMENT])
            del pending[:SEGMENT]
    if pending:
        yield bytes(pending)


def compressed(layer: Iterable[bytes | memoryview], kind: str) -> Iterator[bytes]:
    """Yield "Compression", segment by segment."""
    return (_compressed(segment, kind) for segment in segments(layer))


def _compressed(piece: bytes, kind: str) -> bytes:
    if kind == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=3, write_dict_id=False).compress(piece)
    if kind == "gzip":
        import deflate

        member: bytes = bytes(deflate.gzip_compress(piece, 6))
        return bytes.fromhex("1f8b08000000000000ff") + member[10:]
    return piece


def canonical(value: object) -> bytes:
    """Return canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def descriptor(kind: str, blob: Blob) -> dict[str, object]:
    """Return a descriptor."""
    return {"mediaType": f"{MEDIA}.{kind}", "digest": blob.digest, "size": blob.size}


@attrs.frozen(kw_only=True)
class Image:
    """One image: its blobs and its platform."""

    config: Blob
    manifest: Blob
    layer: Blob
    platform: Mapping[str, str]


def image(
    rootfs: Blob, kind: str, *, epoch: int, platform: Mapping[str, str], config: object
) -> Image:
    """Return the documents of an image with one layer, whose tar is `rootfs`."""
    created = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    described = {
        **platform,
        "created": created,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [rootfs.digest]},
        "history": [{"created": created, "created_by": "imagesmith"}],
    }
    settings = Blob.holding(canonical(described))
    layer = Blob.of(lambda: compressed(rootfs.pieces(), kind))
    suffix = "" if kind == "none" else f"+{kind}"
    document = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": descriptor("config.v1+json", settings),
        "layers": [descriptor(f"layer.v1.tar{suffix}", layer)],
    }
    manifest = Blob.holding(canonical(document))
    return Image(config=settings, manifest=manifest, layer=layer, platform=platform)


def index(images: Sequence[Image]) -> Blob:
    """Return the image index of images that are sorted by Debian's name of their architecture."""
    return _index([_described(each) for each in images])


def archive(images: Sequence[Image], *, reference: str, epoch: int) -> Iterator[bytes | memoryview]:
    """Yield "The archive" of images that are sorted by Debian's name of their architecture."""
    blobs = [blob for each in images for blob in (each.config, each.manifest, each.layer)]
    documents: dict[str, object] = {"oci-layout": {"imageLayoutVersion": "1.0.0"}}
    top = _described(images[0])
    if len(images) > 1:
        blobs.append(index(images))
        top = descriptor("index.v1+json", blobs[-1])
    else:
        config, layer = _path(images[0].config), _path(images[0].layer)
        documents["manifest.json"] = [
            {"Config": config, "Layers": [layer], "RepoTags": [reference]}
        ]
    keys = ("org.opencontainers.image.ref.name", "io.containerd.image.name")
    top = {**top, "annotations": dict.fromkeys(keys, reference)}
    files = {"index.json": _index([top])} | {_path(blob): blob for blob in blobs}
    files |= {name: Blob.holding(canonical(document)) for name, document in documents.items()}
    members = [Member(path=path, type="5", mode=0o755) for path in (b"blobs", b"blobs/sha256")]
    members += [Member(path=n.encode(), type="0", blob=file) for n, file in files.items()]
    return pieces(members, epoch)


def _described(image: Image) -> dict[str, object]:
    return {**descriptor("manifest.v1+json", image.manifest), "platform": dict(image.platform)}


def _index(manifests: Sequence[object]) -> Blob:
    document = {"schemaVersion": 2, "mediaType": f"{MEDIA}.index.v1+json", "manifests": manifests}
    return Blob.holding(canonical(document))


def _path(blob: Blob) -> str:
    return f"blobs/{blob.digest.replace(':', '/')}"
