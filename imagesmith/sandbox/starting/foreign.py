"""Foreign programs that a foreign program starts: the kernel hands them to an emulator.

An emulator runs the one program it is given.  What that executes in turn goes to the
kernel, which asks its table of binary formats.  Since Linux 6.7 a user namespace may
have a table of its own, and nobody needs to be root of the host to write there.  So
bubblewrap is started *through* this file, run as a program of its own: it enters such
a namespace, registers the emulator, and becomes bubblewrap, whose namespaces lie
within.  The emulator is opened once, on the host, and so needs no place in the image.

With an older kernel it becomes bubblewrap all the same; what programs start in turn
is then run if the host's own table has the emulator.

binfmt_misc(5) is the kernel's Documentation/admin-guide/binfmt-misc.rst.
"""

import os
import sys

_TABLE = "/proc/sys/fs/binfmt_misc"
_FLAGS = "PF"
"""The program gets its own argv[0], and the emulator is opened when it is registered."""
_IDENTITY = 20
"""Bytes of an ELF header that say for whom it is: `e_ident`, `e_type` and `e_machine`."""
_CLONE_NEWNS, _CLONE_NEWUSER = 0x0002_0000, 0x1000_0000
_MS_REC, _MS_PRIVATE = 0x4000, 0x4_0000
_PYTHON_IGNORES = (13, 25)
"""SIGPIPE and SIGXFSZ, which Python ignores and its successor would go on ignoring."""


def through(emulator: str, start: bytes) -> tuple[str, ...]:
    """Return the words to put before a command in which programs like this one run by `emulator`.

    `start` is the head of an ELF program of theirs; for anything else there are none.
    """
    if not start.startswith(b"\x7fELF") or len(start) < _IDENTITY:
        return ()
    return (sys.executable, "-ISB", __file__, registration(emulator, start))


def registration(emulator: str, start: bytes) -> str:
    r"""Return what to write to the table: `:NAME:M::MAGIC:MASK:EMULATOR:FLAGS`.

    Class, byte order and machine must be those of `start`; the type may be that of a
    program or of a shared object, the system's ABI any.
    """
    even, executable = (b"\xfe\xff", b"\x02\0") if start[5] == 1 else (b"\xff\xfe", b"\0\x02")
    magic = start[:7] + bytes(9) + executable + start[18:_IDENTITY]
    mask = b"\xff" * 7 + bytes(9) + even + b"\xff\xff"
    return f":imagesmith:M::{_escaped(magic)}:{_escaped(mask)}:{emulator}:{_FLAGS}"


def _escaped(content: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in content)


def enter(line: str) -> None:
    """Put this process into a namespace with a table of its own; OSError where there is none."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()

    def check(result: int) -> None:
        if result:
            raise OSError(ctypes.get_errno(), "no table of binary formats")

    check(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS))
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"0 {user} 1"),  # the table belongs to root of the namespace
        ("gid_map", f"0 {group} 1"),
    ):
        _write(f"/proc/self/{name}", content)
    check(libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))
    check(libc.mount(b"binfmt_misc", os.fsencode(_TABLE), b"binfmt_misc", 0, None))
    _write(f"{_TABLE}/register", line)


def _write(path: str, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, os.fsencode(content))
    finally:
        os.close(descriptor)


def become(line: str, words: tuple[str, ...]) -> None:
    """Enter the namespace where there can be one, and become a command, with no environment."""
    import signal
    from contextlib import suppress

    with suppress(OSError):  # an older kernel, or no user namespaces, as bubblewrap will say
        enter(line)
    for number in _PYTHON_IGNORES:
        signal.signal(number, signal.SIG_DFL)
    os.execve(words[0], words, {})  # noqa: S606 - bubblewrap, with our own arguments


if __name__ == "__main__":
    become(sys.argv[1], (*sys.argv[2:],))
