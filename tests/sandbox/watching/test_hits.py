"""Which files of a tree a program used: links, directories, what it made, what is elsewhere."""

from __future__ import annotations

import pytest
from builders.roots import Content, make_tree

from imagesmith.sandbox.watching.accesses import Access
from imagesmith.sandbox.watching.hits import hits

TREE: dict[str, Content] = {
    "/bin": "usr/bin",
    "/usr/bin/p": b"program",
    "/usr/bin/sh": "dash",
    "/usr/bin/dash": b"shell",
    "/usr/bin/script": "#!/bin/sh -e\n",
    "/usr/bin/twice": "#!/usr/bin/script\n",
    "/usr/bin/round": "#!/usr/bin/round\n",
    "/usr/bin/lost": "#!/usr/bin/none\n",
    "/usr/bin/odd": "#!relative\n",
    "/usr/bin/hard": "=/usr/bin/script",
    "/etc/a": b"a",
    "/etc/link": "a",
    "/etc/gone": "none",
    "/etc/d/x": b"x",
    "/etc/d/y": b"y",
    "/proc/version": b"shipped by somebody",
    "/dev/null": b"a file",
    "/home": None,
}

CASES: dict[str, tuple[list[Access], dict[str, str]]] = {
    "a file": ([Access("/etc/a", "open")], {"/etc/a": "opened"}),
    "a link": (
        [Access("/etc/link", "open", real="/etc/a")],
        {"/etc/a": "opened", "/etc/link": "links"},
    ),
    "a link, and not what it leads to": (
        [Access("/etc/link", "look", follows=False)],
        {"/etc/link": "links"},
    ),
    "a link to nothing": ([Access("/etc/gone", "look", follows=False)], {"/etc/gone": "links"}),
    "a directory link": (
        [Access("/bin/p", "look")],
        {"/bin": "links", "/usr/bin/p": "looked-at"},
    ),
    "what is not there": ([Access("/etc/none", "look", "ENOENT"), Access("/x", "open")], {}),
    "what is there, for a program that saw nothing": ([Access("/etc/a", "look", "ENOTDIR")], {}),
    "what may not be opened": ([Access("/etc/a", "open", "EACCES")], {"/etc/a": "looked-at"}),
    "what may not be written": ([Access("/etc/a", "write", "EROFS")], {"/etc/a": "looked-at"}),
    "a directory that is to be made": (
        [Access("/etc/d/", "write", "EEXIST")],
        {"/etc/d": "looked-at"},
    ),
    "the strongest use": (
        [Access("/etc/a", "look"), Access("/etc/a", "open"), Access("/etc/a", "look")],
        {"/etc/a": "opened"},
    ),
    "a directory that is opened": ([Access("/etc/d", "open")], {"/etc/d": "looked-at"}),
    "a directory that is listed": (
        [Access("/etc/d", "open"), Access("/etc/d", "list")],
        {"/etc/d": "listed"},
    ),
    "the root": ([Access("/", "list"), Access("/", "look", follows=False)], {}),
    "a script": (
        [Access("/bin/script", "execute")],
        {
            "/bin": "links",
            "/usr/bin/script": "executed",
            "/usr/bin/sh": "links",
            "/usr/bin/dash": "executed",
        },
    ),
    "a script of a script": (
        [Access("/usr/bin/twice", "execute")],
        {
            "/bin": "links",
            "/usr/bin/twice": "executed",
            "/usr/bin/script": "executed",
            "/usr/bin/sh": "links",
            "/usr/bin/dash": "executed",
        },
    ),
    "a script without end": (
        [Access("/usr/bin/round", "execute")],
        {"/usr/bin/round": "executed"},
    ),
    "scripts that nothing runs": (
        [Access("/usr/bin/lost", "execute"), Access("/usr/bin/odd", "execute")],
        {"/usr/bin/lost": "executed", "/usr/bin/odd": "executed"},
    ),
    "another name of a script": (
        [Access("/usr/bin/hard", "open")],
        {"/usr/bin/hard": "opened"},
    ),
    "what the run made": (
        [Access("/etc/a", "write", real="/etc/a"), Access("/etc/a", "open", real="/etc/a")],
        {},
    ),
    "what the run made through a link": (
        [Access("/bin/p", "write"), Access("/usr/bin/p", "execute")],
        {},
    ),
    "what the run read before it wrote": (
        [Access("/etc/a", "open"), Access("/etc/a", "write")],
        {"/etc/a": "opened"},
    ),
    "what the run made where nothing is": ([Access("/none/a", "write")], {}),
    "what is the kernel's": (
        [Access("/proc/version", "open"), Access("/dev/null", "open"), Access("/proc", "list")],
        {},
    ),
    "what the kernel's links lead to": (
        [Access("/proc/self/root/etc/a", "open", real="/etc/a")],
        {"/etc/a": "opened"},
    ),
    "what was lent of the host": (
        [Access("/etc/d", "list"), Access("/etc/d/x", "open"), Access("/etc/link", "open")],
        {"/etc/a": "opened", "/etc/link": "links"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_use_is_of_the_tree_or_of_nothing(case: str) -> None:
    """By real path, with every link crossed."""
    done, expected = CASES[case]
    lent = ("/etc/d",) if "lent" in case else ()

    assert expected == hits(make_tree(TREE), done, elsewhere=lent)
