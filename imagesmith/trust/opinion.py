"""The second opinion: another implementation is asked about every acceptance.

The one door to pysequoia, the binding of Sequoia, which comes with the extra
`imagesmith[sequoia]`.  It can only say no: a signature that this room accepts and
the other does not is rejected, with a reason code of its own.

pysequoia judges at the time of the system's clock and at no other.  Where a
verdict is asked for at another time, its objection is a disagreement only if this
room would accept the signature at the system's time too; otherwise nothing is
known about the time asked for, and that is a warning.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from imagesmith.errors import HostError, SignatureError
from imagesmith.model.moment import rfc3339
from imagesmith.model.text import printable
from imagesmith.trust.attribution import CLOCK_SKEW, Maker, problem_at
from imagesmith.trust.content import Content
from imagesmith.trust.guard import guard
from imagesmith.trust.packets import Tag, frame
from imagesmith.trust.verdict import Reason, Warned, refuse


@attrs.frozen
class Opinion:
    """Whoever else is asked."""

    name: str
    version: Callable[[], str]
    """Finding it out costs more than a verification."""
    now: int
    """The time it judges at, in Unix seconds."""
    objection: Callable[[Maker, Content], str | None]
    """Says why the signature is not its maker's, valid at `now`; None if it is."""

    def __str__(self) -> str:
        return f"{self.name} {self.version()}"


def confirm(
    opinion: Opinion | None, maker: Maker, content: Content, *, at: int
) -> tuple[Warned, ...]:
    """Refuse an acceptance at `at` that `opinion` contradicts; return what it cannot tell."""
    objection = None if opinion is None else opinion.objection(maker, content)
    if opinion is None or objection is None:
        return ()
    created = maker.signature.created
    is_from_later = created > opinion.now + CLOCK_SKEW
    if is_from_later or problem_at(maker, max(opinion.now, created)) is not None:
        when = f"it judges at {rfc3339(opinion.now)} only, asked for is {rfc3339(at)}"
        return (Warned(Reason.SECOND_OPINION, f"not confirmed by {opinion.name}: {when}"),)
    raise refuse(Reason.SECOND_OPINION, f"{opinion} disagrees: {objection}")


def sequoia(now: int) -> Opinion | None:
    """Return pysequoia where it is installed; `now` is the time of the system's clock.

    One that is installed and cannot be used is a HostError, never silence.
    """
    try:
        import pysequoia  # noqa: F401 - whether it can be
    except (ImportError, OSError, RuntimeError, SystemError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "pysequoia":
            return None
        hint = "install it again, or remove it"
        raise HostError(path="pysequoia", problem=str(error).lower(), hint=hint) from None
    return Opinion("pysequoia", _version, now, _objection)


def _version() -> str:
    from importlib.metadata import version

    return version("pysequoia")


def _objection(maker: Maker, content: Content) -> str | None:
    """Verify by pysequoia; the same key of the same certificate must have signed."""
    import pysequoia

    if content.octets is None and content.path is None:
        return "the document cannot be read a second time"
    try:
        with guard(Reason.SECOND_OPINION, "no answer"):
            certificate = pysequoia.Cert.from_bytes(maker.certificate.to_bytes())
            found = pysequoia.verify(
                bytes=content.octets,
                file=content.path,
                store=lambda _ids: [certificate],
                signature=pysequoia.Sig.from_bytes(frame(Tag.SIGNATURE, maker.signature.body)),
            )
            signers = [(each.certificate, each.signing_key) for each in found.valid_sigs]
    except SignatureError as error:
        # After the first line comes a trace of its own functions.
        return printable(str(error.__cause__).partition("\n")[0]).lower()
    return None if signers == [(maker.primary, maker.key.fingerprint)] else "another key signed"
