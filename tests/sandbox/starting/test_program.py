"""What the kernel would do with a program, told before it does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from builders.elf import make_elf

from imagesmith.errors import ProgramNotFound
from imagesmith.model.arch import ARCHES
from imagesmith.sandbox.starting import program
from imagesmith.sandbox.starting.inside import Account
from imagesmith.sandbox.starting.program import Asked, Program


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"#!/bin/sh\n", ("/bin/sh",)),
        (b"#! /usr/bin/env  python3 -u \nrest", ("/usr/bin/env", "python3 -u")),
        (b"#!\t/bin/sh", ("/bin/sh",)),
        (b"#!\n", ()),
        (b"# /bin/sh\n", ()),
        (b"#!/" + b"x" * 300 + b"\n", ("/" + "x" * 253,)),
    ],
)
def test_a_first_line_is_read_as_linux_does(line: bytes, expected: tuple[str, ...]) -> None:
    """One interpreter, one argument, 256 bytes."""
    assert program.shebang(line) == expected


@pytest.mark.parametrize("arch", ["amd64", "armhf", "s390x", "i386"])
def test_an_interpreter_is_found_in_every_class_and_byte_order(arch: str) -> None:
    """As pyelftools finds it elsewhere."""
    assert program.interpreter(make_elf(arch=ARCHES[arch], interp="/lib/ld.so")) == "/lib/ld.so"


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"text",
        b"\x7fELF",
        make_elf()[:50],
        make_elf(interp="/lib/ld.so")[:70],
        make_elf(header={"phentsize": 0, "phnum": 65535}),
        make_elf(interp=None),
    ],
)
def test_what_has_none_or_is_broken_has_none(start: bytes) -> None:
    """The kernel will say what it is."""
    assert program.interpreter(start) == ""


def test_a_loader_that_is_missing_is_told_by_name(tmp_path: Path) -> None:
    """Where execve(2) says no more than "no such file"."""
    (tmp_path / "tool").write_bytes(make_elf(interp="/lib/ld.so"))
    (tmp_path / "tool").chmod(0o755)
    with pytest.raises(ProgramNotFound) as caught:
        program.program({"Entrypoint": ["/tool"]}, Asked(), str(tmp_path), name="x")

    assert caught.value.message == "/tool: its interpreter /lib/ld.so is not in the image"


def test_scripts_lead_to_programs(tmp_path: Path) -> None:
    """An emulator is given the program that interprets them, as the kernel would run it."""
    for name, text in {"a": "#!/b -x\n", "b": "#!/sh\n", "sh": "program"}.items():
        (tmp_path / name).write_text(text)
    account = Account(0, 0, "/")
    found = program.unscripted(Program(("a", "1"), "/a", {}, "/", account), str(tmp_path))

    assert found.command == ("/sh", "/b", "-x", "/a", "1")
    assert found.path == "/sh"


def test_scripts_that_interpret_each_other_come_to_an_end(tmp_path: Path) -> None:
    """After as many as Linux goes through."""
    (tmp_path / "a").write_text("#!/a\n")
    (tmp_path / "a").chmod(0o755)
    found = program.program({}, Asked(("/a",)), str(tmp_path), name="x")

    assert program.unscripted(found, str(tmp_path)).command == ("/a",) * 6


def test_the_path_is_the_images(tmp_path: Path) -> None:
    """Relative to the working directory where it says so; empty entries are that directory."""
    (tmp_path / "srv/bin").mkdir(parents=True)
    shutil.copy("/bin/true", tmp_path / "srv/bin/tool")
    (tmp_path / "srv/bin/tool").write_text("#!/srv/bin/tool\n")
    config = {"Env": ["PATH=/none:bin:", "=x", "A=b"], "WorkingDir": "srv", "Cmd": ["tool"]}
    found = program.program(config, Asked(), str(tmp_path), name="x")

    assert found.path == "/srv/bin/tool"
    assert found.env == {"PATH": "/none:bin:", "HOME": "/", "HOSTNAME": "x", "A": "b"}
