"""ASCII armour: one reading or none."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import SignatureError
from imagesmith.trust import armour
from imagesmith.trust.verdict import Reason

OCTETS = bytes(range(200))
TEXT = armour.encode(OCTETS, armour.SIGNATURE)
LINES = TEXT.split(b"\n")


def problem(text: bytes, label: str = armour.SIGNATURE) -> str:
    """Return why a text is refused."""
    with pytest.raises(SignatureError) as e:
        armour.decode(text, label)
    assert e.value.reasons == (Reason.ARMOUR,)
    return e.value.problem


def block(*lines: bytes) -> bytes:
    """Return a block whose inner lines are these."""
    return b"\n".join((LINES[0], *lines, b"-----END PGP SIGNATURE-----", b""))


class TestDecode:
    """Reading."""

    @settings(deadline=None, max_examples=50)
    @given(st.binary(max_size=300))
    def test_reads_what_it_writes(self, octets: bytes) -> None:
        """Writing and reading back changes nothing."""
        assert octets == armour.decode(armour.encode(octets, armour.SIGNATURE), armour.SIGNATURE)

    def test_returns_binary_input_as_it_is(self) -> None:
        """A first octet with the high bit set is a packet."""
        assert armour.decode(b"\xc2\0", armour.SIGNATURE) == b"\xc2\0"

    def test_accepts_carriage_returns_and_trailing_blanks(self) -> None:
        """What mail programs do to lines does no harm."""
        assert armour.decode(TEXT.replace(b"\n", b" \t\r\n"), armour.SIGNATURE) == OCTETS

    def test_accepts_several_blocks(self) -> None:
        """Signatures that were appended to a file are all read."""
        assert armour.decode(b"\n" + TEXT + b"\n\n" + TEXT, armour.SIGNATURE) == OCTETS * 2

    def test_accepts_a_block_without_checksum(self) -> None:
        """RFC 9580 no longer writes one."""
        without = b"\n".join(line for line in LINES if not line.startswith(b"="))

        assert armour.decode(without, armour.SIGNATURE) == OCTETS

    def test_accepts_known_headers_and_any_line_length(self) -> None:
        """Rows need not have the usual width."""
        rows = base64.b64encode(OCTETS)

        assert armour.decode(block(b"Comment: x", b"", rows), armour.SIGNATURE) == OCTETS

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (b"", "no block labelled PGP SIGNATURE"),
            (b"\n \n", "no block labelled PGP SIGNATURE"),
            (b"hello\n" + TEXT, "line 1: expected the start of a PGP SIGNATURE"),
            (TEXT + b"hello\n", "line 10: expected the start of a PGP SIGNATURE"),
            (
                armour.encode(OCTETS, armour.PUBLIC_KEY),
                "line 1: expected the start of a PGP SIGNATURE",
            ),
            (block(b"aGVs"), "line 2: not an armour header, and no blank line"),
            (block(b"Evil: x", b"", b"aGVs"), "line 2: not an armour header, and no blank line"),
            (LINES[0] + b"\nComment: x", "armour headers without an end"),
            (LINES[0] + b"\n\naGVs", "the PGP SIGNATURE that starts on line 1 has no end"),
            (block(b"", b"aGVs", b"", b"aGVs"), "line 4: expected the end of the PGP SIGNATURE"),
            (
                block(b"", b"aGVs", b"=AAAA", b"aGVs"),
                "line 5: expected the end of the PGP SIGNATURE",
            ),
            (
                block(b"", b"aGVs", b"-----END PGP MESSAGE-----"),
                "line 4: expected the end of the PGP SIGNATURE",
            ),
            (block(b"", b"aGVs", b"=AAAA"), "the armour's checksum does not match"),
            (block(b"", b"aGVsbB=="), "base64 is not canonical"),
            (block(b"", b"aG!s"), "bad base64: only base64 data is allowed"),
            (b"x" * 1001, "line 1 is longer than 1000 bytes"),
        ],
    )
    def test_names_the_line_it_refuses(self, text: bytes, expected: str) -> None:
        """Every other text has a problem with a place."""
        assert expected == problem(text)

    @pytest.mark.parametrize(
        "text",
        [
            b"-----BEGIN PGP SIGNATURE-----\n",
            b"a: b\n",
            b"a: ",
            b"-----\n",
            b"\n",
            b"=\n",
            b"-----BEGIN PGP SIGNATURE-----\nComment: x\n",
        ],
    )
    def test_ends_on_a_megabyte_of_anything(self, text: bytes) -> None:
        """One pass over the lines is all there is."""
        with pytest.raises(SignatureError):
            armour.decode(text * (1_000_000 // len(text)), armour.SIGNATURE)

    def test_refuses_more_lines_than_any_file_has(self) -> None:
        """Empty lines are counted before they are looked at."""
        with pytest.raises(SignatureError) as e:
            armour.decode(b"\n" * (armour.MAX_LINES + 1), armour.SIGNATURE)

        assert e.value.reasons == (Reason.LIMIT,)

    @settings(deadline=None, max_examples=100)
    @given(st.integers(0, len(TEXT) - 2), st.integers(0, 255))
    def test_a_changed_byte_never_changes_the_octets(self, at: int, byte: int) -> None:
        """The checksum, the labels and canonical base64 leave no room."""
        changed = TEXT[:at] + bytes((byte,)) + TEXT[at + 1 :]
        try:
            octets = armour.decode(changed, armour.SIGNATURE)
        except SignatureError:
            return

        assert octets in (OCTETS, changed)


class TestEncode:
    """Writing."""

    def test_writes_lines_a_checksum_and_no_headers(self) -> None:
        """The form that every reader knows."""
        assert (
            armour.encode(b"hello", armour.SIGNATURE)
            == b"-----BEGIN PGP SIGNATURE-----\n\naGVsbG8=\n=R/WK\n-----END PGP SIGNATURE-----\n"
        )
