"""What surrounds a program is measured, and may be made another."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from builders.sandbox import bubblewrap

from imagesmith.sandbox.elsewhere import surroundings
from imagesmith.sandbox.starting import launch
from imagesmith.sandbox.starting.launch import Host

WATCHER = """\
import json, sys, time
from imagesmith.sandbox.elsewhere import surroundings
if len(sys.argv) > 2:
    open(sys.argv[2], "x").close()
    time.sleep(600)
if len(sys.argv) > 1:
    sys.exit(sys.argv[1])
print(json.dumps(surroundings.observed()))
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return this machine, with a module that looks around."""
    (tmp_path / "watcher.py").write_text(WATCHER)
    monkeypatch.syspath_prepend(tmp_path)
    return launch.here(os.environ)


def without(*names: str, instead: str | None = None) -> Host:
    """Return this machine without some programs, or with another one instead of each."""
    here = launch.here(os.environ)

    def which(name: str) -> str | None:
        return instead if name in names else here.which(name)

    return here._replace(which=which)


def test_a_program_elsewhere_sees_other_things(host: Host, tmp_path: Path) -> None:
    """And the caller sees what it saw before."""
    bubblewrap()
    here = surroundings.observed()
    around = surroundings.elsewhere(here, host, str(tmp_path))
    ended = surroundings.run(around, "watcher")
    there = json.loads(ended.out)

    assert ended.status == 0
    assert {what for what in here if here[what] == there[what]} <= {"processors", "clock"}
    assert there["working directory"] == str(tmp_path)
    assert surroundings.observed() == here


def test_how_a_program_ends_is_told(host: Host, tmp_path: Path) -> None:
    """What it said on stderr too."""
    around = surroundings.elsewhere(surroundings.observed(), host, str(tmp_path))
    ended = surroundings.run(around, "watcher", "gone")

    assert (ended.status, ended.out, ended.err) == (1, "", "gone\n")


class Interrupted(Exception):
    """A signal arrived."""


def test_an_interrupted_program_is_gone(host: Host, tmp_path: Path) -> None:
    """Whatever stands between us and it."""

    def interrupted(*_: object) -> None:
        raise Interrupted

    def interrupt() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)

    around = surroundings.elsewhere(surroundings.observed(), host, str(tmp_path))
    previous = signal.signal(signal.SIGUSR1, interrupted)
    other = threading.Thread(target=interrupt)
    other.start()
    try:
        with pytest.raises(Interrupted):
            surroundings.run(around, "watcher", "", str(tmp_path / "begun"))
    finally:
        signal.signal(signal.SIGUSR1, previous)
        other.join()

    places = (place / "cmdline" for place in Path("/proc").glob("[0-9]*"))
    assert not [place for place in places if str(tmp_path).encode() in _content(place)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("aspect", "value", "variable", "other"),
    [
        ("hash seed", "4242", "PYTHONHASHSEED", "1"),
        ("time zone", "UTC+14", "TZ", "Etc/GMT+12"),
        ("time zone", "UTC+0", "TZ", "Pacific/Kiritimati"),
    ],
)
def test_what_is_hostile_already_becomes_something_else(
    aspect: str, value: str, variable: str, other: str
) -> None:
    """There are two values of everything."""
    here = {**surroundings.observed(), aspect: value}
    found = surroundings.elsewhere(here, without("bwrap", "faketime"), "/")

    assert found.environment[variable] == other


def test_other_values_of_the_rest() -> None:
    """Umask, user, host name and clock."""
    bubblewrap()
    here = {
        **surroundings.observed(),
        "umask": "0077",
        "user": "4242:4242",
        "host name": "elsewhere",
        "clock": "2038-05-01",
    }
    found = surroundings.elsewhere(here, without("faketime", instead="/faketime"), "/")

    assert found.umask == 0o022
    assert {"2424", "nowhere", "@2039-12-31 23:59:59"} <= {*found.through}


def test_why_a_thing_stays_as_it_is_is_told() -> None:
    """What is not installed, or what the host says of it."""
    here = surroundings.observed()
    bare = surroundings.elsewhere(here, without("bwrap", "faketime"), "/")
    refusing = surroundings.elsewhere(here, without("bwrap", instead="/bin/false"), "/")
    saying = surroundings.elsewhere(here, without("bwrap", instead=sys.executable), "/")

    assert (bare.through, bare.obstacles["user"]) == ((), "bwrap is not installed")
    assert bare.obstacles["clock"] == "faketime is not installed"
    assert refusing.obstacles["network"] == "this host allows none: no reason given"
    assert saying.obstacles["host name"].startswith("this host allows none: ")
