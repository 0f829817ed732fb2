"""A manifest is trusted as the policy says, or not at all."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from builders import openpgp as pgp
from builders.documents import MANIFEST
from builders.openpgp import DAY, T0

from imagesmith.errors import DocumentError, SignatureError
from imagesmith.manifest import manifest as manifests
from imagesmith.model.digest import Digest
from imagesmith.trust import trusted
from imagesmith.trust.opinion import Opinion
from imagesmith.trust.trusted import TrustedManifest
from imagesmith.trust.verdict import Reason

ALICE, BOB = pgp.make_key("alice"), pgp.make_key("bob")
POLICY = pgp.pin((ALICE, pgp.certificate(ALICE)))
RAW = manifests.to_bytes(MANIFEST)
GOOD = pgp.detached(RAW, ALICE)
NOW = T0 + 2 * DAY


def verify(raw: bytes = RAW, signatures: bytes | None = GOOD, **terms: Any) -> TrustedManifest:  # noqa: ANN401
    """Verify a manifest under a policy with some terms changed."""
    opinion = terms.pop("opinion", None)
    policy = attrs.evolve(POLICY, **terms)
    return trusted.verify(raw, signatures, policy, now=NOW, document="m.toml", opinion=opinion)


def refusal(raw: bytes = RAW, signatures: bytes | None = GOOD, **terms: Any) -> SignatureError:  # noqa: ANN401
    """Return why a manifest is refused."""
    with pytest.raises(SignatureError) as e:
        verify(raw, signatures, **terms)
    return e.value


def test_keeps_the_bytes_that_were_signed() -> None:
    """And their digest, and who signed."""
    found = verify()

    assert found.raw is RAW
    assert found.digest == Digest.of(RAW)
    assert found.manifest == MANIFEST
    assert [each.primary for each in found.verdict.accepted] == [ALICE.fingerprint]


def test_nobody_else_makes_one() -> None:
    """The type is the proof."""
    with pytest.raises(TypeError):
        TrustedManifest(manifest=MANIFEST, raw=RAW, verdict=verify().verdict, witness=object())


def test_nothing_is_parsed_before_it_is_signed() -> None:
    """What is no manifest is a bad signature first, and a bad document only if signed."""
    assert refusal(b"[[[").reasons[0].startswith("SIG_BAD: ")
    with pytest.raises(DocumentError):
        verify(b"[[[", pgp.detached(b"[[[", ALICE))


def test_an_unsigned_manifest_is_refused() -> None:
    """There is no switch (S29)."""
    assert "there is no signature" in refusal(signatures=None).message


def test_a_manifest_has_a_largest_size() -> None:
    """Before anything is hashed (S2)."""
    assert refusal(bytes((16 << 20) + 1)).reasons == (Reason.LIMIT,)


def test_says_how_many_signatures_are_wanted() -> None:
    """And what the policy is called."""
    signers = (*POLICY.signers, attrs.evolve(POLICY.signers[0], fingerprint=BOB.fingerprint))
    found = refusal(threshold=2, signers=signers)

    assert "acceptable signatures: 1, trust.toml asks for 2" in found.message


def test_says_that_all_must_be_good() -> None:
    """Where there would be enough of them (S17)."""
    bad = pgp.detached(b"other", ALICE, created=T0 + DAY + 1)
    found = refusal(signatures=GOOD + bad, strict_all=True)

    assert "acceptable signatures: 1, trust.toml asks for all to be good" in found.message
    assert verify(signatures=GOOD + bad).verdict.valid


def test_a_signer_signs_for_its_images_only() -> None:
    """The name is the manifest's own."""
    other = attrs.evolve(POLICY.signers[0], images=("other",))

    assert refusal(signers=(other,)).reasons[0].startswith("SIGNER_IMAGE: ")


def test_the_second_opinion_must_agree() -> None:
    """Before the manifest is parsed."""
    objection = Opinion("other", lambda: "1", NOW, lambda _maker, _content: "no")

    assert refusal(opinion=objection).reasons == ("SECOND_OPINION: other 1 disagrees: no",)
