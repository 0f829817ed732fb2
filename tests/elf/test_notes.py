"""Notes that say what a file opens: read from what assemblers write, and from damage."""

from __future__ import annotations

import json
import struct

import pytest
from builders.elf import make_elf
from builders.toolchain import library, link
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.elf import notes
from imagesmith.elf.notes import MAX_NOTES, MAX_TEXT, Notes
from imagesmith.elf.object import facts
from imagesmith.elf.segment import Segment
from imagesmith.model.facts import DlopenNote, Elf

Read = tuple[tuple[DlopenNote, ...], tuple[str, ...]]
OWNER, TYPE = b"FDO\0", 0x407C0C0A


def note(
    desc: bytes, *, owner: bytes = OWNER, kind: int = TYPE, order: str = "<", align: int = 4
) -> bytes:
    """Return one note, padded."""
    head = struct.pack(f"{order}3I", len(owner), len(desc), kind)
    padded = b""
    for part in (head + owner, desc):
        padded += part
        padded += bytes(-len(padded) % align)
    return padded


def read(table: bytes, *, order: str = "<", align: int = 4) -> Read:
    """Read one segment of notes."""
    return notes.read(memoryview(table), order, [Notes(Segment(0, 0, len(table)), align)])


def text(*rows: object) -> bytes:
    """Return the content of a note as the specification has it."""
    return json.dumps(rows).encode() + b"\0"


def elf(content: bytes) -> Elf:
    """Return the facts of a good file."""
    found = facts(memoryview(content))
    assert isinstance(found, Elf)
    return found


@pytest.mark.parametrize("align", [4, 8])
def test_assembled_notes_are_read(align: int) -> None:
    """All of them, in their order, beside notes of other kinds."""
    full = {"soname": ["liba.so.1", "liba.so.0"], "priority": "suggested", "feature": "a"}
    rows = ([full, {"soname": ["libb.so"]}], [{"soname": ["libc.so"], "description": "c"}])
    wanted = library().with_notes(*map(json.dumps, rows), align=align)
    found = elf(link(wanted))

    assert found.dlopen == (
        DlopenNote(("liba.so.1", "liba.so.0"), "suggested", "a"),
        DlopenNote(("libb.so",)),
        DlopenNote(("libc.so",)),
    )
    assert found.odd_notes == ()


@pytest.mark.parametrize("align", [0, 1, 4, 8])
@pytest.mark.parametrize("order", ["<", ">"])
def test_notes_are_padded_to_eight_only_if_the_segment_says_so(order: str, align: int) -> None:
    """Any other alignment means four (glibc's and binutils' reading)."""
    step = 8 if align == 8 else 4
    others = [note(b"\1\2\3", owner=b"GNU\0", kind=3, order=order, align=step)] * 2
    table = b"".join([*others, note(text({"soname": ["x"]}), order=order, align=step)] * 2)

    assert read(table, order=order, align=align) == ((DlopenNote(("x",)),) * 2, ())


@pytest.mark.parametrize(
    ("desc", "problem"),
    [
        (b"", "is not JSON"),
        (b"\xff\0", "is not JSON"),
        (b"[" * 60_000, "is not JSON"),
        (b"{}\0", "is not a JSON array"),
        (text("x"), "is not an array of objects"),
        (text({}), "soname is not an array of names"),
        (text({"soname": "x"}), "soname is not an array of names"),
        (text({"soname": []}), "soname is not an array of names"),
        (text({"soname": [""]}), "soname is not an array of names"),
        (text({"soname": ["a\nb"]}), "soname is not an array of names"),
        (text({"soname": ["\ud800"]}), "soname is not an array of names"),
        (text({"soname": ["x" * 5_000]}), "soname is not an array of names"),
        (text({"soname": ["x"], "priority": "high"}), "unknown priority 'high'"),
        (text({"soname": ["x"], "priority": ["required"]}), "unknown priority ['required']"),
        (bytes(MAX_TEXT + 1), f"longer than {MAX_TEXT} bytes"),
    ],
)
def test_a_note_that_cannot_be_read_is_reported(desc: bytes, problem: str) -> None:
    """Those before it count."""
    good = note(text({"soname": ["x"]}))

    assert read(good + note(desc)) == ((DlopenNote(("x",)),), (f"dlopen note: {problem}",))


def test_other_fields_are_not_looked_at() -> None:
    """The specification may have more of them one day."""
    row = {"soname": ["x"], "feature": 7, "later": {}}

    assert read(note(text(row))) == ((DlopenNote(("x",)),), ())


def test_a_note_reaches_no_further_than_its_segment() -> None:
    """Not even one that says so."""
    cut = note(text({"soname": ["x"]}))[:-8]

    assert read(cut) == ((), ("dlopen note: reaches beyond its segment",))
    assert read(cut[:11]) == ((), ())
    assert read(note(b"", owner=b"GNU\0")[:12] + b"\xff" * 4) == ((), ())


def test_there_is_an_end_to_notes() -> None:
    """A file full of empty ones does not take long."""
    table = note(b"", owner=b"", kind=0) * (MAX_NOTES + 1)

    assert read(table) == ((), (f"dlopen note: more than {MAX_NOTES} notes",))


def test_a_segment_of_notes_beyond_the_file_is_no_reason_to_refuse_it() -> None:
    """No loader looks there, so the file loads."""
    found = elf(make_elf(segments=[(4, 1 << 40, 0, 64)]))

    assert (found.dlopen, found.odd_notes) == ((), ())


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([4, 8]), st.data())
def test_no_bytes_are_too_odd(damage: bytes, align: int, data: st.DataObject) -> None:
    """Whatever stands there, it is read or reported."""
    table = bytearray(note(text({"soname": ["x"]}), align=align) * 2 + damage)
    for _ in range(data.draw(st.integers(0, 4))):
        table[data.draw(st.integers(0, len(table) - 1))] = data.draw(st.integers(0, 255))
    found, odd = read(bytes(table), align=align)

    assert all(isinstance(each, DlopenNote) for each in found)
    assert all(each.startswith("dlopen note: ") for each in odd)


def test_the_end_is_the_files_and_not_the_segments() -> None:
    """A thousand program headers may show the same notes."""
    rows = [{"soname": ["x"]}] * 100
    table = note(text(*rows)) * 20
    segments = [Notes(Segment(0, 0, len(table)), 4)] * 2_000
    found, odd = notes.read(memoryview(table), "<", segments)

    assert len(found) == MAX_TEXT // len(text(*rows)) * len(rows)
    assert odd == (
        f"dlopen note: longer than {MAX_TEXT} bytes",
        f"dlopen note: more than {MAX_NOTES} notes",
    )
