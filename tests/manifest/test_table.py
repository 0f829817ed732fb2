"""Strict TOML: every mistake has a place."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesmith.errors import DocumentError
from imagesmith.manifest import table as toml


def problem(text: bytes, *keys: str) -> str:
    """Return the message for reading `keys` (type:key) from `text`."""
    with pytest.raises(DocumentError) as e:
        read(text, *keys)
    return e.value.message


def read(text: bytes, *keys: str) -> None:
    """Read `keys` and nothing else from `text`."""
    table = toml.parse(text, document="d.toml")
    for key in keys:
        kind, _, name = key.partition(":")
        getattr(table, kind)(name)
    table.end()


class TestParse:
    """Bytes that are no document."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"a = \xff", "d.toml: not UTF-8 at byte 4"),
            (b"a = 1\na = 2", "d.toml: not TOML: Cannot overwrite a value (at end of document)"),
            (b"\xef\xbb\xbfa = 1", "d.toml: control character U+FEFF in line 1"),
            (b"a = 1\n# \xe2\x80\xae", "d.toml: control character U+202E in line 2"),
            (b"a = 1\n# \x00", "d.toml: control character U+0000 in line 2"),
            (b"a = 1\r", "d.toml: control character U+000D in line 1"),
            (
                b"a = " + b"[" * 100_000,
                "d.toml: not TOML: nested too deeply, or a number too long",
            ),
            (
                b"a = " + b"1" * 10_000,
                "d.toml: not TOML: nested too deeply, or a number too long",
            ),
            (
                b"a = 1\n" + b"a . 'b' ." * 100_000,
                "d.toml: more than 32 parts, joined by dots, in line 2",
            ),
        ],
    )
    def test_names_what_is_wrong(self, text: bytes, message: str) -> None:
        """The message says where the bytes stop being a document."""
        assert message == problem(text)

    def test_refuses_a_document_over_the_limit(self) -> None:
        """No more than 16 MiB is parsed."""
        assert "larger than" in problem(b"#" * (toml.MAX_BYTES + 1))

    def test_accepts_dos_line_ends(self) -> None:
        """TOML allows CRLF."""
        table = toml.parse(b"a = 1\r\n", document="d.toml")

        assert table.integer("a") == 1

    @given(st.binary(max_size=200))
    def test_fails_in_one_way_only(self, text: bytes) -> None:
        """Whatever the bytes, the result is a table or a DocumentError."""
        with suppress(DocumentError):
            toml.parse(text, document="d.toml")


class TestTable:
    """Reading keys."""

    @pytest.mark.parametrize(
        ("text", "key", "message"),
        [
            (b"", "string:a", "d.toml: a: missing; expected a string"),
            (b"a = 12", "string:a", "d.toml: a: expected a string, got 12"),
            (b"a = true", "integer:a", "d.toml: a: expected an integer, got true"),
            (b"a = 'x'", "integer:a", "d.toml: a: expected an integer, got 'x'"),
            (b"a = -1", "integer:a", "d.toml: a: expected at least 0, got -1"),
            (b"a = 1", "boolean:a", "d.toml: a: expected a boolean, got 1"),
            (b"a = 1.5", "strings:a", "d.toml: a: expected an array of strings, got 1.5"),
            (b"a = ['x', 1]", "strings:a", "d.toml: a[1]: expected a string, got 1"),
            (b"a = ['x', 'x']", "strings:a", "d.toml: a[1]: 'x' is listed twice"),
            (b"a = []", "table:a", "d.toml: a: expected a table, got an array"),
            (b"a = [1]", "tables:a", "d.toml: a[0]: expected a table, got 1"),
            (b"[a]", "tables:a", "d.toml: a: expected an array of tables, got a table"),
            (b"a = 2026-01-01", "time:a", "d.toml: a: expected a date-time, got 2026-01-01"),
            (
                b"a = 2026-01-01T00:00:00",
                "time:a",
                "d.toml: a: expected a date-time with an offset, such as a final Z",
            ),
            (b"a = 1\n'b c' = 2", "integer:a", 'd.toml: "b c": unknown key'),
        ],
    )
    def test_names_the_key(self, text: bytes, key: str, message: str) -> None:
        """A wrong value is named by its key, with what was expected and what is there."""
        assert message == problem(text, key)

    def test_hints_at_the_known_keys(self) -> None:
        """An unknown key comes with the keys that are known."""
        table = toml.parse(b"[x]\nc = 1", document="d.toml").table("x")
        table.strings("b", ())
        table.time("a")
        with pytest.raises(DocumentError) as e:
            table.end()

        assert e.value == DocumentError(
            document="d.toml", place="x.c", problem="unknown key", hint="known keys here: a, b"
        )

    def test_reads_times_as_seconds(self) -> None:
        """A date-time with an offset is seconds since 1970."""
        table = toml.parse(b"a = 1970-01-01T01:00:10+01:00", document="d.toml")

        assert table.time("a") == 10

    @given(st.text())
    def test_strings_survive_writing(self, text: str) -> None:
        """Any text that may stand in a document is read back as it was written."""
        try:
            table = toml.parse(f"a = {toml.string(text)}".encode(), document="d")
        except (DocumentError, UnicodeEncodeError):
            return

        assert text == table.string("a")
