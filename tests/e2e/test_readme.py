"""The README does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builders.real import REPOSITORY
from builders.sandbox import bubblewrap
from builders.shell import Shell

pytestmark = pytest.mark.e2e
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT = "$ "


def commands(section: str) -> list[str]:
    """Return the commands that a section of the README tells people to type."""
    text = (REPOSITORY / "README.md").read_text()
    body = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    typed = "\n".join(_BLOCK.findall(body)).replace("\\\n", " ")
    return [line.removeprefix(_PROMPT) for line in typed.splitlines() if line.startswith(_PROMPT)]


def test_the_five_minute_tour_runs_from_start_to_end(shell: Shell, tmp_path: Path) -> None:
    """Every command typed in sequence succeeds, except entering this repository's environment."""
    newcomer = shell.elsewhere(tmp_path)
    tour = [line for line in commands("A five-minute tour") if "activate" not in line]
    names = {word for line in tour for word in line.split()}

    bubblewrap()
    assert {"init", "lock", "sign", "build", "verify", "inspect", "run", "why"} <= names
    for line in tour:
        ended = newcomer.run("sh", "-ec", line)
        assert ended.status == 0, f"{line}\n{ended.err}"
    assert (tmp_path / "hello.tar").is_file()


def test_the_tour_says_every_command_in_a_console_block() -> None:
    """No line of a console block lacks its prompt: the tour can be followed by a program."""
    text = (REPOSITORY / "README.md").read_text()
    lines = "\n".join(_BLOCK.findall(text)).replace("\\\n", " ").splitlines()

    assert all(line.startswith(_PROMPT) for line in lines if line)
