"""The shapes of subpackets, kind by kind."""

from __future__ import annotations

import pytest

from imagesmith.trust.shapes import is_well_formed


@pytest.mark.parametrize(
    ("kind", "octets"), [(2, 4), (3, 4), (4, 1), (5, 2), (7, 1), (9, 4), (16, 8), (25, 1), (37, 0)]
)
def test_some_kinds_have_one_length(kind: int, octets: int) -> None:
    """Not an octet more or less."""
    found = [length for length in range(40) if is_well_formed(kind, bytes(length))]

    assert found == [octets]


@pytest.mark.parametrize(("kind", "octets"), [(6, 1), (29, 1), (31, 2), (100, 0), (27, 0)])
def test_others_have_a_least_length(kind: int, octets: int) -> None:
    """Reasons are followed by words, targets by a digest; unknown kinds have any length."""
    assert [is_well_formed(kind, bytes(n)) for n in range(4)] == [n >= octets for n in range(4)]


def test_an_expression_ends_with_nul() -> None:
    """RFC 9580 §5.2.3.22."""
    assert is_well_formed(6, b"<[^>]+[@.]example\\.org>$\0")
    assert not is_well_formed(6, b"a\0b")


def test_a_revoker_has_a_class() -> None:
    """Its first bit is set (RFC 9580 §5.2.3.23)."""
    assert is_well_formed(12, b"\x80" + bytes(21))
    assert is_well_formed(12, b"\xc0" + bytes(21))
    assert not is_well_formed(12, b"\x40" + bytes(21))
    assert not is_well_formed(12, b"\x80" + bytes(22))


def test_ciphersuites_come_in_pairs() -> None:
    """A cipher and its mode (RFC 9580 §5.2.3.15)."""
    assert [is_well_formed(39, bytes(n)) for n in range(4)] == [True, False, True, False]


@pytest.mark.parametrize("kind", [33, 35])
def test_a_fingerprint_is_as_long_as_its_version_says(kind: int) -> None:
    """Twenty octets of version 4, thirty-two of version 6."""
    assert is_well_formed(kind, b"\x04" + bytes(20))
    assert is_well_formed(kind, b"\x06" + bytes(32))
    assert not is_well_formed(kind, b"\x04" + bytes(32))
    assert not is_well_formed(kind, b"\x05" + bytes(20))
    assert not is_well_formed(kind, b"")


def test_a_notation_is_as_long_as_it_says() -> None:
    """Flags, two lengths, a name, a value, and nothing after them."""
    notation = b"\x80\0\0\0\0\x02\0\x01nnv"

    assert is_well_formed(20, notation)
    assert not is_well_formed(20, notation + b"\0")
    assert not any(is_well_formed(20, notation[:end]) for end in range(len(notation)))
