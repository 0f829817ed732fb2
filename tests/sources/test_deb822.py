"""Stanzas are read strictly."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import DocumentError
from imagesmith.sources.debian import deb822

LINE = st.text("abc .:#-\u00e9", min_size=1, max_size=12).map(str.strip).filter(bool)
STANZAS = st.lists(
    st.dictionaries(
        st.text("ab0-", max_size=9).map("x".__add__),
        st.lists(LINE, min_size=1, max_size=3),
        min_size=1,
        max_size=4,
    ),
    max_size=4,
)


def read(stanza: bytes) -> dict[str, str]:
    """Return the fields of `stanza`."""
    return deb822.fields(stanza, document="Packages", place="curl")


@settings(deadline=None, max_examples=40)
@given(STANZAS)
def test_what_was_written_is_read(stanzas: list[dict[str, list[str]]]) -> None:
    """Writing stanzas and reading them gives the same fields."""
    text = "\n\n".join(
        "".join(
            f"{name}: {chr(10).join(lines)}\n".replace("\n", "\n ")[:-1]
            for name, lines in s.items()
        )
        for s in stanzas
    )

    expected = [{name: "\n".join(lines) for name, lines in s.items()} for s in stanzas]
    assert expected == [read(stanza) for stanza in deb822.stanzas(text.encode())]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=80) | st.text("Aa:# \t\n\r-\x00\u00e9", max_size=40).map(str.encode))
def test_any_bytes_are_fields_or_an_error(text: bytes) -> None:
    """Nothing but a DocumentError comes out of hostile bytes."""
    for stanza in deb822.stanzas(text):
        with contextlib.suppress(DocumentError):
            assert read(stanza)


def test_empty_lines_and_lines_of_blanks_separate_stanzas() -> None:
    """Any number of them counts as one separation."""
    found = list(deb822.stanzas(b"\n\nA: 1\n\n \t\n\nB: 2"))

    assert found == [b"A: 1\n", b"B: 2\n"]


def test_values_lose_the_blanks_around_them() -> None:
    """Names are compared without case, blanks around values mean nothing."""
    fields = read(b"Package:  curl \t\nTags:\n one  \n  two\n")

    assert fields == {"package": "curl", "tags": "\none\n two"}


@pytest.mark.parametrize(
    ("stanza", "place", "problem"),
    [
        (b"A: 1\na: 2\n", "curl.a", "given twice"),
        (b" A: 1\n", "curl", "continues a field that is not there"),
        (b"A\n", "curl", "not a field: 'A'"),
        (b"#A: 1\n", "curl", "not a field: '#A: 1'"),
        (b"-A: 1\n", "curl", "not a field: '-A: 1'"),
        (b"A B: 1\n", "curl", "not a field: 'A B: 1'"),
        (b"A: 1\r\n", "curl", "control character '\\r'"),
        (b"A: \x00\n", "curl", "control character '\\x00'"),
        (b"A: \xff\n", "curl", "not UTF-8 at byte 3"),
        (b"A: 1\n \nB: 2\n", "curl", "an empty line in a stanza"),
    ],
)
def test_a_line_that_two_readers_could_read_differently_is_an_error(
    stanza: bytes, place: str, problem: str
) -> None:
    """Each is refused with its place."""
    with pytest.raises(DocumentError) as caught:
        read(stanza)

    assert DocumentError(document="Packages", place=place, problem=problem) == caught.value


def test_a_place_is_the_field_alone_where_there_is_no_package() -> None:
    """As in a Release file."""
    with pytest.raises(DocumentError) as caught:
        deb822.fields(b"A: 1\nA: 2\n", document="Release", place="")

    assert str(caught.value) == "Release: A: given twice"
