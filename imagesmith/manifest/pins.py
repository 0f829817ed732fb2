"""The parts of a manifest: pins, the evidence behind them, expectations (DESIGN.md §1)."""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs

from imagesmith.manifest import recipe as recipes
from imagesmith.manifest import table as toml
from imagesmith.manifest.recipe import DebianSource
from imagesmith.manifest.table import Table
from imagesmith.model.arch import Arch
from imagesmith.model.digest import Digest

_PART = r"(?!\.\.?(?:/|\Z))[A-Za-z0-9+._:~%@=,^-]+"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*\Z")
_VERSION = re.compile(r"[A-Za-z0-9.+~:-]+\Z")


@attrs.frozen(kw_only=True)
class Pin:
    """One artefact for one architecture, nailed down."""

    path: str
    """Below the base of any mirror of its source."""
    size: int
    digest: Digest
    version: str | None = None
    """Where this architecture's version differs from the artefact's."""
    source: str | None = None
    """Where this architecture's source differs from the artefact's."""


@attrs.frozen(kw_only=True)
class Artefact:
    """One package and its pins."""

    name: str
    version: str
    source: str
    pins: tuple[tuple[str, Pin], ...]
    """By Debian architecture name, sorted; the single key `all` stands for every architecture."""

    def pin(self, arch: Arch) -> Pin | None:
        """Return the pin that a build for `arch` uses, or None if it does without this package."""
        pins = dict(self.pins)
        return pins.get(arch.debian, pins.get("all"))

    def version_for(self, arch: Arch) -> str:
        """Return the version that a build for `arch` uses."""
        pin = self.pin(arch)
        return pin.version if pin and pin.version else self.version

    def source_for(self, arch: Arch) -> str:
        """Return the source that a build for `arch` fetches from."""
        pin = self.pin(arch)
        return pin.source if pin and pin.source else self.source


@attrs.frozen(kw_only=True)
class UsedIndex:
    """A package index, and what was taken from it."""

    digest: Digest
    """Of the file as it is fetched."""
    stanzas: Digest
    """Of the stanzas of the pinned packages in its order, an empty line between two."""


@attrs.frozen(kw_only=True)
class Evidence:
    """Where a source's pins came from: the archive's signed word as it was at `lock`.

    Every digest names a blob; together they prove each pin to whoever trusts the keys.
    """

    source: DebianSource
    origin: str
    codename: str
    """Both as the release file says; they may be empty."""
    date: int
    """`Date` of the release file, seconds since 1970."""
    release: Digest
    """Of the bytes of InRelease, or of Release where it has a signature of its own."""
    release_signature: Digest | None = None
    """Of the bytes of Release.gpg."""
    signers: tuple[str, ...]
    """Fingerprints of the pinned keys whose signatures on it were verified, sorted."""
    certificates: Digest
    """Of the signers' certificates as they were judged: binary, sorted by fingerprint."""
    indices: tuple[tuple[str, UsedIndex], ...]
    """By path below `dists/SUITE`, sorted."""


@attrs.frozen(kw_only=True)
class Expectation:
    """What a build for one architecture must give."""

    rootfs: Digest
    """Of ARCH.mtree."""
    diff_ids: tuple[Digest, ...]
    config: Digest
    image: Digest
    """Of the image manifest."""


def read_evidence(table: Table) -> Evidence:
    """Read `[source.NAME]` as a manifest has it."""
    suite = recipes.read_suite(table)
    indices = table.table("index")
    detached = table.has("release-signature")
    evidence = Evidence(
        source=suite,
        origin=table.string("origin"),
        codename=table.string("codename"),
        date=table.integer("date"),
        release=table.converted("release", Digest.parse),
        release_signature=table.converted("release-signature", Digest.parse) if detached else None,
        signers=table.convert_all("signers", table.strings("signers"), recipes.fingerprint),
        certificates=table.converted("certificates", Digest.parse),
        indices=tuple((path, _read_index(indices.table(path))) for path in sorted(indices.names())),
    )
    indices.end()
    table.end()
    return evidence


def _read_index(table: Table) -> UsedIndex:
    index = UsedIndex(
        digest=table.converted("digest", Digest.parse),
        stanzas=table.converted("stanzas", Digest.parse),
    )
    table.end()
    return index


def write_evidence(name: str, evidence: Evidence) -> list[str]:
    """Write `[source.NAME]` and its index."""
    signature = evidence.release_signature
    return [
        "",
        f"[source.{name}]",
        *recipes.write_suite(evidence.source),
        f"origin = {toml.string(evidence.origin)}",
        f"codename = {toml.string(evidence.codename)}",
        f"date = {evidence.date}",
        f'release = "{evidence.release}"',
        *([] if signature is None else [f'release-signature = "{signature}"']),
        f"signers = {toml.block(evidence.signers)}",
        f'certificates = "{evidence.certificates}"',
        "",
        f"[source.{name}.index]",
        *(
            f'{toml.key(path)} = {{ digest = "{index.digest}", stanzas = "{index.stanzas}" }}'
            for path, index in evidence.indices
        ),
    ]


def read_artefact(table: Table, architectures: tuple[Arch, ...]) -> Artefact:
    """Read one `[[artefact]]`."""
    if table.string("kind") != "deb":
        raise table.error("kind", 'expected "deb"')
    allowed = ("all", *(arch.debian for arch in architectures))
    present = [key for key in allowed if table.has(key)]
    if not present or ("all" in present and len(present) > 1):
        raise table.error("", "expected pins for some architectures, or one for all")
    artefact = Artefact(
        name=table.converted("name", matching(_NAME, "a package name")),
        version=table.converted("version", matching(_VERSION, "a version")),
        source=table.string("source"),
        pins=tuple((key, _read_pin(table.table(key))) for key in present),
    )
    table.end()
    return artefact


def _read_pin(table: Table) -> Pin:
    pin = Pin(
        path=table.converted("path", matching(_PATH, "a relative path")),
        size=table.integer("size", minimum=1),
        digest=table.convert("sha256", table.string("sha256"), Digest),
        version=table.converted("version", matching(_VERSION, "a version"))
        if table.has("version")
        else None,
        source=table.string("source") if table.has("source") else None,
    )
    table.end()
    return pin


def matching(pattern: re.Pattern[str], wanted: str) -> Callable[[str], str]:
    """Return a check that a text matches `pattern`, as ValueError."""

    def check(text: str) -> str:
        if not pattern.match(text):
            raise ValueError(f"expected {wanted}, got {text!r}")
        return text

    return check


def read_expectation(table: Table) -> Expectation:
    """Read one `[expect.ARCH]`."""
    expectation = Expectation(
        rootfs=table.converted("rootfs", Digest.parse),
        diff_ids=table.convert_all("diff-ids", table.strings("diff-ids"), Digest.parse),
        config=table.converted("config", Digest.parse),
        image=table.converted("image", Digest.parse),
    )
    table.end()
    return expectation


def write_artefact(artefact: Artefact) -> list[str]:
    """Write one `[[artefact]]`, an architecture a line."""
    return [
        "",
        "[[artefact]]",
        'kind = "deb"',
        f"name = {toml.string(artefact.name)}",
        f"version = {toml.string(artefact.version)}",
        f"source = {toml.string(artefact.source)}",
        *(f"{arch} = {_pin(pin)}" for arch, pin in artefact.pins),
    ]


def _pin(pin: Pin) -> str:
    differing = {"version": pin.version, "source": pin.source}
    own = "".join(f"{key} = {toml.string(text)}, " for key, text in differing.items() if text)
    path = toml.string(pin.path)
    return f'{{ {own}path = {path}, size = {pin.size}, sha256 = "{pin.digest.hex}" }}'


def write_expectation(arch: str, expectation: Expectation) -> list[str]:
    """Write one `[expect.ARCH]`."""
    return [
        "",
        f"[expect.{arch}]",
        f'rootfs = "{expectation.rootfs}"',
        f"diff-ids = {toml.block(tuple(str(diff_id) for diff_id in expectation.diff_ids))}",
        f'config = "{expectation.config}"',
        f'image = "{expectation.image}"',
    ]
