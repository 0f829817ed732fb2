"""trust.toml: who may sign what, and every mistake with its place."""

from __future__ import annotations

import pytest

from imagesmith.errors import DocumentError, HostError
from imagesmith.trust import policy
from imagesmith.trust.pin import Pin
from imagesmith.trust.policy import Policy, Signer

FINGERPRINT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
CERTIFICATES = {"alice.asc": b"alice's", "bob.asc": b"bob's"}
ALICE = f'[[signer]]\nfingerprint = "{FINGERPRINT}"\ncertificate = "alice.asc"\n'
BOB = f'[[signer]]\nfingerprint = "{OTHER}"\ncertificate = "bob.asc"\n'


def read(name: str) -> bytes:
    """Give a certificate as a disk would."""
    if "\0" in name:
        raise ValueError("embedded null byte")
    if name not in CERTIFICATES:
        raise HostError(path=f"/policies/{name}", problem="no such file or directory")
    return CERTIFICATES[name]


def parse(text: str) -> Policy:
    """Read a policy."""
    return policy.parse(text.encode(), document="trust.toml", read=read)


class TestParse:
    """Octets to policy."""

    def test_one_signer_is_enough_by_default(self) -> None:
        """A fingerprint and a certificate are all that is needed."""
        signer = Signer(
            fingerprint=FINGERPRINT,
            certificate=b"alice's",
            certificate_name="alice.asc",
        )

        assert Policy(threshold=1, signers=(signer,), document="trust.toml") == parse(ALICE)
        assert (
            signer.images,
            signer.roles,
            signer.not_before,
            signer.not_after,
        ) == (("*",), ("manifest", "rebuild"), None, None)

    def test_reads_every_term(self) -> None:
        """Images, roles and periods."""
        found = parse(
            f'threshold = 2\n{BOB}{ALICE}images = ["a-*"]\nroles = ["rebuild"]\n'
            "not-before = 2026-01-01T00:00:00Z\nnot-after = 2026-01-01T02:00:00+01:00\n",
        )

        assert (found.threshold, found.signers[0].fingerprint) == (2, OTHER)
        assert (
            found.signers[1].images,
            found.signers[1].roles,
            found.signers[1].not_before,
            found.signers[1].not_after,
        ) == (("a-*",), ("rebuild",), 1767225600, 1767229200)

    def test_reads_the_terms_of_all_signers(self) -> None:
        """How strict, and how large an RSA key; neither by default."""
        found = parse(f"strict-all = true\nmin-rsa-bits = 4096\n{ALICE}")

        assert (parse(ALICE).strict_all, parse(ALICE).min_rsa_bits) == (False, 2048)
        assert (found.strict_all, found.min_rsa_bits) == (True, 4096)

    def test_a_mark_pins_exactly_one_key(self) -> None:
        """As apt's Signed-By writes it; blanks between the digits mean nothing."""
        exact = ALICE.replace(FINGERPRINT, f"{FINGERPRINT[:20]} {FINGERPRINT[20:]}!")

        assert parse(exact).signers[0].fingerprint == f"{FINGERPRINT}!"
        assert parse(exact).signers[0].pin == Pin(FINGERPRINT, exact=True)
        assert len(parse(ALICE + exact).signers) == 2

    @pytest.mark.parametrize(
        ("name", "problem"), [("eve.asc", "no such file or directory"), ("a\\u0000", "null byte")]
    )
    def test_a_certificate_that_cannot_be_read_is_no_mistake_of_the_policy(
        self, name: str, problem: str
    ) -> None:
        """The other signers may still be enough."""
        found = parse(ALICE.replace("alice.asc", name) + BOB)
        unread = found.signers[0].unread

        assert unread is not None
        assert problem in unread
        assert found.signers[1].unread is None

    def test_fingerprints_are_lower_case(self) -> None:
        """Upper case names the same key."""
        assert parse(ALICE.replace("abcdef", "ABCDEF")).signers[0].fingerprint == FINGERPRINT

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("", "signer"),
            ("signer = []", "threshold"),
            ("signer = 1", "signer"),
            ("signer = [1]", "signer[0]"),
            (ALICE + "treshold = 1", "signer[0].treshold"),
            ("treshold = 1\n" + ALICE, "treshold"),
            ("threshold = 0\n" + ALICE, "threshold"),
            ("threshold = 2\n" + ALICE, "threshold"),
            ("threshold = true\n" + ALICE, "threshold"),
            (ALICE + BOB + ALICE, "signer[2].fingerprint"),
            (ALICE.replace(FINGERPRINT, FINGERPRINT[:39]), "signer[0].fingerprint"),
            (ALICE.replace(FINGERPRINT, FINGERPRINT[24:]), "signer[0].fingerprint"),
            ('[[signer]]\ncertificate = "alice.asc"', "signer[0].fingerprint"),
            (f'[[signer]]\nfingerprint = "{OTHER}"', "signer[0].certificate"),
            (ALICE.replace(FINGERPRINT, FINGERPRINT + "!!"), "signer[0].fingerprint"),
            ("strict-all = 1\n" + ALICE, "strict-all"),
            ("min-rsa-bits = 2047\n" + ALICE, "min-rsa-bits"),
            ('min-rsa-bits = "3072"\n' + ALICE, "min-rsa-bits"),
            (ALICE + 'roles = "manifest"', "signer[0].roles"),
            (ALICE + 'roles = ["manifest", "admin"]', "signer[0].roles[1]"),
            (ALICE + "images = [1]", "signer[0].images[0]"),
            (ALICE + "not-before = 2026-01-01", "signer[0].not-before"),
            (ALICE + "not-after = 2026-01-01T00:00:00", "signer[0].not-after"),
            ("a = " + "[" * 5000, ""),
            ("a = \x00", ""),
        ],
    )
    def test_every_mistake_has_its_place(self, text: str, place: str) -> None:
        """Unknown keys, wrong types and impossible terms are errors of the document."""
        with pytest.raises(DocumentError) as e:
            parse(text)

        assert ("trust.toml", place) == (e.value.document, e.value.place)
