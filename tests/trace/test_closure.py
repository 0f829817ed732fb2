"""Reasons and chains."""

from __future__ import annotations

from imagesmith.trace.closure import Closure, Reason, chain

CLOSURE = Closure(
    paths={
        "/lib": Reason("symlink", "/usr/lib/b.so", "/lib/b.so"),
        "/usr/lib/b.so": Reason("needed", "/usr/lib/a.so", "b.so by default"),
        "/bin/p": Reason("seed", None),
        "/usr/lib/a.so": Reason("needed", "/bin/p", "a.so by default"),
        "/x": Reason("needed", "/y"),
        "/y": Reason("needed", "/x"),
    }
)


def test_paths_are_sorted_when_the_closure_is_built() -> None:
    """Order is decided once."""
    assert list(CLOSURE.paths) == ["/bin/p", "/lib", "/usr/lib/a.so", "/usr/lib/b.so", "/x", "/y"]


def test_a_chain_leads_from_the_seed_to_the_path() -> None:
    """Each step with its reason."""
    steps = chain(CLOSURE, "/lib")

    assert [path for path, _ in steps] == ["/bin/p", "/usr/lib/a.so", "/usr/lib/b.so", "/lib"]
    assert steps[1][1] == Reason("needed", "/bin/p", "a.so by default")


def test_a_path_outside_has_no_chain() -> None:
    """And a circle, which tracing never makes, would end."""
    assert chain(CLOSURE, "/etc/passwd") == ()
    assert len(chain(CLOSURE, "/x")) == 2
