"""The files that pam-auth-update(8) makes when libpam-runtime is installed.

Debian's services include `common-auth` and its like, which are in no package: the
tool fills templates with the profiles that packages ship.  This gives what it
writes on a new system, where every profile that says `Default: yes` is enabled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

TEMPLATES: Final = "/usr/share/pam"
PROFILES: Final = "/usr/share/pam-configs"

_MARKS: Final = {
    '# here are the per-package modules (the "Primary" block)': "Primary",
    '# and here are more per-package modules (the "Additional" block)': "Additional",
}
_ENDS: Final = ("# here's the fallback if no module succeeds", "# end of pam-auth-update config")
_FIELD: Final = re.compile(r"(?P<name>\S+):(?:\s+(?P<value>.*))?")
_BROKEN: Final = "pam_tally"
"""A module that is gone; a profile that names it is not used (nor is one naming pam_tally2)."""
_MODULE: Final = re.compile(r"(?P<module>(?:\[[^\]]+\]|\w+)\s+\S+)\s*(?P<options>.*)")
_NOTHING: Final = "{kind}\t[default=1]\t\t\tpam_permit.so"
"""Keeps a primary block with no module from failing."""

Profile = Mapping[str, str]
"""Fields by name; lines of one field are joined by newlines."""


def profile(text: str) -> Profile:
    """Read a profile; empty for one that is not to be used."""
    values: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if field := _FIELD.fullmatch(line):
            name = field["name"].removesuffix("-Final")
            values[name] = [(field["value"] or "").strip()]
        elif name:
            values[name].append(line.strip())
    fields = {name: "\n".join(lines).strip() for name, lines in values.items()}
    if any(_BROKEN in value for value in fields.values()):
        return {}
    if "Session-Interactive-Only" not in fields:
        for suffix in ("-Type", "", "-Initial"):
            if (value := fields.get(f"Session{suffix}")) is not None:
                fields[f"Session-noninteractive{suffix}"] = value
    return fields


def enabled(profiles: Mapping[str, Profile]) -> tuple[Profile, ...]:
    """Return the profiles of a new system by priority, without those that others rule out."""
    names = sorted(
        (name for name, fields in profiles.items() if fields.get("Default") == "yes"), reverse=True
    )
    chosen = sorted(names, key=lambda name: -_priority(profiles[name]))
    for name in tuple(chosen):
        if name in chosen:
            against = set(profiles[name].get("Conflicts", "").split(", "))
            chosen = [other for other in chosen if other not in against]
    return tuple(profiles[name] for name in chosen)


def _priority(fields: Profile) -> int:
    text = fields.get("Priority", "")
    return int(text) if re.fullmatch("-?[0-9]{1,9}", text) else 0


def filled(template: str, name: str, profiles: Iterable[Profile]) -> str:
    """Return a template with the modules of the profiles in its two blocks.

    `name` is the file's: `common-session-noninteractive` is about sessions, with fields of its own.
    """
    field = name.removeprefix("common-").capitalize()
    kind = field.partition("-")[0].lower()
    lines: list[str] = []
    skipping = False
    for line in template.splitlines():
        skipping = skipping and line not in _ENDS
        if not skipping:
            lines.append(line)
        if line in _MARKS:
            lines += _block(kind, field, _MARKS[line], tuple(profiles))
            skipping = True
    return "\n".join(lines) + "\n"


def _block(kind: str, field: str, block: str, profiles: tuple[Profile, ...]) -> Iterator[str]:
    """Yield the lines of a block; `end` in a control is the number of lines left to jump over."""
    of_block = [each for each in profiles if each.get(f"{field}-Type") == block]
    lines: list[str] = []
    for place, each in enumerate(of_block):
        first = each.get(f"{field}-Initial", "") if place == 0 else ""
        lines += (first or each.get(field, "")).splitlines()
    if block == "Primary" and not lines:
        yield _NOTHING.format(kind=kind)
    left = len(lines) - (block == "Additional")
    for place, line in enumerate(lines):
        if words := _MODULE.fullmatch(line):
            module = words["module"].replace("end", str(left - place))
            yield f"{kind}\t{module} {' '.join(words['options'].split())}"
