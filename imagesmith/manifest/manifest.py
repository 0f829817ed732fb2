"""The manifest: everything that decides an image's bytes, pinned (DESIGN.md §1).

Written by `lock` and by nothing else, it has one spelling: a manifest whose
bytes are not the ones `to_bytes` gives is refused, so that what a reviewer
reads and what a build does cannot differ.  Old formats keep parsing.
"""

from __future__ import annotations

import re

import attrs

from imagesmith.errors import DocumentError
from imagesmith.manifest import recipe as recipes
from imagesmith.manifest import table as toml
from imagesmith.manifest.pins import (
    Artefact,
    Evidence,
    Expectation,
    matching,
    read_artefact,
    read_evidence,
    read_expectation,
    write_artefact,
    write_evidence,
    write_expectation,
)
from imagesmith.manifest.sections import (
    Acknowledged,
    Check,
    ImageSection,
    RootfsSection,
    RuntimeSection,
    TraceSection,
    checks,
    image,
    rootfs,
    runtime,
    script,
    trace,
    words,
)
from imagesmith.manifest.table import Table
from imagesmith.model.arch import Arch
from imagesmith.model.digest import Digest
from imagesmith.model.moment import rfc3339

FORMAT = 1
"""The format this version writes; it pins every digest-affecting choice of the assembler."""
RULES = 1
"""The newest version of what traces and packages are judged by; see docs/runtime-rules.md."""
_ENCODER = re.compile(r"[a-z0-9]+(?: [0-9.]+)?\Z")


@attrs.frozen(kw_only=True)
class Manifest:
    """The only document a build reads."""

    format: int = FORMAT
    name: str
    serial: int
    expires: int | None = None
    """When nobody may rely on it any more, seconds since 1970; never by default."""
    epoch: int
    """mtime of everything in the image, seconds since 1970."""
    recipe: Digest
    """Of recipe.toml's bytes, as `lock` read them."""
    architectures: tuple[Arch, ...]
    sources: tuple[tuple[str, Evidence], ...]
    rules: int = RULES
    """Version of the runtime rules and of what is read off maintainer scripts."""
    runtime: RuntimeSection = RuntimeSection()
    trace: TraceSection
    recorded: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """By Debian architecture name: paths that a recorded run opened, sorted."""
    rootfs: RootfsSection
    image: ImageSection
    encoder: str
    """Implementation and version that compressed the layers; another gives an equivalent image."""
    artefacts: tuple[Artefact, ...]
    """Sorted by name."""
    scripts: tuple[Acknowledged, ...] = ()
    """Maintainer scripts of which something is left out, knowingly, sorted."""
    checks: tuple[Check, ...] = ()
    """What the finished images must be seen to do; no byte of them depends on it."""
    expect: tuple[tuple[str, Expectation], ...] = ()
    """By Debian architecture name; one for each of `architectures`."""
    expect_index: Digest | None = None
    """Of the OCI image index, if there are several architectures."""

    def expectation(self, arch: Arch) -> Expectation | None:
        """Return what a build for `arch` must give."""
        return dict(self.expect).get(arch.debian)

    def is_expired(self, now: int) -> bool:
        """Say whether its time was over at `now`, seconds since 1970."""
        return self.expires is not None and self.expires <= now

    @property
    def reference(self) -> str:
        """Name and tag that loading gives the image."""
        return self.image.reference or f"{self.name}:latest"


def parse(text: bytes, *, document: str) -> Manifest:
    """Read a manifest; DocumentError names the key, or the line not written as `lock` would."""
    root = toml.parse(text, document=document)
    found = root.integer("format", minimum=1)
    if found != FORMAT:
        raise root.error(
            "format",
            f"this version reads format {FORMAT}, got {found}",
            hint="use the version of imagesmith that wrote it, or lock again",
        )
    manifest = _read(root)
    root.end()
    _check_spelling(text, to_bytes(manifest), document)
    return manifest


def _read(root: Table) -> Manifest:
    architectures = recipes.read_architectures(root)
    sources = recipes.read_sources(root.table("source"), read_evidence)
    expect = root.table("expect")
    layer = root.table("layer")
    encoder = layer.converted("encoder", matching(_ENCODER, "an encoder and its version"))
    layer.end()
    manifest = Manifest(
        name=root.converted("name", words.image_name),
        serial=root.integer("serial", minimum=1),
        expires=root.time("expires"),
        epoch=root.integer("epoch"),
        recipe=root.converted("recipe", Digest.parse),
        architectures=architectures,
        sources=sources,
        rules=_read_rules(root),
        runtime=runtime.read_runtime(root.table("runtime", optional=True)),
        trace=trace.read_trace(root.table("trace"), architectures),
        recorded=_read_recorded(root.table("recorded", optional=True), architectures),
        rootfs=rootfs.read_rootfs(root.table("rootfs"), locked=True),
        image=image.read_image(root.table("image")),
        scripts=script.read_scripts(root, locked=True),
        checks=checks.read_checks(root),
        encoder=encoder,
        artefacts=_read_artefacts(root, {name for name, _ in sources}, architectures),
        expect_index=expect.converted("index", Digest.parse) if expect.has("index") else None,
        expect=tuple(
            (arch.debian, read_expectation(expect.table(arch.debian))) for arch in architectures
        ),
    )
    if (manifest.expect_index is None) != (len(architectures) == 1):
        raise expect.error("index", "expected exactly if there are several architectures")
    expect.end()
    recipes.check_user(root, manifest.image.config.user, manifest.rootfs)
    recipes.check_architectures(root, architectures, manifest.rootfs.declared, manifest.checks)
    return manifest


def _read_rules(root: Table) -> int:
    version = root.integer("rules", minimum=1)
    if version > RULES:
        problem = f"this version knows the rules up to {RULES}, got {version}"
        raise root.error("rules", problem, hint="use the version of imagesmith that wrote it")
    return version


def _read_recorded(
    table: Table, architectures: tuple[Arch, ...]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = tuple(
        (arch.debian, words.image_paths(table, arch.debian))
        for arch in architectures
        if table.has(arch.debian)
    )
    table.end()
    return found


def _read_artefacts(
    root: Table, sources: set[str], architectures: tuple[Arch, ...]
) -> tuple[Artefact, ...]:
    found: list[Artefact] = []
    for table in root.tables("artefact", optional=True):
        artefact = read_artefact(table, architectures)
        named = (artefact.source, *(pin.source for _, pin in artefact.pins if pin.source))
        for source in named:
            if source not in sources:
                raise table.error("source", f"there is no [source.{source}]")
        if found and found[-1].name >= artefact.name:
            raise table.error("name", f"{artefact.name} after {found[-1].name}: not sorted")
        found.append(artefact)
    return tuple(found)


def _check_spelling(text: bytes, canonical: bytes, document: str) -> None:
    if text == canonical:
        return
    ours, theirs = canonical.split(b"\n"), text.split(b"\n")
    pairs = zip(ours, theirs, strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)))
    raise DocumentError(
        document=document,
        place=f"line {same + 1}",
        problem="not written as lock writes it",
        hint="manifests are not edited by hand: change the recipe and lock again",
    )


def to_bytes(manifest: Manifest) -> bytes:
    """Write a manifest in its one spelling: LF, one fact a line, sorted."""
    return "\n".join([*_head(manifest), *_expect(manifest), ""]).encode()


def _head(manifest: Manifest) -> list[str]:
    names = tuple(arch.debian for arch in manifest.architectures)
    lines = [
        f"format = {manifest.format}",
        f"name = {toml.string(manifest.name)}",
        f"serial = {manifest.serial}",
        *([] if manifest.expires is None else [f"expires = {rfc3339(manifest.expires)}"]),
        f"epoch = {manifest.epoch}",
        f'recipe = "{manifest.recipe}"',
        f"rules = {manifest.rules}",
        f"architectures = {toml.array(names)}",
    ]
    for name, evidence in manifest.sources:
        lines += write_evidence(name, evidence)
    lines += runtime.write_runtime(manifest.runtime)
    lines += trace.write_trace(manifest.trace)
    if manifest.recorded:
        lines += ["", "[recorded]"]
        lines += [f"{arch} = {toml.block(paths)}" for arch, paths in manifest.recorded]
    lines += rootfs.write_rootfs(manifest.rootfs)
    lines += image.write_image(manifest.image)
    lines += ["", "[layer]", f"encoder = {toml.string(manifest.encoder)}"]
    lines += script.write_scripts(manifest.scripts)
    lines += checks.write_checks(manifest.checks)
    for artefact in manifest.artefacts:
        lines += write_artefact(artefact)
    return lines


def _expect(manifest: Manifest) -> list[str]:
    lines: list[str] = []
    if manifest.expect_index is not None:
        lines += ["", "[expect]", f'index = "{manifest.expect_index}"']
    for arch, expectation in manifest.expect:
        lines += write_expectation(arch, expectation)
    return lines
