"""`[[script]]`: what maintainer scripts would have done besides, and that somebody knows of it.

Scripts are named by digest: whoever acknowledged one did not acknowledge the next.
"""

from __future__ import annotations

import re

import attrs

from imagesmith.manifest import table as toml
from imagesmith.manifest.table import Table
from imagesmith.model.digest import Digest

SCRIPTS = ("postinst", "preinst")
"""The scripts that dpkg runs when it installs a package."""

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+\Z")


@attrs.frozen(kw_only=True)
class Acknowledged:
    """One maintainer script of which something is left out, knowingly."""

    package: str
    name: str
    """`preinst` or `postinst`."""
    digests: tuple[Digest, ...]
    """Of the script, sorted; architectures may have different ones."""
    because: str = ""
    """Why nothing is missed, in somebody's words."""
    skipped: tuple[str, ...] = ()
    """Manifest only: what is left out, as `lock` found it, a line each."""


def read_scripts(root: Table, *, locked: bool) -> tuple[Acknowledged, ...]:
    """Read every `[[script]]`, sorted; `skipped` is part of a locked document alone."""
    found = [_read(table, locked=locked) for table in root.tables("script", optional=True)]
    for index, each in enumerate(found):
        if any((each.package, each.name) == (other.package, other.name) for other in found[:index]):
            raise root.error("script", f"{each.name} of {each.package} is listed twice")
    return tuple(sorted(found, key=lambda each: (each.package, each.name)))


def _read(table: Table, *, locked: bool) -> Acknowledged:
    found = Acknowledged(
        package=table.converted("package", _package),
        name=table.converted("name", _name),
        digests=tuple(sorted(table.convert_all("sha256", table.strings("sha256"), Digest))),
        because=table.string("because", ""),
        skipped=table.words("skipped", ()) if locked else (),
    )
    if not found.digests:
        raise table.error("sha256", "expected at least one")
    table.end()
    return found


def _package(text: str) -> str:
    if not _PACKAGE.match(text):
        raise ValueError(f"not a package name: {text!r}")
    return text


def _name(text: str) -> str:
    if text not in SCRIPTS:
        raise ValueError(f"expected one of {', '.join(SCRIPTS)}, got {text!r}")
    return text


def write_scripts(scripts: tuple[Acknowledged, ...]) -> list[str]:
    """Write every `[[script]]`."""
    lines: list[str] = []
    for each in scripts:
        digests = tuple(digest.hex for digest in each.digests)
        lines += [
            "",
            "[[script]]",
            f"package = {toml.string(each.package)}",
            f"name = {toml.string(each.name)}",
            f"sha256 = {toml.block(digests)}",
        ]
        lines += [f"because = {toml.string(each.because)}"] if each.because else []
        lines += [f"skipped = {toml.block(each.skipped)}"] if each.skipped else []
    return lines
