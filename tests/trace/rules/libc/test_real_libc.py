"""The C library of this system judges: programs run with what the rules ship, and not without.

Each program stands in a root of its own with everything it may want; what a
trace finds there is copied into a second root, and run in it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final

import pytest
from builders.sandbox import Sandbox, program

from imagesmith.elf.closure import Root, load_in
from imagesmith.elf.object import facts
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.trace.seeds import trace
from imagesmith.unpack.directory import HostRoot

THREAD: Final = """
#include <pthread.h>
#include <stdio.h>
static void *end(void *unused) { pthread_exit(unused); }
int main(void)
{
    pthread_t thread;
    if (pthread_create(&thread, 0, end, 0) || pthread_join(thread, 0))
        return 1;
    puts("ended");
    return 0;
}
"""
PLUGIN: Final = "int answer(void) { return 42; }"
OPENS: Final = r"""
#include <dlfcn.h>
#include <stdio.h>
__asm__(".pushsection .note.dlopen, \"a\", %note\n"
        ".balign 4\n"
        ".long 4, 2f - 1f, 0x407c0c0a\n"
        ".asciz \"FDO\"\n"
        "1: .asciz \"[{\\\"soname\\\": [\\\"libnone.so\\\", \\\"libanswer.so.1\\\"]}]\"\n"
        "2: .balign 4\n"
        ".popsection\n");
int main(void)
{
    void *opened = dlopen("libanswer.so.1", RTLD_NOW);
    if (!opened)
        return 3;
    printf("%d\n", ((int (*)(void))dlsym(opened, "answer"))());
    return 0;
}
"""
HOSTS: Final = """
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
int main(void)
{
    struct hostent *host = gethostbyname("judge.example");
    struct servent *service = getservbyname("judging", "tcp");
    puts(host ? inet_ntoa(*(struct in_addr *)host->h_addr_list[0]) : "unknown");
    printf("%d\\n", service ? ntohs(service->s_port) : -1);
    return 0;
}
"""
CONFIGURED: Final = {
    "etc/hosts": "192.0.2.7 judge.example\n",
    "etc/nsswitch.conf": "hosts: files\nservices: files\n",
    "etc/services": "judging 4242/tcp\n",
}


def compiled(source: str, target: Path, *options: str) -> None:
    """Compile with the C library of the system; skip where that is not possible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    command = (program("gcc", "gcc"), "-O1", "-xc", "-", "-o", str(target), *options)
    made = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if "cannot find" in made.stderr or "No such file" in made.stderr:
        pytest.skip(f"gcc has no C library: {made.stderr}")
    assert made.returncode == 0, made.stderr


def full_root(
    directory: Path, source: str, *, files: Mapping[str, str] = {}, also: Sequence[str] = ()
) -> Path:
    """Make a root of a program, its C library, files, and libraries by their host paths."""
    root = directory / "full"
    compiled(source, root / "bin" / "p", "-Wl,--enable-new-dtags,-rpath,$ORIGIN/../plugins")
    with HostRoot("/", facts=facts) as host:
        loaded = load_in(Root(host, host.read), str((root / "bin" / "p").resolve()))
    for path in (*(each.path for each in loaded.objects[1:]), *also):
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


def minimal_run(
    root: Path, to: Path, *, rules: int = 1, runtime: RuntimeSection = RuntimeSection()
) -> CompletedProcess[str]:
    """Copy what is traced into a new root, and run the program there."""
    with HostRoot(str(root), facts=facts) as filesystem:
        listed = [f"/{each.relative_to(root)}" for each in sorted(root.rglob("*"))]
        closure = trace(
            filesystem,
            ["/bin/p"],
            runtime=runtime,
            rules=rules,
            read=filesystem.read,
            lend=filesystem.lend,
            paths=listed,
        )
    for name in ("proc", "dev"):
        (to / name).mkdir(parents=True)
    for path in closure.paths:
        (to / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / path[1:], to / path[1:], follow_symlinks=False)
    return Sandbox(to).run("/bin/p")


def host_library(name: str) -> Path:
    """Return where gcc finds a library of this system."""
    command = (program("gcc", "gcc"), f"-print-file-name={name}")
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found = Path(ran.stdout.strip())
    if not found.is_absolute():
        pytest.skip(f"there is no {name}")
    return found


def test_ending_a_thread_needs_the_unwinder(tmp_path: Path) -> None:
    """Rule libgcc: without it the program aborts, and says why."""
    root = full_root(tmp_path, THREAD)
    libc = next(root.rglob("libc.so.6"))
    shutil.copy(host_library("libgcc_s.so.1"), libc.parent)
    without = minimal_run(
        root, tmp_path / "without", runtime=RuntimeSection(without_rules=("libgcc",))
    )
    with_it = minimal_run(root, tmp_path / "with")

    assert without.returncode != 0
    assert "libgcc_s.so.1 must be installed" in without.stderr + without.stdout
    assert (with_it.returncode, with_it.stdout) == (0, "ended\n")


def test_a_noted_library_is_there_to_be_opened(tmp_path: Path) -> None:
    """Rule dlopen: found through the RUNPATH of who opens it."""
    root = full_root(tmp_path, OPENS)
    compiled(PLUGIN, root / "plugins" / "libanswer.so.1", "-shared", "-fPIC")
    without = minimal_run(root, tmp_path / "without", rules=0)
    with_it = minimal_run(root, tmp_path / "with")

    assert without.returncode == 3
    assert (with_it.returncode, with_it.stdout) == (0, "42\n")


def test_hosts_and_services_are_known_by_name(tmp_path: Path) -> None:
    """Rule nss: from the files of the root, and from nowhere else."""
    root = full_root(tmp_path, HOSTS, files=CONFIGURED)
    without = minimal_run(root, tmp_path / "without", rules=0)
    with_it = minimal_run(root, tmp_path / "with")

    assert without.stdout == "unknown\n-1\n"
    assert with_it.stdout == "192.0.2.7\n4242\n"
