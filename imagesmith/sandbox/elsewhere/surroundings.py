"""What surrounds a process, as it sees it, and a start among quite other surroundings.

What a program must not depend on is measured by `observed`, so that somebody who
claims to have varied it can show that it was.  `elsewhere` chooses for each of these
something that is not what is here: by the environment and the umask, by bubblewrap
for user, host name and network, by faketime for the clock.  Files are the same ones:
this is no sandbox, it keeps nobody from anything.
"""

from __future__ import annotations

import locale
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import attrs

from imagesmith.sandbox.starting import bubblewrap
from imagesmith.sandbox.starting.launch import Host

FAKETIME = "faketime"
LOCALE = "tr_TR.UTF-8"
"""Where `I` is not the capital of `i`; a locale that is not installed is C to programs."""
DIRECTORY = "work ħere"
"""A name with a space, and letters that ASCII has not."""
_CLOCKS = ("2038-01-20 03:14:08", "2039-12-31 23:59:59")
"""After signed 32-bit times have ended, in every time zone; another for whoever lives then."""
_KEPT = ("LD_LIBRARY_PATH", "PATH")
"""Variables without which an interpreter may not start."""
_LATELY = 1_000_000_000
"""Seconds since 1970: zones have moved since then."""
_NEEDS_SPACE = ("user", "host name", "network")
"""Aspects that take namespaces."""


def observed() -> dict[str, str]:
    """Return what this process sees around it, aspect by aspect, for people to read."""
    status = _fields("/proc/self/status")
    offset = time.localtime(_LATELY).tm_gmtoff / 3600
    return {
        "user": f"{os.geteuid()}:{os.getegid()}",
        "host name": os.uname().nodename,
        "network": " ".join(sorted(_fields("/proc/self/net/dev"))),
        "umask": status["Umask"],
        "time zone": f"UTC{offset:+g}",
        "clock": datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%d"),
        "locale": locale.setlocale(locale.LC_CTYPE),
        "encoding": sys.getfilesystemencoding(),
        "hash seed": os.environ.get("PYTHONHASHSEED", "random"),
        "working directory": os.fsencode(os.getcwd()).decode(errors="backslashreplace"),
        "home": os.environ.get("HOME", "none"),
        "processors": str(len(os.sched_getaffinity(0))),
    }


def _fields(path: str) -> dict[str, str]:
    """Return what stands behind each name of a file of /proc."""
    with open(path) as file:
        pairs = (line.partition(":") for line in file if ":" in line)
        return {name.strip(): value.strip() for name, _, value in pairs}


@attrs.frozen(kw_only=True)
class Elsewhere:
    """Surroundings for a program that are not those of this process."""

    through: tuple[str, ...]
    """Words to put before the program's."""
    environment: Mapping[str, str]
    directory: str
    umask: int
    obstacles: Mapping[str, str]
    """Why an aspect stays as it is, where it must."""


@attrs.frozen(kw_only=True)
class Ended:
    """What a program printed and how it ended."""

    status: int
    out: str
    err: str


def elsewhere(here: Mapping[str, str], host: Host, directory: str) -> Elsewhere:
    """Choose surroundings that differ from what is `here`; `directory` is to work in."""
    obstacles = {"locale": f"{LOCALE} is not installed"}
    environment = _environment(here, directory)
    through, obstacle = _namespaces(here, host, environment)
    if obstacle:
        obstacles |= dict.fromkeys(_NEEDS_SPACE, obstacle)
    faketime = host.which(FAKETIME)
    if faketime:
        clock = next(each for each in _CLOCKS if here["clock"][:4] not in each)
        through += (faketime, "-f", f"@{clock}")
    else:
        obstacles["clock"] = f"{FAKETIME} is not installed"
    return Elsewhere(
        through=through,
        environment=MappingProxyType(environment),
        directory=directory,
        umask=0o077 if here["umask"] != "0077" else 0o022,
        obstacles=MappingProxyType(obstacles),
    )


def _environment(here: Mapping[str, str], directory: str) -> dict[str, str]:
    """Return all variables: those that make a difference, and as few others as can be."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),  # what is found here
        "PYTHONHASHSEED": "4242" if here["hash seed"] != "4242" else "1",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "LANG": LOCALE,
        "LC_ALL": LOCALE,
        "TZ": "Pacific/Kiritimati" if here["time zone"] != "UTC+14" else "Etc/GMT+12",
        "HOME": "/nonexistent",
        "USER": "nobody",
        "TMPDIR": directory,
        "COLUMNS": "1",
        "SOURCE_DATE_EPOCH": "1",
        # Threads wait by another clock: without these for ever, or each time for seconds.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }


def _namespaces(
    here: Mapping[str, str], host: Host, environment: Mapping[str, str]
) -> tuple[tuple[str, ...], str]:
    """Return words that give a program another user, host name and network, or why none do."""
    bwrap = host.which(bubblewrap.PROGRAM)
    if bwrap is None:
        return (), f"{bubblewrap.PROGRAM} is not installed"
    number = "4242" if not here["user"].startswith("4242:") else "2424"
    name = "elsewhere" if here["host name"] != "elsewhere" else "nowhere"
    words = (
        *(bwrap, "--dev-bind", "/", "/", "--die-with-parent", "--cap-drop", "ALL"),
        *("--unshare-user", "--uid", number, "--gid", number),
        *("--unshare-uts", "--hostname", name, "--unshare-net", "--"),
    )
    trial = (*words, sys.executable, "-B", "-P", "-c", "import imagesmith")
    ended = subprocess.run(  # noqa: S603 - bubblewrap and this interpreter
        trial, capture_output=True, check=False, env=environment, errors="replace", text=True
    )
    if not ended.returncode:
        return words, ""
    said = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
    return (), f"this host allows none: {said.removeprefix('bwrap: ').rstrip('.')}"


def run(around: Elsewhere, module: str, *arguments: str) -> Ended:
    """Run a module as a program in other surroundings, to its end, which an exception brings."""
    started = subprocess.Popen(  # noqa: S603 - this interpreter, with our own module
        (*around.through, sys.executable, "-B", "-P", "-m", module, *arguments),
        cwd=around.directory,
        env=around.environment,
        errors="replace",
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        umask=around.umask,
    )
    with started:
        try:
            out, err = started.communicate()
        except BaseException:
            started.kill()
            started.communicate()  # until nobody is left who could write there, or anywhere
            raise
    return Ended(status=started.returncode, out=out, err=err)
