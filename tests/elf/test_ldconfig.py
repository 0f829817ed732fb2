"""What ldconfig would do: cases one by one, and the real ldconfig as judge."""

from __future__ import annotations

import os
import posixpath
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from builders.elf import ET_EXEC, GLIBC_INTERP, make_elf, make_glibc, make_musl
from builders.roots import Content, make_tree, read_tree, reader, write_tree
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.elf import ldcache, ldconfig, machine
from imagesmith.elf.ldcache import CacheEntry, LdCache
from imagesmith.elf.ldconfig import Library
from imagesmith.elf.root import Root
from imagesmith.model.arch import ARCHES, Arch
from imagesmith.model.resolve import Found

AMD64 = ARCHES["amd64"]
CONF = "/etc/ld.so.conf"
X = "/opt/x"
LIB = make_elf()
FLAGS = 0x303


def noted(content: Mapping[str, Content], arch: Arch = AMD64) -> tuple[Library, ...]:
    """Return what ldconfig would note beside a glibc loader, with /opt/x configured."""
    tree = make_tree({GLIBC_INTERP: make_glibc(), CONF: b"/opt/x\n/opt/y\n", **content})
    root = Root(tree, reader(tree))
    return ldconfig.libraries(root, ldconfig.scope(root, arch.machine))


def entries(content: Mapping[str, Content]) -> list[tuple[str, str]]:
    """Return the names and paths among it."""
    return [(each.entry.name, each.entry.path) for each in noted(content)]


def named(soname: str) -> bytes:
    """Return a library with a DT_SONAME."""
    return make_elf(soname=soname)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            {f"{X}/liba.so.1.2": named("liba.so.1"), f"{X}/liba.so.1": "liba.so.1.2"},
            [("liba.so.1", f"{X}/liba.so.1")],
            id="the key is the soname",
        ),
        pytest.param({f"{X}/liba.so": LIB}, [("liba.so", f"{X}/liba.so")], id="or the file name"),
        pytest.param(
            {
                f"{X}/liba.so.1": named("liba.so.1"),
                f"{X}/liba.so": "liba.so.1",
                f"{X}/libother.so": "liba.so.1",
            },
            [("liba.so.1", f"{X}/liba.so.1"), ("liba.so", f"{X}/liba.so")],
            id="links for ld are keys too",
        ),
        pytest.param(
            {f"{X}/{name}": LIB for name in ("ld-x.so", "ld.so.1", "ld64.so.2", "libz.so.1.2")},
            [(name, f"{X}/{name}") for name in ("libz.so.1.2", "ld64.so.2", "ld.so.1", "ld-x.so")],
            id="names that are taken",
        ),
        pytest.param(
            {
                f"{X}/{name}": LIB
                for name in (
                    "a.so",
                    "liba",
                    "liba.so.dpkg-new",
                    "liba.so.dpkg-tmp",
                    "liba.so;5f",
                    "liba.so-gdb.py",
                    "liba.so.#prelink#",
                    "liba.so.#prelink#.abcdef",
                    "ld.soft",
                )
            },
            [],
            id="names that are passed over",
        ),
        pytest.param(
            {
                f"{X}/liba.so": make_elf(kind=ET_EXEC),
                f"{X}/libb.so": make_elf(dynamic=False),
                f"{X}/libc.so": b"GROUP ( libc.so.6 )",
                f"{X}/libd.so": make_elf(arch=ARCHES["arm64"]),
                f"{X}/libe.so": make_elf(arch=ARCHES["s390x"]),
                f"{X}/libf.so": "nowhere",
                f"{X}/libg.so": None,
                f"{X}/libh.so": b"\x7fELF",
            },
            [],
            id="what is no library of this machine",
        ),
        pytest.param(
            {f"{X}/liba.so.9": LIB, f"{X}/liba.so.10": LIB, f"{X}/liba.so": LIB},
            [(name, f"{X}/{name}") for name in ("liba.so.10", "liba.so.9", "liba.so")],
            id="digits are numbers",
        ),
        pytest.param(
            {
                "/opt/y/liba.so": LIB,
                "/opt/x": "y",
                "/lib": "usr/lib",
                "/usr/lib/libb.so": LIB,
            },
            [("libb.so", "/lib/libb.so"), ("liba.so", "/opt/x/liba.so")],
            id="a directory counts once, as spelled first",
        ),
        pytest.param(
            {
                f"{X}/liba.so": LIB,
                "/opt/y/liba.so": LIB,
                "/lib/x86_64-linux-gnu/liba.so": LIB,
                "/usr/lib/liba.so": LIB,
            },
            [
                ("liba.so", f"{place}/liba.so")
                for place in (X, "/opt/y", "/lib/x86_64-linux-gnu", "/usr/lib")
            ],
            id="directories in their order",
        ),
        pytest.param(
            {
                f"{X}/liba.so": named("../liba.so"),
                f"{X}/libb.so": named(".."),
                f"{X}/libc.so": named("l" * 256),
                f"{X}/libd.so": named("9" * 5000),
            },
            [],
            id="sonames that no file has",
        ),
    ],
)
def test_what_is_noted(content: dict[str, Content], expected: list[tuple[str, str]]) -> None:
    """Names and paths of the entries, in their order."""
    assert expected == entries(content)


def test_levels_are_noted_under_the_names_of_their_files() -> None:
    """No link is made there; any directory is a level, and a better one need not come first."""
    content: dict[str, Content] = {
        f"{X}/liba.so.1.1": named("liba.so.1"),
        f"{X}/liba.so.1": "liba.so.1.1",
        f"{X}/glibc-hwcaps/x86-64-v3/liba.so.1.2": named("liba.so.1"),
        f"{X}/glibc-hwcaps/odd/liba.so.1": named("liba.so.1"),
        f"{X}/glibc-hwcaps/x86-64-v3/x.so": "liba.so.1.2",
        f"{X}/haswell/liba.so.1": named("liba.so.1"),
    }

    assert [each.entry for each in noted(content)] == [
        CacheEntry("liba.so.1", f"{X}/glibc-hwcaps/odd/liba.so.1", FLAGS, "odd"),
        CacheEntry("liba.so.1", f"{X}/glibc-hwcaps/x86-64-v3/x.so", FLAGS, "x86-64-v3"),
        CacheEntry("liba.so.1", f"{X}/liba.so.1", FLAGS, None),
    ]


def test_a_missing_link_is_said() -> None:
    """The newest file gets it; what is there already stays."""
    content: dict[str, Content] = {
        f"{X}/liba.so.1.9": named("liba.so.1"),
        f"{X}/liba.so.1.10": named("liba.so.1"),
        "/opt/y/libb.so.1.0": named("libb.so.1"),
        "/opt/y/libb.so.1": "nowhere",
    }

    assert noted(content) == (
        Library(
            CacheEntry("liba.so.1", f"{X}/liba.so.1", FLAGS, None),
            (f"{X}/liba.so.1", "liba.so.1.10"),
            is_default=False,
        ),
    )


def test_what_decides_is_answered_from_elsewhere() -> None:
    """A name is decisive if some processor would load it from outside of the defaults."""
    system = "/lib/x86_64-linux-gnu"
    content: dict[str, Content] = {
        CONF: f"/opt/x\n{system}\n/opt/y\n".encode(),
        f"{system}/liba.so": LIB,
        f"{X}/liba.so": LIB,
        f"{system}/libb.so": LIB,
        "/opt/y/libb.so": LIB,
        f"{system}/libc.so": LIB,
        "/opt/y/glibc-hwcaps/x86-64-v2/libc.so": LIB,
        f"{system}/libd.so": LIB,
    }
    found = ldconfig.decisive(noted(content))

    assert [(each.entry.name, each.entry.path) for each in found] == [
        ("libc.so", "/opt/y/glibc-hwcaps/x86-64-v2/libc.so"),
        ("libc.so", f"{system}/libc.so"),
        ("liba.so", f"{X}/liba.so"),
        ("liba.so", f"{system}/liba.so"),
    ]


NEEDS_LIBC = {"needed": ["libc.so.6"]}


@pytest.mark.parametrize(
    ("arch", "elf_flags", "more", "flags"),
    [
        ("amd64", 0, {}, 0x303),
        ("arm64", 0, {}, 0xA03),
        ("armel", 0x200, {}, 0xB03),
        ("armhf", 0x400, {}, 0x903),
        ("armhf", 0, {}, 1),
        ("armhf", 0, NEEDS_LIBC, 3),
        ("i386", 0, {}, 1),
        ("i386", 0, NEEDS_LIBC, 3),
        ("i386", 0, {"interp": "/lib/ld-linux.so.2"}, 3),
        ("loong64", 0x43, {}, 0x1203),
        ("mips64el", 0x80000000, {}, 0x703),
        ("mipsel", 0x70001000, NEEDS_LIBC, 3),
        ("ppc64el", 2, {}, 0x503),
        ("riscv64", 5, {}, 0x1003),
        ("s390x", 0, {}, 0x403),
    ],
)
def test_flags_are_those_of_the_machine(
    arch: str, elf_flags: int, more: dict[str, object], flags: int
) -> None:
    """Machine and ABI for each architecture; without such a mark, whether it is for glibc."""
    there = ARCHES[arch]
    kind: dict[str, object] = {"arch": there, "flags": elf_flags}
    tree = make_tree(
        {
            machine.glibc_paths(there.machine)[0]: make_glibc(arch=there, flags=elf_flags),
            "/lib/liba.so": make_elf(**kind, **more),  # type: ignore[arg-type]  # as make_elf
        }
    )
    root = Root(tree, reader(tree))
    found = ldconfig.libraries(root, ldconfig.scope(root, there.machine))

    assert [each.entry for each in found if each.entry.name == "liba.so"] == [
        CacheEntry("liba.so", "/lib/liba.so", flags, None)
    ]


def test_one_cache_serves_the_machines_of_a_family() -> None:
    """i386 and x86-64 beside each other: the loaders tell the entries apart by their flags."""
    i386 = ARCHES["i386"]
    content: dict[str, Content] = {
        "/lib/ld-linux.so.2": make_glibc(arch=i386),
        "/lib/i386-linux-gnu/liba.so": make_elf(arch=i386),
        "/lib/x86_64-linux-gnu/liba.so": LIB,
    }

    assert [(each.entry.path, each.entry.flags) for each in noted(content)][:2] == [
        ("/lib/x86_64-linux-gnu/liba.so", 0x303),
        ("/lib/i386-linux-gnu/liba.so", 1),
    ]


def test_the_siblings_of_system_directories_count_on_x86() -> None:
    """A loader of /lib64 shares its root with libraries in /lib and /libx32."""
    content: dict[str, Content] = {
        GLIBC_INTERP: make_glibc("/lib64", "/usr/lib64"),
        "/lib/liba.so": LIB,
        "/usr/libx32/libb.so": LIB,
    }

    assert entries(content)[:2] == [("libb.so", "/usr/libx32/libb.so"), ("liba.so", "/lib/liba.so")]


def test_names_that_are_not_ascii_sort_as_the_machine_compares_them() -> None:
    """`char` is signed on x86 and unsigned on s390x; the loader searches by halves."""
    names = ("libé.so", "liba.so", "lib.so")
    found = {}
    for arch in (AMD64, ARCHES["s390x"]):
        loader = machine.glibc_paths(arch.machine)[0]
        content: dict[str, Content] = {
            **{f"{X}/{name}": make_elf(arch=arch) for name in names},
            CONF: b"/opt/x\n",
            loader: make_glibc(arch=arch),
        }
        tree = make_tree(content)
        root = Root(tree, reader(tree))
        made = ldconfig.libraries(root, ldconfig.scope(root, arch.machine))
        found[arch.debian] = [each.entry.name for each in made if each.entry.path.startswith(X)]

    assert found == {"amd64": ["liba.so", "lib.so", "libé.so"], "s390x": [*names]}


def test_a_root_without_glibc_has_nothing_to_note() -> None:
    """Nothing else reads the cache."""
    tree = make_tree({"/lib64/ld-linux-x86-64.so.2": make_musl(), f"{X}/liba.so": LIB})
    where = ldconfig.scope(Root(tree, reader(tree)), AMD64.machine)

    assert where.hosts == ()


NAMES = ("liba.so", "liba.so.1", "liba.so.1.2", "liba.so.1.10", "libb.so.2", "ld-b.so", "x.so")
DIRECTORIES = (X, "/opt/y", "/usr/lib", "/lib/x86_64-linux-gnu", f"{X}/glibc-hwcaps/x86-64-v3")
places = st.tuples(st.sampled_from(DIRECTORIES), st.sampled_from(NAMES)).map("/".join)
files: st.SearchStrategy[Content] = st.one_of(
    st.builds(named, st.sampled_from(NAMES)),
    st.just(LIB),
    st.just(make_elf(arch=ARCHES["i386"], soname="libi.so.1")),
    st.just(make_elf(arch=ARCHES["i386"], soname="libj.so.1", needed=["libc.so.6"])),
    st.sampled_from(NAMES),
    st.sampled_from((b"text", make_elf(arch=ARCHES["arm64"]), "/opt/y/liba.so.1", "/usr/lib")),
)
configurations = st.lists(
    st.sampled_from(("/opt/y/", "/opt/x", "/usr/lib # x", "/opt/link", "include /etc/*.c")),
    max_size=4,
)


@settings(deadline=None, max_examples=25)
@given(st.dictionaries(places, files, max_size=9), configurations)
def test_ldconfig_agrees_on_random_roots(content: dict[str, Content], conf: list[str]) -> None:
    """The same entries in the same order, and for each missing link the link it makes."""
    program = shutil.which("ldconfig", path="/usr/sbin:/sbin")
    if program is None or os.geteuid() != 0 or not Path(GLIBC_INTERP).exists():
        pytest.skip("no ldconfig to ask, or no chroot(2) for it")
    whole: dict[str, Content] = {
        GLIBC_INTERP: Path(GLIBC_INTERP).read_bytes(),
        CONF: "\n".join(conf).encode(),
        "/etc/a.c": b"/opt/y",
        "/opt/link": "x",
        **content,
    }
    with tempfile.TemporaryDirectory() as name:
        write_tree(whole, Path(name))
        tree = read_tree(Path(name))
        root = Root(tree, reader(tree))
        ours = ldconfig.libraries(root, ldconfig.scope(root, AMD64.machine))
        asked = [program, "-c", "new", "-r", name, "-C", "/cache"]
        subprocess.run([*asked, "-X"], check=True, capture_output=True)
        cache = ldcache.parse((Path(name) / "cache").read_bytes())
        subprocess.run(asked, check=True, capture_output=True)
        made = [(path, str(Path(name + path).readlink())) for path, _ in links(ours)]
    assert isinstance(cache, LdCache)
    # What a package has in place of the link stays here, and is replaced by ldconfig.
    judged = [each for entries in cache.by_name.values() for each in entries]
    judged = [each for each in judged if can_exist(root, each.path)]

    assert judged == [each.entry for each in ours]
    assert made == links(ours)


def links(found: Iterable[Library]) -> list[tuple[str, str]]:
    """Return the links to make."""
    return [each.link for each in found if each.link is not None]


def can_exist(root: Root, path: str) -> bool:
    """Say whether a path leads to a file, or is free for a link that does."""
    found = root.lookup(path)
    directory = root.directory(posixpath.dirname(path))
    assert directory is not None
    at = posixpath.join(directory.path, posixpath.basename(path))
    return isinstance(found, Found) or root.filesystem.entry(at) is None
