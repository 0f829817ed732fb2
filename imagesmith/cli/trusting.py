"""A manifest from its directory, read once and trusted or refused."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imagesmith.errors import HostError, StaleManifest, UsageError

if TYPE_CHECKING:
    from imagesmith.cli.documents import ImageDirectory
    from imagesmith.cli.session import Session
    from imagesmith.manifest.manifest import Manifest
    from imagesmith.model.arch import Arch
    from imagesmith.store import Store
    from imagesmith.trust.rollback import Seen
    from imagesmith.trust.trusted import TrustedManifest
    from imagesmith.trust.verdict import Verdict


def manifest(
    session: Session,
    image: ImageDirectory,
    trust: str | None,
    *,
    at: int | None = None,
    allow_rollback: bool = False,
) -> TrustedManifest:
    """Read, judge and parse the manifest of `image`, which must answer the recipe beside it.

    What the store accepted of the name before has a say, and this is remembered.  `at`
    (seconds since 1970) judges as at that time instead, and leaves memory alone.
    """
    from imagesmith.cli import documents
    from imagesmith.trust import trusted

    policy = session.policy(trust)
    raw = documents.read(image.manifest, hint=f"write it: imagesmith lock {image.path}")
    signatures = documents.read_signatures(image.signatures)
    now = int(time.time()) if at is None else at
    found = trusted.verify(
        raw, signatures, policy, now=now, document=str(image.manifest), opinion=session.opinion
    )
    answers(image, found.manifest)
    if at is None:
        _accept(session, found, now=now, document=str(image.manifest), allowed=allow_rollback)
    for accepted in found.verdict.accepted:
        session.detail(f"{image.manifest}: signed by {accepted.primary}")
    tell(session, found.verdict, str(image.manifest))
    if found.is_ending(now):
        session.warn(f"{lifetime(image, found.manifest, now)}; renew it in time")
    return found


def tell(session: Session, verdict: Verdict, document: str) -> None:
    """Say what an accepted signature will not be for ever, and who else accepts it."""
    from imagesmith.trust.verdict import Reason

    for warning in verdict.warnings:
        session.warn(f"{document}: {warning}")
    is_confirmed = all(each.reason != Reason.SECOND_OPINION for each in verdict.warnings)
    if session.verbose and session.opinion is not None and verdict.accepted and is_confirmed:
        session.detail(f"{document}: signatures confirmed by {session.opinion}")


def lifetime(image: ImageDirectory, found: Manifest, now: int) -> str:
    """Say when a manifest that expires does so, or did."""
    from imagesmith.model.moment import rfc3339

    assert found.expires is not None
    expires = "expired" if found.is_expired(now) else "expires"
    return f"{image.manifest}: {expires} at {rfc3339(found.expires)}"


def recalled(store: Store, name: str) -> Seen | None:
    """Return the highest serial of `name` that this store has accepted, if it has any."""
    from imagesmith.trust import rollback

    return _parsed(store, name, store.recall(rollback.KIND, name))


def _parsed(store: Store, name: str, text: bytes | None) -> Seen | None:
    from imagesmith.trust import rollback

    document = str(store.layout.memory(rollback.KIND, name))
    return None if text is None else rollback.parse(text, document=document)


def _accept(
    session: Session, found: TrustedManifest, *, now: int, document: str, allowed: bool
) -> None:
    """Hold a manifest against what was accepted before, and remember it."""
    from imagesmith.trust import rollback

    store, name = session.opened, found.manifest.name
    seen = recalled(store, name)
    for warning in rollback.judge(found, seen, document=document, now=now, allowed=allowed):
        session.warn(warning)
    if rollback.advance(found, seen, now=now) is None:
        return

    def change(before: bytes | None) -> bytes | None:
        newest = rollback.advance(found, _parsed(store, name, before), now=now)
        return None if newest is None else newest.to_bytes()

    serial = f"serial {found.manifest.serial} of {name}"
    try:
        store.remember(rollback.KIND, name, change)
    except HostError as error:
        session.warn(f"{document}: {serial} cannot be remembered: {error.message}")
        return
    if seen is None:
        remembered = f"{serial} is remembered; nothing earlier to compare it with"
        session.note(f"{document}: first use in this store: {remembered}")


def answers(image: ImageDirectory, found: Manifest) -> None:
    """Refuse a manifest that was locked from another recipe than the one beside it."""
    if not _is_answer(image, found):
        raise StaleManifest(
            document=str(image.manifest),
            problem=f"does not answer {image.recipe.name}, which has changed since lock",
            hint=f"imagesmith lock {image.path}",
        )


def _is_answer(image: ImageDirectory, found: Manifest) -> bool:
    from imagesmith.cli import documents
    from imagesmith.model.digest import Digest

    recipe = documents.read_if_present(image.recipe)
    return recipe is None or Digest.of(recipe) == found.recipe


def doubts(image: ImageDirectory, found: Manifest, now: int) -> Iterator[str]:
    """Yield why it makes little sense to sign a manifest at `now`, seconds since 1970."""
    if not _is_answer(image, found):
        yield f"{image.manifest}: {image.recipe.name} has changed since lock; build will refuse it"
    if found.is_expired(now):
        yield f"{lifetime(image, found, now)}; build will refuse it"


def selected(text: str, found: Manifest) -> tuple[Arch, ...]:
    """Return the architectures that `--arch` names: a list, `host` or `all`."""
    if text == "all":
        return found.architectures
    known = {arch.debian: arch for arch in found.architectures}
    names = [host_architecture()] if text == "host" else text.split(",")
    for name in names:
        if name not in known:
            raise UsageError(
                problem=f"--arch {name}: {found.name} is not locked for it",
                hint=f"it is locked for {', '.join(known)}",
            )
    return tuple(arch for name, arch in known.items() if name in names)


def host_architecture() -> str:
    """Return the Debian name of the machine this runs on."""
    names = {
        "aarch64": "arm64",
        "armv7l": "armhf",
        "i686": "i386",
        "loongarch64": "loong64",
        "ppc64le": "ppc64el",
        "x86_64": "amd64",
    }
    machine = platform.machine()
    return names.get(machine, machine)
