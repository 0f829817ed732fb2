"""ld.so.cache of an image."""

from __future__ import annotations

import pytest
from builders.elf import GLIBC_INTERP, MUSL_INTERP, make_elf, make_glibc, make_musl
from builders.roots import Content, make_tree, reader

from imagesmith.elf import ldcache
from imagesmith.elf.ldcache import LdCache
from imagesmith.elf.root import LD_SO_CACHE
from imagesmith.manifest.sections import LdSoCache
from imagesmith.model.arch import ARCHES
from imagesmith.model.tree import File, Symlink, Tree
from imagesmith.rootfs.libraries import cached, configured

AMD64 = ARCHES["amd64"]
SYSTEM = "/usr/lib/x86_64-linux-gnu"
CONF: dict[str, Content] = {
    GLIBC_INTERP: make_glibc(),
    "/etc/ld.so.conf": b"include ld.so.conf.d/*.conf\n",
    "/etc/ld.so.conf.d/x.conf": b"/opt/x\n",
    f"{SYSTEM}/libz.so.1": make_elf(),
}
PLUS: dict[str, Content] = {**CONF, "/opt/x/liba.so.1": make_elf(soname="liba.so.1")}


def names(tree: Tree) -> list[str]:
    """Return the paths that the cache of a tree names."""
    file = tree.file(LD_SO_CACHE)
    assert isinstance(file, File)
    assert isinstance(file.content, bytes)
    cache = ldcache.parse(file.content)
    assert isinstance(cache, LdCache)
    return [entry.path for found in cache.by_name.values() for entry in found]


def left(content: dict[str, Content], policy: LdSoCache = "auto") -> Tree:
    """Return a union as ldconfig leaves it."""
    tree = make_tree(content)
    return configured(tree, policy, AMD64, read=reader(tree))


def test_a_cache_names_what_is_found_by_it_alone() -> None:
    """What the loader finds by itself needs no entry."""
    assert names(left(PLUS)) == ["/opt/x/liba.so.1"]


def test_always_names_everything() -> None:
    """As ldconfig does."""
    assert names(left(PLUS, "always")) == [f"{SYSTEM}/libz.so.1", "/opt/x/liba.so.1"]


@pytest.mark.parametrize(
    ("content", "policy"),
    [
        pytest.param(CONF, "auto", id="nothing configured holds a library"),
        pytest.param(PLUS, "never", id="not wanted"),
        pytest.param(
            {**PLUS, GLIBC_INTERP: make_elf(), MUSL_INTERP: make_musl()}, "always", id="musl"
        ),
        pytest.param({**PLUS, LD_SO_CACHE: b"of a package"}, "auto", id="a package has one"),
    ],
)
def test_the_packages_are_left_as_they_are(content: dict[str, Content], policy: LdSoCache) -> None:
    """The very tree, so that nothing is sorted again."""
    tree = make_tree(content)

    assert configured(tree, policy, AMD64, read=reader(tree)) is tree


def test_the_usual_configuration_is_there_without_its_package() -> None:
    """libc-bin is essential, so nobody depends on it."""
    content = {path: what for path, what in PLUS.items() if path != "/etc/ld.so.conf"}

    assert names(left(content)) == ["/opt/x/liba.so.1"]


def test_links_are_made_as_ldconfig_makes_them() -> None:
    """Beside the library, in whatever directory; in an image only if something crossed them."""
    content = {
        **CONF,
        "/opt/x/liba.so.1.2": make_elf(soname="liba.so.1"),
        f"{SYSTEM}/libb.so.1.2": make_elf(soname="libb.so.1"),
    }
    tree = left(content)

    assert tree.entry("/opt/x/liba.so.1") == Symlink(target="liba.so.1.2")
    assert tree.entry(f"{SYSTEM}/libb.so.1") == Symlink(target="libb.so.1.2")
    assert names(tree) == ["/opt/x/liba.so.1"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("auto", ["/opt/x/liba.so.1"]), ("always", [f"{SYSTEM}/libz.so.1", "/opt/x/liba.so.1"])],
)
def test_an_image_has_the_cache_of_what_is_in_it(policy: LdSoCache, expected: list[str]) -> None:
    """Neither what was left behind nor what a link would be needed for; no ld.so.conf either."""
    union = make_tree(
        {
            **PLUS,
            "/opt/x/libleft.so": make_elf(),
            "/opt/x/libc.so.1.2": make_elf(soname="libc.so.1"),
        }
    )
    image = Tree(
        {
            path: entry
            for path, entry in union
            if not path.startswith("/etc") and path != "/opt/x/libleft.so"
        }
    )

    assert expected == names(cached(image, union, policy, AMD64, read=reader(union)))


def test_an_image_of_packages_without_glibc_gets_none() -> None:
    """Nothing would read it."""
    tree = make_tree({"/opt/x/liba.so.1": make_elf()})

    assert cached(tree, tree, "always", AMD64, read=reader(tree)) is tree
