"""What a judgement says: who is accepted, what is rejected and why.

Reasons are stable, machine-readable codes (openpgp.md S25): scripts may depend
on them, wording in `detail` may change.  Inside this room bad input travels as
`SignatureError` made by `refuse`; whoever lists findings turns it into a value
with `Rejected.of`.
"""

from __future__ import annotations

from enum import StrEnum, auto

import attrs

from imagesmith.errors import SignatureError
from imagesmith.model.canonical import Json


class Reason(StrEnum):
    """Why a signature, a key or a certificate is not accepted."""

    @staticmethod
    def _generate_next_value_(name: str, *_counts: object) -> str:
        return name

    # The file that holds signatures
    LIMIT = auto()
    ARMOUR = auto()
    FRAMING = auto()
    NOT_DETACHED = auto()
    CLEARTEXT = auto()
    UNREADABLE = auto()
    SIG_MISSING = auto()
    # The signature
    SIG_VERSION = auto()
    SIG_VERSION_LATER = auto()
    SIG_MALFORMED = auto()
    SIG_TYPE = auto()
    SIG_ALGORITHM = auto()
    SIG_HASH_WEAK = auto()
    SIG_CREATION_TIME = auto()
    SIG_CRITICAL = auto()
    SIG_CRITICAL_NOTATION = auto()
    SIG_FUTURE = auto()
    SIG_EXPIRED = auto()
    SIG_BEFORE_KEY = auto()
    SIG_NO_ISSUER = auto()
    SIG_BAD = auto()
    # The key that made it
    KEY_ALGORITHM = auto()
    KEY_WEAK = auto()
    KEY_MALFORMED = auto()
    KEY_NOT_YET = auto()
    KEY_EXPIRED_AT_SIG = auto()
    KEY_EXPIRED = auto()
    KEY_REVOKED_HARD = auto()
    KEY_REVOKED_SOFT = auto()
    KEY_NOT_SIGNING = auto()
    KEY_NO_SECRET = auto()
    KEY_PASSPHRASE = auto()
    SUBKEY_UNBOUND = auto()
    SUBKEY_BINDING_REFUSED = auto()
    SUBKEY_NO_BACKSIG = auto()
    # The certificate it belongs to
    CERT_MALFORMED = auto()
    CERT_MISMATCH = auto()
    CERT_DUPLICATE = auto()
    CERT_NO_SELF_SIGNATURE = auto()
    CERT_SELF_SIGNATURE_REFUSED = auto()
    CERT_USER_ID_REVOKED = auto()
    CERT_REVOCATION_UNREADABLE = auto()
    CERT_DESIGNATED_REVOKER = auto()
    # The policy
    SIGNER_UNKNOWN = auto()
    SIGNER_KEY = auto()
    SIGNER_IMAGE = auto()
    SIGNER_ROLE = auto()
    SIGNER_PERIOD = auto()
    DUPLICATE = auto()
    SECOND_OPINION = auto()


def refuse(reason: Reason, detail: str) -> SignatureError:
    """Return the error for `reason`; the caller raises it."""
    return SignatureError(document="OpenPGP", problem=detail, reasons=(reason,))


@attrs.frozen
class Accepted:
    """One signature that counts."""

    primary: str
    """Fingerprint of the certificate's primary key: 40 lower-case hexadecimal digits."""
    key: str
    """Fingerprint of the key that signed: the primary's or a subkey's."""
    created: int
    """Unix seconds, as the signature claims."""
    hash: str
    """`SHA256`, `SHA384` or `SHA512`."""
    algorithm: str
    """`EdDSA`, `RSA` or `ECDSA`."""


@attrs.frozen
class Finding:
    """One thing that was found out about a signature or a certificate."""

    reason: str
    """A value of `Reason`."""
    detail: str
    """One line for people; nothing in it needs escaping for a terminal."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"

    def to_json(self) -> Json:
        """Return the shape that stands in lists of findings."""
        return {"reason": str(self.reason), "detail": self.detail}


@attrs.frozen
class Rejected(Finding):
    """One signature or certificate that does not count."""

    @classmethod
    def of(cls, error: SignatureError) -> Rejected:
        """Return the finding that `refuse` made into an error."""
        return cls(error.reasons[0], error.problem)


@attrs.frozen
class Warned(Finding):
    """Something about an accepted signature that people should act on in time (S23, S28)."""


@attrs.frozen
class Verdict:
    """What the policy says about one document and its signatures."""

    accepted: tuple[Accepted, ...]
    """At most one per primary key, in the order of the file."""
    rejected: tuple[Rejected, ...]
    threshold: int
    valid: bool
    warnings: tuple[Warned, ...] = ()
    """About what is accepted; each once."""

    def to_json(self) -> Json:
        """Return the shape `verify-signature --json` prints (DESIGN.md §4)."""
        warnings = {"warnings": [each.to_json() for each in self.warnings]}
        return {
            "accepted": [
                {
                    "primary": each.primary,
                    "key": each.key,
                    "created": each.created,
                    "hash": each.hash,
                    "algorithm": each.algorithm,
                }
                for each in self.accepted
            ],
            "rejected": [each.to_json() for each in self.rejected],
            "threshold": self.threshold,
            "valid": self.valid,
            **(warnings if self.warnings else {}),
        }
