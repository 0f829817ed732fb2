"""`trace` and `why` as people and pipes get them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from builders.elf import GLIBC_INTERP, make_elf, make_glibc
from builders.roots import Content, write_tree
from builders.world import Said, World

APP = "/usr/bin/app"
SYSTEM: dict[str, Content] = {
    GLIBC_INTERP: make_glibc("/lib", "/usr/lib"),
    APP: make_elf(interp=GLIBC_INTERP, needed=["liba.so", "libb.so"]),
    "/lib/liba.so": make_elf(needed=["libb.so"]),
    "/lib/libb.so": make_elf(),
    "/usr/bin/broken": make_elf(interp=GLIBC_INTERP, needed=["libgone.so"]),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a small root on the disk."""
    write_tree(SYSTEM, tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a world that is locked; nothing here changes it."""
    return World.built(tmp_path_factory.mktemp("world"))


def traced(root: Path, *arguments: str) -> Said:
    """Trace in the root, into pipes."""
    return World(root.parent).run("trace", "--root", str(root), *arguments)


def test_a_pipe_gets_a_line_an_object_and_nothing_else(root: Path) -> None:
    """The summary is for people."""
    said = traced(root, APP)

    assert said.out.splitlines() == [
        "/usr/bin/app                 seed     -",
        "/lib/liba.so                 default  /usr/bin/app",
        "/lib/libb.so                 default  /usr/bin/app",
        "/lib64/ld-linux-x86-64.so.2  interp   /usr/bin/app",
    ]
    size = sum((root / path.lstrip("/")).stat().st_size for path in list(SYSTEM)[:4])
    assert said.err == f"{APP}: 4 objects, {size / 1000:.3g} kB, glibc 2.36; complete\n"
    assert traced(root, APP, "-q").err == ""


def test_a_tree_can_be_asked_for(root: Path) -> None:
    """In a pipe as well, and with -v more of it."""
    said = traced(root, APP, "--tree", "-v")

    assert said.out.splitlines() == [
        "/usr/bin/app                    seed",
        "├─ /lib/liba.so                 default",
        "│  └─ /lib/libb.so              again",
        "├─ /lib/libb.so                 default",
        "└─ /lib64/ld-linux-x86-64.so.2  interp",
    ]


@pytest.mark.parametrize(
    ("options", "environment", "coloured"),
    [([], {}, True), (["--color", "never"], {}, False), ([], {"NO_COLOR": "1"}, False)],
)
def test_a_terminal_gets_a_coloured_tree(
    options: list[str], environment: dict[str, str], *, coloured: bool, root: Path
) -> None:
    """NO_COLOR is honoured."""
    master, terminal = pty.openpty()
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "imagesmith", *options, "trace", "--root", str(root)]
    ended = subprocess.run(
        [*command, "/usr/bin/broken"], stdout=terminal, env={**kept, **environment}, check=False
    )
    os.close(terminal)
    said = os.read(master, 65536).decode()
    os.close(master)

    assert ended.returncode == 9
    assert "libgone.so" in said
    assert "└─ " in said
    assert ("\x1b[31m" in said, "\x1b" in said) == (coloured, coloured)


def test_a_graph_has_every_program(root: Path) -> None:
    """One graph; what is missing still exits with 9."""
    said = traced(root, APP, "/usr/bin/broken", "--dot")

    assert (said.status, said.err) == (9, "")
    assert '"/lib/liba.so" -> "/lib/libb.so" [color="gray"];' in said.out
    assert said.out.startswith("digraph trace {\n")


@pytest.mark.parametrize(
    "options", [("--json", "--dot"), ("--dot", "--tree"), ("--tree", "--json")]
)
def test_only_one_form_can_be_had(options: tuple[str, str], root: Path) -> None:
    """Two of them are a mistake."""
    said = traced(root, APP, *options)

    assert said.status == 2
    assert "expected one of --json, --dot and --tree" in said.err


@pytest.mark.parametrize("levels", ["none", "x86-64-v3:x86-64-v2"])
def test_levels_of_the_processor_can_be_named(levels: str, root: Path) -> None:
    """One or several, or none."""
    assert traced(root, APP, "--hwcaps", levels).status == 0


def test_warnings_are_for_people_or_in_the_document(root: Path) -> None:
    """Never among the objects."""
    relative = make_elf(interp=GLIBC_INTERP, needed=["liba.so"], runpath="lib")
    (root / "usr/bin/relative").write_bytes(relative)
    text = traced(root, "/usr/bin/relative")
    document = traced(root, "/usr/bin/relative", "--json")

    assert "warning: /usr/bin/relative: RUNPATH element 'lib'" in text.err
    assert "RUNPATH" not in text.out
    assert "RUNPATH element 'lib'" in document.out
    assert document.err == ""


LIBRARIES = "/usr/lib/x86_64-linux-gnu"


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        (
            f"{LIBRARIES}/libc.so.6",
            [
                "/usr/bin/hello (hello) [seed]",
                f"  {LIBRARIES}/libc.so.6 (libc6) [needed libc.so.6 by default]",
                f"  also needed by {LIBRARIES}/libgreet.so.1.0",
            ],
        ),
        (
            "/lib/x86_64-linux-gnu/libgreet.so.1",
            [
                "/usr/bin/hello (hello) [seed]",
                f"  {LIBRARIES}/libgreet.so.1.0 (libgreet1) [needed libgreet.so.1 by default]",
            ],
        ),
        (
            "/lib",
            [
                "/usr/bin/hello (hello) [seed]",
                f"  {LIBRARIES}/libgreet.so.1.0 (libgreet1) [needed libgreet.so.1 by default]",
                "    /lib [symlink on the way of /lib/x86_64-linux-gnu/libgreet.so.1]",
            ],
        ),
        ("/usr/bin", ["/usr/bin (hello) [parent of /usr/bin/hello]"]),
        (
            "/usr/lib",
            [
                (
                    "/usr/lib (base-files, libc6, libgreet1) [parent of /usr/lib/os-release,"
                    f" {LIBRARIES}/ld-linux-x86-64.so.2, {LIBRARIES}/libc.so.6 and 2 more]"
                )
            ],
        ),
        ("/etc/passwd", ["/etc/passwd [generated]"]),
    ],
)
def test_why_speaks_as_trace_does(path: str, lines: list[str], world: World) -> None:
    """Libraries by several ways, links, directories, what is made."""
    said = world.ok("why", str(world.image), path, "--arch", "amd64")

    assert said.out.splitlines() == lines


def test_why_not_names_the_package_or_what_was_meant(world: World) -> None:
    """Also where the path goes through a link."""
    moved = world.run("why", str(world.image), "/opt/hello")
    license_ = world.run("why", str(world.image), "/usr/share/doc/libgreet1/README")

    assert "hint: no package of the manifest ships it; did you mean /usr/bin/hello" in moved.err
    assert 'include = ["/usr/share/doc/hello/README"] under [trace]' in license_.err
