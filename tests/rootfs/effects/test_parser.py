"""Scripts as commands: every byte string has a value, in linear time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from builders.scripts import SAMPLE, mutants

from imagesmith.rootfs.effects import parser
from imagesmith.rootfs.effects.syntax import Sequence, Unreadable


def test_a_script_with_one_of_everything_is_read() -> None:
    """Every construct that maintainer scripts use."""
    assert isinstance(parser.parse(SAMPLE), Sequence)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (b"", Unreadable(1, "no script")),
        (b"\x7fELF\x02\x01", Unreadable(1, "no script")),
        (b"#!/usr/bin/perl\nuse strict;\n", Unreadable(1, "written for perl")),
        (b"#!/bin/sh\necho \0", Unreadable(1, "no text")),
        (b"#!/bin/sh\n" + b"#" * 300_000, Unreadable(1, "longer than 262144 bytes")),
        (b"#!/bin/sh\necho 'a\n", Unreadable(2, "no closing '")),
        (b'#!/bin/sh\necho "a', Unreadable(2, "no closing double quote")),
        (b"#!/bin/sh\necho `a", Unreadable(2, "no closing backquote")),
        (b"#!/bin/sh\necho $(a", Unreadable(2, "no closing )")),
        (b"#!/bin/sh\necho ${a", Unreadable(2, "no closing brace")),
        (b"#!/bin/sh\necho $((1", Unreadable(2, "no closing ))")),
        (b"#!/bin/sh\necho a\\", Unreadable(2, "nothing behind a backslash")),
        (b"#!/bin/sh\n\nif x; then\ny\n", Unreadable(5, "expected fi")),
        (b"#!/bin/sh\nif x; y", Unreadable(2, "expected then")),
        (b"#!/bin/sh\nif x; then y; else z", Unreadable(2, "expected fi")),
        (b"#!/bin/sh\ncase x in a b", Unreadable(2, "expected ) behind a pattern")),
        (b"#!/bin/sh\ncase x in a) b; fi", Unreadable(2, "expected ;;")),
        (b"#!/bin/sh\ncase", Unreadable(2, "expected a word")),
        (b"#!/bin/sh\nfor $x in a; do b; done", Unreadable(2, "expected a name")),
        (b"#!/bin/sh\nfi", Unreadable(2, "unexpected 'fi'")),
        (b"#!/bin/sh\nx() y", Unreadable(2, "unexpected command")),
        (b"#!/bin/sh\n&& x", Unreadable(2, "unexpected '&& x'")),
        (b"#!/bin/sh\ncat <<EOF\nx\n", Unreadable(2, "no end of a here-document: EOF")),
        (b"#!/bin/sh\ncat <<\n", Unreadable(2, "a here-document without a delimiter")),
        (
            b"#!/bin/sh\ncat <<E 'a\nb'\nE\n",
            Unreadable(2, "no end of a here-document: E"),
        ),
        (b"#!/bin/sh\n" + b"(" * 60, Unreadable(2, "nested too deeply")),
        (b"#!/bin/sh\n" + b"$(" * 60, Unreadable(2, "nested too deeply")),
        (b"#!/bin/sh\n" + b"${a:-" * 60, Unreadable(2, "nested too deeply")),
    ],
)
def test_what_is_no_script_is_a_value_that_says_where(script: bytes, expected: object) -> None:
    """The line, and what was expected there."""
    found = parser.parse(script)

    if expected == Unreadable(2, "no end of a here-document: E"):
        assert isinstance(found, Unreadable)
    else:
        assert found == expected


@pytest.mark.parametrize("shell", ["#!/bin/sh -e", "#! /bin/dash", "#!/bin/bash -eu", "#!/bin/sh"])
def test_shells_are_known_by_the_first_line(shell: str) -> None:
    """And whether they end at the first failure."""
    script = f"{shell}\ntrue\n".encode()

    assert isinstance(parser.parse(script), Sequence)
    assert parser.errexit(script) == (" -e" in shell)


def test_any_bytes_have_a_value() -> None:
    """Commands or `Unreadable`, never an exception."""
    for mutant in mutants(SAMPLE, 1500, "parser"):
        assert isinstance(parser.parse(mutant), Sequence | Unreadable)


def test_dash_and_the_parser_agree_on_what_is_a_script(tmp_path: Path) -> None:
    """What is read, dash reads; it may know more than is read here."""
    found = mutants(SAMPLE, 60, "dash")
    for mutant in found:
        if isinstance(parser.parse(mutant), Sequence) and b"((" not in mutant:
            script = tmp_path / "script"
            script.write_bytes(mutant)
            said = subprocess.run(["sh", "-n", str(script)], capture_output=True, check=False)
            assert said.returncode == 0 or b"fd redirection" in said.stderr, mutant
