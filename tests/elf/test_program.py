"""What a started program opens by name: dlopen(3) of this system judges."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest
from builders.elf import GLIBC_INTERP, make_elf, make_glibc
from builders.roots import Content, make_tree, reader
from builders.sandbox import program

from imagesmith.elf.closure import Edge, LoaderClosure, Opening, Root, load_in
from imagesmith.elf.object import facts
from imagesmith.unpack.directory import HostRoot

PLUGIN: Final = "int which(void) { return 0; }"
LIBRARY: Final = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
void opens(void)
{
    Dl_info found;
    void *opened = dlopen("libplug.so", RTLD_NOW);
    if (opened && dladdr(dlsym(opened, "which"), &found))
        puts(found.dli_fname);
}
"""
MAIN: Final = "void opens(void); int main(void) { opens(); return 0; }"
PATHS: Final = {
    "none": (),
    "rpath": ("-Wl,--disable-new-dtags,-rpath,",),
    "runpath": ("-Wl,--enable-new-dtags,-rpath,",),
}


def compiled(source: str, target: Path, *options: str) -> Path:
    """Compile with the C library of this system; skip without one."""
    target.parent.mkdir(exist_ok=True)
    command = (program("gcc", "gcc"), "-O1", "-xc", "-", "-xnone", "-o", str(target), *options)
    made = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if "cannot find" in made.stderr:
        pytest.skip(f"gcc has no C library: {made.stderr}")
    assert made.returncode == 0, made.stderr
    return target


@pytest.mark.parametrize("library", PATHS)
@pytest.mark.parametrize("main", PATHS)
def test_a_library_opens_what_the_real_loader_opens(
    main: str, library: str, tmp_path: Path
) -> None:
    """RPATH is inherited from the program, unless the library has a RUNPATH of its own."""
    root = tmp_path.resolve()
    shared = ("-shared", "-fPIC")
    for name in ("ours", "theirs"):
        compiled(PLUGIN, root / name / "libplug.so", *shared)
    theirs = [f"{option}$ORIGIN/../theirs" for option in PATHS[library]]
    opener = compiled(LIBRARY, root / "lib" / "libopens.so", *shared, *theirs)
    ours = [f"{option}$ORIGIN/ours" for option in PATHS[main]]
    started = compiled(MAIN, root / "p", str(opener), *ours)
    ran = subprocess.run([started], env={}, capture_output=True, text=True, check=True)
    with HostRoot("/", facts=facts) as host:
        opening = Opening("libplug.so", str(opener))
        found = load_in(Root(host, host.read), str(started), openings=(opening,))
    answers = [edge.target for edge in found.edges if edge.name == "libplug.so"]

    assert list(map(resolved, answers)) == list(map(resolved, ran.stdout.split()))


def resolved(path: str) -> str:
    """Return a path without the dots that `$ORIGIN/..` leaves in it."""
    return str(Path(path).resolve())


def opened(files: dict[str, Content], *openings: Opening) -> LoaderClosure:
    """Return what a program in a small root has loaded after some openings."""
    base: dict[str, Content] = {
        GLIBC_INTERP: make_glibc(),
        "/bin/p": make_elf(interp=GLIBC_INTERP, needed=["liba.so"]),
        "/lib/liba.so": make_elf(),
    }
    tree = make_tree({**base, **files})
    return load_in(Root(tree, reader(tree)), "/bin/p", openings=openings)


def test_what_is_opened_comes_after_what_was_loaded() -> None:
    """With what it needs, breadth first, and an edge from who asked."""
    files: dict[str, Content] = {
        "/lib/libb.so": make_elf(needed=["libc.so", "liba.so"]),
        "/lib/libc.so": make_elf(),
    }
    found = opened(files, Opening("libb.so", "/lib/liba.so"))

    assert [each.path for each in found.objects] == [
        "/bin/p",
        "/lib/liba.so",
        "/lib/libb.so",
        "/lib/libc.so",
        GLIBC_INTERP,
    ]
    assert Edge("/lib/liba.so", "libb.so", "/lib/libb.so") in found.edges


def test_an_opening_that_fails_is_missing() -> None:
    """With who asked and where was searched."""
    found = opened({}, Opening("libgone.so", "/lib/liba.so"))

    assert [(each.name, each.needed_by) for each in found.missing] == [
        ("libgone.so", "/lib/liba.so")
    ]


def test_who_is_not_loaded_opens_nothing() -> None:
    """Better processors may have loaded another file in its place."""
    better = "/lib/glibc-hwcaps/x86-64-v3/liba.so"
    files: dict[str, Content] = {better: make_elf(), "/lib/libb.so": make_elf()}
    plain = opened(files)
    by_nobody = opened(files, Opening("libb.so", "/lib/none.so"))
    by_the_better = opened(files, Opening("libb.so", better))

    assert by_nobody == plain
    assert {each.path for each in by_the_better.extras} == {better, "/lib/libb.so"}
