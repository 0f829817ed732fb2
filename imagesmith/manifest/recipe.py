"""The recipe: what people want of an image, before anything is pinned (DESIGN.md §1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

import attrs

from imagesmith.manifest import table as toml
from imagesmith.manifest.sections import (
    Acknowledged,
    Check,
    Declared,
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
from imagesmith.model import arch as arches
from imagesmith.model.arch import Arch

MAX_VALID_DAYS = 3650

_S = TypeVar("_S")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{40}\Z")
_SOURCE = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
_SUITE = re.compile(r"[a-z0-9][a-z0-9.+-]*(?:/[a-z0-9.+-]+)?\Z")
_COMPONENT = re.compile(r"[a-z0-9][a-z0-9.+-]*(?:/[a-z0-9.+-]+)?\Z")
_NUMBER = re.compile(r"[0-9]{1,10}\Z")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(?:=[A-Za-z0-9.+~:-]+)?\Z")


@attrs.frozen(kw_only=True)
class DebianSource:
    """One suite of a Debian archive, and whose signatures on it count."""

    suite: str
    components: tuple[str, ...]
    signed_by: tuple[str, ...]
    """Fingerprints of primary keys, 40 lower-case hexadecimal digits; with `!`, of one key."""


@attrs.frozen(kw_only=True)
class PackageRequest:
    """Packages wanted, and the sources that may provide them and what they depend on."""

    sources: tuple[str, ...]
    names: tuple[str, ...]
    """As `NAME` or `NAME=VERSION`."""


@attrs.frozen(kw_only=True)
class Recipe:
    """Everything a person decides about an image."""

    name: str
    architectures: tuple[Arch, ...]
    """Sorted by Debian name."""
    sources: tuple[tuple[str, DebianSource], ...]
    """By name, sorted."""
    packages: tuple[PackageRequest, ...]
    valid_days: int | None = None
    """How long a manifest is good from its lock on; for ever by default."""
    runtime: RuntimeSection = RuntimeSection()
    trace: TraceSection = TraceSection()
    rootfs: RootfsSection = RootfsSection()
    image: ImageSection = ImageSection()
    scripts: tuple[Acknowledged, ...] = ()
    """Maintainer scripts that are known to do more than is reproduced, sorted."""
    checks: tuple[Check, ...] = ()
    """What the finished images must be seen to do, in document order."""
    recorded: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Paths of the records beside it, as a manifest has them; no key of the recipe's own."""


def parse(text: bytes, *, document: str) -> Recipe:
    """Read a recipe; DocumentError names the key that is wrong."""
    root = toml.parse(text, document=document)
    sources = read_sources(root.table("source"), read_source)
    architectures = read_architectures(root)
    recipe = Recipe(
        name=root.converted("name", words.image_name),
        architectures=architectures,
        sources=sources,
        packages=tuple(
            _read_request(request, {name for name, _ in sources})
            for request in root.tables("package")
        ),
        valid_days=_read_valid_days(root),
        runtime=runtime.read_runtime(root.table("runtime", optional=True)),
        trace=trace.read_trace(root.table("trace", optional=True), architectures),
        rootfs=rootfs.read_rootfs(root.table("rootfs", optional=True), locked=False),
        image=image.read_image(root.table("image", optional=True)),
        scripts=script.read_scripts(root, locked=False),
        checks=checks.read_checks(root),
    )
    check_user(root, recipe.image.config.user, recipe.rootfs)
    check_architectures(root, architectures, recipe.rootfs.declared, recipe.checks)
    root.end()
    return recipe


def check_architectures(
    root: Table, known: Collection[Arch], declared: Declared, checked: Iterable[Check]
) -> None:
    """Refuse what is for an architecture that the document is not about: nobody would miss it."""
    conditions = [
        *(("rootfs", each.path, each.architectures) for each in declared),
        *(("check", each.name, each.architectures) for each in checked),
    ]
    names = [arch.debian for arch in known]
    for place, what, wanted in conditions:
        for other in {*wanted}.difference(names):
            hint = f"the document is about {', '.join(names)}"
            problem = f"{what} is for {other}, not one of the architectures"
            raise root.error(place, problem, hint=hint)


def _read_valid_days(root: Table) -> int | None:
    if not root.has("valid-days"):
        return None
    days = root.integer("valid-days", minimum=1)
    if days > MAX_VALID_DAYS:
        raise root.error("valid-days", f"expected at most {MAX_VALID_DAYS}, got {days}")
    return days


def read_architectures(root: Table) -> tuple[Arch, ...]:
    """Read `architectures`, sorted by Debian name."""
    names = root.strings("architectures")
    if not names:
        raise root.error("architectures", "expected at least one")
    found = root.convert_all("architectures", names, arches.parse)
    return tuple(sorted(found, key=lambda arch: arch.debian))


def read_sources(table: Table, read: Callable[[Table], _S]) -> tuple[tuple[str, _S], ...]:
    """Read `[source.NAME]` for each name, sorted."""
    for name in table.names():
        if not _SOURCE.match(name):
            raise table.error(name, "expected a name of lower-case letters, digits and '-'")
    found = tuple((name, read(table.table(name))) for name in sorted(table.names()))
    if not found:
        raise table.error("", "expected at least one source")
    return found


def read_source(table: Table) -> DebianSource:
    """Read one `[source.NAME]` as a recipe has it."""
    source = read_suite(table)
    table.end()
    return source


def read_suite(table: Table) -> DebianSource:
    """Read the keys that say which suite is meant and who signs it."""
    if table.string("kind") != "debian":
        raise table.error("kind", 'expected "debian"')
    components = table.convert_all("components", table.strings("components"), _component)
    signed_by = table.convert_all("signed-by", table.strings("signed-by"), pinned_key)
    for key, values in (("components", components), ("signed-by", signed_by)):
        if not values:
            raise table.error(key, "expected at least one")
    return DebianSource(
        suite=table.converted("suite", _suite), components=components, signed_by=signed_by
    )


def pinned_key(text: str) -> str:
    """Check a fingerprint that may end in `!`, for exactly that key; return it in lower case."""
    return fingerprint(text.removesuffix("!")) + "!" * text.endswith("!")


def fingerprint(text: str) -> str:
    """Check the fingerprint of a version 4 OpenPGP key; return it in lower case."""
    compact = text.replace(" ", "")
    if not _FINGERPRINT.match(compact):
        raise ValueError(f"expected a fingerprint of 40 hexadecimal digits, got {text!r}")
    return compact.lower()


def _suite(text: str) -> str:
    if not _SUITE.match(text) or ".." in text:
        raise ValueError(f"not a suite: {text!r}")
    return text


def _component(text: str) -> str:
    if not _COMPONENT.match(text) or ".." in text:
        raise ValueError(f"not a component: {text!r}")
    return text


def package_name(text: str) -> str:
    """Check a package name (Debian policy 5.6.7), optionally with `=VERSION`."""
    if not _PACKAGE.match(text):
        raise ValueError(f"not a package name: {text!r}")
    return text


def _read_request(table: Table, known: set[str]) -> PackageRequest:
    one = isinstance(table.values.get("source"), str)
    names = (table.string("source"),) if one else table.strings("source")
    for name in names:
        if name not in known:
            raise table.error("source", f"there is no [source.{name}]")
    packages = table.convert_all("names", table.strings("names"), package_name)
    if not names or not packages:
        raise table.error("names" if names else "source", "expected at least one")
    table.end()
    return PackageRequest(sources=names, names=packages)


def check_user(root: Table, user: str, accounts: RootfsSection) -> None:
    """Refuse an `image.user` (USER or USER:GROUP) that the generated accounts do not resolve."""
    names = user.split(":")
    known = {"root", *(declared.name for declared in accounts.users)}
    resolved = [name in known or bool(_NUMBER.match(name)) for name in names]
    if user and (len(names) > 2 or not all(resolved)):  # noqa: PLR2004 - and a group
        place = root.table("image", optional=True)
        hint = "declare it: [rootfs] users = [{ name = …, uid = … }]"
        raise place.error("user", f"no such user: {user!r}", hint=hint)


def complete(recipe: Recipe, read: Callable[[str], bytes]) -> Recipe:
    """Return `recipe` with the content of files that lie beside it, as `read` gives it by name."""
    declared = recipe.rootfs.declared
    files = tuple(
        attrs.evolve(file, content=read(file.beside), beside="") if file.beside else file
        for file in declared.files
    )
    rootfs = attrs.evolve(recipe.rootfs, declared=attrs.evolve(declared, files=files))
    return attrs.evolve(recipe, rootfs=rootfs)


def to_bytes(recipe: Recipe) -> bytes:
    """Write a recipe in the form `init` gives it."""
    names = tuple(arch.debian for arch in recipe.architectures)
    lines = [f"name = {toml.string(recipe.name)}", f"architectures = {toml.array(names)}"]
    if recipe.valid_days is not None:
        lines.append(f"valid-days = {recipe.valid_days}")
    for name, source in recipe.sources:
        lines += ["", f"[source.{name}]", *write_suite(source)]
    for request in recipe.packages:
        one = len(request.sources) == 1
        wanted = toml.string(request.sources[0]) if one else toml.array(request.sources)
        lines += ["", "[[package]]", f"source = {wanted}", f"names = {toml.array(request.names)}"]
    lines += runtime.write_runtime(recipe.runtime)
    lines += trace.write_trace(recipe.trace)
    lines += rootfs.write_rootfs(recipe.rootfs)
    lines += image.write_image(recipe.image)
    lines += script.write_scripts(recipe.scripts)
    lines += checks.write_checks(recipe.checks)
    return "\n".join([*lines, ""]).encode()


def write_suite(source: DebianSource) -> list[str]:
    """Write the keys that `read_suite` reads."""
    return [
        'kind = "debian"',
        f"suite = {toml.string(source.suite)}",
        f"components = {toml.array(source.components)}",
        f"signed-by = {toml.block(source.signed_by)}",
    ]
