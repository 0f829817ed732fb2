"""The type that says a manifest's bytes were verified.

Only `verify` makes one, and it parses the very bytes it judged: what a policy
accepted and what a build reads cannot be two different things.
"""

from __future__ import annotations

import attrs

from imagesmith.errors import SignatureError
from imagesmith.manifest import manifest as manifests
from imagesmith.manifest.manifest import Manifest
from imagesmith.model.digest import Digest
from imagesmith.trust.judge import judge
from imagesmith.trust.policy import Policy
from imagesmith.trust.verdict import Verdict


class _Witness:
    """That these bytes were verified; nothing else makes one."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw


@attrs.frozen(kw_only=True)
class TrustedManifest:
    """A manifest, the exact bytes that were signed, and who signed them."""

    manifest: Manifest
    raw: bytes
    verdict: Verdict
    _witness: object = attrs.field(repr=False)

    @_witness.validator
    def _only_here(self, _attribute: object, value: object) -> None:
        if not isinstance(value, _Witness) or value.raw is not self.raw:
            raise TypeError("only trust.trusted.verify makes a TrustedManifest")

    @property
    def digest(self) -> Digest:
        """Return the digest of the signed bytes."""
        return Digest.of(self.raw)


def verify(
    raw: bytes, signatures: bytes | None, policy: Policy, *, now: int, document: str
) -> TrustedManifest:
    """Judge `signatures` over `raw` at `now`, then parse `raw`; SignatureError if they do not do.

    Nothing is parsed before somebody in the policy has signed it.  The name found
    then decides who of them may sign this image, so the policy is asked again.
    """
    if signatures is None:
        hint = f"sign it: imagesmith sign {document.rpartition('/')[0] or '.'} --key FILE"
        raise SignatureError(document=document, problem="there is no signature", hint=hint)
    _require(judge(raw, signatures, policy, now=now), policy, document)
    manifest = manifests.parse(raw, document=document)
    verdict = judge(raw, signatures, policy, now=now, image=manifest.name)
    _require(verdict, policy, document)
    return TrustedManifest(manifest=manifest, raw=raw, verdict=verdict, witness=_Witness(raw))


def _require(verdict: Verdict, policy: Policy, document: str) -> None:
    if not verdict.valid:
        raise SignatureError(
            document=document,
            problem=f"acceptable signatures: {len(verdict.accepted)}, "
            f"{policy.document} asks for {policy.threshold}",
            reasons=tuple(str(rejected) for rejected in verdict.rejected),
        )
