"""Rules libidn2, children and dlopen-strings: what is only suspected."""

from __future__ import annotations

from typing import Final

from builders.elf import GLIBC_INTERP, make_elf
from builders.roots import Content
from builders.scenes import DIRECTORY, LIBC, Asked, added, glibc, importing

from imagesmith.manifest.sections import RuntimeSection
from imagesmith.trace.closure import Suspected
from imagesmith.trace.rules.loading.children import CHILDREN
from imagesmith.trace.rules.loading.dlopen_strings import DLOPEN_STRINGS
from imagesmith.trace.rules.loading.libidn2 import LIBIDN2
from imagesmith.trace.rules.rule import Rule

P = "/bin/p"
SHELL: Final[dict[str, Content]] = {"/bin/sh": "dash", "/bin/dash": importing()}


def suspects(rule: Rule, files: dict[str, Content]) -> list[Suspected]:
    """Return what a rule suspects of a program, and adds to nothing."""
    applied = Asked({**glibc(), **files}, [P]).about(rule, suspecting=True)
    assert added(applied, rule.name) == {}
    return applied.suspects


def test_libidn2_is_suspected_where_hosts_are_looked_up() -> None:
    """In glibc, which names it."""
    files = {
        **glibc("libidn2.so.0"),
        f"{DIRECTORY}/libidn2.so.0": make_elf(),
        P: importing("getaddrinfo"),
    }

    assert suspects(LIBIDN2, files) == [
        Suspected("libidn2", f"{DIRECTORY}/libidn2.so.0", LIBC, "getaddrinfo of /bin/p", True)
    ]
    assert suspects(LIBIDN2, {**files, P: importing("printf")}) == []


def test_strings_that_look_like_sonames_are_suspected() -> None:
    """Whole strings only, and not what is loaded or noted anyway."""
    strings = ["libone.so.1", "libgone.so", "libc.so.6", "/opt/x.so", "a/b.so", "is libno.so", "so"]
    files: dict[str, Content] = {
        P: importing("dlopen", strings=[*strings, "lib%s.so", "libone.so.1"]),
        f"{DIRECTORY}/libone.so.1": make_elf(),
        "/opt/x.so": make_elf(),
    }

    assert suspects(DLOPEN_STRINGS, files) == [
        Suspected("dlopen-strings", f"{DIRECTORY}/libone.so.1", P, "dlopen", present=True),
        Suspected("dlopen-strings", "/opt/x.so", P, "dlopen", present=True),
        Suspected("dlopen-strings", "libgone.so", P, "dlopen", present=False),
    ]
    assert suspects(DLOPEN_STRINGS, {**files, P: importing("open", strings=strings)}) == []


def test_programs_whose_paths_are_compiled_in_are_suspected() -> None:
    """And directories of programs; not what is no program, nor the usual directories."""
    strings = [
        "/usr/lib/git-core",
        "/usr/bin",
        "/usr/bin/ssh",
        "/etc/data",
        "/usr/bin/none",
        "/usr/bin/static",
        "/lib",
    ]
    files: dict[str, Content] = {
        "/usr/bin/link": "/etc/data",
        P: importing("execv", strings=[*strings, "/usr/bin/tar -x", "see /usr/bin/no", DIRECTORY]),
        "/usr/bin/ssh": importing(),
        "/usr/bin/static": make_elf(kind=2, dynamic=False),
        "/usr/bin/tar": "#!/bin/sh\n",
        "/usr/bin/no": importing(),
        "/usr/lib/git-core/git-add": importing(),
        "/usr/share/doc/x": b"",
        "/etc/data": b"data",
    }

    assert suspects(CHILDREN, files) == [
        Suspected("children", "/usr/bin/ssh", P, "execv", present=True),
        Suspected("children", "/usr/bin/static", P, "execv", present=True),
        Suspected("children", "/usr/bin/tar", P, "execv", present=True),
        Suspected("children", "/usr/lib/git-core", P, "execv", present=True),
    ]


def test_system_always_starts_the_shell() -> None:
    """Whether it is there or not; a library may call it, too."""
    files: dict[str, Content] = {
        P: importing(needed=["liba.so"]),
        f"{DIRECTORY}/liba.so": importing("popen", interp=None),
    }
    found = Suspected("children", "/bin/sh", f"{DIRECTORY}/liba.so", "popen")

    assert suspects(CHILDREN, files) == [found]
    assert suspects(CHILDREN, {**files, **SHELL})[0].present


def test_children_come_with_their_libraries_if_the_recipe_names_the_rule() -> None:
    """A directory with everything in it."""
    files: dict[str, Content] = {
        **glibc(),
        P: importing("posix_spawn", strings=["/usr/lib/tools"]),
        "/usr/lib/tools/one": make_elf(interp=GLIBC_INTERP, needed=["liba.so"]),
        "/usr/lib/tools/note": b"text",
        f"{DIRECTORY}/liba.so": make_elf(),
    }
    applied = Asked(files, [P], runtime=RuntimeSection(with_rules=("children",))).about(CHILDREN)

    assert list(added(applied, "children")) == [
        "/usr/lib/tools",
        "/usr/lib/tools/note",
        "/usr/lib/tools/one",
    ]
    assert f"{DIRECTORY}/liba.so" in applied.shipping.reasons.paths
