"""Facts as plain values, and the checks that plain values are what they should be.

What is read back must have the types the classes promise, because nothing else
checks them; the checks raise AttributeError, LookupError, TypeError or ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

import attrs

from imagesmith.model.facts import (
    Dependency,
    DlopenNote,
    Elf,
    Facts,
    Loader,
    MalformedElf,
    Script,
    VersionNeed,
)

_T = TypeVar("_T")
_BITS: tuple[Literal[32, 64], ...] = (32, 64)
_ENDIANS: tuple[Literal["little", "big"], ...] = ("little", "big")
_DEPENDENCIES: tuple[Literal["needed", "auxiliary", "filter"], ...] = (
    "needed",
    "auxiliary",
    "filter",
)
_PRIORITIES: tuple[Literal["required", "recommended", "suggested"], ...] = (
    "required",
    "recommended",
    "suggested",
)
_LOADERS: tuple[Literal["glibc", "musl"], ...] = ("glibc", "musl")


def natural(value: object) -> int:
    """Return `value`, an integer from zero up."""
    return naturals([value])[0]


def text(value: object) -> str:
    """Return `value`, a string."""
    if not isinstance(value, str):
        raise TypeError(f"not a string: {value!r}")
    return value


def texts(values: Sequence[object]) -> tuple[str, ...]:
    """Return `values`, all strings."""
    return tuple(text(value) for value in values)


def naturals(column: Sequence[object]) -> list[int]:
    """Return `column`, all integers from zero up."""
    integers = [value for value in column if type(value) is int and value >= 0]
    if len(integers) < len(column):
        raise TypeError("not integers from zero up")
    return integers


def facts_row(facts: Facts) -> tuple[str, Any]:
    """Return the kind of `facts` and their plain value; an Elf's defaults are left out."""
    match facts:
        case Script():
            return "script", facts.line
        case MalformedElf():
            return "malformed", facts.problem
        case Elf():
            values = ((field, getattr(facts, field.name)) for field in attrs.fields(Elf))
            return "elf", {
                field.name: _plain(value) for field, value in values if value != field.default
            }


def facts_of(kind: object, value: object) -> Facts:
    """Return the facts that `facts_row` made this of."""
    match kind, value:
        case "script", str(line):
            return Script(line)
        case "malformed", str(problem):
            return MalformedElf(problem)
        case "elf", dict():
            return Elf(**{name: ELF_FIELDS[name](plain) for name, plain in value.items()})
        case _:
            raise ValueError(f"unknown facts {kind!r}")


def _plain(value: object) -> object:
    match value:
        case Loader() | Dependency() | VersionNeed() | DlopenNote():
            return attrs.astuple(value)
        case tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"neither true nor false: {value!r}")
    return value


def _one_of(choices: tuple[_T, ...], value: object) -> _T:
    for choice in choices:
        if choice == value:
            return choice
    raise ValueError(f"unexpected {value!r}")


def _dependency(row: Sequence[Any]) -> Dependency:
    kind, name = row
    return Dependency(_one_of(_DEPENDENCIES, kind), text(name))


def _need(row: Sequence[Any]) -> VersionNeed:
    file, versions, weak = row
    return VersionNeed(text(file), texts(versions), texts(weak))


def _loader(row: Sequence[Any]) -> Loader:
    kind, version, system_dirs = row
    return Loader(_one_of(_LOADERS, kind), text(version), texts(system_dirs))


def _note(row: Sequence[Any]) -> DlopenNote:
    sonames, priority, feature = row
    return DlopenNote(texts(sonames), _one_of(_PRIORITIES, priority), text(feature))


ELF_FIELDS: dict[str, Callable[[Any], Any]] = {
    "bits": partial(_one_of, _BITS),
    "endian": partial(_one_of, _ENDIANS),
    "osabi": natural,
    "abiversion": natural,
    "type": natural,
    "machine": natural,
    "flags": natural,
    "interp": text,
    "dynamic": _flag,
    "soname": text,
    "dependencies": lambda rows: tuple(_dependency(row) for row in rows),
    "rpath": text,
    "runpath": text,
    "flags_1": natural,
    "audit": texts,
    "verneed": lambda rows: tuple(_need(row) for row in rows),
    "verdef": texts,
    "relr": _flag,
    "loader": _loader,
    "dlopen": lambda rows: tuple(_note(row) for row in rows),
    "odd_notes": texts,
}
"""How each field of `Elf` is read back; one that has its default is not written."""
