"""docs/image-format.md says enough: what is written from it alone has the program's bytes."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from builders import format1
from builders.format1 import Member
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith import compression
from imagesmith.model import arch as arches
from imagesmith.model.config import ImageConfig
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree
from imagesmith.oci import archive, bundle, image, layer, tar

EPOCH = 1783019100
CONFIG = ImageConfig(
    entrypoint=("/usr/bin/app",),
    env=(("LANG", "C.UTF-8"), ("NAME", "ü")),
    exposed_ports=("80/tcp",),
    labels=(("org.example.a", '"quoted"\n'),),
    user="app",
)
CONFIG_JSON = {
    "Entrypoint": ["/usr/bin/app"],
    "Env": ["LANG=C.UTF-8", "NAME=ü"],
    "ExposedPorts": {"80/tcp": {}},
    "Labels": {"org.example.a": '"quoted"\n'},
    "User": "app",
}
BIG = random.Random(1).randbytes(5 * 1024 * 1024) + bytes(2 * 1024 * 1024)  # noqa: S311 - no secret
MEMBERS = (
    Member(path=b"etc", type="5", mode=0o755),
    Member(path=b"etc/big", type="0", content=BIG),
    Member(path=b"etc/owned", type="0", mode=0o4755, uid=2097152, gid=7, content=b"x"),
    Member(path=b"etc/ping", type="0", mode=0o755, xattrs={"security.capability": b"\x01\0\n="}),
    Member(path=b"etc/ping2", type="1", mode=0o755, link=b"etc/ping"),
    Member(path=b"etc/to", type="2", mode=0o777, link=b"../\xff\n"),
    Member(path=b"etc/" + b"d" * 97, type="5", mode=0o1777),
    Member(path=b"etc/" + b"d" * 97 + b"/" + b"f" * 90, type="0", content=b"split"),
    Member(path=b"etc/" + b"n" * 120, type="0", content=b"too long to split"),
    Member(path=b"etc/" + b"\xff" * 110, type="2", mode=0o777, link=b"l" * 101),
)


def entries(members: Iterable[Member]) -> Tree:
    """Return the tree that the members describe."""
    return Tree({f"/{_text(member.path)}": _entry(member) for member in members})


def _entry(member: Member) -> Entry:
    xattrs = tuple(member.xattrs.items()) if member.xattrs else ()
    match member.type:
        case "5":
            return Directory(mode=member.mode, uid=member.uid, gid=member.gid, xattrs=xattrs)
        case "2":
            return Symlink(target=_text(member.link), uid=member.uid, gid=member.gid)
        case "1":
            return Hardlink(target=f"/{_text(member.link)}")
        case _:
            return File(
                mode=member.mode,
                uid=member.uid,
                gid=member.gid,
                xattrs=xattrs,
                size=len(member.content),
                digest=Digest.of(member.content),
                content=member.content,
            )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def unread(_file: File) -> Iterable[bytes]:
    """Refuse to read: every file of these trees brings its content along."""
    raise AssertionError("nothing lies in a store")


def packed(members: Iterable[Member], epoch: int = EPOCH) -> bytes:
    """Return the tar that the program writes."""
    return b"".join(tar.stream(entries(members), read=unread, epoch=epoch))


# A hard link repeats what its file has.
LINKED = tuple(
    Member(path=m.path, type="1", mode=0o755, link=m.link, xattrs=MEMBERS[3].xattrs)
    if m.type == "1"
    else m
    for m in MEMBERS
)


def test_the_page_gives_the_bytes_of_the_tar() -> None:
    """Long names, odd bytes, large owners, capabilities, hard links: byte for byte."""
    expected = format1.tar(LINKED, EPOCH)

    assert expected == packed(LINKED)


@given(
    names=st.lists(
        st.binary(min_size=1, max_size=240).filter(lambda n: not set(n) & {0, 47}),
        min_size=1,
        max_size=4,
        unique=True,
    ),
    link=st.binary(min_size=1, max_size=120).filter(lambda target: 0 not in target),
    owner=st.sampled_from([0, 2097151, 2097152, 2**32 - 2]),
    epoch=st.sampled_from([0, EPOCH, 8589934591, 8589934592]),
    depth=st.integers(0, 3),
)
@settings(deadline=None, max_examples=50)
def test_the_page_gives_the_bytes_of_any_names(
    names: list[bytes], link: bytes, owner: int, epoch: int, depth: int
) -> None:
    """Wherever a name is split or moved, both do it at the same byte."""
    above = [b"/".join([b"d" * 49] * level) for level in range(1, depth + 1)]
    start = above[-1] + b"/" if above else b""
    safe = [name for name in names if name not in (b".", b"..") and name[:4] != b".wh."]
    members = [Member(path=path, type="5", mode=0o755) for path in above]
    members += [
        Member(path=start + b"x" + name, type="2", mode=0o777, uid=owner, link=link)
        for name in safe
    ]
    expected = format1.tar(members, epoch)

    assert expected == packed(members, epoch)


@pytest.mark.parametrize("kind", ["zstd", "gzip", "none"])
@pytest.mark.parametrize("names", [("amd64",), ("amd64", "armhf")])
def test_the_page_gives_the_bytes_of_the_archive(
    tmp_path: Path, kind: compression.EncoderKind, names: tuple[str, ...]
) -> None:
    """Compression in segments, JSON, index and docker-archive: byte for byte."""
    blobs: dict[Digest, bytes] = {}

    def keep(chunks: Iterable[bytes]) -> tuple[Digest, int]:
        blob = b"".join(chunks)
        blobs[Digest.of(blob)] = blob
        return Digest.of(blob), len(blob)

    made = layer.pack(
        entries(LINKED),
        read=unread,
        epoch=EPOCH,
        encoder=compression.encoder(kind),
        keep=keep,
        jobs=2,
    )
    images = [
        image.image(
            arch=arches.parse(name),
            layers=[made],
            config=CONFIG,
            epoch=EPOCH,
            created_by="imagesmith",
        )
        for name in names
    ]
    archive.write(
        tmp_path / "a.tar",
        bundle.of(images),
        reference="team/app:1.0",
        blobs=lambda digest: [blobs[digest]],
        epoch=EPOCH,
    )
    platforms = {
        "amd64": {"architecture": "amd64", "os": "linux"},
        "armhf": {"architecture": "arm", "os": "linux", "variant": "v7"},
    }
    rootfs = format1.tar(LINKED, EPOCH)
    second = [
        format1.image(rootfs, kind, epoch=EPOCH, platform=platforms[name], config=CONFIG_JSON)
        for name in names
    ]
    expected = format1.archive(second, reference="team/app:1.0", epoch=EPOCH)

    assert expected == (tmp_path / "a.tar").read_bytes()
