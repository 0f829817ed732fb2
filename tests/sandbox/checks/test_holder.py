"""What sandboxes share, and its end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from builders.sandbox import bubblewrap

from imagesmith.errors import HostError
from imagesmith.sandbox.checks import holder
from imagesmith.sandbox.starting import launch

HOST = launch.here(os.environ)


@pytest.fixture(autouse=True)
def _sandboxes() -> None:
    bubblewrap()


def test_a_path_has_one_directory_with_its_mode() -> None:
    """However often it is asked for, and whatever the umask."""
    with holder.held(HOST) as held:
        one = held.directory("/tmp", 0o1777)
        again = held.directory("/tmp", 0o755)
        other = held.directory("/run", 0o755)
        modes = [_reached(held, place).stat().st_mode & 0o7777 for place in (one, other)]

    assert (one, one != other) == (again, True)
    assert modes == [0o1777, 0o755]


def test_a_link_is_made_once() -> None:
    """What a program has put in its place stays."""
    with holder.held(HOST) as held:
        place = _reached(held, held.directory("/srv", 0o755))
        held.link("/srv", "link", "one")
        held.link("/srv", "link", "two")

        assert (place / "link").readlink() == Path("one")


def test_the_host_is_read_only_and_what_is_shared_is_not() -> None:
    """For whoever starts through its words."""
    with holder.held(HOST) as held:
        file = held.file("hosts", "text")
        there = _entering(held, f"mkdir {held.directory('/srv', 0o755)}/new; cat {file}")
        here = _entering(held, f"mkdir {Path.cwd()}/new /dev/shm/new 2>&1 | grep -c Read-only")

    assert there == "text"
    assert here == "1\n"  # its /dev is its own
    assert not Path("/dev/shm/new").exists()


def test_nothing_is_left_of_it() -> None:
    """Neither a process nor, with it, its namespaces."""
    with holder.held(HOST) as held:
        place = _reached(held, "/")

        assert place.exists()
    assert not place.exists()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_host_without_its_program_is_told() -> None:
    """With the package that has it."""
    poor = HOST._replace(which=lambda name: None if name == "nsenter" else HOST.which(name))
    with pytest.raises(HostError) as e, holder.held(poor):
        raise AssertionError

    assert e.value.hint == "apt-get install util-linux"


def _reached(held: holder.Held, place: str) -> Path:
    """Return where the host reaches a path of the holder."""
    process = held.entering[1].split("/")[2]
    return Path(f"/proc/{process}/root{place}")


def _entering(held: holder.Held, script: str) -> str:
    """Return what a shell says in the holder's namespaces."""
    command = (*held.entering, "sh", "-c", script)
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout
