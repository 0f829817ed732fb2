"""The control archive: one stanza, verbatim and parsed, and what stands beside it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from builders.deb import assemble, control_tar, make_deb, stanza
from builders.tar import Raw, archive, make_tar

from imagesmith.errors import MalformedArtefact
from imagesmith.unpack.control import Control, check_identity, from_archive, stanza_fields
from imagesmith.unpack.deb import control, open_deb
from imagesmith.unpack.paths import Refused

STANZA = stanza("hello", "1.0-1", "amd64", depends="libc6 (>= 2.36)")


def test_everything_a_package_says_is_kept() -> None:
    """Fields, lists and maintainer scripts; other members are not needed."""
    raw = control_tar(
        STANZA,
        {
            "conffiles": "/etc/hello.conf\nremove-on-upgrade /etc/old.conf\n/etc/with space\n\n",
            "md5sums": b"0123  usr/bin/hello\n",
            "postinst": b"#!/bin/sh\n\xff",
            "triggers": "activate-noawait ldconfig\n",
        },
    )
    read = from_archive(raw, artefact="x.deb")

    assert (
        Control(
            stanza=STANZA,
            conffiles=("/etc/hello.conf", "/etc/with space"),
            md5sums=b"0123  usr/bin/hello\n",
            scripts={"postinst": b"#!/bin/sh\n\xff"},
        )
        == read
    )
    assert read.fields["Depends"] == "libc6 (>= 2.36)"


def test_a_package_needs_only_its_stanza() -> None:
    """Many have nothing else."""
    assert Control(stanza=STANZA) == from_archive(control_tar(STANZA), artefact="x.deb")


def test_lines_of_one_value_are_joined() -> None:
    """With the blank that starts each, as the description needs it."""
    fields = stanza_fields(b"Package: a\nDescription: short\n long\n .\n\tmore \nEmpty:\n")

    assert fields == {
        "Package": "a",
        "Description": "short\n long\n .\n\tmore ",
        "Empty": "",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "line 1 is no field"),
        (b" Package: a\n", "line 1 is no field"),
        (b"Package: a\n\nPackage: b\n", "line 2 is no field"),
        (b"Package: a\n \nVersion: 1\n", "line 2 is no field"),
        (b"Package a\n", "line 1 is no field"),
        (b"-----BEGIN PGP\n", "line 1 is no field"),
        (b"-a: b\n", "line 1 is no field"),
        (b"#a: b\n", "line 1 is no field"),
        (b"Package: a\npackage: b\n", "field package twice"),
    ],
)
def test_anything_but_one_stanza_is_refused(text: bytes, expected: str) -> None:
    """Two readers could take different fields from it."""
    with pytest.raises(Refused) as caught:
        stanza_fields(text)
    assert expected == str(caught.value)

    with pytest.raises(MalformedArtefact) as raised:
        from_archive(control_tar(text), artefact="x.deb")
    assert MalformedArtefact(artefact="x.deb", member="control", problem=expected) == raised.value


def test_a_control_archive_without_a_stanza_is_refused() -> None:
    """Whatever else it holds."""
    with pytest.raises(MalformedArtefact, match=r"x\.deb: control: missing"):
        from_archive(make_tar({"/md5sums": ""}), artefact="x.deb")


def test_a_control_archive_obeys_the_rules_of_any_archive() -> None:
    """Two stanzas are a duplicate like any other."""
    twice = archive(Raw(name=b"./control", body=STANZA), Raw(name=b"control", body=STANZA))

    with pytest.raises(MalformedArtefact, match="a second member with this path"):
        from_archive(twice, artefact="x.deb")


@pytest.mark.parametrize("architecture", ["amd64", "all"])
def test_the_package_pinned_is_accepted(architecture: str) -> None:
    """Packages for all architectures are pinned under each."""
    check_identity(
        Control(stanza=stanza("hello", "1:1.0-1", architecture)),
        name="hello",
        version="1:1.0-1",
        architecture="amd64",
        artefact="x.deb",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (stanza("hullo", "1.0-1", "amd64"), "Package is hullo, expected hello"),
        (stanza("hello", "1.0-2", "amd64"), "Version is 1.0-2, expected 1.0-1"),
        (stanza("hello", "1.0-1", "arm64"), "Architecture is arm64, expected amd64"),
        (stanza("h\x1b", "1.0-1", "amd64"), "Package is h\\x1b, expected hello"),
        (b"Package: hello\n", "Version is missing, expected 1.0-1"),
    ],
)
def test_another_package_is_refused(text: bytes, expected: str) -> None:
    """Authentic bytes of the wrong package are still wrong (B11)."""
    with pytest.raises(MalformedArtefact) as caught:
        check_identity(
            Control(stanza=text),
            name="hello",
            version="1.0-1",
            architecture="amd64",
            artefact="x.deb",
        )

    assert MalformedArtefact(artefact="x.deb", member="control", problem=expected) == caught.value


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_dpkg_deb_reads_the_same_fields(tmp_path: Path) -> None:
    """Value by value, blanks at the ends of the first line aside."""
    raw = make_deb(depends="a, b (>= 1)", fields={"Multi-Arch": "same", "Section": "  odd  "})
    path = tmp_path / "x.deb"
    path.write_bytes(raw)
    read = control(memoryview(raw), open_deb(memoryview(raw), artefact="x"), artefact="x")

    for field, value in read.fields.items():
        command = ["dpkg-deb", "-f", str(path), field]
        shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert value == shown.strip("\n")


def test_a_bomb_for_a_control_archive_is_refused() -> None:
    """It is read into memory whole, so it has a limit of its own."""
    raw = assemble(control_tar(STANZA, {"md5sums": bytes(65 * 1024 * 1024)}), b"")

    with pytest.raises(MalformedArtefact, match="more than"):
        control(memoryview(raw), open_deb(memoryview(raw), artefact="x"), artefact="x")
