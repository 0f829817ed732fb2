"""`#!` lines and env's arguments."""

from __future__ import annotations

import pytest

from imagesmith.model.facts import Script
from imagesmith.trace.scripts import IMAGE_PATH, Command, Shebang, Unclear, env_command, shebang


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/bin/sh", Shebang("/bin/sh")),
        (" \t/bin/sh \t-e  -u \t", Shebang("/bin/sh", "-e  -u")),
        ("/bin/sh\t-e", Shebang("/bin/sh", "-e")),
        ("", Unclear("no interpreter after #!")),
        ("  ", Unclear("no interpreter after #!")),
        ("sh", Unclear("interpreter 'sh' is relative to the working directory")),
        (
            "/bin/sh\r",
            Unclear("the first line ends in CR LF: the kernel looks for a name ending in CR"),
        ),
        ("/bin/sh -e\r", Shebang("/bin/sh", "-e\r")),
    ],
)
def test_the_kernel_splits_a_line_once(line: str, expected: Shebang | Unclear) -> None:
    """Interpreter, then one argument with whatever blanks are inside."""
    assert expected == shebang(Script(line))


def test_a_line_can_be_shown() -> None:
    """As it would be written."""
    assert (str(Shebang("/bin/sh")), str(Shebang("/bin/sh", "-e"))) == ("#!/bin/sh", "#!/bin/sh -e")


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("", None),
        ("python3", Command("python3")),
        ("python3 -u", Command("python3 -u")),
        ("-S python3 -u", Command("python3")),
        ("-Spython3 -u", Command("python3")),
        ("-vS python3", Command("python3")),
        ("-iS python3", Command("python3")),
        ("--split-string=python3 -u", Command("python3")),
        ("-S -i A=1 B=2 python3 C=3", Command("python3")),
        ("-S -u HOME -C /tmp python3", Command("python3")),
        ("-S --unset HOME --ignore-environment python3", Command("python3")),
        ("-S --unset=HOME - python3", Command("python3")),
        ("-S PATH=/opt/bin:/x prog", Command("prog", ("/opt/bin", "/x"))),
        ("-S 'my prog' x", Command("my prog")),
        ("-S /opt/prog", Command("/opt/prog")),
        ("-S -u", None),
        ("-S A=1", None),
        ("-S ${HOME}/prog", Unclear("env: '${HOME}/prog' depends on the environment")),
        ("-S 'open", Unclear("env -s: no closing quotation")),
    ],
)
def test_env_runs_its_first_plain_word(argument: str, expected: Command | Unclear | None) -> None:
    """Options and assignments are passed over; only -S splits."""
    assert expected == env_command(argument)


def test_programs_are_looked_up_where_containers_look() -> None:
    """Unless the script says PATH."""
    assert Command("x").path == IMAGE_PATH
