"""From words to fields: values, splitting, names of files (POSIX.1-2017, §2.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import attrs

from imagesmith.rootfs.effects import patterns
from imagesmith.rootfs.effects import syntax as sh
from imagesmith.rootfs.effects.filesystem import Filesystem
from imagesmith.rootfs.effects.outcome import UNKNOWN, bounded, is_known
from imagesmith.rootfs.effects.patterns import Token

MAX_FIELDS = 10_000
_SLASH = "/"

Pieces = list[tuple[str, bool]]
"""Texts, and whether each was quoted."""


class Scope(Protocol):
    """What an expansion asks a shell."""

    @property
    def variables(self) -> Mapping[str, str]:
        """The variables that are set."""

    @property
    def positional(self) -> Sequence[str]:
        """The parameters `$1` and following."""

    def special(self, name: str) -> str:
        """Return `$?`, `$$` and their kin."""

    def assign(self, name: str, value: str) -> None:
        """Set a variable."""

    def substitute(self, body: sh.Sequence) -> str:
        """Return what commands print."""

    def ends(self, status: int) -> None:
        """End the script: a parameter has to be set and is not."""


@attrs.frozen
class _Piece:
    """Part of a word after expansion."""

    text: str
    quoted: bool
    split: bool = False
    """Whether blanks in it separate fields."""
    breaks: bool = False
    """Whether a field ends before it: between the parameters of `"$@"`."""


def text(word: sh.Word, scope: Scope) -> str:
    """Return a word as one value: what is assigned, compared or redirected to."""
    return bounded("".join(f"{' ' * p.breaks}{p.text}" for p in _pieces(word, scope)))


def pattern(word: sh.Word, scope: Scope) -> tuple[Token, ...] | None:
    """Return a word as a pattern; None if part of it cannot be known."""
    pieces = [(piece.text, piece.quoted) for piece in _pieces(word, scope)]
    return patterns.tokens(pieces) if all(is_known(piece) for piece, _ in pieces) else None


def fields(words: Sequence[sh.Word], scope: Scope, files: Filesystem) -> list[str]:
    """Return all fields of some words, names of files filled in."""
    found: list[str] = []
    for word in words:
        for field in _split(_pieces(word, scope), scope.variables.get("IFS", " \t\n")):
            found += _named(field, files)
    return found if len(found) <= MAX_FIELDS else [UNKNOWN]


def _pieces(word: sh.Word, scope: Scope) -> list[_Piece]:
    found: list[_Piece] = []
    for number, part in enumerate(_without_empty_quotes(word)):
        match part:
            case sh.Text(text=literal, quoted=quoted):
                home = not number and not quoted and re.match(r"~(?=/|\Z)", literal)
                found.append(_Piece(f"/root{literal[1:]}" if home else literal, quoted))
            case sh.Parameter():
                found += _parameter(part, scope)
            case sh.Substitution(body=body, quoted=quoted):
                printed = scope.substitute(body).rstrip("\n")
                found.append(_Piece(bounded(printed), quoted, not quoted))
            case sh.Arithmetic(quoted=quoted):
                found.append(_Piece(UNKNOWN, quoted))
    return found


def _without_empty_quotes(word: sh.Word) -> Sequence[sh.Part]:
    """Return a word's parts; around `"$@"` empty quotes make no field (§2.5.2)."""
    if not any(isinstance(part, sh.Parameter) and part.name == "@" for part in word.parts):
        return word.parts
    return [part for part in word.parts if part != sh.Text("", quoted=True)]


def _parameter(part: sh.Parameter, scope: Scope) -> list[_Piece]:
    if part.name in ("@", "*") and not part.operator:
        if part.quoted and part.name == "*":
            return [_Piece(" ".join(scope.positional), quoted=True)]
        return [
            _Piece(value, part.quoted, not part.quoted, breaks=bool(number))
            for number, value in enumerate(scope.positional)
        ]
    value = _value(part.name, scope)
    operator = _OPERATORS.get(part.operator.lstrip(":"))
    if part.operator == "length":
        known = value is not None and is_known(value)
        return [_Piece(str(len(value or "")) if known else UNKNOWN, part.quoted)]
    if operator is None:
        return [_Piece(value or "", part.quoted, not part.quoted)]
    return operator(part, value, scope)


def _value(name: str, scope: Scope) -> str | None:
    """Return a parameter's value; None if it is not set."""
    if name.isdigit() and name != "0":
        place = int(name) - 1
        return scope.positional[place] if place < len(scope.positional) else None
    if name in ("@", "*"):
        return " ".join(scope.positional) if scope.positional else None
    if name[0].isalpha() or name[0] == "_":
        return scope.variables.get(name)
    return scope.special(name)


def _is_set(part: sh.Parameter, value: str | None) -> bool | None:
    """Say whether a parameter counts as set; None if it may be empty and that matters."""
    if value is None or not part.operator.startswith(":"):
        return value is not None
    return True if value.strip(UNKNOWN) else None if value else False


def _default(part: sh.Parameter, value: str | None, scope: Scope) -> list[_Piece]:
    is_set = _is_set(part, value)
    if is_set is None:
        return [_Piece(UNKNOWN, part.quoted)]
    if is_set:
        return [_Piece(value or "", part.quoted, not part.quoted)]
    found = [
        attrs.evolve(p, split=not p.quoted) for p in _pieces(part.argument or sh.Word(), scope)
    ]
    if part.operator.endswith("="):
        scope.assign(part.name, "".join(piece.text for piece in found))
    return found


def _alternative(part: sh.Parameter, value: str | None, scope: Scope) -> list[_Piece]:
    is_set = _is_set(part, value)
    if is_set is None:
        return [_Piece(UNKNOWN, part.quoted)]
    return _pieces(part.argument or sh.Word(), scope) if is_set else []


def _required(part: sh.Parameter, value: str | None, scope: Scope) -> list[_Piece]:
    if _is_set(part, value) is False:
        scope.ends(2)
    return [_Piece(value or "", part.quoted, not part.quoted)]


def _trimmed(part: sh.Parameter, value: str | None, scope: Scope) -> list[_Piece]:
    cut = pattern(part.argument or sh.Word(), scope)
    if cut is None or not is_known(value or ""):
        return [_Piece(UNKNOWN, part.quoted)]
    longest, suffix = len(part.operator) > 1, part.operator.startswith("%")
    rest = patterns.stripped(value or "", cut, suffix=suffix, longest=longest)
    return [_Piece(rest, part.quoted, not part.quoted)]


_OPERATORS: Mapping[str, Callable[[sh.Parameter, str | None, Scope], list[_Piece]]] = {
    "-": _default,
    "=": _default,
    "+": _alternative,
    "?": _required,
    "%": _trimmed,
    "%%": _trimmed,
    "#": _trimmed,
    "##": _trimmed,
}


def _split(pieces: Sequence[_Piece], separators: str) -> Iterator[Pieces]:
    """Yield fields as their pieces; a field that came out empty unquoted is none."""
    field: Pieces = []
    for piece in pieces:
        if piece.breaks:
            yield field
            field = []
        for number, part in enumerate(_separated(piece, separators)):
            if number and field:
                yield field
                field = []
            if part or piece.quoted:
                field.append((part, piece.quoted))
    if field:
        yield field


def _separated(piece: _Piece, separators: str) -> list[str]:
    """Return the parts of a piece that belong to different fields."""
    if not piece.split or not separators:
        return [piece.text]
    return re.split(f"[{re.escape(separators)}]+", piece.text)


def _named(field: Pieces, files: Filesystem) -> list[str]:
    """Return the paths that a field matches, or the field itself."""
    whole = "".join(piece for piece, _ in field)
    if not is_known(whole) or not any(
        not quoted and patterns.may_be_pattern(piece) for piece, quoted in field
    ):
        return [whole]
    tokens = patterns.tokens(field)
    if not patterns.is_pattern(tokens):
        return [whole]
    return _matching(tokens, files) or [whole]


def _matching(tokens: Sequence[Token], files: Filesystem) -> list[str]:
    """Return the paths of a pattern, component by component, sorted."""
    components: list[list[Token]] = [[]]
    for token in tokens:
        if token == _SLASH:
            components.append([])
        else:
            components[-1].append(token)
    if components[0]:  # relative to a directory nobody knows
        return []
    found = [""]
    for component in components[1:]:
        found = [path for above in found[:MAX_FIELDS] for path in _below(above, component, files)]
    return found


def _below(above: str, component: Sequence[Token], files: Filesystem) -> list[str]:
    if not patterns.is_pattern(component):
        path = f"{above}/{''.join(token for token in component if isinstance(token, str))}"
        return [path] if files.at(path, follow=False) is not None or not component else []
    here = files.real(above or "/")
    hidden = bool(component) and component[0] == "."
    names = [] if here is None else files.names(here)
    return [
        f"{above}/{name}"
        for name in names
        if (hidden or not name.startswith(".")) and patterns.matches(component, name)
    ]
