"""A manifest from its directory, read once and trusted or refused."""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING

from imagesmith.errors import StaleManifest, UsageError

if TYPE_CHECKING:
    from imagesmith.cli.documents import ImageDirectory
    from imagesmith.cli.session import Session
    from imagesmith.manifest.manifest import Manifest
    from imagesmith.model.arch import Arch
    from imagesmith.trust.trusted import TrustedManifest

ENCODER_HINT = "install that version to get identical bytes"


def manifest(session: Session, image: ImageDirectory, trust: str | None) -> TrustedManifest:
    """Read, judge and parse the manifest of `image`, which must answer the recipe beside it."""
    from imagesmith.cli import documents
    from imagesmith.trust import trusted

    policy = session.policy(trust)
    raw = documents.read(image.manifest, hint=f"write it: imagesmith lock {image.path}")
    signatures = documents.read_if_present(image.signatures, limit=documents.MAX_SIGNATURES)
    found = trusted.verify(
        raw, signatures, policy, now=int(time.time()), document=str(image.manifest)
    )
    answers(image, found.manifest)
    for accepted in found.verdict.accepted:
        session.detail(f"{image.manifest}: signed by {accepted.primary}")
    return found


def answers(image: ImageDirectory, found: Manifest) -> None:
    """Refuse a manifest that was locked from another recipe than the one beside it."""
    from imagesmith.cli import documents
    from imagesmith.model.digest import Digest

    recipe = documents.read_if_present(image.recipe)
    if recipe is not None and Digest.of(recipe) != found.recipe:
        raise StaleManifest(
            document=str(image.manifest),
            problem=f"does not answer {image.recipe.name}, which has changed since lock",
            hint=f"imagesmith lock {image.path}",
        )


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
