"""The golden corpus: adversarial trees, made into images of format 1 by two writers.

Each tree is described in a few lines; what is too large to be held is made while it
is read.  `program` gives the parts of an image as imagesmith writes them, `second` as
docs/image-format.md alone says; `golden` is their digests as text, and `explain` names
the first place where the writers part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import get_args

import attrs
from builders import bytewise, format1, trees
from builders.format1 import Blob, Member

from imagesmith import compression
from imagesmith.compression import EncoderKind
from imagesmith.model import arch as arches
from imagesmith.model.config import ImageConfig
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree
from imagesmith.oci import archive, bundle, image, layer, tar

EPOCH = 1_700_000_000
REFERENCE = "registry.example.org/app:1.4.2"
KINDS: tuple[EncoderKind, ...] = get_args(EncoderKind)
ARCHES: Mapping[str, Mapping[str, str]] = {
    "amd64": {"architecture": "amd64", "os": "linux"},
    "armhf": {"architecture": "arm", "os": "linux", "variant": "v7"},
}
"""OCI's words for an architecture, by Debian's."""
CONFIG = ImageConfig(
    entrypoint=("/usr/bin/app",),
    cmd=("--serve", "\x7f\u2028"),
    env=(("LANG", "C.UTF-8"), ("NAME", "ü")),
    exposed_ports=("443/udp", "80/tcp"),
    labels=(("org.example.a", '"quoted"\n\\'),),
    stop_signal="SIGINT",
    user="65532:65532",
    volumes=("/var/lib/app",),
    working_dir="/srv",
)
CONFIG_JSON = {
    "Entrypoint": ["/usr/bin/app"],
    "Cmd": ["--serve", "\x7f\u2028"],
    "Env": ["LANG=C.UTF-8", "NAME=ü"],
    "ExposedPorts": {"443/udp": {}, "80/tcp": {}},
    "Labels": {"org.example.a": '"quoted"\n\\'},
    "StopSignal": "SIGINT",
    "User": "65532:65532",
    "Volumes": {"/var/lib/app": {}},
    "WorkingDir": "/srv",
}
"""The same, as the page spells it."""


def unread(file: File) -> Iterable[bytes]:
    """Refuse to read: most trees bring their contents along."""
    raise AssertionError(file)


@attrs.frozen(kw_only=True)
class Case:
    """One image of the corpus."""

    name: str
    tree: Callable[[], Tree]
    epoch: int = EPOCH
    read: tar.Read = unread


CASES = (
    Case(name="empty", tree=Tree),
    Case(name="adversarial", tree=trees.adversarial),
    Case(name="names", tree=trees.names),
    Case(name="owners", tree=trees.owners),
    Case(name="links", tree=trees.links),
    Case(name="attributes", tree=trees.attributes),
    Case(name="contents", tree=trees.contents),
    Case(name="epoch-zero", tree=trees.adversarial, epoch=0),
    Case(name="epoch-far", tree=trees.adversarial, epoch=8**11),
    Case(name="many", tree=trees.many),
)
HUGE = Case(name="huge", tree=trees.huge, read=trees.sparse)
"""A file of more than 8 GiB, which no ustar field holds: too slow for every day."""


def members(case: Case) -> Iterator[Member]:
    """Describe a case's tree to the second writer."""
    tree = case.tree()
    for path, entry in tree:
        file = tree.file(path)
        of = file or entry
        assert not isinstance(of, Hardlink), f"{path} links to nothing"
        yield Member(
            path=_raw(path[1:]),
            type=_type(entry),
            mode=0o777 if isinstance(of, Symlink) else of.mode,
            uid=of.uid,
            gid=of.gid,
            xattrs={} if isinstance(of, Symlink) else dict(of.xattrs),
            link=_link(entry),
            blob=_content(entry, case.read) if isinstance(entry, File) else None,
        )


def _type(entry: Entry) -> str:
    return {File: "0", Hardlink: "1", Symlink: "2", Directory: "5"}[type(entry)]


def _link(entry: Entry) -> bytes:
    match entry:
        case Symlink(target=target):
            return _raw(target)
        case Hardlink(target=target):
            return _raw(target[1:])
        case _:
            return b""


def _content(file: File, read: tar.Read) -> Blob:
    if isinstance(file.content, bytes):
        return Blob.holding(file.content)
    return Blob("", file.size, lambda: read(file))  # its digest is in no header


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def second(case: Case) -> Iterator[tuple[str, Blob]]:
    """Yield the parts of a case's image as the page says, by name."""
    described = tuple(members(case))
    rootfs = Blob.of(lambda: format1.pieces(described, case.epoch))
    yield "tar", rootfs
    for kind in KINDS:
        one, two = images = [
            format1.image(rootfs, kind, epoch=case.epoch, platform=platform, config=CONFIG_JSON)
            for platform in ARCHES.values()
        ]
        yield f"{kind} layer", one.layer
        yield f"{kind} config", one.config
        yield f"{kind} image manifest", one.manifest
        yield f"{kind} archive", _second_archive([one], case)
        if kind == "zstd":
            yield "zstd config of armhf", two.config
            yield "zstd index", format1.index(images)
            yield "zstd archive of two", _second_archive(images, case)


def _second_archive(images: list[format1.Image], case: Case) -> Blob:
    return Blob.of(lambda: format1.archive(images, reference=REFERENCE, epoch=case.epoch))


def program(case: Case) -> Iterator[tuple[str, Blob]]:
    """Yield the same parts as imagesmith writes them."""
    tree = case.tree()
    rootfs = Blob.of(lambda: tar.stream(tree, read=case.read, epoch=case.epoch))
    yield "tar", rootfs
    for kind in KINDS:
        made = _pack(tree, case, kind, rootfs)
        one, two = made.images
        yield f"{kind} layer", made.blob
        yield f"{kind} config", Blob.holding(one.config)
        yield f"{kind} image manifest", Blob.holding(one.manifest)
        yield f"{kind} archive", _archive([one], made.blob, case)
        if kind == "zstd":
            yield "zstd config of armhf", Blob.holding(two.config)
            yield "zstd index", Blob.holding(image.index(made.images))
            yield "zstd archive of two", _archive(made.images, made.blob, case)


@attrs.frozen
class _Made:
    blob: Blob
    images: tuple[image.Image, ...]


def _pack(tree: Tree, case: Case, kind: EncoderKind, rootfs: Blob) -> _Made:
    """Pack a tree; a layer is kept if it is compressed, and else made again when it is read."""
    kept: list[bytes] = []

    def keep(chunks: Iterable[bytes]) -> tuple[Digest, int]:
        sha256, size = hashlib.sha256(), 0
        for chunk in chunks:
            sha256.update(chunk)
            size += len(chunk)
            if kind != "none":
                kept.append(chunk)
        return Digest(sha256.hexdigest()), size

    encoder = compression.encoder(kind)
    packed = layer.pack(tree, read=case.read, epoch=case.epoch, encoder=encoder, keep=keep, jobs=2)
    described = (
        image.image(
            arch=arches.parse(name),
            layers=[packed],
            config=CONFIG,
            epoch=case.epoch,
            created_by="imagesmith",
        )
        for name in ARCHES
    )
    blob = Blob(str(packed.digest), packed.size, lambda: kept or rootfs.pieces())
    return _Made(blob, tuple(described))


def _archive(images: Sequence[image.Image], blob: Blob, case: Case) -> Blob:
    """Return the archive of images that share a layer."""
    contents = archive.contents(bundle.of(images), REFERENCE)
    return Blob.of(lambda: tar.stream(contents, read=lambda _: blob.pieces(), epoch=case.epoch))


def golden(parts: Mapping[str, Blob], before: str) -> str:
    """Render parts, a line each; one of another encoder than at hand stays as it was `before`."""
    recorded = {line[:24].rstrip(): line for line in before.splitlines()}
    return "".join(f"{_line(name, blob, recorded)}\n" for name, blob in parts.items())


def _line(name: str, blob: Blob, recorded: Mapping[str, str]) -> str:
    line = f"{name:24}{blob.digest} {blob.size:11}"
    kind: EncoderKind = next((each for each in KINDS if name.startswith(f"{each} ")), "none")
    if kind == "none" or "config" in name:
        return line
    suffix = f" {compression.encoder(kind).implementation}"
    old = recorded.get(name, suffix)
    return line + suffix if old.endswith(suffix) else old


def explain(case: Case, actual: Mapping[str, Blob]) -> str:
    """Name the first place where two writers part, or say what it means that they do not."""
    for name, expected in second(case):
        if actual[name].digest != expected.digest:
            return f"{name}: {_difference(name, expected, actual[name])}"
    return (
        "the second writer has these bytes, too: the tree, the page or an encoder changed;"
        " if that is meant, and is no other format, make golden"
    )


def _difference(name: str, expected: Blob, actual: Blob) -> str:
    if name == "tar" or "archive" in name:
        return bytewise.tars(expected.pieces(), actual.pieces())
    if name.endswith("layer"):
        return bytewise.segments((bytes(piece) for piece in expected.pieces()), actual.pieces())
    return bytewise.documents(_whole(expected), _whole(actual))


def _whole(blob: Blob) -> bytes:
    return b"".join(blob.pieces())
