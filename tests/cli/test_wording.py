"""Words that commands share."""

from __future__ import annotations

import pytest

from imagesmith.cli import wording


@pytest.mark.parametrize(
    ("rule", "detail", "said"),
    [
        ("runpath", "/opt/libx.so", "RUNPATH of libx.so"),
        ("rpath", "", "RPATH"),
        ("cache", "", "ld.so.cache"),
        ("default", "", "default"),
        ("default", "/etc/ld-musl-x86_64.path", "default, by /etc/ld-musl-x86_64.path"),
        ("shebang", "#!/bin/sh", "#!/bin/sh"),
        ("library-path", "LD_LIBRARY_PATH", "LD_LIBRARY_PATH"),
        ("hwcaps", "", "hwcaps"),
    ],
)
def test_rules_are_spelled_as_people_know_them(rule: str, detail: str, said: str) -> None:
    """Whose path it is, where it is somebody's."""
    assert wording.rule(rule, detail) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (19_100_000, "19.1 MB"), (2e9, "2 GB")],
)
def test_sizes_are_in_si_units(count: float, said: str) -> None:
    """Three digits are enough."""
    assert wording.size(count) == said


def test_of_many_names_the_first_are_named() -> None:
    """And the others counted."""
    assert wording.few(["a", "b", "c"]) == "a, b, c"
    assert wording.few(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert (wording.plural(1, "object"), wording.plural(2, "object")) == ("1 object", "2 objects")


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    """The last one ends where it ends; no rows are no lines."""
    rows = [("a", "long", "x"), ("bcd", "e", ""), ("f", "g", "end")]

    assert wording.columns(rows) == ["a    long  x", "bcd  e", "f    g     end"]
    assert wording.columns([]) == []
