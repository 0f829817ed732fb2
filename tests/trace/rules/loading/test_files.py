"""Rule `files`: paths that stand in programs and libraries."""

from __future__ import annotations

from builders.roots import Content
from builders.scenes import DIRECTORY, LIBC, Asked, added, glibc, importing, with_strings

from imagesmith.manifest.sections import RuntimeSection
from imagesmith.trace.rules.loading.files import FILES

P = "/usr/bin/p"
LIBRARY = f"{DIRECTORY}/libm.so"


def suspects(
    *strings: str, files: dict[str, Content] | None = None
) -> list[tuple[str, str | None]]:
    """Return what the rule suspects of a program with these strings, and who has them."""
    program = importing(needed=("libc.so.6", "libm.so"), strings=strings)
    content = {**system(), **(files or {}), P: program}
    found = Asked(content, [P]).about(FILES, suspecting=True).suspects
    return [(each.what, each.needed_by) for each in found]


def system() -> dict[str, Content]:
    """Return a system with some files that programs have compiled in."""
    return {
        **glibc("/etc/p/p.conf"),
        LIBRARY: importing(interp=None, strings=["/etc/magic:/usr/share/misc/magic"]),
        "/etc/magic": b"",
        "/etc/p/p.conf": b"",
        "/usr/share/p/a/b": b"",
        "/usr/share/locale/x": b"",
        "/usr/bin/child": importing(),
        f"{DIRECTORY}/plain.so": b"",
    }


def test_files_and_directories_are_suspected() -> None:
    """Of programs and of the libraries they load, also where paths are a list."""
    assert suspects("/etc/p/p.conf", "/none/such", "/usr/share/p//a/") == [
        ("/etc/magic", LIBRARY),
        ("/etc/p/p.conf", P),
        ("/usr/share/p/a", P),
    ]


def test_what_everybody_names_is_not() -> None:
    """Directories of everything, what has a rule, programs; and nothing of the C library."""
    usual = ("/usr/share", DIRECTORY, "/usr/bin", "/usr/share/locale", "/usr/bin/child", LIBC)

    assert suspects(*usual, "see /etc/p/p.conf", "etc/p/p.conf:x/y") == [("/etc/magic", LIBRARY)]


def test_a_recipe_can_have_them_all() -> None:
    """Directories with what is in them."""
    content = {**system(), P: importing() + with_strings("/usr/share/p")}
    runtime = RuntimeSection(with_rules=("files",))

    assert added(Asked(content, [P], runtime=runtime).about(FILES), "files").keys() == {
        "/usr/share/p",
        "/usr/share/p/a",
        "/usr/share/p/a/b",
    }
