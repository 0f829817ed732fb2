"""`[runtime]`: what the program is to find where it runs, as far as nobody can read it off files.

Names are checked for shape only; whether there is such a locale or time zone is
known where the packages are.
"""

from __future__ import annotations

import re
from typing import Literal

import attrs

from imagesmith.manifest import table as toml
from imagesmith.manifest.sections.words import choice
from imagesmith.manifest.table import Table

Dlopen = Literal["recommended", "required", "suggested"]
DLOPEN: tuple[Dlopen, ...] = ("recommended", "required", "suggested")

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+:@-]*\Z")
_ZONE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*\Z")
_RULE = re.compile(r"[a-z][a-z0-9-]*\Z")


@attrs.frozen(kw_only=True)
class RuntimeSection:
    """Declarations that runtime rules go by; see docs/runtime-rules.md for each."""

    dlopen: Dlopen = "recommended"
    """The least priority at which a dlopen note is followed."""
    locales: tuple[str, ...] = ()
    charsets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    local_zone: str = ""
    """The zone that /etc/localtime leads to; none if empty."""
    pam: tuple[str, ...] = ()
    """PAM services."""
    terminals: tuple[str, ...] = ()
    with_rules: tuple[str, ...] = ()
    """Rules applied though they are only listed by default."""
    without_rules: tuple[str, ...] = ()
    """Rules not applied."""


def read_runtime(table: Table) -> RuntimeSection:
    """Read `[runtime]`."""
    zone = table.string("local-zone", "")
    section = RuntimeSection(
        dlopen=choice(table, "dlopen", DLOPEN),
        locales=_names(table, "locales"),
        charsets=_names(table, "charsets"),
        languages=_names(table, "languages"),
        zones=table.convert_all("zones", table.strings("zones", ()), _zone),
        local_zone=zone and table.convert("local-zone", zone, _zone),
        pam=_names(table, "pam"),
        terminals=_names(table, "terminals"),
        with_rules=table.convert_all("with", table.strings("with", ()), _rule),
        without_rules=table.convert_all("without", table.strings("without", ()), _rule),
    )
    both = set(section.with_rules) & set(section.without_rules)
    if both:
        raise table.error("without", f"{min(both)} is listed under with as well")
    table.end()
    return section


def _names(table: Table, key: str) -> tuple[str, ...]:
    return table.convert_all(key, table.strings(key, ()), _name)


def _name(text: str) -> str:
    if not _NAME.match(text) or ".." in text:
        raise ValueError(f"expected a name of letters, digits and _.+:@-, got {text!r}")
    return text


def _zone(text: str) -> str:
    if not _ZONE.match(text) or ".." in text:
        raise ValueError(f"expected a time zone like Europe/Berlin, got {text!r}")
    return text


def _rule(text: str) -> str:
    if not _RULE.match(text):
        raise ValueError(f"expected the name of a rule (imagesmith rules lists them), got {text!r}")
    return text


def write_runtime(section: RuntimeSection) -> list[str]:
    """Write `[runtime]`, leaving out what is not said; nothing if nothing is."""
    lines = []
    if section.dlopen != DLOPEN[0]:
        lines.append(f"dlopen = {toml.string(section.dlopen)}")
    if section.local_zone:
        lines.append(f"local-zone = {toml.string(section.local_zone)}")
    arrays = {
        "locales": section.locales,
        "charsets": section.charsets,
        "languages": section.languages,
        "zones": section.zones,
        "pam": section.pam,
        "terminals": section.terminals,
        "with": section.with_rules,
        "without": section.without_rules,
    }
    lines += [f"{key} = {toml.array(values)}" for key, values in arrays.items() if values]
    return ["", "[runtime]", *lines] if lines else []
