"""Reading ld.so.conf."""

from __future__ import annotations

import pytest
from builders.roots import Content, make_tree, reader

from imagesmith.elf import ldconf
from imagesmith.elf.root import Root

CONF = "/etc/ld.so.conf"
D = "/etc/ld.so.conf.d"


def directories(content: dict[str, Content], default: bytes = b"") -> tuple[str, ...]:
    """Read the configuration of a small system."""
    tree = make_tree(content)
    return ldconf.directories(Root(tree, reader(tree)), default)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", ()),
        (b"/a\n/b\n/a\n", ("/a", "/b")),
        (b"  /a/ # words\n\t/b///\t\n#/c\n/d#e", ("/a", "/b", "/d")),
        (b"/a/b c\n", ("/a/b c",)),
        (b"/\n", ("/",)),
        (b"hwcap 1 /a\nHWCAP\t0 x\n/b\n", ("/b",)),
        (b"/a=libc6\n", ("/a",)),
        (b"relative\n../up\n", ()),
        (b"/\xff\n", ("/\udcff",)),
        (b"include\n/a\nincluded /b\n", ("/a",)),
    ],
)
def test_a_line_is_a_directory(text: bytes, expected: tuple[str, ...]) -> None:
    """Blanks around it, slashes after it, comments and what old files say are left out."""
    assert expected == directories({CONF: text})


def test_included_files_stand_where_they_are_included() -> None:
    """Sorted by their bytes whatever the locale, patterns in the order given, dot files not."""
    content: dict[str, Content] = {
        CONF: b"/first\ninclude ld.so.conf.d/*.conf\t/etc/?.x /etc/none\n/last\n",
        f"{D}/b.conf": b"/b\n",
        f"{D}/B.conf": b"/B\n",
        f"{D}/.hidden.conf": b"/hidden\n",
        f"{D}/b.txt": b"/txt\n",
        f"{D}/c.conf": "/share/c",
        f"{D}/d.conf": None,
        "/share/c": b"include more/*\n/c\n",
        "/etc/ld.so.conf.d/more/[x]": b"/more\n",
        "/etc/a.x": b"/a\n",
    }

    assert directories(content) == ("/first", "/B", "/b", "/more", "/c", "/a", "/last")


def test_a_pattern_may_span_directories() -> None:
    """Every component is matched for itself."""
    content: dict[str, Content] = {
        CONF: b"include /o*/[ab]/.conf\n",
        "/opt/a/.conf": b"/a\n",
        "/opt/c/.conf": b"/c\n",
        "/o/b/.conf": b"/b\n",
        "/only": b"file",
    }

    assert directories(content) == ("/b", "/a")


def test_a_file_that_includes_itself_is_read_once() -> None:
    """The real one would read on until it has no more file descriptors."""
    content: dict[str, Content] = {
        CONF: b"include x.conf\n/a\n",
        "/etc/x.conf": b"include ld.so.conf x.conf\n/x\n",
    }

    assert directories(content) == ("/x", "/a")


def test_a_default_stands_for_the_missing_file() -> None:
    """An empty file is not a missing one."""
    content: dict[str, Content] = {f"{D}/x.conf": b"/x\n"}
    default = b"include /etc/ld.so.conf.d/*.conf\n"

    assert directories(content) == ()
    assert directories(content, default) == ("/x",)
    assert directories({**content, CONF: b""}, default) == ()
