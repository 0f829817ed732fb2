"""Subdirectories that glibc prefers on some processors."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import attrs
import pytest
from builders import loaders
from builders.elf import GLIBC_INTERP, make_elf, make_glibc
from builders.roots import Content, closure_of, found_in, make_tree, reader, write_tree
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.elf.closure import Environment, LoaderClosure, load
from imagesmith.elf.hwcaps import Cpu, Cpus, cpus, present, subdirectories
from imagesmith.elf.object import facts
from imagesmith.elf.root import Root
from imagesmith.model.arch import ARCHES
from imagesmith.model.facts import Elf

PROGRAM = "/app/prog"
LIB = make_elf()
BARE = Environment()


def loader(version: str = "2.36", arch: str = "amd64", flags: int = 0) -> Elf:
    """Return the facts of a loader."""
    elf = facts(memoryview(make_glibc(version=version, arch=ARCHES[arch], flags=flags)))
    assert isinstance(elf, Elf)
    return elf


def possible(environment: Environment = BARE) -> Cpus:
    """Return the processors that a loader tells apart."""
    elf = loader()
    assert elf.loader is not None
    return cpus(elf, elf.loader, environment)


@pytest.mark.parametrize(
    ("version", "levels", "legacy"),
    [
        ("2.31", False, True),
        ("2.33", True, True),
        ("2.36", True, True),
        ("2.36.9000", True, True),
        ("2.37", True, False),
        ("2.41", True, False),
        ("", True, False),
    ],
)
def test_the_version_decides_which_schemes_there_are(
    version: str, *, levels: bool, legacy: bool
) -> None:
    """glibc-hwcaps came with 2.33, the older one went with 2.37; the newest is assumed."""
    elf = loader()
    assert elf.loader is not None
    found = cpus(elf, attrs.evolve(elf.loader, version=version), BARE)

    assert levels == ("x86-64-v3" in found.names)
    assert legacy == ("tls" in found.names)


def test_the_baseline_is_what_every_processor_has() -> None:
    """Any x86-64 processor looks into tls and x86_64; the others come the best first."""
    found = possible()

    assert found.baseline == Cpu((), ("tls", "x86_64", "x86_64"))
    assert found.others[0] == Cpu(
        ("x86-64-v4", "x86-64-v3", "x86-64-v2"), ("tls", "haswell", "avx512_1", "x86_64")
    )
    assert found.baseline not in found.others


@pytest.mark.parametrize(
    ("environment", "levels", "legacy"),
    [
        (Environment(platform="haswell", hwcaps=()), (), ("tls", "haswell", "x86_64")),
        (
            Environment(platform="xeon_phi", hwcaps=("x86-64-v2", "avx512_1")),
            ("x86-64-v2",),
            ("tls", "xeon_phi", "avx512_1", "x86_64"),
        ),
    ],
)
def test_what_is_given_is_not_varied(
    environment: Environment, levels: tuple[str, ...], legacy: tuple[str, ...]
) -> None:
    """Platform and hwcaps pin one processor together."""
    assert Cpus(Cpu(levels, legacy)) == possible(environment)


@pytest.mark.parametrize(
    ("arch", "flags", "best", "baseline"),
    [
        ("arm64", 0, ("tls", "aarch64", "atomics"), ("tls", "aarch64")),
        ("armhf", 0x400, ("tls", "v8l", "neon", "vfp"), ("tls",)),
        ("i386", 0, ("tls", "i586", "sse2"), ("tls", "i686")),
        ("mips64el", 0, ("tls",), ("tls",)),
        ("ppc64el", 2, ("tls", "power10", "altivec", "dfp"), ("tls", "altivec", "dfp")),
        (
            "s390x",
            0,
            ("tls", "z16", "vxe2", "vxe", "vx", "dfp", "eimm", "ldisp", "zarch"),
            ("tls", "eimm", "ldisp", "zarch"),
        ),
    ],
)
def test_each_machine_has_its_names(
    arch: str, flags: int, best: tuple[str, ...], baseline: tuple[str, ...]
) -> None:
    """As the loaders of Debian 12 say with --help."""
    elf = loader(arch=arch, flags=flags)
    assert elf.loader is not None
    found = cpus(elf, elf.loader, BARE)

    assert best == (*found.others, found.baseline)[0].legacy
    assert baseline == found.baseline.legacy


def test_combinations_are_tried_as_a_counter_counts() -> None:
    """The names stand for digits, the first the most significant; only what exists is tried."""
    content: dict[str, Content] = {
        f"/d/{below}": None
        for below in ("tls/x/y", "tls/y", "x/y", "y", "y/x", "tls/x", "glibc-hwcaps/v2", "z")
    }
    root = Root(make_tree(content), reader(make_tree(content)))
    found = subdirectories(root, "/d/", Cpu(("v3", "v2"), ("tls", "x", "y")))

    assert list(found) == [
        "/d/glibc-hwcaps/v2",
        "/d/tls/x/y",
        "/d/tls/x",
        "/d/tls/y",
        "/d/tls",
        "/d/x/y",
        "/d/x",
        "/d/y",
        "/d",
    ]


def test_links_that_lead_in_circles_are_followed_once() -> None:
    """Each name a link to the directory itself: 512 combinations, and one directory."""
    elf = loader(arch="s390x")
    assert elf.loader is not None
    names = cpus(elf, elf.loader, BARE).names
    content: dict[str, Content] = {f"/d/{name}": "." for name in names}
    tree = make_tree(content)
    root = Root(tree, reader(tree))

    assert set(present(root, "/d", names)) == names
    assert list(subdirectories(root, "/d", Cpu((), tuple(names)))) == ["/d/" + "/".join(names)]


def closure(content: dict[str, Content], environment: Environment = BARE) -> LoaderClosure:
    """Load a program that needs liba.so."""
    program = make_elf(interp=GLIBC_INTERP, needed=["liba.so"])
    return closure_of({PROGRAM: program, **content}, environment, seed=PROGRAM)


def test_what_any_processor_prefers_is_the_answer() -> None:
    """A loader up to 2.36 never sees the library beside tls."""
    content: dict[str, Content] = {"/lib/tls/liba.so": LIB, "/lib/liba.so": LIB}

    assert found_in(closure(content)) == [("/lib/tls/liba.so", "default")]
    newer = {**content, GLIBC_INTERP: make_glibc(version="2.37")}
    assert found_in(closure(newer)) == [("/lib/liba.so", "default")]


def test_what_some_processor_prefers_is_an_extra() -> None:
    """With what it needs, whatever combination leads to it."""
    content: dict[str, Content] = {
        "/lib/liba.so": LIB,
        "/lib/haswell/liba.so": make_elf(needed=["libb.so"]),
        "/lib/haswell/avx512_1/liba.so": make_elf(runpath="/deep", needed=["libc.so"]),
        "/lib/libb.so": LIB,
        "/deep/xeon_phi/libc.so": LIB,
        "/deep/glibc-hwcaps/x86-64-v4/libc.so": LIB,
        "/deep/libc.so": LIB,
    }
    found = closure(content)

    assert found_in(found) == [("/lib/liba.so", "default")]
    assert {(each.path, each.rule) for each in found.extras} == {
        ("/lib/haswell/avx512_1/liba.so", "hwcaps"),
        ("/deep/glibc-hwcaps/x86-64-v4/libc.so", "hwcaps"),
        ("/deep/libc.so", "runpath"),
        ("/lib/haswell/liba.so", "hwcaps"),
        ("/lib/libb.so", "default"),
    }
    assert found.complete


def test_a_given_processor_ships_its_own_variant_only() -> None:
    """--platform and --hwcaps together."""
    content: dict[str, Content] = {"/lib/liba.so": LIB, "/lib/haswell/liba.so": LIB}
    found = closure(content, Environment(platform="haswell", hwcaps=()))

    assert found_in(found) == [("/lib/haswell/liba.so", "default")]
    assert found.extras == ()


def test_names_of_both_schemes_can_be_given() -> None:
    """Any other one is warned about, as a loader of another machine would not have it."""
    content: dict[str, Content] = {"/lib/liba.so": LIB}
    found = closure(content, Environment(hwcaps=("tls", "avx512_1", "x86-64-v2", "neon")))

    assert found.warnings == ("neon: not a level of x86-64 (64-bit, little-endian)",)


PARTS = ("tls", "haswell", "xeon_phi", "avx512_1", "x86_64", "glibc-hwcaps/x86-64-v2")
variants = st.lists(st.sampled_from(PARTS), max_size=4).map("/".join)
places = st.tuples(st.sampled_from(("/lib", "/opt/x")), variants).map("/".join)


@settings(deadline=None, max_examples=25)
@given(st.lists(places, min_size=1, max_size=6))
def test_the_host_loader_agrees(directories: list[str]) -> None:
    """Whichever variants there are, the same one is loaded."""
    said = loaders.host_loader(GLIBC_INTERP)
    text = subprocess.run([GLIBC_INTERP, "--help"], capture_output=True, check=True, text=True)
    platform = re.search(r"^  (\S+) \(AT_PLATFORM", text.stdout, re.MULTILINE)
    if platform is None:
        pytest.skip("the host's glibc is 2.37 or newer")
    names = re.findall(r"^  (\S+) \(supported, searched\)", text.stdout, re.MULTILINE)
    content: dict[str, Content] = {
        GLIBC_INTERP: said,
        PROGRAM: make_elf(interp=GLIBC_INTERP, needed=["liba.so"], rpath="/opt/x"),
        **{f"{directory.rstrip('/')}/liba.so": LIB for directory in directories},
    }
    with tempfile.TemporaryDirectory() as name:
        write_tree(content, Path(name))
        listing = loaders.glibc(Path(name), PROGRAM)
    tree = make_tree(content)
    environment = Environment(platform=platform[1], hwcaps=tuple(names))
    found = load(tree, PROGRAM, environment, read=reader(tree))

    assert [path for path in listing.paths if path != GLIBC_INTERP] == [
        path for path, _ in found_in(found)
    ]
