"""The one door to bubblewrap: how a program is started in a sandbox.

It gets namespaces of its own, no capability, no controlling terminal, the
descriptors 0, 1 and 2 as they are and no other.  So nobody in there can type into
the caller's terminal (TIOCSTI), and ^C does not reach it by itself: `supervise`
passes signals on.  bubblewrap itself stays in a process group that the keyboard does
not reach, or it would die of the first ^C and take the program with it.

bwrap(1), 0.5 or later.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing, and collections, take long to import
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROGRAM = "bwrap"
PACKAGE = "bubblewrap"
EMULATOR = "/dev/emulator"
"""Where an emulator stands in the sandbox; a device's directory hides nothing of the image."""
ISOLATION = (
    *(b"--unshare-all", b"--unshare-user", b"--cap-drop", b"ALL"),  # which root would keep
    *(b"--die-with-parent", b"--new-session"),
)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for by default, as every container runtime has it."""

_STANDARD = (0, 1, 2)
_PYTHON_IGNORES = (13, 25)
"""SIGPIPE and SIGXFSZ; loading `signal` takes too long before a start."""


class Started:
    """A sandbox that waits for a word to begin; plain, as little may be loaded by now."""

    def __init__(self, process: int, reports: int, gate: int) -> None:
        """Keep what `start` made."""
        self.process = process
        """bubblewrap."""
        self.reports = reports
        """A descriptor to read JSON documents from, one a line."""
        self.gate = gate
        """A descriptor to write to, or to close, to have the program begin."""


def which(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the path of a program of the host."""
    places = (f"{folder}/{name}" for folder in environ.get("PATH", PATH).split(":"))
    return next((place for place in places if os.access(place, os.X_OK)), None)


def start(
    bwrap: str,
    options: Sequence[bytes],
    command: Sequence[bytes],
    *,
    through: Sequence[str] = (),
    streams: tuple[int, int, int] = _STANDARD,
) -> Started:
    """Start bubblewrap with a command that begins when somebody looks after it.

    `through` are words of a program that runs what stands behind them (`foreign`).
    `streams` become the program's stdin, stdout and stderr.  No other descriptor of this
    process is passed on to the program: one to a directory of the host would be a way out.
    """
    _occupy_standard_descriptors()
    reports, reporting = os.pipe()
    waiting, gate = os.pipe()
    told = _written((*ISOLATION, *options, b"--block-fd", b"%d" % waiting))
    passed = (told, reporting, waiting)
    try:
        for descriptor in passed:
            os.set_inheritable(descriptor, True)
        words: tuple[str | bytes, ...] = (*through, bwrap, "--args", str(told))
        words += ("--json-status-fd", str(reporting), "--", *command)
        others = {int(name) for name in os.listdir("/proc/self/fd")} - {*_STANDARD, *passed}
        process = os.posix_spawn(
            words[0],
            words,
            {},
            file_actions=[*_placed(streams), *((os.POSIX_SPAWN_CLOSE, each) for each in others)],
            setpgroup=0,  # out of the keyboard's reach
            setsigdef=_PYTHON_IGNORES,
        )
    except BaseException:
        os.close(reports)
        os.close(gate)
        raise
    finally:
        for descriptor in passed:
            os.close(descriptor)
    return Started(process, reports, gate)


def _placed(streams: tuple[int, int, int]) -> Iterator[tuple[int, int, int]]:
    """Yield the actions that make descriptors the standard ones, where they are not yet."""
    for number, stream in zip(_STANDARD, streams, strict=True):
        if stream != number:
            yield (os.POSIX_SPAWN_DUP2, stream, number)


def _written(options: Sequence[bytes]) -> int:
    """Return a descriptor to read options from: everybody on the host can read arguments."""
    content = b"".join(map(_terminated, options))
    told = os.memfd_create("bubblewrap")
    os.write(told, content)
    os.lseek(told, 0, os.SEEK_SET)
    return told


def _occupy_standard_descriptors() -> None:
    """Let nothing of ours become the program's stdin, stdout or stderr if a caller closed those."""
    while (opened := os.open(os.devnull, os.O_RDWR)) in _STANDARD:
        continue
    os.close(opened)
    for descriptor in _STANDARD:
        os.set_inheritable(descriptor, True)


def _terminated(option: bytes) -> bytes:
    r"""Return an option as `--args` reads it; ValueError for a `\0`, which would make it two."""
    if b"\0" in option:
        raise ValueError("embedded null byte")
    return option + b"\0"
