"""What a rule may look at, and that it is read once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from builders.elf import make_elf
from builders.roots import Content, make_tree, reader
from builders.scenes import DIRECTORY, LIBC, glibc, importing, with_strings

from imagesmith.elf.closure import Root
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.model.tree import Directory
from imagesmith.trace.program import program
from imagesmith.trace.reasons import Reasons
from imagesmith.trace.rules.binaries import binaries
from imagesmith.trace.rules.scene import MAX_CONTENT, MAX_STRINGS, Knowledge, Scene

FILES: Final[dict[str, Content]] = {
    **glibc(),
    "/bin/p": importing("open", "close"),
    "/bin/q": importing("close"),
    "/bin/s": "#!/usr/bin/env p\n",
    "/usr/bin/env": importing(),
    "/bin/static": make_elf(kind=2, dynamic=False) + with_strings("one", "two", "one", "x" * 9),
    "/etc/x.conf": b"a # b\n\n  # c\n  d  \n",
    "/etc/d/one": b"",
    "/etc/d/sub/two": b"",
    "/etc/link": "d",
    "/huge": bytes(MAX_CONTENT + 1),
}
WORD: Final = re.compile(rb"(?<![\x20-\x7e])([a-z]{3})\0")


def scene(*seeds: str, files: dict[str, Content] = FILES) -> tuple[Scene, list[str]]:
    """Return the scene of some seeds, and the paths that are lent, as they are."""
    tree = make_tree(files)
    lent: list[str] = []

    @contextmanager
    def lend(path: str) -> Iterator[memoryview]:
        lent.append(path)
        with memoryview(reader(tree)(path)) as view:
            yield view

    reasons = Reasons(Root(tree, reader(tree), lend))
    for seed in seeds:
        reasons.add_load(program(reasons.root, seed))
    knowledge = Knowledge(reasons.root, lambda: tuple(tree.entries))
    found = binaries(reasons.root, reasons.loads)
    return Scene(knowledge, RuntimeSection(), found, reasons.paths), lent


def test_programs_are_told_from_libraries() -> None:
    """A script has two: env, and what env starts."""
    found, _ = scene("/bin/s", LIBC)

    assert [each.path for each in found.mains] == ["/usr/bin/env", "/bin/p"]
    assert {each.path for each in found.binaries} > {LIBC}
    assert all(each.libc == "glibc" for each in found.binaries)


def test_a_static_program_has_no_c_library() -> None:
    """It is a program all the same."""
    found, _ = scene("/bin/static")

    assert [(each.path, each.libc) for each in found.mains] == [("/bin/static", "")]


def test_a_program_that_was_a_library_first_is_a_program() -> None:
    """Some programs are both."""
    files = {**FILES, "/bin/r": importing(needed=["/bin/q"])}
    found, _ = scene("/bin/r", "/bin/q", files=files)

    assert [each.path for each in found.mains] == ["/bin/r", "/bin/q"]


def test_importers_come_with_the_first_symbol_they_import() -> None:
    """In the order of the closure; symbol tables are read once a file."""
    found, lent = scene("/bin/p", "/bin/q")

    assert [(each.path, name) for each, name in found.importers("open", "close")] == [
        ("/bin/p", "open"),
        ("/bin/q", "close"),
    ]
    assert [each.path for each, _ in found.importers("open")] == ["/bin/p"]
    assert len(lent) == len(set(lent))


def test_strings_are_found_once() -> None:
    """The first group, without repetition, and no more than a bound."""
    found, lent = scene("/bin/static")
    (static,) = found.binaries

    assert found.strings(static, WORD) == found.strings(static, WORD) == ("one", "two")
    assert found.strings(static, re.compile(rb"x{9}")) == ("x" * 9,)
    assert lent == ["/bin/static"] * 2


def test_there_is_an_end_to_strings() -> None:
    """A hostile file cannot fill the memory with them."""
    many = make_elf(kind=2, dynamic=False) + with_strings(*(f"{n:06}" for n in range(5_000)))
    found, _ = scene("/bin/static", files={**FILES, "/bin/static": many})

    assert len(found.strings(found.binaries[0], re.compile(rb"([0-9]{6})\0"))) == MAX_STRINGS


def test_configuration_is_read_through_links() -> None:
    """Without comments; a huge file is none."""
    found, _ = scene()

    assert found.lines("/etc/x.conf") == ("a", "d")
    assert found.lines("/none") == ()
    assert found.content("/etc/link/one") is found.content("/etc/d/one") == b""
    assert (found.real("/etc/link/one"), found.real("/none")) == ("/etc/d/one", "/none")
    assert found.content("/huge") is None
    assert found.content("/etc/d") is None
    assert found.exists("/etc/link/one")
    assert isinstance(found.entry("/etc/link"), Directory)
    assert found.entry("/none") is None


def test_directories_are_listed_by_real_paths() -> None:
    """Names in one, and everything below one."""
    found, _ = scene()

    assert found.names("/etc/link") == ("one", "sub")
    assert found.below("/etc/link") == ("/etc/d/one", "/etc/d/sub", "/etc/d/sub/two")
    assert found.below("/none") == found.below("/etc/x.conf") == ()


def test_libraries_are_found_by_soname() -> None:
    """Or by the name of the file, where there is none."""
    files = {**FILES, "/bin/p": importing(needed=["libc.so.6", "libz.so"])}
    found, _ = scene("/bin/p", files={**files, f"{DIRECTORY}/libz.so": make_elf()})

    assert [each.path for each in found.named(re.compile(r"libc\.so\.\d"))] == [LIBC]
    assert [each.path for each in found.named(re.compile("libz.so"))] == [f"{DIRECTORY}/libz.so"]
    assert [each.path for each in found.with_libc("musl")] == []
    assert len([*found.with_libc("glibc")]) == len(found.binaries)
