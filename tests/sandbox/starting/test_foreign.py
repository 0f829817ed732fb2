"""Children of foreign programs."""

from __future__ import annotations

import errno
import re
import subprocess
import threading
from pathlib import Path

import pytest
from builders.elf import make_elf
from builders.probe import Runner, files, write_image
from builders.sandbox import program as installed
from builders.tables import has_tables
from builders.tar import Files

from imagesmith.model.config import ImageConfig
from imagesmith.model.tree import File
from imagesmith.sandbox.starting import foreign

NAMES = ("aarch64", "arm", "ppc64le", "riscv64", "s390x")
DEBIAN = [path for name in NAMES if (path := Path(f"/usr/lib/binfmt.d/qemu-{name}.conf")).exists()]
"""What Debian's packages of emulators register; nothing where none is installed."""
LINE = re.compile(r":\w[\w-]+:M::(?P<magic>[^:]+):(?P<mask>[^:]+):[^:]+:\w+")


def octets(escaped: str) -> bytes:
    """Return what a registration means."""
    return bytes.fromhex(escaped.replace("\\x", ""))


@pytest.mark.parametrize("path", DEBIAN, ids=lambda path: path.stem)
def test_a_registration_checks_what_debians_checks(path: Path) -> None:
    """Class, byte order and machine; programs and shared objects pass, of any system's ABI."""
    debians = LINE.fullmatch(path.read_text().strip())
    assert debians
    ours = LINE.fullmatch(foreign.registration("/q", octets(debians["magic"])))
    assert ours

    assert octets(ours["magic"]) == octets(debians["magic"])
    for at in (*range(7), *range(16, 20)):
        checked, wanted = octets(ours["mask"])[at], octets(debians["mask"])[at]
        assert checked & wanted == wanted


def test_only_programs_of_the_kernels_format_are_told_to_it() -> None:
    """Of anything else there is no telling who runs it."""
    assert foreign.through("/q", b"") == ()
    assert foreign.through("/q", b"#!/bin/sh") == ()
    assert foreign.through("/q", b"\x7fELF\x02\x01") == ()
    assert foreign.through("/q", make_elf()[:64])[-1].startswith(":imagesmith:M::\\x7f\\x45")


def test_children_of_foreign_programs_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Programs and scripts, with the first word and the environment they were given."""
    installed("qemu-aarch64-static", "qemu-user-static")
    if not has_tables():
        pytest.skip("this kernel has one table of binary formats for everybody")
    script: Files = {"/bin/script": File.of(b"#!/bin/probe words\n", mode=0o755)}
    image = {"arm64": {**files("arm64"), **script}}
    archive = write_image(tmp_path / "a.tar", image, ImageConfig(entrypoint=("/bin/probe",)))
    run = Runner(tmp_path / "store")
    statuses = [
        run(archive, "become", "/bin/probe", "other name", "words", "a b"),
        run(archive, "become", "/bin/script", "script", "x"),
        run(archive, "become", "/bin/probe", "probe", "become", "/bin/probe", "probe", "exit", "7"),
        run(archive, "become", "/bin/probe", "probe", "die", "15"),
    ]

    assert statuses == [0, 0, 7, 143]
    assert capfd.readouterr().out == "words\na b\nwords\n/bin/script\nx\n"


def test_without_a_table_of_its_own_a_command_starts_all_the_same(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """As on an older kernel; with nothing ignored, and no environment."""
    words = (*foreign.through("/no/emulator", make_elf()[:64]), "/usr/bin/env")
    shown = subprocess.run(words, env={"NAME": "value"}, check=False).returncode
    words = (*words[:-1], "/bin/sh", "-c", "kill -PIPE $$")

    assert (shown, subprocess.run(words, check=False).returncode) == (0, -13)
    assert capfd.readouterr().out == ""


def test_a_process_with_threads_stays_where_it_is() -> None:
    """The kernel gives it no namespace: whoever wants one is a program of its own."""
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        with pytest.raises(OSError, match="no table of binary formats") as caught:
            foreign.enter(":never:M::\\xff:\\xff:/bin/true:F")
    finally:
        done.set()
        other.join()

    assert caught.value.errno == errno.EINVAL
