"""The second build of `build --check`, for people and for programs."""

from __future__ import annotations

import os

from imagesmith.build import again
from imagesmith.build.deliver import Delivery
from imagesmith.build.effects import Effects
from imagesmith.cli.documents import ImageDirectory
from imagesmith.cli.session import Session
from imagesmith.model.canonical import Json
from imagesmith.sandbox.starting import launch
from imagesmith.trust.trusted import TrustedManifest


def build(
    session: Session,
    image: ImageDirectory,
    trusted: TrustedManifest,
    delivery: Delivery,
    effects: Effects,
) -> list[Json]:
    """Build everything once more in other surroundings; say what was varied, and what was not."""
    varied = again.build(
        trusted,
        delivery,
        effects,
        launch.here(os.environ),
        document=str(image.manifest),
    )
    for each in varied:
        if not each.obstacle:
            session.detail(f"second build: {each.what}: {each.there}, here {each.here}")
    constant = [f"{each.what} ({each.obstacle})" for each in varied if each.obstacle]
    besides = f"; not varied: {', '.join(constant)}" if constant else ""
    count = len(varied) - len(constant)
    session.note(f"a second build, with {count} things varied, gave the same bytes{besides}")
    return [each.to_json() for each in varied]
