"""Packages are opened strictly (hostile-inputs B), and dpkg-deb judges the honest ones."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

import attrs
import pytest
from builders.deb import ArMember, assemble, compressed, control_tar, make_ar, make_deb, stanza
from builders.tar import Files, make_tar
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, File, Hardlink, Symlink
from imagesmith.unpack import deb, tar

LIMIT = 1 << 20
CONTROL = control_tar(stanza("hello", "1", "amd64"))
PAYLOAD = make_tar({"/f": "content"})

VERSION = ArMember(name=b"debian-binary", body=b"2.0\n")
INNER = ArMember(name=b"control.tar", body=CONTROL)
OUTER = ArMember(name=b"data.tar", body=PAYLOAD)
FILES: Files = {
    "/usr/bin/hello": File.of(b"#!/bin/sh\n", mode=0o755),
    "/usr/bin/hallo": Hardlink(target="/usr/bin/hello"),
    "/bin": Symlink(target="usr/bin"),
    "/var/mail": Directory(mode=0o2775, gid=8),
    "/usr/share/" + "long" * 40: File.of(b"x"),
}


def contents(raw: bytes) -> bytes:
    """Return the decompressed payload of the package `raw`."""
    view = memoryview(raw)
    opened = deb.open_deb(view, artefact="x.deb")
    deb.control(view, opened, artefact="x.deb")
    return b"".join(deb.payload(view, opened, artefact="x.deb", limit=LIMIT))


@pytest.mark.parametrize("compression", ["none", "gzip", "xz", "zstd", "bzip2", "lzma"])
def test_every_compression_a_package_may_have(compression: str) -> None:
    """deb(5) lists them; the payload comes out whole."""
    raw = assemble(CONTROL, PAYLOAD, compression=compression)
    opened = deb.open_deb(memoryview(raw), artefact="x.deb")

    assert compression == opened.payload.kind
    assert contents(raw) == PAYLOAD


def test_when_a_package_was_built_is_known() -> None:
    """dpkg-deb gives its members SOURCE_DATE_EPOCH."""
    assert deb.open_deb(memoryview(make_deb(built=12)), artefact="x.deb").built == 12


def test_members_with_an_underscore_are_read_past() -> None:
    """Archives sign with them (field.md, 43)."""
    extra = ArMember(name=b"_gpgbuilder", body=b"signature")

    assert contents(make_ar(VERSION, extra, INNER, extra, OUTER)) == PAYLOAD


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ((), "debian-binary is not the first member"),
        ((INNER, VERSION, OUTER), "debian-binary is not the first member"),
        ((attrs.evolve(VERSION, body=b"3.0\n"), INNER, OUTER), "not a package of format 2"),
        ((attrs.evolve(VERSION, body=b"2.0"), INNER, OUTER), "not a package of format 2"),
        ((attrs.evolve(VERSION, body=b"2.0\n\n"), INNER, OUTER), "not a package of format 2"),
        ((VERSION, OUTER, INNER), "expected control.tar, found data.tar"),
        ((VERSION, INNER, INNER, OUTER), "expected data.tar, found control.tar"),
        (
            (VERSION, INNER, ArMember(name=b"extra", body=b""), OUTER),
            "expected data.tar, found extra",
        ),
        ((VERSION, INNER, OUTER, OUTER), "data.tar after data.tar"),
        ((VERSION, INNER, OUTER, ArMember(name=b"_x", body=b"")), "_x after data.tar"),
        ((VERSION, INNER), "data.tar is missing"),
        ((VERSION,), "control.tar is missing"),
        (
            (VERSION, attrs.evolve(INNER, name=b"control.tar.bz2"), OUTER),
            "expected control.tar, found control.tar.bz2",
        ),
        (
            (
                VERSION,
                INNER,
                ArMember(name=b"data.tar.gz", body=compressed(PAYLOAD, "xz")[1]),
            ),
            "data.tar.gz is not what its name says",
        ),
        (
            (VERSION, INNER, ArMember(name=b"data.tar", body=compressed(PAYLOAD, "zstd")[1])),
            "data.tar is not what its name says",
        ),
        (
            (VERSION, INNER, attrs.evolve(OUTER, name=b"data.tar.xz")),
            "data.tar.xz is not what its name says",
        ),
    ],
)
def test_other_members_or_another_order_are_refused(
    members: tuple[ArMember, ...], expected: str
) -> None:
    """Exactly three members count, and nothing follows the last (B1 to B4, B7, B8)."""
    with pytest.raises(MalformedArtefact) as caught:
        deb.open_deb(memoryview(make_ar(*members)), artefact="x.deb")

    assert MalformedArtefact(artefact="x.deb", member="", problem=expected) == caught.value


@pytest.mark.parametrize("compression", ["gzip", "xz", "zstd", "bzip2", "lzma"])
@pytest.mark.parametrize("cut", [1, 4, 30])
def test_a_stream_that_ends_early_is_refused(compression: str, cut: int) -> None:
    """Members of the right size can hold streams without an end (B6, B10)."""
    extension, body = compressed(PAYLOAD, compression)
    outer = ArMember(name=f"data.tar{extension}".encode(), body=body[:-cut])

    with pytest.raises(MalformedArtefact):
        contents(make_ar(VERSION, INNER, outer))


def test_a_payload_has_a_limit() -> None:
    """A small package cannot fill a disk."""
    raw = make_deb(files={"/zeros": bytes(2 * LIMIT)})

    with pytest.raises(MalformedArtefact) as caught:
        contents(raw)
    assert caught.value.artefact == "x.deb: data.tar.xz"


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_damage_escapes(data: st.DataObject) -> None:
    """Whatever happens to a package, it is read whole or refused with an error of ours."""
    compression = data.draw(st.sampled_from(["none", "gzip", "xz", "zstd"]))
    raw = bytearray(make_deb(files=FILES, compression=compression))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(len(raw) // 2, len(raw))) :]

    with contextlib.suppress(MalformedArtefact):
        payload = contents(bytes(raw))
        tar.index(memoryview(payload), blob=Digest.of(payload), artefact="x.deb")


def test_the_builder_is_deterministic() -> None:
    """The same arguments give the same bytes."""
    assert make_deb(files=FILES) == make_deb(files=dict(reversed(list(FILES.items()))))


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
@pytest.mark.parametrize("compression", ["none", "gzip", "xz"])
def test_dpkg_deb_accepts_what_the_builder_writes(compression: str, tmp_path: Path) -> None:
    """And sees the same fields, files and bytes as we do."""
    path = tmp_path / "hello.deb"
    path.write_bytes(
        make_deb(files=FILES, scripts={"postinst": "#!/bin/sh\n"}, compression=compression)
    )

    def dpkg_deb(*arguments: str | Path) -> str:
        command = ["dpkg-deb", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert (
        dpkg_deb("-W", "--showformat=${Package} ${Version} ${Architecture}", path)
        == "hello 1.0-1 amd64"
    )
    assert "postinst" in dpkg_deb("--ctrl-tarfile", path)
    listed = [line.split(maxsplit=5)[5] for line in dpkg_deb("-c", path).splitlines()]
    assert "./bin -> usr/bin" in listed
    assert "./usr/bin/hallo link to ./usr/bin/hello" in listed
    dpkg_deb("-x", path, tmp_path / "root")
    assert (tmp_path / "root/usr/bin/hallo").read_bytes() == b"#!/bin/sh\n"
    assert (tmp_path / "root/var/mail").stat().st_mode & 0o7777 == 0o2775
