"""The type that says a manifest's bytes were verified.

Only `verify` makes one, and it parses the very bytes it judged: what a policy
accepted and what a build reads cannot be two different things (openpgp.md S1, S2).
There is no other way to one, and no switch (S29).
"""

from __future__ import annotations

import attrs

from imagesmith.errors import SignatureError
from imagesmith.manifest import manifest as manifests
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.table import MAX_BYTES
from imagesmith.model.digest import Digest
from imagesmith.model.moment import rfc3339
from imagesmith.trust.content import Content
from imagesmith.trust.judge import Purpose, judge
from imagesmith.trust.opinion import Opinion
from imagesmith.trust.policy import Policy
from imagesmith.trust.verdict import Reason, Verdict


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

    def is_ending(self, now: int) -> bool:
        """Say whether less than a tenth of its life since the first signature is left at `now`."""
        expires = self.manifest.expires
        if expires is None:
            return False
        signed = min(accepted.created for accepted in self.verdict.accepted)
        return (expires - now) * 10 < expires - signed


def verify(
    raw: bytes,
    signatures: bytes | None,
    policy: Policy,
    *,
    now: int,
    document: str,
    opinion: Opinion | None = None,
) -> TrustedManifest:
    """Judge `signatures` over `raw` at `now`, then parse `raw`; SignatureError if they do not do.

    Nothing is parsed before somebody in the policy has signed it.  The name found
    then decides who of them may sign this image, so the policy is asked again.
    A manifest that has expired at `now` is refused however it is signed.
    """
    if len(raw) > MAX_BYTES:
        problem = f"larger than {MAX_BYTES} bytes"
        raise SignatureError(document=document, problem=problem, reasons=(Reason.LIMIT,))
    if signatures is None:
        hint = f"sign it: imagesmith sign {document.rpartition('/')[0] or '.'} --key FILE"
        raise SignatureError(document=document, problem="there is no signature", hint=hint)
    content = Content.of(raw)
    found = judge(content, signatures, policy, now=now, opinion=opinion)
    _require(found, policy, document)
    manifest = manifests.parse(raw, document=document)
    purpose = Purpose(image=manifest.name)
    verdict = judge(content, signatures, policy, now=now, purpose=purpose, opinion=opinion)
    _require(verdict, policy, document)
    _require_current(manifest, now, document)
    return TrustedManifest(manifest=manifest, raw=raw, verdict=verdict, witness=_Witness(raw))


def _require(verdict: Verdict, policy: Policy, document: str) -> None:
    if not verdict.valid:
        enough = len(verdict.accepted) >= policy.threshold
        wanted = "all to be good" if enough else f"{policy.threshold}"
        raise SignatureError(
            document=document,
            problem=f"acceptable signatures: {len(verdict.accepted)}, "
            f"{policy.document} asks for {wanted}",
            reasons=tuple(str(rejected) for rejected in verdict.rejected),
            hint=_hint(verdict),
        )


def _hint(verdict: Verdict) -> str | None:
    if any(rejected.reason == Reason.SIG_FUTURE for rejected in verdict.rejected):
        return "check this machine's clock (date -u), or the time given with --at"
    return None


def _require_current(manifest: Manifest, now: int, document: str) -> None:
    if manifest.expires is not None and manifest.is_expired(now):
        directory = document.rpartition("/")[0] or "."
        raise SignatureError(
            document=document,
            problem=f"expired at {rfc3339(manifest.expires)}, now is {rfc3339(now)}",
            hint=f"renew it: imagesmith lock {directory} --update, review, sign",
        )
