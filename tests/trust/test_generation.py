"""Making keys."""

from __future__ import annotations

import pysequoia
import pytest
from builders.openpgp import DAY, T0, pin_fingerprint

from imagesmith.errors import UsageError
from imagesmith.trust import generation, signing
from imagesmith.trust.content import Content
from imagesmith.trust.generation import KeyPair
from imagesmith.trust.judge import judge


def generate(user_id: str = "Alice <alice@example.org>", **terms: object) -> KeyPair:
    """Make an unprotected key on these terms."""
    return generation.generate(
        user_id,
        **{"created": T0, "lifetime": None, "passphrase": None} | terms,  # type: ignore[arg-type]
    )


class TestGenerate:
    """Two armoured files and a fingerprint."""

    def test_another_implementation_reads_the_same_key(self) -> None:
        """Fingerprint, user id and expiry are what was asked for."""
        pair = generate("Älice <alice@example.org>", lifetime=DAY)

        found = pysequoia.Cert.from_bytes(pair.public)

        assert found.expiration is not None
        assert (pair.fingerprint, T0 + DAY) == (found.fingerprint, found.expiration.timestamp())

    def test_a_key_without_an_end_has_none(self) -> None:
        """No lifetime is written."""
        assert pysequoia.Cert.from_bytes(generate().public).expiration is None

    @pytest.mark.parametrize("passphrase", [None, "correct horse"])
    def test_the_key_signs_until_it_ends(self, passphrase: str | None) -> None:
        """The policy accepts its signatures up to the last second."""
        pair = generate(lifetime=DAY, passphrase=passphrase)
        policy = pin_fingerprint(pair.fingerprint, pair.public)
        made = signing.sign(b"x", pair.secret, created=T0 + 5, passphrase=lambda: passphrase or "")

        assert judge(Content.of(b"x"), made, policy, now=T0 + DAY - 1).valid
        assert not judge(Content.of(b"x"), made, policy, now=T0 + DAY).valid

    def test_keys_are_never_the_same(self) -> None:
        """Nothing of a key comes from its arguments."""
        assert generate().fingerprint != generate().fingerprint

    def test_does_not_show_the_secret(self) -> None:
        """Logs and tracebacks never hold it."""
        assert "PRIVATE" not in repr(generate())

    @pytest.mark.parametrize(
        ("user_id", "terms"),
        [
            ("", {}),
            (" ", {}),
            ("a\nb", {}),
            ("a\x1b[2J", {}),
            ("a\u202eb", {}),
            ("\udcff", {}),
            ("a" * 2049, {}),
            ("a", {"created": -1}),
            ("a", {"created": 1 << 32}),
            ("a", {"lifetime": 0}),
            ("a", {"lifetime": 1 << 32}),
        ],
    )
    def test_refuses_what_cannot_be_written(self, user_id: str, terms: dict[str, int]) -> None:
        """A user id is one line of text; times have four octets."""
        with pytest.raises(UsageError):
            generate(user_id, **terms)
