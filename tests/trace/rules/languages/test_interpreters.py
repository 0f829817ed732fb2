"""Interpreters without a rule of their own: where their libraries are is said."""

from __future__ import annotations

import pytest
from builders.roots import Content
from builders.ruled import a_library, a_program, ruled, shipped, suspected, with_rules
from builders.scenes import DIRECTORY, glibc


@pytest.mark.parametrize(
    ("program", "directory"),
    [
        ("/usr/bin/ruby3.1", "/usr/lib/ruby"),
        ("/usr/bin/node", "/usr/share/nodejs"),
        ("/usr/bin/lua5.4", "/usr/share/lua"),
        ("/usr/bin/tclsh8.6", "/usr/share/tcltk"),
        ("/usr/bin/php8.2", "/usr/share/php"),
        ("/usr/local/bin/guile", "/usr/local/share/guile"),
    ],
)
def test_the_directory_of_an_interpreter_is_suspected(program: str, directory: str) -> None:
    """And shipped if the recipe asks for the rule."""
    content: dict[str, Content] = {program: a_program(), f"{directory}/1.0/x": b""}

    assert suspected(ruled(content, program), "interpreters") == [
        (directory, "library of the interpreter")
    ]
    assert f"{directory}/1.0/x" in shipped(
        ruled(content, program, runtime=with_rules("interpreters")), "interpreters"
    )


def test_a_library_of_an_interpreter_counts_as_well() -> None:
    """Programs embed them."""
    content: dict[str, Content] = {
        "/usr/bin/vim": a_program(needed=["libruby-3.1.so.3.1"]),
        "/usr/lib/libruby-3.1.so.3.1": a_library("libruby-3.1.so.3.1"),
        "/usr/lib/ruby/3.1.0/set.rb": b"",
    }

    assert suspected(ruled(content, "/usr/bin/vim"), "interpreters")


def test_modules_for_one_machine_lie_beside_the_c_library() -> None:
    """Under the same name as the others."""
    content: dict[str, Content] = {
        **glibc(),
        "/usr/bin/ruby": a_program(needed=["libc.so.6"]),
        "/usr/lib/ruby/3.1.0/set.rb": b"",
        f"{DIRECTORY}/ruby/3.1.0/socket.so": b"",
    }

    found = suspected(ruled(content, "/usr/bin/ruby"), "interpreters")
    assert [path for path, _ in found] == [f"{DIRECTORY}/ruby", "/usr/lib/ruby"]
