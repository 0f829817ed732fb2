"""Paths that a run was seen to open, and what they bring along."""

from __future__ import annotations

import pytest
from builders.roots import make_tree, reader
from builders.small_system import SYSTEM

from imagesmith.errors import PathNotFound
from imagesmith.trace.closure import Closure, Reason
from imagesmith.trace.seeds import trace


def recorded(*paths: str, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Closure:
    """Trace with recorded paths in a small system."""
    tree = make_tree(SYSTEM)
    read = reader(tree)
    return trace(tree, ["/bin/q"], include=include, exclude=exclude, recorded=paths, read=read)


def test_recorded_paths_are_added_with_their_own_reason() -> None:
    """After the seeds and the includes, whose reasons stay."""
    closure = recorded("/etc/conf/a.conf", "/etc/conf/b.conf", "/bin/q", include=("/etc/conf/b*",))

    assert closure.paths["/etc/conf/a.conf"] == Reason("recorded", None)
    assert closure.paths["/etc/conf/b.conf"].rule == "include"
    assert closure.paths["/bin/q"].rule == "seed"


def test_a_recorded_library_is_loaded_as_a_plugin() -> None:
    """With what it needs, as an include is."""
    closure = recorded("/usr/lib/plug/x.so")

    assert closure.paths["/usr/lib/c.so"].needed_by == "/usr/lib/plug/x.so"


def test_excludes_take_out_recorded_paths() -> None:
    """A run may open more than anybody wants to ship."""
    closure = recorded("/etc/conf/a.conf", exclude=("/etc/conf/*",))

    assert "/etc/conf/a.conf" not in closure.paths


def test_a_recorded_link_is_a_link_and_a_directory_itself() -> None:
    """What else the run used behind them is recorded by itself."""
    closure = recorded("/etc/dir", "/etc/empty", "/usr/lib/plug")

    assert closure.paths["/etc/dir"] == Reason("recorded", None)
    assert "/etc/empty" in closure.paths
    assert not [path for path in closure.paths if path.startswith(("/etc/conf", "/usr/lib/plug/"))]


def test_a_recorded_library_that_would_not_load_is_left_out() -> None:
    """The run could not load it either, and went on; it is told."""
    closure = recorded("/usr/lib/plug/bad.so")

    assert "/usr/lib/plug/bad.so" not in closure.paths
    assert closure.warnings == ("/usr/lib/plug/bad.so: left out: gone.so cannot be found",)


def test_a_recorded_path_that_is_gone_is_an_error() -> None:
    """The packages are others now; somebody has to look again."""
    with pytest.raises(PathNotFound) as raised:
        recorded("/etc/conf/gone")

    assert raised.value == PathNotFound(
        path="/etc/conf/gone",
        what="recorded path",
        hint="the packages have changed: record again",
    )
