"""A static program that touches files as its words tell it, and what is known of it then.

`Explorer` runs it in a sandbox over a directory of the test's, under strace; its words
are a small language: `open P`, `openat D P`, `list D`, `fork` (the child goes on, its
parent waits), and so on, one after the other.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs
from builders.sandbox import bubblewrap, program

from imagesmith.sandbox.starting import bubblewrap as door
from imagesmith.sandbox.starting import launch, supervise
from imagesmith.sandbox.watching import accesses, strace
from imagesmith.sandbox.watching.accesses import Accesses

_SOURCE = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
static char **words;
static int is(const char *name, int count) {
    if (strcmp(*words, name)) return 0;
    words += count + 1;
    return 1;
}
static void go(void);
static void *in_thread(void *unused) { go(); _exit(0); return unused; }
static int in_clone(void *unused) { (void)unused; go(); _exit(0); }
static void list(int folder) {
    char buffer[4096];
    while (syscall(SYS_getdents64, folder, buffer, sizeof buffer) > 0) continue;
}
static void go(void) {
    struct stat status; char text[4096]; pthread_t thread; pid_t child;
    for (; *words; )
        if (is("open", 1)) open(words[-1], O_RDONLY);
        else if (is("openat", 2)) openat(open(words[-2], O_PATH), words[-1], O_RDONLY);
        else if (is("openat2", 2)) {
            struct open_how how = {.flags = O_RDONLY};
            syscall(SYS_openat2, open(words[-2], O_PATH), words[-1], &how, sizeof how);
        }
        else if (is("write", 1)) close(open(words[-1], O_WRONLY | O_CREAT, 0600));
        else if (is("list", 1)) list(open(words[-1], O_RDONLY | O_DIRECTORY));
        else if (is("stat", 1)) stat(words[-1], &status);
        else if (is("lstat", 1)) lstat(words[-1], &status);
        else if (is("access", 1)) access(words[-1], R_OK);
        else if (is("readlink", 1)) readlink(words[-1], text, sizeof text);
        else if (is("rename", 2)) rename(words[-2], words[-1]);
        else if (is("unlink", 1)) unlink(words[-1]);
        else if (is("mkdir", 1)) mkdir(words[-1], 0700);
        else if (is("chdir", 1)) chdir(words[-1]);
        else if (is("fchdir", 1)) fchdir(open(words[-1], O_RDONLY));
        else if (is("root", 1)) { unshare(CLONE_NEWUSER); if (chroot(words[-1])) exit(9); }
        else if (is("fork", 0)) { if ((child = fork())) { waitpid(child, 0, 0); exit(0); } }
        else if (is("beside", 0)) { if (!(child = fork())) { words += 2; go(); exit(0); }
                                    chdir(words[0]); stat(words[1], &status); waitpid(child, 0, 0);
                                    exit(0); }
        else if (is("vfork", 1)) { if (!vfork()) { execl(words[-1], words[-1], NULL); _exit(1); } }
        else if (is("daemon", 0)) { if (fork()) { usleep(100000); exit(0); } setsid(); }
        else if (is("sleep", 0)) for (;;) pause();
        else if (is("thread", 0)) {
            pthread_create(&thread, 0, in_thread, 0);
            pthread_join(thread, 0);
        }
        else if (is("apart", 0)) { static char stack[65536];
            child = clone(in_clone, stack + sizeof stack, CLONE_FS | SIGCHLD, 0);
            waitpid(child, 0, 0); stat("after", &status); exit(0); }
        else if (is("exec", 1)) { words[-1] = words[-1]; execv(words[-1], words - 1); exit(126); }
        else if (is("fexec", 1)) {
            int file = open(words[-1], O_PATH | O_CLOEXEC);
            syscall(SYS_execveat, file, "", words - 1, NULL, AT_EMPTY_PATH); exit(126);
        }
        else if (is("socket", 1)) {
            struct sockaddr_un place = {.sun_family = AF_UNIX};
            strcpy(place.sun_path, words[-1]);
            connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&place, sizeof place);
        }
        else if (is("signal", 0)) raise(SIGSEGV);
        else exit(99);
}
int main(int argc, char **argv) { (void)argc; words = argv + 1; go(); return 0; }
"""


@functools.cache
def explorer(compiler: str = "gcc") -> Path:
    """Return the program, compiled once in a session; skip the test without a compiler."""
    found = program(compiler, "gcc")
    folder = Path(tempfile.mkdtemp(prefix="explorer-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source, output = folder / "explore.c", folder / "explore"
    source.write_text(_SOURCE)
    subprocess.run(
        (found, "-w", "-O1", "-static", "-pthread", "-o", str(output), str(source)), check=True
    )
    return output


@attrs.frozen
class Explorer:
    """A root directory in which the program runs."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> Explorer:
        """Lay out a small root with the program in it; skip where nothing can be traced."""
        program("strace", "strace")
        bubblewrap()
        for folder in ("bin", "dev", "etc/conf", "proc", "tmp", "usr/lib/deep"):
            (root / folder).mkdir(parents=True)
        (root / "bin/explore").write_bytes(explorer().read_bytes())
        (root / "bin/explore").chmod(0o755)
        (root / "bin/again").hardlink_to(root / "bin/explore")
        (root / "lib").symlink_to("usr/lib")
        for name in ("etc/passwd", "etc/conf/a", "usr/lib/x", "usr/lib/deep/y"):
            (root / name).write_text(name)
        return cls(root)

    def log(self, *words: str | bytes, options: Sequence[str] = ()) -> list[bytes]:
        """Run the program and return what strace wrote."""
        host = launch.here(os.environ)
        given = [*("--ro-bind", str(self.root), "/", "--tmpfs", "/tmp", "--chdir", "/etc")]
        given += ["--proc", "/proc", "--dev", "/dev", *options]
        command = [b"/bin/explore", *map(os.fsencode, words)]
        with strace.log(host.which) as log:
            started = door.start(
                launch.bubblewrap_of(host), [*map(os.fsencode, given)], command, through=log.through
            )
            supervise.supervise(started)
            return list(log.lines())

    def accesses(self, *words: str | bytes, options: Sequence[str] = ()) -> Accesses:
        """Run the program and return what it did to files."""
        return accesses.accesses(self.log(*words, options=options))

    def done(self, *words: str | bytes) -> list[str]:
        """Return each access in a line: `open /etc/passwd`, with error and real path if it has one.

        Without the start of the program, and what its own start looks at.
        """
        found = self.accesses(*words)
        assert (found.strange, found.is_started) == ((), True)
        assert found.all[0] == accesses.Access("/bin/explore", "execute")
        lines = (shown(each) for each in found.all[1:])
        return [line for line in lines if "/proc/self/exe" not in line and "/sys/" not in line]


def shown(access: accesses.Access) -> str:
    """Return an access in a line."""
    words = [access.kind if access.follows else f"l{access.kind}", access.path, access.error]
    if access.real and access.real != access.path:
        words.append(f"-> {access.real}")
    return " ".join(word for word in words if word)
