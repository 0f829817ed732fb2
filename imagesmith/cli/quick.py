"""The short way to run an image again: `imagesmith run IMAGE [-- ARGS]`.

Loading click alone takes longer than bubblewrap takes to start a program.  So a
command line of exactly this form, with no setting that could change its meaning,
is understood here, for an image whose start is remembered; all else is left to the
command itself, which does the same.  What comes after the start is loaded while
bubblewrap is at work.
"""

from __future__ import annotations

import os

from imagesmith.sandbox.starting import bubblewrap, replay

TYPE_CHECKING = False  # typing, and collections, take long to import
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STORE = "IMAGESMITH_STORE"


def run(words: Sequence[str], environ: Mapping[str, str]) -> int | None:
    """Run an image and return the program's exit status; None if that takes more than this."""
    store = _store(environ)
    bwrap = bubblewrap.which(bubblewrap.PROGRAM, environ)
    if store is None or bwrap is None or not is_plain(words):
        return None
    try:
        index = replay.index_of(words[1])
        found = replay.remembered(store, index, os.uname().machine)
    except (OSError, ValueError):
        return None
    if found is None:
        return None
    digest, (options, entrypoint, cmd) = found
    command = [*entrypoint, *(map(os.fsencode, words[3:]) if words[3:] else cmd)]
    if (words[3:] and not entrypoint) or replay.locked(store, digest) is None:
        return None
    started = bubblewrap.start(bwrap, options, command)
    from imagesmith.sandbox.starting.supervise import NotStarted, supervise

    try:
        return supervise(started)
    except NotStarted:
        from imagesmith.sandbox.starting import launch

        raise launch.why_not(bwrap, os.fsdecode(command[0]), launch.here(environ)) from None


def is_plain(words: Sequence[str]) -> bool:
    """Say whether a command line is `run IMAGE` or `run IMAGE -- ARGS`."""
    return (
        len(words) > 1
        and words[0] == "run"
        and not words[1].startswith("-")
        and (len(words) == 2 or words[2] == "--")  # noqa: PLR2004 - words[1] is the last
    )


def _store(environ: Mapping[str, str]) -> str | None:
    """Return where the store is, unless there are settings that only the command reads."""
    if any(name.startswith("IMAGESMITH_") and name != _STORE for name in environ):
        return None
    if environ.get(_STORE):
        return os.path.abspath(environ[_STORE])
    if os.path.exists(f"{_directory(environ, 'XDG_CONFIG_HOME', '.config')}/config.toml"):
        return None
    return f"{_directory(environ, 'XDG_CACHE_HOME', '.cache')}/store"


def _directory(environ: Mapping[str, str], variable: str, default: str) -> str:
    """Return imagesmith's directory below an XDG base directory, as `configuration` does."""
    base = environ.get(variable, "")
    home = environ.get("HOME") or "/nonexistent"
    return f"{base if base.startswith('/') else f'{home}/{default}'}/imagesmith"
