"""What a program did to files, from a log of strace: real logs of a real program, and odd ones."""

from __future__ import annotations

import pytest
from builders.explorer import Explorer, shown

from imagesmith.sandbox.watching.accesses import Access, accesses


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    """Return a root with the program, which works in /etc when it starts."""
    return Explorer.make(tmp_path_factory.mktemp("explorer") / "root")


CASES: dict[str, tuple[list[str | bytes], list[str]]] = {
    "an absolute path": (["open", "/etc/passwd"], ["open /etc/passwd"]),
    "a relative one": (["open", "passwd"], ["open /etc/passwd"]),
    "through a link": (["open", "/lib/x"], ["open /lib/x -> /usr/lib/x"]),
    "up and down": (["open", "../lib/../etc/passwd"], ["open /etc/../lib/../etc/passwd ENOENT"]),
    "nothing": (["open", "/none", "stat", "none"], ["open /none ENOENT", "look /etc/none ENOENT"]),
    "not below a file": (["stat", "/etc/passwd/x"], ["look /etc/passwd/x ENOTDIR"]),
    "a link itself": (
        ["lstat", "/lib", "readlink", "/lib", "stat", "/lib"],
        ["llook /lib", "look /lib"],
    ),
    "a directory, listed": (["list", "conf"], ["open /etc/conf", "list /etc/conf"]),
    "from a descriptor": (
        ["openat", "/usr/lib", "deep/y"],
        ["look /usr/lib", "open /usr/lib/deep/y"],
    ),
    "from a descriptor through a link": (
        ["openat2", "/lib/deep", "../x"],
        ["look /lib/deep -> /usr/lib/deep", "open /usr/lib/deep/../x -> /usr/lib/x"],
    ),
    "after chdir": (["chdir", "/lib", "access", "x"], ["look /lib", "look /lib/x"]),
    "after chdir, in steps": (
        ["chdir", "/usr", "chdir", "lib", "access", "x"],
        ["look /usr", "look /usr/lib", "look /usr/lib/x"],
    ),
    "after a chdir that failed": (
        ["chdir", "/none", "access", "passwd"],
        ["look /none ENOENT", "look /etc/passwd"],
    ),
    "after fchdir": (
        ["fchdir", "/lib", "access", "x"],
        ["open /lib -> /usr/lib", "look /usr/lib/x"],
    ),
    "a child, which moves alone": (
        ["beside", "/usr", "lib", "access", "passwd", "chdir", "/lib", "access", "x"],
        ["look /etc/passwd", "look /lib", "look /lib/x", "look /usr", "look /usr/lib"],
    ),
    "a child of a child": (
        ["chdir", "/usr", "fork", "chdir", "lib", "fork", "access", "x"],
        ["look /usr", "look /usr/lib", "look /usr/lib/x"],
    ),
    "a thread, which moves all": (
        ["thread", "chdir", "/usr/lib", "access", "x"],
        ["look /usr/lib", "look /usr/lib/x"],
    ),
    "a process that shares where it works": (
        ["apart", "chdir", "/usr/lib", "access", "x"],
        ["look /usr/lib", "look /usr/lib/after ENOENT", "look /usr/lib/x"],
    ),
    "itself again": (
        ["chdir", "/usr", "exec", "/bin/again", "access", "lib"],
        ["execute /bin/again", "look /usr", "look /usr/lib"],
    ),
    "itself by a relative path": (
        ["chdir", "/bin", "exec", "./again", "open", "/etc/passwd"],
        ["execute /bin/./again", "look /bin", "open /etc/passwd"],
    ),
    "itself by a descriptor": (
        ["fexec", "/bin/again", "access", "passwd"],
        ["execute /bin/again", "look /bin/again", "look /etc/passwd"],
    ),
    "a thread that becomes a program": (
        ["chdir", "/usr", "thread", "exec", "/bin/again", "access", "lib"],
        ["execute /bin/again", "look /usr", "look /usr/lib"],
    ),
    "a program that is not there": (["exec", "/bin/none"], ["execute /bin/none ENOENT"]),
    "a file that is no program": (["exec", "/etc/passwd"], ["execute /etc/passwd EACCES"]),
    "a child that vfork starts": (
        ["chdir", "/usr", "vfork", "/bin/again", "access", "lib"],
        ["execute /bin/again", "look /usr", "look /usr/lib"],
    ),
    "a file of its own": (
        ["write", "/tmp/a", "open", "/tmp/a", "rename", "/tmp/a", "/tmp/b", "unlink", "/tmp/b"],
        ["open /tmp/a", "write /tmp/a", "write /tmp/a", "write /tmp/b"],
    ),
    "a file that cannot be written": (["write", "/etc/passwd"], ["write /etc/passwd EROFS"]),
    "a directory that is there": (["mkdir", "/usr"], ["write /usr EEXIST"]),
    "odd bytes": (
        ["stat", b'/tmp/\xff<>"\\\n, ) = 0', "chdir", "/tmp", "mkdir", b"\xc3\xa4 (deleted)"],
        ["look /tmp", 'look /tmp/\udcff<>"\\\n, ) = 0 ENOENT', "write /tmp/ä (deleted)"],
    ),
    "what the kernel makes": (
        ["chdir", "/proc/self", "open", "status", "open", "/dev/null"],
        ["look /proc/self", "open /dev/null", "open /proc/2/status"],
    ),
    "a socket": (["socket", "/tmp/none", "open", "passwd"], ["open /etc/passwd"]),
    "what a link of the kernel leads to": (
        ["open", "/proc/self/root/etc/passwd"],
        ["open /proc/self/root/etc/passwd -> /etc/passwd"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_access_has_its_absolute_path(case: str, explorer: Explorer) -> None:
    """Sorted, as processes run side by side."""
    words, expected = CASES[case]

    assert sorted(expected) == sorted(explorer.done(*words))


def test_a_program_goes_on_when_its_parent_ends(explorer: Explorer) -> None:
    """Until the one that was started first ends: then everything does."""
    found = explorer.done("daemon", "chdir", "/usr/lib", "open", "x", "sleep")

    assert sorted(found) == ["look /usr/lib", "open /usr/lib/x"]


def test_a_program_that_dies_was_seen_until_then(explorer: Explorer) -> None:
    """A signal is no access."""
    assert explorer.done("open", "passwd", "signal", "open", "conf") == ["open /etc/passwd"]


def test_a_changed_root_is_part_of_the_path(explorer: Explorer) -> None:
    """Where the kernel allows it at all: a program may be root in a namespace of its own."""
    log = explorer.log("root", "/usr", "open", "/lib/x", options=("--cap-add", "CAP_SYS_CHROOT"))
    found = [shown(each) for each in accesses(log).all]
    if "look /usr" not in found or "look /usr EPERM" in found:
        pytest.skip("this kernel allows no chroot here")

    assert "open /usr/lib/x" in found


def test_the_sandbox_itself_is_left_out(explorer: Explorer) -> None:
    """What bubblewrap mounts, and what stands before it, whatever that is."""
    found = [each.path for each in explorer.accesses("open", "passwd").all]

    assert found[0] == "/bin/explore"
    assert not [path for path in found if path.startswith(("/newroot", "/oldroot"))]


def test_a_program_that_never_starts_has_no_accesses() -> None:
    """Nothing but its starter is in the log."""
    found = accesses([rb'1  execve("\x2f\x62", ["\x62"], 0x7f /* 0 vars */) = 0'])

    assert (found.all, found.is_started, found.strange) == ((), False, ())


START = (
    rb'1  execve("\x2f\x73", ["\x73"], 0x7f /* 0 vars */) = 0',
    rb"1  clone(child_stack=NULL, flags=SIGCHLD) = 2 /* 2 in strace's PID NS */",
    rb'2  execve("\x2f\x62", ["\x62"], 0x7f /* 0 vars */) = 0',
)
"""What stands at the beginning of every log; 2 is the program /b, and nobody knows where it is."""


def test_a_path_that_begins_nowhere_is_told() -> None:
    """Rather than guessed, or left out in silence."""
    lost = rb'2  access("\x61", R_OK)  = 0'
    found = accesses([*START, lost, rb'2  access("\x61", R_OK) = -1 ENOENT (No such file)'])

    assert found.all == (Access("/b", "execute"),)
    assert found.strange == ('2 access("\\x61", R_OK)',)


def test_the_kernel_says_where_a_process_works() -> None:
    """From then on it is known."""
    said = rb'2  openat(AT_FDCWD<\x2f\x65>, "\x61", O_RDONLY) = 3<\x2f\x65\x2f\x61>'
    found = accesses([*START, said, rb'2  access("\x62", R_OK) = 0'])

    assert [shown(each) for each in found.all[1:]] == ["open /e/a", "look /e/b"]


def test_a_child_is_known_before_its_parent_knows_it() -> None:
    """Its first calls stand before the end of the call that started it, and it may be over then."""
    found = accesses(
        [
            *START,
            rb'2  chdir("\x2f\x65") = 0',
            rb"2  vfork( <unfinished ...>",
            rb'3  access("\x61", R_OK) = 0',
            rb"3  +++ exited with 0 +++",
            rb"2  <... vfork resumed>) = 3 /* 3 in strace's PID NS */",
            rb"2  vfork( <unfinished ...>",
            rb'3  access("\x62", R_OK) = 0',
            rb"2  <... vfork resumed>) = 3 /* 3 in strace's PID NS */",
            rb"2  +++ killed by SIGKILL +++",
        ]
    )

    assert [shown(each) for each in found.all[1:]] == ["look /e", "look /e/a", "look /e/b"]


def test_a_process_number_may_be_used_again() -> None:
    """A new process works where its own parent does."""
    started = rb"2  vfork() = 3 /* 3 in strace's PID NS */"
    found = accesses(
        [
            *START,
            rb'2  chdir("\x2f\x65") = 0',
            started,
            rb'3  chdir("\x2f\x66") = 0',
            rb"3  +++ exited with 0 +++",
            started,
            rb'3  access("\x61", R_OK) = 0',
        ]
    )

    assert shown(found.all[-1]) == "look /e/a"


@pytest.mark.parametrize(
    "call",
    [
        rb"access(NULL, F_OK) = -1 EFAULT (Bad address)",
        rb"openat(AT_FDCWD<\x2f>, 0x1234, O_RDONLY) = -1 EFAULT (Bad address)",
        rb'newfstatat(3<\x2f\x61>, "", {st_mode=S_IFREG|0644, ...}, AT_EMPTY_PATH) = 0',
        rb"utimensat(3<\x2f\x61>, NULL, NULL, 0) = 0",
        rb'openat(3<\x70\x69\x70\x65\x3a\x5b\x31\x5d>, "\x61", O_RDONLY) = -1 ENOTDIR (Not a dir)',
        rb"getdents64(-1, 0x7f, 100) = -1 EBADF (Bad file descriptor)",
        rb"fchdir(5<\x2f\x61>) = -1 ENOTDIR (Not a directory)",
    ],
)
def test_calls_without_a_name_are_no_accesses(call: bytes) -> None:
    """Nor strange."""
    found = accesses([*START, b"2  " + call])

    assert (found.all[1:], found.strange) == ((), ())
