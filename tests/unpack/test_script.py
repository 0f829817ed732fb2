"""Shebang lines are read as the kernel reads them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from imagesmith.model.facts import Script
from imagesmith.unpack.script import script_facts


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"#!/bin/sh\necho", Script("/bin/sh")),
        (b"#! /bin/sh -e \n", Script(" /bin/sh -e ")),
        (b"#!/bin/sh\r\n", Script("/bin/sh\r")),
        (b"#!/bin/sh", Script("/bin/sh")),
        (b"#!/bin/sh\0rest\n", Script("/bin/sh")),
        (b"#!/\xff\n", Script("/\udcff")),
        (b"#!" + b"a" * 253 + b"\n", Script("a" * 253)),
        (b"#!" + b"a" * 254 + b"\n", Script("a" * 253)),
        (b"#!/bin/sh " + b"a" * 500, Script("/bin/sh " + "a" * 245)),
        (b"#!\n/bin/sh", None),
        (b"#! \t\n", None),
        (b"#!", None),
        (b"#", None),
        (b"", None),
        (b" #!/bin/sh\n", None),
    ],
)
def test_the_first_line_is_the_fact(content: bytes, expected: Script | None) -> None:
    """Verbatim up to the line feed, a NUL, or the end of the kernel's buffer."""
    assert expected == script_facts(memoryview(content))


@pytest.mark.parametrize("length", [252, 253, 254])
def test_the_kernel_cuts_where_we_cut(length: int, tmp_path: Path) -> None:
    """An interpreter's name that we read whole is one the kernel can start."""
    interpreter = tmp_path / ("i" * (length - len(str(tmp_path)) - 1))
    interpreter.symlink_to("/bin/true")
    script = tmp_path / "script"
    script.write_bytes(b"#!" + os.fsencode(interpreter) + b"\n")
    script.chmod(0o755)

    try:
        runs = subprocess.run([script], check=False).returncode == 0
    except OSError:
        runs = False

    facts = script_facts(memoryview(script.read_bytes()))
    assert facts is not None
    assert runs == (facts.line == str(interpreter))
