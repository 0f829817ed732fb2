"""The real loaders judge: random roots, and the programs of the host."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from builders import loaders
from builders.elf import (
    AUXILIARY,
    ET_EXEC,
    FILTER,
    GLIBC_INTERP,
    MUSL_INTERP,
    NEEDED,
    NODEFLIB,
    PIE,
    make_elf,
)
from builders.loaders import Listing
from builders.proof import agree
from builders.roots import Content, make_tree, read_tree, reader, write_tree
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.elf.closure import Environment, LoaderClosure, Root, load, load_in
from imagesmith.elf.object import facts
from imagesmith.model.arch import ARCHES
from imagesmith.unpack.directory import HostRoot

NAMES = ("liba.so", "libb.so", "libC.so", "libd.so")
PLACES = (
    "/lib",
    "/usr/lib",
    "/lib/x86_64-linux-gnu",
    "/opt/one",
    "/opt/two",
    "/opt/two/lib/x86_64-linux-gnu",
    "/app",
)
ELEMENTS = (
    *PLACES,
    "$ORIGIN",
    "${ORIGIN}/../two",
    "/opt/two/$LIB",
    "$ORIGIN/../one/",
    "/none",
    "/opt/one//",
    "/opt/link",
    "/opt/$ORIGINX",
)
search_paths = st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=3).map(":".join)
maybe_paths = st.one_of(st.none(), st.none(), search_paths)
needs = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.tuples(st.sampled_from(PLACES), st.sampled_from(NAMES)).map("/".join),
)
many_needs = st.lists(needs, max_size=3)


@st.composite
def libraries(draw: st.DrawFn) -> bytes:
    """Draw a shared object."""
    return make_elf(
        needed=draw(many_needs),
        soname=draw(st.sampled_from((None, None, "libz.so", *NAMES))),
        rpath=draw(maybe_paths),
        runpath=draw(maybe_paths),
        flags_1=draw(st.sampled_from((0, 0, 0, NODEFLIB))),
    )


ODD_FOR_ALL: tuple[Content, ...] = (None, "liba.so", "/app/prog/x", "gone", b"x" * 99, b"y")
ODD_FOR_GLIBC: tuple[Content, ...] = (
    make_elf(arch=ARCHES["arm64"]),
    make_elf(arch=ARCHES["i386"]),
    make_elf(arch=ARCHES["s390x"]),
    make_elf(flags_1=PIE),
    make_elf(kind=ET_EXEC),
    make_elf(dynamic=False),
)
places = st.tuples(st.sampled_from(PLACES), st.sampled_from(NAMES)).map("/".join)


@st.composite
def roots(draw: st.DrawFn, interp: str, odd: tuple[Content, ...]) -> dict[str, Content]:
    """Draw a root with a program and libraries, some of them links and some no libraries."""
    program = make_elf(
        interp=interp, needed=draw(many_needs), rpath=draw(maybe_paths), runpath=draw(maybe_paths)
    )
    content: dict[str, Content] = {
        "/app/prog": program,
        "/opt/link": draw(st.sampled_from(("two", "/opt/one", "../app", "nowhere"))),
    }
    content |= draw(st.dictionaries(places, libraries(), min_size=2, max_size=7))
    real = sorted(content)
    for path in draw(st.lists(places, max_size=2)):
        if path not in content:
            content[path] = draw(st.sampled_from((*odd, real[0], real[-1], f"={real[0]}")))
    return content


def compared(
    content: dict[str, Content],
    loader: tuple[str, bytes],
    judge: Callable[[Path], Listing],
    library_path: str | None,
) -> tuple[Listing, LoaderClosure]:
    """Return what the real loader lists, and what is found in the same tree."""
    place, program = loader
    content = {place: program, **content}
    with tempfile.TemporaryDirectory() as name:
        write_tree(content, Path(name))
        listing = judge(Path(name))
    tree = make_tree(content)
    return listing, load(
        tree, "/app/prog", Environment(library_path=library_path), read=reader(tree)
    )


@settings(deadline=None, max_examples=50)
@given(roots(GLIBC_INTERP, ODD_FOR_ALL + ODD_FOR_GLIBC), maybe_paths)
def test_glibc_agrees_on_random_roots(content: dict[str, Content], path: str | None) -> None:
    """Same objects in the same order, same missing names; what ends ld.so is an error."""
    loader = loaders.host_loader(GLIBC_INTERP)
    arguments = () if path is None else ("--library-path", path)
    listing, found = compared(
        content,
        (GLIBC_INTERP, loader),
        lambda root: loaders.glibc(root, "/app/prog", *arguments),
        path,
    )

    assert bool(listing.failed) == bool(found.errors), (listing, found)
    if not listing.failed:
        agree(listing, found)


@settings(deadline=None, max_examples=30)
@given(roots(MUSL_INTERP, ODD_FOR_ALL), st.one_of(st.none(), st.sampled_from(PLACES)))
def test_musl_agrees_on_random_roots(content: dict[str, Content], path: str | None) -> None:
    """Same objects in the same order, same missing names; a bad file is an error for both."""
    loader = loaders.host_loader(MUSL_INTERP)
    listing, found = compared(
        content, (MUSL_INTERP, loader), lambda root: loaders.musl(root, "/app/prog", path), path
    )
    listing = attrs.evolve(listing, paths=tuple(p for p in listing.paths if p != MUSL_INTERP))

    agree(listing, found)
    refusals = ("Exec format error", "Is a directory", "Error reading")
    assert bool(found.errors) == any(refusal in listing.failed for refusal in refusals)


def test_glibc_agrees_about_filters() -> None:
    """AUXILIARY and FILTER objects stand before the object that names them."""
    content: dict[str, Content] = {
        "/app/prog": make_elf(interp=GLIBC_INTERP, needed=["liba.so", "late.so"]),
        "/lib/liba.so": make_elf(
            dependencies=[
                (AUXILIARY, "x.so"),
                (NEEDED, "n.so"),
                (FILTER, "y.so"),
                (FILTER, "late.so"),
            ]
        ),
        "/lib/x.so": make_elf(needed=["xn.so"]),
        **{f"/lib/{name}.so": make_elf() for name in ("y", "n", "late", "xn")},
    }
    loader = loaders.host_loader(GLIBC_INTERP)
    judged = compared(
        content, (GLIBC_INTERP, loader), lambda root: loaders.glibc(root, "/app/prog"), None
    )

    agree(*judged)


def test_glibc_agrees_about_levels() -> None:
    """With the hwcaps directories of the loader's own processor."""
    said = loaders.host_loader(GLIBC_INTERP)
    help_text = subprocess.run([GLIBC_INTERP, "--help"], capture_output=True, check=True, text=True)
    levels = re.findall(r"^  (x86-64-v\d) \(supported, searched\)", help_text.stdout, re.MULTILINE)
    content: dict[str, Content] = {
        "/app/prog": make_elf(interp=GLIBC_INTERP, needed=["liba.so", "libb.so"]),
        "/lib/liba.so": make_elf(),
        "/lib/glibc-hwcaps/x86-64-v2/liba.so": make_elf(),
        "/lib/glibc-hwcaps/x86-64-v3/liba.so": make_elf(),
        "/usr/lib/glibc-hwcaps/x86-64-v2/libb.so": make_elf(),
        "/lib/libb.so": make_elf(),
        GLIBC_INTERP: said,
    }
    with tempfile.TemporaryDirectory() as name:
        write_tree(content, Path(name))
        listing = loaders.glibc(Path(name), "/app/prog")
        tree = read_tree(Path(name))
    found = load(tree, "/app/prog", Environment(hwcaps=tuple(levels)), read=reader(tree))

    agree(listing, found)


def test_real_objects_of_a_compiler_agree(tmp_path: Path) -> None:
    """What gcc and ld write reads the same as what the tests write."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    loader = loaders.host_loader(GLIBC_INTERP)
    root = tmp_path / "root"
    write_tree({GLIBC_INTERP: loader, "/app/lib": None, "/bin": None, "/lib": None}, root)
    source = tmp_path / "a.c"
    source.write_text("int f(void){return 1;}\n")
    main = tmp_path / "m.c"
    main.write_text("int f(void);void _start(void){for(;;)f();}\n")
    lean = ["gcc", "-nostdlib", "-fPIC", "-Wl,--hash-style=gnu"]
    library, deep = root / "app/lib/liba.so", root / "app/lib/libdeep.so.2"
    subprocess.run([*lean, "-shared", "-Wl,-soname,libdeep.so.2", "-o", deep, source], check=True)
    subprocess.run(
        [*lean, "-shared", "-Wl,--no-as-needed", "-o", library, source, deep], check=True
    )
    paths = "-Wl,--disable-new-dtags,-rpath,$ORIGIN/../app/$LIB,-rpath,$ORIGIN/../app/lib"
    places = [
        f"-Wl,-rpath-link,{root}/app/lib,--dynamic-linker={GLIBC_INTERP}",
        f"-L{root}/app/lib",
    ]
    program = root / "bin/prog"
    subprocess.run([*lean, paths, *places, "-o", program, main, "-la"], check=True)
    listing = loaders.glibc(root, "/bin/prog")
    tree = read_tree(root)
    found = load(tree, "/bin/prog", read=reader(tree))

    agree(listing, found)
    assert [each.path for each in found.objects[1:3]] == [
        "/bin/../app/lib/liba.so",
        "/bin/../app/lib/libdeep.so.2",
    ]
    assert found.objects[2].rule == "rpath"


AARCH64_INTERP = "/lib/ld-linux-aarch64.so.1"


def test_a_foreign_loader_agrees_under_emulation(tmp_path: Path) -> None:
    """The same rules for another machine, judged by its own loader in qemu."""
    emulator = shutil.which("qemu-aarch64-static")
    if emulator is None:
        pytest.skip("there is no qemu-aarch64-static")
    loader = loaders.host_loader(f"/usr/aarch64-linux-gnu{AARCH64_INTERP}")
    arm, place = ARCHES["arm64"], "/lib/aarch64-linux-gnu"
    content: dict[str, Content] = {
        AARCH64_INTERP: loader,
        "/qemu": Path(emulator).read_bytes(),
        "/app/prog": make_elf(
            arch=arm, interp=AARCH64_INTERP, needed=["a.so", "b.so"], rpath="/opt/$LIB"
        ),
        f"/opt{place}/a.so": make_elf(arch=arm, needed=["c.so", "b.so"]),
        f"{place}/b.so": make_elf(),
        "/usr/lib/b.so": make_elf(arch=arm, soname="c.so"),
        f"/opt{place}/c.so": make_elf(arch=arm),
    }
    write_tree(content, tmp_path)
    listing = loaders.listed(tmp_path, "/qemu", AARCH64_INTERP, "--list", "/app/prog")
    tree = make_tree({**content, "/qemu": b""})
    found = load(tree, "/app/prog", read=reader(tree))

    assert listing.failed == ""
    agree(listing, found)


@pytest.mark.e2e
def test_the_programs_of_the_host_agree() -> None:
    """Every dynamic program of /usr/bin: same objects, same order as the running loader's."""
    loaders.host_loader(GLIBC_INTERP)
    seeds = [str(path) for path in sorted(Path("/usr/bin").iterdir()) if not path.is_symlink()]
    compared_count = 0
    with HostRoot("/", facts=facts) as host:
        root = Root(host, host.read)
        for seed in seeds:
            found = load_in(root, seed)
            if found.loader is None or found.loader.kind != "glibc":
                continue
            listing = loaders.glibc(Path("/"), seed)
            agree(listing, found)
            compared_count += 1

    assert compared_count > 0
