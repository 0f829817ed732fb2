"""Beginning: a recipe for `lock`, from a few words on the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from imagesmith.build import acquire, releases
from imagesmith.build.effects import Effects
from imagesmith.errors import SignatureError, UsageError
from imagesmith.manifest.recipe import DebianSource, PackageRequest, Recipe, package_name
from imagesmith.manifest.sections import ImageSection, RootfsSection, TraceSection
from imagesmith.manifest.sections.words import image_name, image_path
from imagesmith.model.arch import parse as architecture
from imagesmith.model.config import ImageConfig
from imagesmith.trust import archive

_T = TypeVar("_T")


def checked_name(name: str) -> str:
    """Return `name` if it can name an image; UsageError otherwise."""
    return _checked(image_name, name)


def _checked(check: Callable[[str], _T], text: str, hint: str | None = None) -> _T:
    try:
        return check(text)
    except ValueError as error:
        raise UsageError(problem=str(error), hint=hint) from None


def signers(suite: str, effects: Effects) -> tuple[str, ...]:
    """Return fingerprints of the known keys that signed the release of `suite`, sorted."""
    file = acquire.first_mirror(
        releases.path(suite), suite, lambda base: releases.fetch(base, suite, effects), effects
    )
    found = archive.signers_of(file, effects.certificates, now=effects.now)
    if not found:
        raise SignatureError(
            document=releases.path(suite, file),
            problem="signed by no key in the keyrings of this host",
            hint="install debian-archive-keyring, or name a keyring with --keyring FILE",
        )
    return tuple(sorted({signer.primary for signer in found}))


def recipe(
    name: str,
    *,
    packages: Sequence[str],
    seeds: Sequence[str],
    arches: Sequence[str],
    suite: str,
    signed_by: tuple[str, ...],
) -> Recipe:
    """Return a recipe for one program: by default the package NAME and its /usr/bin/NAME."""
    short = name.rpartition("/")[2]
    hint = None if packages else "name the package with --package"
    wanted = [_checked(package_name, package, hint) for package in packages or (short,)]
    paths = tuple(_checked(image_path, seed) for seed in seeds or (f"/usr/bin/{short}",))
    return Recipe(
        name=checked_name(name),
        architectures=tuple(
            _checked(architecture, arch) for arch in sorted({*arches} or {"amd64", "arm64"})
        ),
        sources=(("debian", DebianSource(suite=suite, components=("main",), signed_by=signed_by)),),
        packages=(
            PackageRequest(
                sources=("debian",), names=tuple(dict.fromkeys([*wanted, "base-files"]))
            ),
        ),
        trace=TraceSection(seeds=paths),
        rootfs=RootfsSection(),
        image=ImageSection(config=ImageConfig(entrypoint=paths[:1])),
    )
