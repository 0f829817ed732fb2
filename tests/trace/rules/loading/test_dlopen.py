"""Rule dlopen: files that say in a note which libraries they open."""

from __future__ import annotations

import json
from typing import Final

import pytest
from builders.elf import make_elf
from builders.roots import Content
from builders.scenes import DIRECTORY, Asked, added, glibc, importing
from builders.toolchain import Linked, library, link, program

from imagesmith.manifest.sections import RuntimeSection
from imagesmith.manifest.sections.runtime import Dlopen
from imagesmith.trace.closure import Suspected
from imagesmith.trace.rules.loading.dlopen import DLOPEN

PRIORITIES: Final = ("required", "recommended", "suggested")


def noted(*notes: object, of: Linked | None = None) -> bytes:
    """Return a file with these notes, written by the assembler as systemd's macro has it."""
    return link((of or library()).with_notes(*(json.dumps([note]) for note in notes)))


def note(*sonames: str, **fields: str) -> dict[str, object]:
    """Return one entry of a note."""
    return {"soname": list(sonames), **fields}


FILES: Final[dict[str, Content]] = {
    **glibc(),
    "/bin/p": noted(
        *(note(f"lib{priority}.so.1", priority=priority) for priority in PRIORITIES),
        note("libnone.so.2", "libusual.so.1", feature="fido2", description="a key"),
        of=program("libc.so.6"),
    ),
    **{f"{DIRECTORY}/lib{name}.so.1": make_elf() for name in (*PRIORITIES, "usual")},
}


@pytest.mark.parametrize(
    ("least", "names"),
    [
        ("required", ["required"]),
        ("recommended", ["recommended", "required", "usual"]),
        ("suggested", ["recommended", "required", "suggested", "usual"]),
    ],
)
def test_notes_count_from_a_priority_on(least: Dlopen, names: list[str]) -> None:
    """A note without one is recommended; those that do not count are suspects."""
    applied = Asked(FILES, ["/bin/p"], runtime=RuntimeSection(dlopen=least)).about(
        DLOPEN, suspecting=True
    )
    left = {"recommended", "required", "suggested", "usual"} - {*names}

    assert sorted(added(applied, "dlopen")) == [f"{DIRECTORY}/lib{name}.so.1" for name in names]
    assert {each.what for each in applied.suspects} == {
        f"{DIRECTORY}/lib{name}.so.1" for name in left
    }
    assert all(each.present for each in applied.suspects)


def test_the_first_alternative_that_is_there_is_taken() -> None:
    """The reason says of what priority, and for which feature."""
    applied = Asked(FILES, ["/bin/p"]).about(DLOPEN)

    assert added(applied, "dlopen")[f"{DIRECTORY}/libusual.so.1"] == (
        "recommended, for fido2: libusual.so.1 by default"
    )


def test_only_a_required_library_has_to_be_there() -> None:
    """Its absence says where it was looked for, and why it is needed."""
    files = {path: content for path, content in FILES.items() if ".so.1" not in path}
    reasons = Asked(files, ["/bin/p"]).about(DLOPEN).shipping.reasons

    (problem,) = reasons.problems
    assert problem.startswith("librequired.so.1: not found, needed by /bin/p, searched ")
    assert problem.endswith("; required: dlopen")


def test_libraries_have_notes_too() -> None:
    """So have libraries that were opened by a note."""
    files = {
        **FILES,
        "/bin/q": importing(needed=["liba.so"]),
        f"{DIRECTORY}/liba.so": noted(note("libb.so")),
        f"{DIRECTORY}/libb.so": noted(note("libusual.so.1")),
    }
    applied = Asked(files, ["/bin/q"]).about(DLOPEN)

    assert list(added(applied, "dlopen")) == [
        f"{DIRECTORY}/libb.so",
        f"{DIRECTORY}/libusual.so.1",
    ]


def test_a_note_that_cannot_be_read_is_a_warning() -> None:
    """No loader looks at notes."""
    odd = link(program("libc.so.6").with_notes("nothing"))
    reasons = Asked({**FILES, "/bin/p": odd}, ["/bin/p"]).about(DLOPEN).shipping.reasons

    assert list(reasons.warnings) == ["/bin/p: dlopen note: is not JSON"]


def test_a_suspect_that_is_nowhere_is_called_by_its_names() -> None:
    """Nobody can say which of them would be."""
    files = {**FILES, "/bin/p": noted(note("libx.so", "liby.so", priority="suggested"))}
    applied = Asked(files, ["/bin/p"]).about(DLOPEN, suspecting=True)

    assert applied.suspects == [
        Suspected("dlopen", "libx.so or liby.so", "/bin/p", "suggested", present=False)
    ]
