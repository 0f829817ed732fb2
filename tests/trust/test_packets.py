"""Packet framing: one sequence of octets, one sequence of packets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import SignatureError
from imagesmith.trust import packets
from imagesmith.trust.packets import Packet
from imagesmith.trust.verdict import Reason

BODIES = st.one_of(
    st.binary(max_size=20), st.sampled_from([191, 192, 8383, 8384, 70000]).map(bytes)
)


def problem(octets: bytes) -> tuple[str, str]:
    """Return the code and text with which octets are refused."""
    with pytest.raises(SignatureError) as e:
        packets.split(octets)
    return e.value.reasons[0], e.value.problem


class TestSplit:
    """Reading."""

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.tuples(st.integers(1, 63), BODIES), max_size=4))
    def test_reads_what_frame_writes(self, written: list[tuple[int, bytes]]) -> None:
        """Any packets can be written one after the other and read back."""
        octets = b"".join(packets.frame(tag, body) for tag, body in written)

        assert tuple(Packet(tag, body) for tag, body in written) == packets.split(octets)

    @pytest.mark.parametrize(
        "head",
        [b"\x88\x02", b"\x89\0\x02", b"\x8a\0\0\0\x02", b"\xc2\x02", b"\xc2\xff\0\0\0\x02"],
    )
    def test_reads_every_definite_length(self, head: bytes) -> None:
        """Old and new headers say the same."""
        assert (Packet(2, b"hi"),) == packets.split(head + b"hi")

    @pytest.mark.parametrize(
        ("octets", "expected"),
        [
            (b"\x8bhi", (Reason.FRAMING, "packet with an indeterminate length at octet 0")),
            (b"\xc2\xe1hi", (Reason.FRAMING, "packet with a partial length at octet 1")),
            (b"\xc2\x03hi", (Reason.FRAMING, "packet at octet 0 runs over the end")),
            (b"\xc2\x02hi\x02", (Reason.FRAMING, "no packet starts at octet 4")),
            (b"\xc2", (Reason.FRAMING, "header is cut short")),
            (b"\xc2\xc0", (Reason.FRAMING, "header is cut short")),
            (b"\xc2\xff\0\0", (Reason.FRAMING, "header is cut short")),
            (b"\x89\0", (Reason.FRAMING, "header is cut short")),
            (b"\xc2\0" * 2001, (Reason.LIMIT, "more than 2000 packets")),
        ],
    )
    def test_refuses_everything_else(self, octets: bytes, expected: tuple[str, str]) -> None:
        """Lengths are definite, and no byte is left over."""
        assert expected == problem(octets)

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=60))
    def test_garbage_is_read_to_the_last_byte_or_refused(self, octets: bytes) -> None:
        """The packets found account for every octet."""
        try:
            found = packets.split(octets)
        except SignatureError:
            return

        assert sum(len(each.body) for each in found) <= len(octets)


class TestNumbers:
    """Multiprecision integers."""

    @settings(deadline=None, max_examples=50)
    @given(st.integers(0, 1 << 600))
    def test_reads_what_it_writes(self, value: int) -> None:
        """Every number has one spelling."""
        octets = packets.write_number(value)
        number, end = packets.read_number(octets + b"rest", 0)

        assert (value, len(octets)) == (int.from_bytes(number, "big"), end)

    @pytest.mark.parametrize("octets", [b"\0\x09\0\xff", b"\0\x07\xff", b"\0\x10\xff", b"\0", b""])
    def test_refuses_other_spellings(self, octets: bytes) -> None:
        """Leading zero bits, wrong counts and missing octets are refused."""
        with pytest.raises(SignatureError):
            packets.read_number(octets, 0)
