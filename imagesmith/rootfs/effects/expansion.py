"""From words to fields: values, splitting, names of files (POSIX.1-2017, §2.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import attrs

from imagesmith.rootfs.effects import patterns
from imagesmith.rootfs.effects import syntax as sh
from imagesmith.rootfs.effects.filesystem import Filesystem
from imagesmith.rootfs.effects.outcome import UNKNOWN, Unreproduced, bounded, is_known
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

    @property
    def globs(self) -> bool:
        """Whether patterns stand for names of files."""

    def special(self, name: str) -> str:
        """Return `$?`, `$$` and their kin."""

    def assign(self, name: str, value: str) -> None:
        """Set a variable."""

    def substitute(self, body: sh.Sequence) -> str:
        """Return what commands print."""

    def spend(self, steps: int) -> None:
        """Take some of the steps that a script has."""

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
    is_short = sum(len(piece) for piece, _ in pieces) <= patterns.MAX_LENGTH
    known = is_short and all(is_known(piece) for piece, _ in pieces)
    return patterns.tokens(pieces) if known else None


def fields(words: Sequence[sh.Word], scope: Scope, files: Filesystem) -> list[str]:
    """Return all fields of some words, names of files filled in."""
    found: list[str] = []
    for word in words:
        for field in _split(_pieces(word, scope), scope.variables.get("IFS", " \t\n")):
            found += _named(field, scope, files) if scope.globs else ["".join(t for t, _ in field)]
    return found if len(found) <= MAX_FIELDS else [UNKNOWN]


def _pieces(word: sh.Word, scope: Scope) -> list[_Piece]:
    found: list[_Piece] = []
    for number, part in enumerate(_without_empty_quotes(word)):
        match part:
            case sh.Text(text=literal, quoted=quoted):
                is_home = not number and not quoted and re.match(r"~(?=/|\Z)", literal)
                home = scope.variables.get("HOME", UNKNOWN) if is_home else ""
                found.append(_Piece(f"{home}{literal[1:]}" if is_home else literal, quoted))
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
    if cut is None or not is_known(value or "") or len(value or "") > patterns.MAX_LENGTH:
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
        if piece.breaks and field:
            yield field
            field = []
        for separator, part in _separated(piece, separators):
            if separator.strip() or (separator and field):
                yield field or [("", True)]
                field = []
            if part or piece.quoted:
                field.append((part, piece.quoted))
    if field:
        yield field


def _separated(piece: _Piece, separators: str) -> list[tuple[str, str]]:
    """Return the parts of a piece that belong to different fields, each behind its separator."""
    if not piece.split or not separators:
        return [("", piece.text)]
    parts = re.split(f"({_separator(separators)})", piece.text)
    return list(zip(["", *parts[1::2]], parts[::2], strict=True))


def divided(line: str, separators: str, most: int) -> list[str]:
    """Return the fields of a line, the last of `most` with all that is left (§2.14, read)."""
    blanks = "".join(character for character in separators if character.isspace())
    found, rest = list[str](), line.strip(blanks)
    end = re.compile(_separator(separators))
    while rest and len(found) < most - 1:
        match = end.search(rest)
        found.append(rest[: match.start()] if match else rest)
        rest = rest[match.end() :] if match else ""
    return [*found, rest] if rest else found


def _separator(separators: str) -> str:
    """Return what ends a field: blanks, or one other separator with blanks around it (§2.6.5)."""
    blanks = re.escape("".join(mark for mark in separators if mark.isspace()))
    others = re.escape("".join(mark for mark in separators if not mark.isspace()))
    around = f"[{blanks}]*" if blanks else ""
    single = f"{around}[{others}]{around}" if others else ""
    return "|".join(filter(None, (single, f"[{blanks}]+" if blanks else "")))


def _named(field: Pieces, scope: Scope, files: Filesystem) -> list[str]:
    """Return the paths that a field matches, or the field itself."""
    whole = "".join(piece for piece, _ in field)
    if not is_known(whole) or not any(
        not quoted and patterns.may_be_pattern(piece) for piece, quoted in field
    ):
        return [whole]
    tokens = patterns.tokens(field)
    if not patterns.is_pattern(tokens):
        return [whole]
    try:
        return _matching(tokens, scope, files) or [whole]
    except Unreproduced:
        return [UNKNOWN]


def _matching(tokens: Sequence[Token], scope: Scope, files: Filesystem) -> list[str]:
    """Return the paths of a pattern, component by component, sorted."""
    components: list[list[Token]] = [[]]
    for token in tokens:
        if token == _SLASH:
            components.append([])
        else:
            components[-1].append(token)
    if components[0] and not is_known(files.directory):
        return [UNKNOWN]
    start = f"{files.directory.rstrip('/')}/" if components[0] else ""
    found = [start.rstrip("/")]
    for component in components if start else components[1:]:
        found = [path for above in found for path in _below(above, component, files)]
        scope.spend(len(found))
    return [path.removeprefix(start) for path in found]


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
