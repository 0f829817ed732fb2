"""Relations between packages: what Depends, Conflicts, Provides and their kin say.

Debian policy 7.1 (syntax), 7.5 (virtual packages, versioned Provides) and
deb-control(5) (architecture qualifiers).  Restrictions in brackets belong to
source packages and are refused.  Leaves choosing among packages to `closure`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from imagesmith.sources.debian import version

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*\Z")
"""Policy 5.6.1, and what archives hold besides: capitals, underscores, one letter."""
_RELATION = re.compile(
    r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9+._-]*)(?::(?P<arch>[a-z0-9][a-z0-9-]*))?"
    r"\s*(?:\(\s*(?P<operator><<|<=|=|>=|>>|<|>)\s*(?P<version>[^\s()<>=]+)\s*\))?\s*\Z"
)
_OBSOLETE = {"<": "<=", ">": ">="}
"""Policy 7.1: the old spellings mean "or equal"."""


@attrs.frozen
class Relation:
    """One package name with what is asked of it."""

    name: str
    arch: str = ""
    """The qualifier after the colon: `any`, `native`, an architecture, or nothing."""
    operator: str = ""
    """`<<`, `<=`, `=`, `>=`, `>>`, or nothing."""
    version: str = ""

    def __str__(self) -> str:
        """Return the relation as a control file spells it."""
        qualified = f"{self.name}:{self.arch}" if self.arch else self.name
        return f"{qualified} ({self.operator} {self.version})" if self.operator else qualified

    def admits(self, candidate: str) -> bool:
        """Tell whether the version `candidate` meets the constraint, if there is one."""
        order = version.compare(candidate, self.version) if self.operator else 0
        match self.operator:
            case "<<":
                return order < 0
            case "<=":
                return order <= 0
            case "=":
                return order == 0
            case ">=":
                return order >= 0
            case ">>":
                return order > 0
            case _:
                return True


Clause = tuple[Relation, ...]
"""Alternatives, of which one must hold."""


def render(clause: Clause) -> str:
    """Return a clause as a control file spells it."""
    return " | ".join(map(str, clause))


def parse(field: str) -> tuple[Clause, ...]:
    """Read a field of relations; ValueError names the first that is none.

    An empty clause, as a trailing comma leaves it, asks for nothing.
    """
    return tuple(
        tuple(map(_relation, clause.split("|"))) for clause in field.split(",") if clause.strip()
    )


def names(fields: Iterable[str]) -> tuple[str, ...]:
    """Return every package that some fields of relations name, alternatives among them."""
    return tuple(
        relation.name for field in fields for clause in parse(field) for relation in clause
    )


def parse_provides(field: str) -> tuple[Relation, ...]:
    """Read a Provides field: no alternatives, and no constraint but `=`."""
    provided = parse(field)
    for clause in provided:
        if len(clause) > 1 or clause[0].operator not in ("", "="):
            raise ValueError(f"cannot be provided: {render(clause)!r}")
    return tuple(clause[0] for clause in provided)


def _relation(text: str) -> Relation:
    match = _RELATION.match(text)
    if match is None:
        raise ValueError(f"not a relation: {text.strip()!r}")
    name, arch, operator, wanted = (part or "" for part in match.group(1, 2, 3, 4))
    if operator:
        version.key(wanted)
    return Relation(name, arch, _OBSOLETE.get(operator, operator), wanted)
