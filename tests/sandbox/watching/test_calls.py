"""System calls from lines of strace: every form, every byte, and nothing that is not there."""

from __future__ import annotations

from random import Random

import pytest
from builders.explorer import Explorer
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.sandbox.watching import calls
from imagesmith.sandbox.watching.accesses import accesses
from imagesmith.sandbox.watching.calls import Call, Ended, Event, Renamed, Strange, events

LINES: dict[str, tuple[list[str], list[Event]]] = {
    "a call": (
        [r'7   access("\x2f\x61", R_OK)        = 0'],
        [Call(7, "access", (r'"\x2f\x61"', "R_OK"), "0", "")],
    ),
    "an error": (
        [r'12345 access("\x61", R_OK) = -1 ENOENT (No such file or directory)'],
        [Call(12345, "access", (r'"\x61"', "R_OK"), "-1", "ENOENT")],
    ),
    "a descriptor": (
        [r'7  openat(AT_FDCWD<\x2f>, "\x61", O_RDONLY|O_CLOEXEC) = 3<\x2f\x61>'],
        [
            Call(
                7,
                "openat",
                (r"AT_FDCWD<\x2f>", r'"\x61"', "O_RDONLY|O_CLOEXEC"),
                r"3<\x2f\x61>",
                "",
            )
        ],
    ),
    "structures": (
        [r'7  newfstatat(4<\x2f>, "\x61", {st_mode=S_IFREG|0644, st_size=1, ...}, 0) = 0'],
        [
            Call(
                7,
                "newfstatat",
                (r"4<\x2f>", r'"\x61"', "{st_mode=S_IFREG|0644, st_size=1, ...}", "0"),
                "0",
                "",
            )
        ],
    ),
    "interrupted, and to be begun again": (
        [r'7  openat(AT_FDCWD<\x2f>, "\x61", O_RDONLY) = ? ERESTARTSYS (To be restarted)'],
        [Call(7, "openat", (r"AT_FDCWD<\x2f>", r'"\x61"', "O_RDONLY"), "?", "ERESTARTSYS")],
    ),
    "a process of another namespace": (
        [r"7  clone(child_stack=NULL, flags=SIGCHLD) = 3 /* 4711 in strace's PID NS */"],
        [Call(7, "clone", ("child_stack=NULL", "flags=SIGCHLD"), "4711", "")],
    ),
    "another process between": (
        [
            r'7  access("\x61",  <unfinished ...>',
            "8  vfork( <unfinished ...>",
            "8  <... vfork resumed>) = 9",
            "7  <... access resumed>R_OK) = 0",
        ],
        [Call(8, "vfork", ("",), "9", ""), Call(7, "access", (r'"\x61"', "R_OK"), "0", "")],
    ),
    "an end": (["7  +++ exited with 3 +++"], [Ended(7)]),
    "a violent end": (["7  +++ killed by SIGSEGV (core dumped) +++"], [Ended(7)]),
    "an end within a call": (
        ["7  vfork( <unfinished ...>", "7  +++ exited with 3 +++"],
        [Ended(7)],
    ),
    "a signal": (["7  --- SIGCHLD {si_signo=SIGCHLD} ---"], []),
    "a thread that becomes its process": (
        [
            r'8  execve("\x61", ["\x61"], 0x7f /* 1 var */ <pid changed to 7 ...>',
            "7  +++ superseded by execve in pid 8 +++",
            "7  <... execve resumed>) = 0",
        ],
        [
            Renamed(7, 8),
            Call(7, "execve", (r'"\x61"', r'["\x61"]', "0x7f /* 1 var */"), "0", ""),
        ],
    ),
    "a thread that becomes its process, and another between": (
        [
            r'8  execve("\x61", NULL, NULL <unfinished ...>',
            "7  +++ superseded by execve in pid 8 +++",
            "7  <... execve resumed>) = 0",
        ],
        [Renamed(7, 8), Call(7, "execve", (r'"\x61"', "NULL", "NULL"), "0", "")],
    ),
    "the end of what never began": (
        ["7  <... vfork resumed>) = 9"],
        [Strange("7 <... vfork resumed>) = 9")],
    ),
    "the end of another call": (
        ["7  vfork( <unfinished ...>", "7  <... fork resumed>) = 9"],
        [Strange("7 <... fork resumed>) = 9")],
    ),
    "a call that was not asked for": (["7  getpid() = 7"], [Strange("7 getpid() = 7")]),
    "no line of strace's": (["hello"], [Strange("hello")]),
    "half a line": ([r'7  access("\x61'], [Strange(r'7 access("\x61')]),
    "nothing": ([""], [Strange("")]),
}


@pytest.mark.parametrize("case", LINES)
def test_every_form_of_a_line_is_read(case: str) -> None:
    """What is not understood is told, never passed over."""
    lines, expected = LINES[case]

    assert expected == list(events(line.encode() for line in lines))


def test_bytes_that_strace_never_writes_are_strange() -> None:
    """All it writes is ASCII."""
    assert list(events([b"\xff"])) == [Strange("\\xff")]


@settings(deadline=None, max_examples=100)
@given(st.binary())
def test_every_name_survives(name: bytes) -> None:
    """Commas, brackets, quotes, what looks like the end of a line or of a call."""
    numbers = "".join(f"\\x{byte:02x}" for byte in name)
    line = f'7  openat(AT_FDCWD<{numbers}>, "{numbers}", O_RDONLY) = 3<{numbers}>(deleted)'
    (call,) = events([line.encode()])

    assert isinstance(call, Call)
    assert calls.text(call.arguments[1]) == name
    assert calls.place(call.arguments[0]) == name
    assert calls.place(f"3<{numbers}>(deleted)") == name


@pytest.mark.parametrize("argument", ["NULL", "0x7fff", r'"\x61"...', '"a"', "3", "AT_FDCWD", ""])
def test_what_is_no_name_is_none(argument: str) -> None:
    """An address that could not be read, a string that was cut, a descriptor of nothing."""
    assert (calls.text(argument), calls.place(argument)) == (None, None)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Return the log of a program with children and threads."""
    explorer = Explorer.make(tmp_path_factory.mktemp("calls") / "root")
    words = [
        "open",
        "passwd",
        "list",
        "/usr/lib",
        "beside",
        "/usr",
        "lib",
        "thread",
        "stat",
        "/lib",
    ]
    return explorer.log(*words)


@settings(deadline=None, max_examples=200)
@given(random=st.randoms(use_true_random=False))
def test_a_damaged_log_is_read_to_its_end(real: list[bytes], random: Random) -> None:
    """Cut, doubled, exchanged and changed lines: what comes out is events, and strange lines."""
    lines = [bytearray(line) for line in real]
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(lines))
        match random.randrange(4):
            case 0:
                lines[at : at + 1] = []
            case 1:
                lines.insert(at, bytearray(random.choice(lines)))
            case 2:
                del lines[at][random.randrange(len(lines[at]) + 1) :]
            case _ if lines[at]:
                lines[at][random.randrange(len(lines[at]))] = random.randrange(256)
            case _:
                lines[at] += b"x"
    found = accesses(bytes(line) for line in lines)

    assert all(access.path.startswith("/") for access in found.all)


def test_what_is_traced_is_what_is_understood(real: list[bytes]) -> None:
    """A real log holds nothing strange, and each call's arguments are where they are looked for."""
    found = list(events(real))

    assert not [event for event in found if isinstance(event, Strange)]
    for event in found:
        if isinstance(event, Call) and not event.error:
            for use in calls.USES.get(event.name, ()):
                assert use.path < 0 or calls.text(event.arguments[use.path]) is not None
                assert use.flags < 0 or "O_" in event.arguments[use.flags]
