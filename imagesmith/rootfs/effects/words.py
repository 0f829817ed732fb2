"""Reading words: quotes, expansions, here-documents (POSIX.1-2017, Shell & Utilities §2.2-2.6).

`Reader` walks the text of a script once, from left to right.  What stands in
`$(…)` is read by the parser it is given, for words and commands nest in each other.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

import attrs

from imagesmith.rootfs.effects.syntax import (
    Arithmetic,
    Parameter,
    Part,
    Sequence,
    Substitution,
    Text,
    Word,
)

MAX_DEPTH = 40
"""Constructs within each other; maintainer scripts have at most a dozen."""

_BLANK = re.compile(r"(?:[ \t]|\\\n)*(?:\#[^\n]*)?")
_PLAIN = re.compile(r"[^\s\\\"'`$;&|()<>]+")
_IN_QUOTES = re.compile(r"[^\\\"`$]+")
_IN_BRACES = re.compile(r"[^\\\"'`$}]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_OPERATOR = re.compile(r":?[-=?+]|%%?|##?")
_CHANGING = re.compile(r"(?<![=!<>])=(?!=)|\+\+|--")


class Broken(Exception):
    """The text is no script that can be read."""


@attrs.define
class Reader:
    """A place in a script's text, and what reads commands from there."""

    text: str
    commands: Callable[[Reader, str], Sequence]
    """Reads commands up to a closing `)` or the end of the text, whichever is named."""
    place: int = 0
    depth: int = 0
    first_line: int = 1
    _starts: list[int] = attrs.field(init=False)
    _documents: tuple[int, int] | None = None
    """Where the line with a `<<` ends, and where the text after its documents goes on."""

    @_starts.default
    def _lines(self) -> list[int]:
        return [match.end() for match in re.finditer("\n", self.text)]

    @property
    def line(self) -> int:
        """The number of the line the reader is on."""
        return self.line_at(self.place)

    def line_at(self, place: int) -> int:
        """Return the number of the line that `place` is on."""
        return self.first_line + bisect_right(self._starts, place)

    def sees(self, text: str) -> bool:
        """Say whether `text` is next."""
        return self.text.startswith(text, self.place)

    def takes(self, text: str) -> bool:
        """Say whether `text` is next, and pass it if so."""
        found = self.sees(text)
        self.place += len(text) if found else 0
        return found

    def ended(self) -> bool:
        """Say whether nothing is left."""
        return self.place >= len(self.text)

    def blank(self) -> None:
        """Pass blanks, continued lines and a comment."""
        match = _BLANK.match(self.text, self.place)
        assert match is not None
        self.place = match.end()

    def newline(self) -> bool:
        """Pass a line's end, and the here-documents that follow it; say whether there was one."""
        if not self.sees("\n"):
            return False
        if self._documents is None:
            self.place += 1
            return True
        end, behind = self._documents
        if self.place != end:
            raise Broken("a here-document in the middle of a word")
        self.place, self._documents = behind, None
        return True

    def deeper(self) -> None:
        """Note that something opens; Broken where too much is open."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Broken("nested too deeply")

    def shallower(self) -> None:
        """Note that something was closed."""
        self.depth -= 1

    def word(self) -> Word | None:
        """Read a word; None if there is none here."""
        start, parts = self.place, list[Part]()
        while not self.ended():
            plain = _PLAIN.match(self.text, self.place)
            if plain is not None:
                self.place = plain.end()
                parts.append(Text(plain[0]))
            elif not self._special(parts):
                break
        return Word(tuple(parts)) if self.place > start else None

    def _special(self, parts: list[Part]) -> bool:
        """Read a quoted or expanded piece of a word outside of quotes; say whether there is one."""
        if self.takes("\\\n"):
            return True
        if self.takes("\\"):
            parts.append(Text(self._one(), quoted=True))
        elif self.takes("'"):
            parts.append(Text(self._until("'"), quoted=True))
        elif self.takes('"'):
            parts += [Text("", quoted=True), *self._quoted()]
        elif self.sees("$") or self.sees("`"):
            parts.append(self._expansion(quoted=False))
        else:
            return False
        return True

    def _one(self) -> str:
        if self.ended():
            raise Broken("nothing behind a backslash")
        self.place += 1
        return self.text[self.place - 1]

    def _until(self, mark: str) -> str:
        end = self.text.find(mark, self.place)
        if end < 0:
            raise Broken(f"no closing {mark}")
        start, self.place = self.place, end + len(mark)
        return self.text[start:end]

    def _quoted(self) -> list[Part]:
        """Read what stands between double quotes, and the closing one."""
        parts: list[Part] = []
        while not self.takes('"'):
            plain = _IN_QUOTES.match(self.text, self.place)
            if plain is not None:
                self.place = plain.end()
                parts.append(Text(plain[0], quoted=True))
            else:
                parts += self._in_quotes()
        return parts

    def _in_quotes(self) -> list[Part]:
        if self.ended():
            raise Broken("no closing double quote")
        if self.takes("\\\n"):
            return []
        if self.takes("\\"):
            character = self._one()
            return [Text(character if character in '$`"\\' else f"\\{character}", quoted=True)]
        return [self._expansion(quoted=True)]

    def _expansion(self, *, quoted: bool) -> Part:
        """Read what begins with `$` or a backquote."""
        if self.takes("`"):
            return self._backquoted(quoted=quoted)
        self.place += 1
        if self.takes("(("):
            return self._arithmetic(quoted=quoted)
        if self.takes("("):
            self.deeper()
            body = self.commands(self, ")")
            self.shallower()
            return Substitution(body, quoted)
        if self.takes("{"):
            return self._braced(quoted=quoted)
        name = _NAME.match(self.text, self.place)
        if name is None:
            return Text("$", quoted)
        # $10 is ${1}0
        found = name[0][0] if name[0][0].isdigit() else name[0]
        self.place += len(found)
        return Parameter(found, quoted=quoted)

    def _arithmetic(self, *, quoted: bool) -> Arithmetic:
        open_now, start = 2, self.place
        while open_now:
            if self.ended():
                raise Broken("no closing ))")
            open_now += {"(": 1, ")": -1}.get(self.text[self.place], 0)
            self.place += 1
        if _CHANGING.search(self.text, start, self.place):
            raise Broken("arithmetic that assigns")
        return Arithmetic(quoted)

    def _backquoted(self, *, quoted: bool) -> Substitution:
        """Read a command between backquotes, which is a text of its own (§2.6.3)."""
        line, start = self.line, self.place
        end = re.compile(r"(?:[^\\`]|\\.)*", re.DOTALL).match(self.text, start)
        assert end is not None
        self.place = end.end()
        if not self.takes("`"):
            raise Broken("no closing backquote")
        inner = re.sub(r'\\([$`\\"])' if quoted else r"\\([$`\\])", r"\1", end[0])
        self.deeper()
        body = self.commands(Reader(inner, self.commands, 0, self.depth, line), "")
        self.shallower()
        return Substitution(body, quoted)

    def _braced(self, *, quoted: bool) -> Part:
        """Read `${…}` behind its brace; what only other shells know is a value nobody knows."""
        if self.takes("#") and not self.sees("}"):
            operator, name = "length", _NAME.match(self.text, self.place)
        elif self.text[self.place - 1] == "#":
            self.place -= 1
            operator, name = "", _NAME.match(self.text, self.place)
        else:
            operator, name = "", _NAME.match(self.text, self.place)
        self.place = name.end() if name else self.place
        if name and self.takes("}"):
            return Parameter(name[0], operator, None, quoted)
        found = _OPERATOR.match(self.text, self.place) if name and not operator else None
        self.place = found.end() if found else self.place
        cuts = found is not None and found[0][0] in "%#"
        argument = self._argument(quoted=quoted and not cuts)
        if name is None or found is None:
            return Arithmetic(quoted)
        return Parameter(name[0], found[0], argument, quoted)

    def _argument(self, *, quoted: bool) -> Word:
        """Read the word behind an operator, and the closing brace."""
        parts: list[Part] = []
        self.deeper()
        while not self.takes("}"):
            plain = _IN_BRACES.match(self.text, self.place)
            if plain is not None:
                self.place = plain.end()
                parts.append(Text(plain[0], quoted))
            elif quoted and self.takes("'"):
                parts.append(Text("'", quoted=True))
            elif self.ended() or not self._special(parts):
                raise Broken("no closing brace")
        self.shallower()
        return Word(tuple(parts))

    def document(self, *, indented: bool) -> Word:
        """Read the here-document whose delimiter is next; the reader goes on behind the latter."""
        delimiter = self.word()
        if delimiter is None:
            raise Broken("a here-document without a delimiter")
        quoted = any(not isinstance(part, Text) or part.quoted for part in delimiter.parts)
        mark = "".join(part.text for part in delimiter.parts if isinstance(part, Text))
        end = self.text.find("\n", self.place) if self._documents is None else self._documents[0]
        start = end + 1 if self._documents is None else self._documents[1]
        lines: list[str] = []
        place = start if end >= 0 else len(self.text)
        while place < len(self.text):
            line, newline, _ = self._line(place)
            place += len(line) + len(newline)
            line = line.lstrip("\t") if indented else line
            if line == mark:
                self._documents = (end, place)
                return self._body("".join(lines), quoted=quoted, line=self.line_at(start))
            lines.append(line + newline)
        raise Broken(f"no end of a here-document: {mark}")

    def _line(self, place: int) -> tuple[str, str, str]:
        end = self.text.find("\n", place)
        return (self.text[place:], "", "") if end < 0 else (self.text[place:end], "\n", "")

    def _body(self, text: str, *, quoted: bool, line: int) -> Word:
        """Return a document: verbatim, or with its expansions read as between double quotes."""
        if quoted:
            return Word((Text(text, quoted=True),))
        self.deeper()
        inner = Reader(text, self.commands, 0, self.depth, line)
        parts: list[Part] = []
        while not inner.ended():
            plain = re.compile(r"[^\\`$]+").match(text, inner.place)
            if plain is not None:
                inner.place = plain.end()
                parts.append(Text(plain[0], quoted=True))
            else:
                parts += inner._in_quotes()
        self.shallower()
        return Word(tuple(parts))
