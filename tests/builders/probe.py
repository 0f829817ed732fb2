"""A static program that tells what it sees from inside a sandbox, and images that hold it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from builders.image import Blobs, make_image
from builders.sandbox import bubblewrap
from builders.tar import Files, complete

from imagesmith.cli import running
from imagesmith.model.config import ImageConfig
from imagesmith.model.tree import Entry, File, Tree
from imagesmith.oci import archive, bundle
from imagesmith.sandbox.starting import launch
from imagesmith.sandbox.starting.program import Asked
from imagesmith.store import Store

EPOCH = 1_700_000_000
COMPILERS = {"amd64": "gcc", "arm64": "aarch64-linux-gnu-gcc"}
PASSWD = """\
root:x:0:0:root:/root:/bin/sh
app:x:1000:1001:An app:/home/app:/bin/sh
broken line
"""
GROUP = "root:x:0:\nstaff:x:50:\n"

_SOURCE = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
extern char **environ;
static volatile int got;
static void note(int number) { got = number; }
static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }
static int words(int argc, char **argv) {
    for (int i = 0; i < argc; i++) puts(argv[i]);
    return 0;
}
static int listing(const char *path) {
    char *names[256]; int count = 0; struct dirent *entry; DIR *folder = opendir(path);
    if (!folder) return errno;
    while ((entry = readdir(folder)) && count < 256)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            names[count++] = strdup(entry->d_name);
    qsort(names, count, sizeof *names, by_name);
    for (int i = 0; i < count; i++) puts(names[i]);
    return 0;
}
static int show(const char *path) {
    char text[4096]; int file = open(path, O_RDONLY);
    if (file < 0) return errno;
    ssize_t length = read(file, text, sizeof text);
    fwrite(text, 1, length > 0 ? length : 0, stdout);
    return 0;
}
static int make(const char *path) {
    return open(path, O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
}
static int mode(const char *path) {
    struct stat status;
    if (lstat(path, &status)) return errno;
    printf("%o %d:%d %ld\n", status.st_mode, status.st_uid, status.st_gid, (long)status.st_mtime);
    return 0;
}
static int waits(int argc, char **argv) {
    for (int i = 0; i < argc; i++) signal(atoi(argv[i]), note);
    puts("ready");
    fflush(stdout);
    while (!got) usleep(1000);
    printf("got %d\n", got);
    return 3;
}
static int connects(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    return connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&to, sizeof to) ? errno : 0;
}
static int listens(int port, int visits) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, door = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
    if (bind(door, (void *)&at, sizeof at) || listen(door, 8)) return errno;
    fputs("listening\n", stderr);
    while (visits--) close(accept(door, 0, 0));
    return 5;
}
static int echoes(FILE *to) {
    for (int c; (c = getchar()) != EOF;) putc(c, to);
    return 0;
}
static int each(int argc, char **argv) {
    for (int i = 0; i < argc; i++) show(argv[i]);
    return argc;
}
int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "words", *first = argc > 2 ? argv[2] : "";
    char text[4096];
    if (!strcmp(verb, "become")) return execv(first, argv + 3) ? errno : 0;
    if (!strcmp(verb, "exit")) return atoi(first);
    if (!strcmp(verb, "die")) return kill(getpid(), atoi(first)) || pause();
    if (!strcmp(verb, "env")) { for (char **e = environ; *e; e++) puts(*e); return 0; }
    if (!strcmp(verb, "id")) return printf("%d:%d\n", getuid(), getgid()) < 0;
    if (!strcmp(verb, "cwd")) return puts(getcwd(text, sizeof text)) < 0;
    if (!strcmp(verb, "host")) return gethostname(text, sizeof text) || puts(text) < 0;
    if (!strcmp(verb, "list")) return listing(first);
    if (!strcmp(verb, "show")) return show(first);
    if (!strcmp(verb, "make")) return make(first);
    if (!strcmp(verb, "link")) return symlink(first, argv[3]) ? errno : 0;
    if (!strcmp(verb, "mode")) return mode(first);
    if (!strcmp(verb, "wait")) return waits(argc - 2, argv + 2);
    if (!strcmp(verb, "connect")) return connects(atoi(first));
    if (!strcmp(verb, "each")) return each(argc - 2, argv + 2);
    if (!strcmp(verb, "listen")) return listens(atoi(first), argc > 3 ? atoi(argv[3]) : -1);
    if (!strcmp(verb, "echo")) return echoes(strcmp(first, "stderr") ? stdout : stderr);
    if (!strcmp(verb, "fork")) { if (fork()) return 0; for (;;) pause(); }
    if (!strcmp(verb, "tty")) return open("/dev/tty", O_RDWR) < 0 ? errno : 0;
    if (!strcmp(verb, "type")) return ioctl(atoi(first), TIOCSTI, "x") ? errno : 0;
    if (!strcmp(verb, "device")) return mknod("/tmp/d", S_IFCHR | 0600, 0x103) ? errno : 0;
    if (!strcmp(verb, "pipe")) { signal(SIGINT, SIG_DFL); for (;;) puts("y"); }
    return words(argc - 1, argv + 1);
}
"""


@functools.cache
def probe(arch: str = "amd64") -> bytes:
    """Compile the program; skip the test that needs it where there is no compiler."""
    compiler = COMPILERS[arch]
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "probe")
        options = ("-static", "-O1", "-w", "-xc", "-", "-o", str(output))
        subprocess.run((compiler, *options), input=_SOURCE, text=True, check=True)
        return output.read_bytes()


def files(arch: str = "amd64") -> dict[str, Entry | bytes | str]:
    """Return the files of a small image."""
    return {
        "/bin/probe": File.of(probe(arch), mode=0o755),
        "/etc/passwd": PASSWD,
        "/etc/group": GROUP,
    }


def write_image(
    path: Path,
    files_by_arch: Mapping[str, Files],
    config: ImageConfig,
    *,
    reference: str = "registry.example.org/team/probe:1",
) -> Path:
    """Write an archive with an image per architecture."""
    blobs = Blobs()
    images = [
        make_image(Tree(complete(content)), blobs, arch=arch, config=config)
        for arch, content in files_by_arch.items()
    ]
    archive.write(path, bundle.of(images), reference=reference, blobs=blobs.chunks, epoch=EPOCH)
    return path


@attrs.frozen
class Runner:
    """A store, and images run from it in this process; what they print goes where ours does."""

    store: Path

    def __call__(
        self,
        path: Path,
        *arguments: str,
        wanted: str | None = None,
        **asked: Any,  # noqa: ANN401 - the fields of `Asked`
    ) -> int:
        """Run an archive's image and return the exit status."""
        bubblewrap()
        host = launch.here(os.environ)
        opened = Store.open(self.store)
        with running.exported(path, opened, wanted=wanted, host=host) as lent:
            return running.run(lent, Asked(arguments, **asked), host, wanted=wanted)

    def root(self) -> Path:
        """Return the one exported root."""
        (found,) = (self.store / "rootfs").iterdir()
        return found / "root"
