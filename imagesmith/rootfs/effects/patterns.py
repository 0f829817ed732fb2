"""Shell patterns (POSIX.1-2017, Shell & Utilities §2.13), matched in bounded time.

A pattern is a sequence of tokens; what was quoted are plain characters.  There
is one star to go back to, never more, so nothing grows beyond length times length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

Token: TypeAlias = str | re.Pattern[str] | None
"""A character, a bracket expression or `?`, or None for `*`."""

MAX_LENGTH = 4096
"""Characters of a text that is matched, and of a pattern."""

_ANY = re.compile(".", re.DOTALL)
_SPECIAL = re.compile(r"[*?\[]")
_CLASS = re.compile(r"\[:([a-z]+):\]")
_CLASSES = {
    "alnum": "A-Za-z0-9",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "digit": "0-9",
    "lower": "a-z",
    "space": r"\s",
    "upper": "A-Z",
}


def tokens(pieces: Sequence[tuple[str, bool]]) -> tuple[Token, ...]:
    """Return the tokens of a pattern given as texts and whether they were quoted."""
    found: list[Token] = []
    for text, quoted in pieces:
        found += text if quoted else _unquoted(text)
    return tuple(found)


def is_pattern(found: Sequence[Token]) -> bool:
    """Say whether a pattern matches anything but itself."""
    return any(not isinstance(token, str) for token in found)


def may_be_pattern(text: str) -> bool:
    """Say quickly whether a text has a special character."""
    return _SPECIAL.search(text) is not None


def _unquoted(text: str) -> list[Token]:
    found: list[Token] = []
    place = 0
    while place < len(text):
        character = text[place]
        place += 1
        match character:
            case "*":
                found.append(None)
            case "?":
                found.append(_ANY)
            case "[":
                bracket, place = _bracket(text, place)
                found.append(bracket)
            case _:
                found.append(character)
    return found


def _bracket(text: str, place: int) -> tuple[Token, int]:
    """Return a bracket expression and where it ends; `[` alone if it does not end."""
    start = place + 1 if text[place : place + 1] in ("!", "^") else place
    end = text.find("]", start + 1)
    while (named := _CLASS.search(text, start, end + 1)) and named.end() == end + 1:
        start, end = named.end(), text.find("]", named.end())
    if end < 0:
        return "[", place
    inner = text[place:end]
    negated = inner.startswith(("!", "^"))
    inner = inner[1:] if negated else inner
    escaped = re.sub(r"([\\^\[\]&~|])", r"\\\1", _CLASS.sub("\0", inner))
    for name in _CLASS.findall(inner):
        escaped = escaped.replace("\0", _CLASSES.get(name, ""), 1)
    try:
        return re.compile(f"[{'^' if negated else ''}{escaped}]", re.DOTALL), end + 1
    except re.error:
        return "[", place


def matches(found: Sequence[Token], text: str) -> bool:
    """Say whether a whole text is of a pattern."""
    here = place = 0
    star = -1
    back = 0
    while place < len(text):
        if here < len(found) and found[here] is None:
            star, back = here, place
            here += 1
        elif here < len(found) and _is(found[here], text[place]):
            here += 1
            place += 1
        elif star >= 0:
            back += 1
            here, place = star + 1, back
        else:
            return False
    return all(token is None for token in found[here:])


def _is(token: Token, character: str) -> bool:
    if isinstance(token, str):
        return token == character
    return token is not None and token.match(character) is not None


def stripped(text: str, found: Sequence[Token], *, suffix: bool, longest: bool) -> str:
    """Return what is left of a text without the part at one end that a pattern matches."""
    if not is_pattern(found):
        literal = "".join(token for token in found if isinstance(token, str))
        return text.removesuffix(literal) if suffix else text.removeprefix(literal)
    lengths = range(len(text) + 1)
    for length in reversed(lengths) if longest else lengths:
        cut = len(text) - length if suffix else length
        part, rest = (text[cut:], text[:cut]) if suffix else (text[:cut], text[cut:])
        if matches(found, part):
            return rest
    return text
