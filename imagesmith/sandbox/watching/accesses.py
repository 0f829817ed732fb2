"""What a sandboxed program did to files, from its system calls.

Every path comes out absolute, as the program's own root has it, whatever directory it
was relative to: where a descriptor leads is the kernel's word at that moment, and where a
process works is known from the calls by which it and its parents moved, set right whenever
the kernel says it.

What bubblewrap does before it starts the program is left out: the program is what is
executed first by another process than the log's first, which becomes bubblewrap.

path_resolution(7), execve(2), clone(2) on CLONE_FS.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import attrs

from imagesmith.sandbox.watching import calls
from imagesmith.sandbox.watching.calls import Call, Ended, Event, Renamed, Strange, Use

_WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE")
_ON_LINKS = ("lstat", "lstat64", "oldlstat", "readlink", "readlinkat", "lgetxattr", "llistxattr")
_NO_FOLLOW = ("AT_SYMLINK_NOFOLLOW", "O_NOFOLLOW")


@attrs.frozen
class Access:
    """One file, as one call of a program named it."""

    path: str
    """Absolute, in the root that the program sees; links and `..` as they were written."""
    kind: str
    """`open`, `execute`, `list`, `look` or `write` (`calls`)."""
    error: str = ""
    """The name of the error, such as `ENOENT`; empty where it was done."""
    real: str = ""
    """Where an opened file really lies, as the kernel says; empty where it does not."""
    follows: bool = True
    """Whether a link at the end of the path is followed."""


@attrs.frozen(kw_only=True)
class Accesses:
    """What a log says about files."""

    all: tuple[Access, ...]
    """Each once, in the order in which they came first."""
    strange: tuple[str, ...]
    """Lines that are not understood, and paths of which it is unknown where they begin."""
    is_started: bool
    """Whether the program itself ever began."""


def accesses(lines: Iterable[bytes]) -> Accesses:
    """Return what a log of strace says that a program and all that it started did to files."""
    events = tuple(calls.events(lines))
    reader = _Reader(parents=_parents(events))
    for event in events:
        reader.read(event)
    return Accesses(
        all=tuple(reader.found), strange=tuple(reader.strange), is_started=bool(reader.program)
    )


def _parents(events: Sequence[Event]) -> Mapping[int, Sequence[Call]]:
    """Return the calls that started each process: its first lines may stand before them."""
    found: dict[int, list[Call]] = {}
    for event in events:
        if isinstance(event, Call) and event.name in calls.NEW and not event.error:
            found.setdefault(_number(event.result), []).append(event)
    return MappingProxyType({child: tuple(started) for child, started in found.items()})


def _number(result: str) -> int:
    return int(result) if result.isdigit() else 0


@attrs.define
class _Place:
    """Where the paths of a process begin; threads share one."""

    root: str = ""
    """What chroot(2) made its root, or empty."""
    directory: str | None = None
    """Where it works; None where that is not known."""
    is_program: bool = False
    """Whether it belongs to the program, and not to what starts it."""


@attrs.define
class _Reader:
    """What is known so far."""

    parents: Mapping[int, Sequence[Call]]
    places: dict[int, _Place] = attrs.field(factory=dict)
    found: dict[Access, None] = attrs.field(factory=dict)
    strange: dict[str, None] = attrs.field(factory=dict)
    starter: int = 0
    program: int = 0
    _begun: dict[int, int] = attrs.field(factory=dict)

    def read(self, event: Event) -> None:
        """Take in what happened next."""
        match event:
            case Call():
                self._call(event)
            case Ended():
                self.places.pop(event.process, None)
            case Renamed():
                place = self.places.pop(event.thread, None)
                self.places[event.process] = place or self._place(event.process)
            case Strange():
                self.strange[event.line] = None

    def _call(self, call: Call) -> None:
        self.starter = self.starter or call.process
        place = self._place(call.process)
        if call.name in calls.NEW:
            if not call.error and _number(call.result) not in self.places:
                self._place(_number(call.result))
            return
        for use in calls.USES.get(call.name, ()):
            self._use(call, use, place)
        if not call.error:
            self._move(call, place)

    def _place(self, process: int) -> _Place:
        """Return where a process is; at first that is where its parent is."""
        if process not in self.places:
            before = self._begun.get(process, 0)
            started = self.parents.get(process, ())[before : before + 1]
            self._begun[process] = before + 1
            parents = [self.places[each.process] for each in started if each.process in self.places]
            shares = any("CLONE_FS" in argument for each in started for argument in each.arguments)
            parent = parents[0] if parents else _Place(is_program=bool(self.program))
            self.places[process] = parent if shares else attrs.evolve(parent)
        return self.places[process]

    def _use(self, call: Call, use: Use, place: _Place) -> None:
        """Note what a call does to one of the files that it names."""
        if use.kind == calls.EXECUTE and not (self.program or call.error):
            self._begin(call.process, place)
        path = self._path(call, use, place)
        if path is None or not place.is_program:
            return
        kind, real = use.kind, ""
        if use.flags >= 0:
            kind = _opening(call.arguments[use.flags] if use.flags < len(call.arguments) else "")
            real = _decoded(calls.place(call.result) or b"")
        follows = call.name not in _ON_LINKS and not any(map(_is_on_link, call.arguments))
        self.found[Access(path, kind, call.error, real, follows)] = None

    def _begin(self, process: int, place: _Place) -> None:
        """Take the program for begun, if this is it."""
        if process != self.starter:
            self.program = process
            place.is_program = True

    def _path(self, call: Call, use: Use, place: _Place) -> str | None:
        """Return the path that a call means; None where it gave none."""
        above = calls.place(call.arguments[use.at]) if use.at >= 0 else None
        if above is not None and call.arguments[use.at].startswith("AT_FDCWD"):
            place.directory = _decoded(above)
        name = calls.text(call.arguments[use.path]) if 0 <= use.path < len(call.arguments) else b""
        if name is None or (not name and (above is None or use.kind == calls.LOOK)):
            return None  # nothing, or a look at what is open already
        given = _decoded(name)
        if given.startswith("/"):
            return f"{place.root}{given}"
        directory = place.directory if above is None else _decoded(above)
        if directory is None or not directory.startswith("/"):
            self._lost(call, place)
            return None
        return posixpath.join(directory, given) if given else directory

    def _lost(self, call: Call, place: _Place) -> None:
        """Note a relative path that nobody knows the beginning of; a pipe has none to know."""
        if place.is_program and not call.error and not any(map(calls.place, call.arguments)):
            self.strange[f"{call.process} {call.name}({', '.join(call.arguments)})"] = None

    def _move(self, call: Call, place: _Place) -> None:
        if call.name == "fchdir":
            place.directory = _decoded(calls.place(call.arguments[0]) or b"") or None
        elif call.name in calls.MOVES:
            path = self._path(call, Use(calls.LOOK, 0), place)
            if call.name == "chdir":
                place.directory = path
            else:
                place.root = (path or "").rstrip("/")


def _opening(flags: str) -> str:
    """Return what open(2) with these flags does."""
    if "O_PATH" in flags:
        return calls.LOOK
    return calls.WRITE if any(flag in flags for flag in _WRITING) else calls.OPEN


def _is_on_link(argument: str) -> bool:
    return any(flag in argument for flag in _NO_FOLLOW)


def _decoded(name: bytes) -> str:
    """Return a name as trees spell it."""
    return name.decode("utf-8", "surrogateescape")
