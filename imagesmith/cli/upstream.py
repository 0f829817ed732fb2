"""The archive chain of a manifest: replayed, and shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs

from imagesmith.model.moment import rfc3339

if TYPE_CHECKING:
    from imagesmith.build.upstream import Chain, Replay, Signer
    from imagesmith.cli.session import Session
    from imagesmith.manifest.manifest import Manifest


def replay(session: Session, manifest: Manifest, options: dict[str, Any]) -> Replay:
    """Prove every pin of `manifest` from the evidence it names."""
    from imagesmith.build import upstream

    effects = session.effects(mirrors=options["mirrors"], keyrings=options["keyrings"])
    if options["at"] is not None:
        effects = attrs.evolve(effects, now=options["at"])
    return upstream.replay(manifest, effects)


def lines(chain: Chain) -> Iterator[str]:
    """Yield what one source's archive vouches for, a line a fact."""
    what = " ".join(word for word in (chain.origin, chain.codename or chain.suite) if word)
    count = f"{chain.artefacts} artefact{'' if chain.artefacts == 1 else 's'}"
    yield f"{chain.source}: {what} of {rfc3339(chain.date)} vouches for {count}"
    for signer in chain.signers:
        yield f"  signed by {_shown(signer)}"
    for note in chain.notes:
        yield f"  note: {note}"


def _shown(signer: Signer) -> str:
    subkey = f" (subkey {signer.key})" if signer.key != signer.primary else ""
    lapsed = f"; not accepted today: {signer.lapsed}" if signer.lapsed else ""
    return f"{signer.primary}{subkey} at {rfc3339(signer.created)}{lapsed}"


def document(chain: Chain) -> dict[str, Any]:
    """Return the same for --json."""
    signers = [
        {**attrs.asdict(signer), "lapsed": signer.lapsed or None} for signer in chain.signers
    ]
    return {**attrs.asdict(chain), "signers": signers}
