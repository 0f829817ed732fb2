"""InRelease files: split one way or not at all."""

from __future__ import annotations

import pytest
from builders import openpgp as pgp
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import SignatureError
from imagesmith.trust import cleartext
from imagesmith.trust.verdict import Reason

ALICE = pgp.make_key("alice")
TEXT = b"Origin: Debian\n-- dashed\nSuite: stable \t\n\nSHA256:\n"
MESSAGE = pgp.cleartext(TEXT, ALICE)
HEAD = b"-----BEGIN PGP SIGNED MESSAGE-----\n"
BLOCK = MESSAGE[MESSAGE.index(b"-----BEGIN PGP SIGNATURE") :]


class TestSplit:
    """One message, from the first byte to the last."""

    def test_returns_the_signed_lines_only(self) -> None:
        """Dash-escapes and trailing blanks, which nobody signs, are gone."""
        found = cleartext.split(MESSAGE)

        assert found.text == b"Origin: Debian\n-- dashed\nSuite: stable\n\nSHA256:\n"
        assert found.text.removesuffix(b"\n").replace(b"\n", b"\r\n") == found.signed
        assert found.signature == BLOCK

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.text("ab -\t", max_size=8), min_size=1, max_size=6))
    def test_splits_what_was_joined(self, lines: list[str]) -> None:
        """Any text survives being signed."""
        text = "".join(f"{line}\n" for line in lines).encode()

        expected = b"".join(line.rstrip().encode() + b"\n" for line in lines)
        assert expected == cleartext.split(pgp.cleartext(text, ALICE)).text

    @pytest.mark.parametrize(
        "hashes", [b"", b"Hash: SHA512\n", b"Hash: SHA512, SHA256\nHash: SHA3-256\n"]
    )
    def test_accepts_hash_headers(self, hashes: bytes) -> None:
        """They are hints that decide nothing."""
        assert cleartext.split(HEAD + hashes + b"\nx\n" + BLOCK).text == b"x\n"

    @pytest.mark.parametrize(
        ("message", "problem"),
        [
            (b"", "file does not start with a signed message"),
            (b"x\n" + MESSAGE, "file does not start with a signed message"),
            (b"\n" + MESSAGE, "file does not start with a signed message"),
            (b" " + MESSAGE, "file does not start with a signed message"),
            (HEAD.rstrip() + b" \n\nx\n" + BLOCK, "file does not start with a signed message"),
            (HEAD + b"Comment: x\n\nx\n" + BLOCK, "message has a header other than Hash"),
            (HEAD + b"Hash: x\x1b\n\nx\n" + BLOCK, "message has a header other than Hash"),
            (HEAD + b"x\n\n" + BLOCK, "message has a header other than Hash"),
            (HEAD + b"\nx\n", "message has no signature"),
            (HEAD + b"\n" + BLOCK, "message has no signature"),
            (MESSAGE + b"x", "something follows the end of the message"),
            (MESSAGE + b"\n", "something follows the end of the message"),
            (MESSAGE + MESSAGE, "something follows the end of the message"),
            (MESSAGE + BLOCK, "something follows the end of the message"),
            (HEAD + b"\n-x\n" + BLOCK, "line starts with a dash that is not escaped"),
            (HEAD + b"\n" + HEAD + b"\nx\n" + BLOCK, "line starts with a dash that is not escaped"),
            (MESSAGE.replace(b"Debian", b"Deb\0ian"), "message contains NUL or CR"),
            (MESSAGE.replace(b"\n", b"\r\n"), "message contains NUL or CR"),
        ],
    )
    def test_refuses_what_could_be_read_differently(self, message: bytes, problem: str) -> None:
        """Every other file is refused with what is wrong."""
        with pytest.raises(SignatureError) as e:
            cleartext.split(message)

        assert (problem, (Reason.CLEARTEXT,)) == (e.value.problem, e.value.reasons)

    def test_refuses_files_that_are_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A message has a largest size."""
        monkeypatch.setattr(cleartext, "MAX_OCTETS", 10)
        with pytest.raises(SignatureError) as e:
            cleartext.split(MESSAGE)

        assert e.value.reasons == (Reason.LIMIT,)

    def test_ends_on_a_megabyte_of_dashes(self) -> None:
        """One pass over the lines is all there is."""
        with pytest.raises(SignatureError):
            cleartext.split(HEAD + b"\n" + b"-\n" * 500_000 + BLOCK)
