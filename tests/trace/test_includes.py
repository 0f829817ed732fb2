"""What includes add and excludes take out."""

from __future__ import annotations

import pytest
from builders.small_system import traced

from imagesmith.errors import ClosureIncomplete
from imagesmith.trace.closure import Reason


def test_includes_are_added_and_their_libraries_traced() -> None:
    """Plugins have closures of their own."""
    closure = traced("/bin/q", include=["/lib/plug/x.so", "/etc/conf/?.conf"])

    assert closure.paths["/usr/lib/plug/x.so"] == Reason("include", None, "/lib/plug/x.so")
    assert closure.paths["/usr/lib/c.so"].needed_by == "/usr/lib/plug/x.so"
    assert closure.paths["/etc/conf/b.conf"] == Reason("include", None, "/etc/conf/?.conf")
    assert "/lib" in closure.paths
    assert "/etc/conf/run" not in closure.paths


def test_a_directory_brings_everything_under_it() -> None:
    """Itself too; its scripts are not run, what is no library is not loaded."""
    closure = traced(include=["/etc/conf", "/etc/empty", "/usr/lib/plug"], exclude=["/**/bad.so"])

    assert {"/etc/conf", "/etc/conf/run", "/etc/empty"} < set(closure.paths)
    assert {"/usr/lib/plug/object.o", "/usr/lib/plug/hard.so"} < set(closure.paths)
    assert "/usr/lib/plug/bad.so" not in closure.paths
    assert closure.warnings == ("/usr/lib/plug/broken.so: file too short; shipped, not traced",)


def test_included_links_are_followed() -> None:
    """To their end, to a directory's content, and to nothing if they dangle."""
    closure = traced(include=["/etc/zone", "/etc/dir", "/etc/gone"])

    assert dict(closure.paths) == {
        "/etc/conf": Reason("include", "/etc/dir", "target of an included symlink"),
        "/etc/conf/a.conf": Reason("include", "/etc/dir", "target of an included symlink"),
        "/etc/conf/b.conf": Reason("include", "/etc/dir", "target of an included symlink"),
        "/etc/conf/run": Reason("include", "/etc/dir", "target of an included symlink"),
        "/etc/dir": Reason("include", None, "/etc/dir"),
        "/etc/gone": Reason("include", None, "/etc/gone"),
        "/etc/zone": Reason("include", None, "/etc/zone"),
        "/usr/share/UTC": Reason("include", "/usr/share/zone", "target of an included symlink"),
        "/usr/share/zone": Reason("symlink", "/etc/zone", "/etc/zone"),
    }


def test_excludes_take_out_of_includes() -> None:
    """What an excluded link would lead to stays out with it."""
    closure = traced(include=["/etc/conf", "/etc/zone"], exclude=["/etc/conf/b*", "/etc/zone"])

    assert {"/etc/conf", "/etc/conf/a.conf", "/etc/conf/run"} == set(closure.paths)


def test_an_exclude_of_something_needed_is_an_error() -> None:
    """With the pattern and the requester."""
    with pytest.raises(ClosureIncomplete) as raised:
        traced("/bin/p", exclude=["/usr/lib/b*", "/bin/p"])

    assert raised.value == ClosureIncomplete(
        problems=(
            "/bin/p: excluded by /bin/p, but needed",
            "/usr/lib/b.so: excluded by /usr/lib/b*, but needed by /usr/lib/a.so.1.2",
        )
    )
