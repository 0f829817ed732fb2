"""Patterns over image paths."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest
from builders.roots import make_tree, write_tree
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.build.facts import facts
from imagesmith.model.tree import Tree
from imagesmith.trace.patterns import Match, match, with_content
from imagesmith.unpack.directory import HostRoot

TREE = make_tree(
    {
        "/lib": "usr/lib",
        "/usr/lib/a.so": b"",
        "/usr/lib/b.so.1": b"",
        "/usr/lib/p/x.conf": b"",
        "/usr/lib/p/q/y.conf": b"",
        "/usr/lib/p/q/.hidden": b"",
        "/usr/lib/we[i]rd": b"",
        "/etc/empty": None,
        "/etc/link": "/usr/lib/p",
        "/etc/gone": "nowhere",
    }
)


def paths(pattern: str, tree: Tree = TREE) -> list[str]:
    """Return what a pattern names."""
    return list(match(tree, pattern, lambda: tuple(tree.entries)).paths)


Q = ["/usr/lib/p/q", "/usr/lib/p/q/.hidden", "/usr/lib/p/q/y.conf"]
P = ["/usr/lib/p", *Q, "/usr/lib/p/x.conf"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/usr/lib/a.so", ["/usr/lib/a.so"]),
        ("/usr/lib/*.so", ["/usr/lib/a.so"]),
        ("/usr/lib/*.so*", ["/usr/lib/a.so", "/usr/lib/b.so.1"]),
        ("/usr/lib/?.so", ["/usr/lib/a.so"]),
        ("/usr/lib/[a-b].so*", ["/usr/lib/a.so", "/usr/lib/b.so.1"]),
        ("/usr/lib/[!a].so*", ["/usr/lib/b.so.1"]),
        ("/usr/lib/[^a].so*", ["/usr/lib/b.so.1"]),
        ("/usr/lib/we[[]i[]]rd", ["/usr/lib/we[i]rd"]),
        ("/usr/lib/we[i]rd", []),
        ("/usr/lib/[", []),
        ("/usr/lib/[z-a].so", []),
        ("/usr/lib/p", P),
        ("/usr/lib/p/", P),
        ("/usr/lib/p/*", P[1:]),
        ("/usr/lib/p/*.conf", ["/usr/lib/p/x.conf"]),
        ("/usr/lib/p/**.conf", ["/usr/lib/p/q/y.conf", "/usr/lib/p/x.conf"]),
        ("/usr/lib/**/*.conf", ["/usr/lib/p/q/y.conf", "/usr/lib/p/x.conf"]),
        ("/usr/lib/p/**/x.conf", ["/usr/lib/p/x.conf"]),
        ("/usr/lib/p/**/.h*", ["/usr/lib/p/q/.hidden"]),
        ("/**/y.conf", ["/usr/lib/p/q/y.conf"]),
        ("/lib/a.so", ["/usr/lib/a.so"]),
        ("/lib/p/q", Q),
        ("/etc/empty", ["/etc/empty"]),
        ("/etc/link", ["/etc/link"]),
        ("/etc/gone", ["/etc/gone"]),
        ("/etc/link/*.conf", ["/usr/lib/p/x.conf"]),
        ("/none/*", []),
        ("/none", []),
        ("/usr/lib/a.so/x", []),
    ],
)
def test_patterns_name_entries(pattern: str, expected: list[str]) -> None:
    """Stars stay in a component or cross it; a directory stands for all under it."""
    assert expected == paths(pattern)


def test_links_on_the_way_are_reported() -> None:
    """The literal start of a pattern is followed like a path."""
    found = match(TREE, "/lib/*.so", lambda: tuple(TREE.entries))

    assert Match(("/usr/lib/a.so",), ("/lib",)) == found


def test_everything_can_be_named() -> None:
    """Two stars, or the root itself."""
    assert list(TREE.entries) == paths("/**")
    assert ["/", *TREE.entries] == paths("/")


def test_a_plain_path_needs_no_listing() -> None:
    """A host directory is not walked for it."""

    def listing() -> tuple[str, ...]:
        raise AssertionError("listed")

    assert match(TREE, "/usr/lib/a.so", listing).paths == ("/usr/lib/a.so",)


@settings(deadline=None, max_examples=300)
@given(st.text("ab.[]!*?", min_size=1, max_size=6), st.text("ab.", min_size=1, max_size=4))
def test_within_a_component_patterns_agree_with_fnmatch(pattern: str, name: str) -> None:
    """Python's own matcher judges the single stars, marks and sets."""
    tree = make_tree({f"/d/{name}": b""})
    if name in (".", "..") or "**" in pattern:
        return

    assert fnmatch.fnmatchcase(name, pattern) == (paths(f"/d/{pattern}", tree) == [f"/d/{name}"])


def test_of_a_host_directory_only_what_is_asked_for_is_listed(tmp_path: Path) -> None:
    """All paths of a running system would take minutes."""
    write_tree({"/srv/b/c": b"", "/srv/a": b"", "/srv/link": "/", "/other": b""}, tmp_path)

    def everything() -> tuple[str, ...]:
        raise AssertionError("all paths are listed")

    with HostRoot(str(tmp_path), facts=facts) as filesystem:
        found = list(with_content(filesystem, ["/srv", "/other"], everything))
        whole = list(with_content(filesystem, ["/"], everything))

    assert found == ["/srv", "/srv/a", "/srv/b", "/srv/b/c", "/srv/link", "/other"]
    assert whole == ["/", "/other", "/srv", "/srv/a", "/srv/b", "/srv/b/c", "/srv/link"]
