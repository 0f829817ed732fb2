"""Documents in their smallest complete form, to be varied by tests."""

from __future__ import annotations

import attrs

from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.pins import Artefact, Evidence, Expectation, Pin, UsedIndex
from imagesmith.manifest.recipe import DebianSource, PackageRequest, Recipe
from imagesmith.manifest.sections import ImageSection, RootfsSection, TraceSection, User
from imagesmith.model import arch
from imagesmith.model.config import ImageConfig
from imagesmith.model.digest import Digest

KEY = "4cb50190207b4758a3f73a796ed0e7b82643e131"
SOURCE = DebianSource(suite="bookworm", components=("main",), signed_by=(KEY,))
RECIPE = Recipe(
    name="curl",
    architectures=(arch.parse("amd64"), arch.parse("arm64")),
    sources=(("debian", SOURCE),),
    packages=(PackageRequest(sources=("debian",), names=("curl", "ca-certificates")),),
    trace=TraceSection(seeds=("/usr/bin/curl",), include=("/etc/ssl/openssl.cnf",)),
    rootfs=RootfsSection(ca_bundle=True, users=(User(name="app", uid=65532, gid=65532),)),
    image=ImageSection(
        config=ImageConfig(
            entrypoint=("/usr/bin/curl",),
            env=(("LANG", "C.UTF-8"),),
            user="app",
            exposed_ports=("8080/tcp",),
            labels=(("org.example/with space", 'a "quoted" \\ value'),),
        )
    ),
)


def digest(text: str) -> Digest:
    """Return a digest that stands for `text`."""
    return Digest.of(text.encode())


def pin(name: str, *, size: int = 10, version: str | None = None) -> Pin:
    """Return a pin of a package file called `name`."""
    path = f"pool/main/{name[0]}/{name}/{name}.deb"
    return Pin(path=path, size=size, digest=digest(name), version=version)


def evidence(suite: str) -> Evidence:
    """Return what a manifest says of a suite."""
    return Evidence(
        source=attrs.evolve(SOURCE, suite=suite),
        origin="Debian",
        codename=suite,
        date=1783764000,
        release=digest(f"{suite} InRelease"),
        signers=(KEY,),
        certificates=digest(f"{suite} certificates"),
        indices=(
            (
                "main/binary-amd64/Packages.xz",
                UsedIndex(
                    digest=digest(f"{suite} Packages.xz"), stanzas=digest(f"{suite} stanzas")
                ),
            ),
        ),
    )


def expectation(name: str) -> Expectation:
    """Return an expectation whose digests stand for `name`."""
    return Expectation(
        rootfs=digest(f"{name} rootfs"),
        diff_ids=(digest(f"{name} layer"),),
        config=digest(f"{name} config"),
        image=digest(f"{name} image"),
    )


MANIFEST = Manifest(
    name="curl",
    serial=3,
    epoch=1783764997,
    recipe=digest("recipe"),
    architectures=RECIPE.architectures,
    sources=(("debian", evidence("bookworm")), ("updates", evidence("bookworm-updates"))),
    trace=RECIPE.trace,
    rootfs=RECIPE.rootfs,
    image=RECIPE.image,
    encoder="libzstd 1.5.7",
    artefacts=(
        Artefact(
            name="ca-certificates",
            version="20230311",
            source="debian",
            pins=(("all", pin("ca-certificates_20230311_all")),),
        ),
        Artefact(
            name="curl",
            version="7.88.1-10+deb12u12",
            source="debian",
            pins=(
                ("amd64", pin("curl_amd64")),
                ("arm64", attrs.evolve(pin("curl_arm64", version="7.88.1-9"), source="updates")),
            ),
        ),
    ),
    expect=(("amd64", expectation("amd64")), ("arm64", expectation("arm64"))),
    expect_index=digest("index"),
)
