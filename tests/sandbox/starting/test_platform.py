"""Which image runs here, and by what."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.elf import make_elf
from builders.probe import Runner, files, probe, write_image
from builders.sandbox import program as installed
from builders.tar import Files

from imagesmith.errors import UsageError
from imagesmith.model.arch import ARCHES
from imagesmith.model.config import ImageConfig
from imagesmith.model.tree import File
from imagesmith.sandbox.starting import platform
from imagesmith.sandbox.trees.glance import Named

AMD64, ARM64, ARM = (
    Named("linux/amd64", "1"),
    Named("linux/arm64/v8", "2"),
    Named("linux/arm/v7", "3"),
)


@pytest.mark.parametrize(
    ("images", "wanted", "expected"),
    [
        ((AMD64, ARM64), None, AMD64),
        ((AMD64, ARM64), "linux/arm64", ARM64),
        ((ARM64,), None, ARM64),
        ((ARM64, ARM), None, None),
        ((ARM64,), "linux/amd64", None),
        ((AMD64, AMD64), None, None),
        ((), None, None),
        ((Named("", "4"),), None, Named("", "4")),
    ],
)
def test_the_hosts_is_the_default_and_else_the_only_one(
    images: tuple[Named, ...], wanted: str | None, expected: Named | None
) -> None:
    """Two that fit are none: somebody has to say which."""
    assert platform.chosen(images, wanted=wanted, here="linux/amd64") == expected


def test_every_architecture_has_an_emulator() -> None:
    """Of those that images can be built for."""
    known = {f"linux/{arch.oci}" for arch in ARCHES.values()}

    assert known <= platform.EMULATORS.keys()


def test_what_a_cpu_runs() -> None:
    """Its own, implied variants left out, and the 32 bits of amd64."""
    assert platform.host("x86_64") == "linux/amd64"
    assert platform.host("vax") == "linux/vax"
    assert platform.is_native("linux/amd64/v1", "linux/amd64")
    assert platform.is_native("linux/386", "linux/amd64")
    assert not platform.is_native("linux/amd64", "linux/386")


def test_an_emulator_must_need_nothing_of_the_host(tmp_path: Path) -> None:
    """A dynamic one would look for its libraries in the image."""
    dynamic, static = tmp_path / "dynamic", tmp_path / "static"
    dynamic.write_bytes(make_elf(interp="/lib/ld.so"))
    static.write_bytes(make_elf())

    def both(name: str) -> str:
        return str(dynamic if name == "qemu-aarch64-static" else static)

    assert platform.emulator("linux/arm64/v8", both) == str(static)
    with pytest.raises(UsageError) as caught:
        platform.emulator("linux/arm64", lambda _name: str(dynamic))

    assert caught.value.message == (
        "this machine does not run programs for linux/arm64, "
        "and no static qemu-aarch64 is installed"
    )
    assert caught.value.hint == "apt-get install qemu-user-static"


def test_what_nothing_emulates_is_told() -> None:
    """No package would help."""
    with pytest.raises(UsageError) as caught:
        platform.emulator("linux/vax", lambda _name: None)

    assert caught.value.hint == "run it on such a machine"


def test_a_foreign_image_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With the arguments and the status of the program, scripts included."""
    installed("qemu-aarch64-static", "qemu-user-static")
    script: Files = {"/bin/script": File.of(b"#!/bin/probe words\n", mode=0o755)}
    images: dict[str, Files] = {
        "arm64": {**files("arm64"), **script},
        "s390x": {"/bin/probe": probe("arm64")},
    }
    archive = write_image(tmp_path / "a.tar", images, ImageConfig(entrypoint=("/bin/probe",)))
    run = Runner(tmp_path / "store")
    statuses = [
        run(archive, "words", "a b", wanted="linux/arm64"),
        run(archive, "exit", "7", wanted="linux/arm64"),
        run(archive, "x", wanted="linux/arm64", entrypoint="script"),
    ]

    assert statuses == [0, 7, 0]
    assert capfd.readouterr().out == "words\na b\nwords\n/bin/script\nx\n"
    assert not list((tmp_path / "store/rootfs").glob("*/start"))
