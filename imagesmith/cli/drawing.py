"""How a closure looks: a tree at a terminal, a line an object in a pipe.

The tree puts every object under the one that asked for it first, as the loader
does breadth first, with the rule that found it; nothing is repeated, and what
is missing stands where it was asked for.  The list is in the loader's order,
path first, for grep and awk.  Both end in text that is safe for a terminal and
may be coloured; whether the colours are printed is left to whoever prints.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Container, Iterable, Iterator
from typing import Final, TextIO

import attrs
import click

from imagesmith.cli import wording
from imagesmith.elf.closure import LoaderClosure, Missing, Object, Unloadable
from imagesmith.model.text import printable
from imagesmith.model.tree import parent

_NARROW: Final = 24
"""Columns that a path keeps on however small a terminal."""


@attrs.frozen
class Glyphs:
    """What a tree is drawn with."""

    tee: str
    end: str
    bar: str
    gap: str
    arrow: str
    cut: str


BOX: Final = Glyphs("├─ ", "└─ ", "│  ", "   ", "→", "…")
ASCII: Final = Glyphs("|- ", "`- ", "|  ", "   ", "->", "...")


@attrs.frozen(kw_only=True)
class Style:
    """What the reader of the output can take."""

    tree: bool = False
    width: int | None = None
    """Columns of the terminal; None, in a pipe, for any number of them."""
    glyphs: Glyphs = BOX
    verbose: bool = False
    """Also later requests, links, and what was searched before something was found."""

    @classmethod
    def of(cls, stream: TextIO, *, tree: bool, verbose: bool) -> Style:
        """Return what suits a stream: a tree where it is a terminal, or where one is asked for."""
        terminal = stream.isatty()
        width = os.get_terminal_size(stream.fileno()).columns if terminal else 0
        try:
            "".join(attrs.astuple(BOX)).encode(stream.encoding or "ascii")
            glyphs = BOX
        except (UnicodeEncodeError, LookupError):
            glyphs = ASCII
        return cls(
            tree=tree or terminal,
            width=None if verbose else width or None,
            glyphs=glyphs,
            verbose=verbose,
        )


def draw(closure: LoaderClosure, style: Style) -> str:
    """Render one closure."""
    return "\n".join(_tree(closure, style) if style.tree else _list(closure, style))


def texts(closures: Iterable[LoaderClosure], style: Style) -> str:
    """Render several closures, an empty line between them."""
    return "\n\n".join(draw(each, style) for each in closures)


def summary(closure: LoaderClosure, path: str, size: int) -> str:
    """Say on one line what loading `path` comes to; `size` is the bytes of all its files."""
    count = len(closure.objects) + len(closure.extras)
    found = [wording.plural(count, "object"), wording.size(size)]
    found += [f"{closure.loader.kind} {closure.loader.version}".rstrip()] if closure.loader else []
    problems = [f"{len(closure.missing)} missing"] if closure.missing else []
    problems += [f"{len(closure.errors)} cannot be loaded"] if closure.errors else []
    return f"{path}: {', '.join(found)}; {', '.join(problems) or 'complete'}"


@attrs.frozen(kw_only=True)
class _Row:
    """What is said of one object, or of one that is not there."""

    path: str
    """The path of an object as found; empty for what has nothing below it."""
    text: str
    rule: str
    notes: tuple[str, ...] = ()
    colour: str | None = None
    dim: bool = False


@attrs.frozen
class _Line:
    """A row with what is drawn before it, and before its notes."""

    art: str
    below: str
    row: _Row


def _tree(closure: LoaderClosure, style: Style) -> Iterator[str]:
    lines = tuple(_placed(_rows(closure, style), style.glyphs))
    rules = max((len(line.row.rule) for line in lines), default=0)
    column = max((len(line.art) + len(line.row.text) for line in lines), default=0)
    if style.width is not None:
        column = min(column, max(style.width - rules - 2, _NARROW))
    for line in lines:
        text = _fitted(line.row.text, column - len(line.art), style)
        padding = " " * (column - len(line.art) - len(text) + 2)
        dim = line.row.dim or None
        yield (
            _dimmed(line.art)
            + click.style(text, fg=line.row.colour, dim=dim)
            + padding
            + click.style(line.row.rule, fg=line.row.colour or "cyan", dim=dim)
        )
        for note in line.row.notes:
            yield _dimmed(line.below) + click.style(note, fg=line.row.colour)


def _dimmed(art: str) -> str:
    return click.style(art, dim=True) if art else art


def _rows(closure: LoaderClosure, style: Style) -> dict[str | None, list[_Row]]:
    """Return what stands below each path, None for the top."""
    objects = (*closure.objects, *closure.extras)
    first = objects[0].path if objects else None
    known = {None, *(each.path for each in objects)}
    rows: dict[str | None, list[_Row]] = {}

    def put(requester: str | None, row: _Row) -> None:
        rows.setdefault(requester if requester in known else first, []).append(row)

    for each in objects:
        put(each.needed_by, _object_row(each, style))
    for requester, path in _later(closure) if style.verbose else ():
        put(requester, _Row(path="", text=printable(path), rule="again", dim=True))
    for missing in closure.missing:
        put(missing.needed_by, _missing_row(missing))
    for error in closure.errors:
        # What is wrong with an object that is listed stands below it.
        put(error.path if error.path in known else error.needed_by, _error_row(error, known))
    return rows


def _later(closure: LoaderClosure) -> Iterator[tuple[str, str]]:
    """Yield who asked for which object after it was loaded, once each."""
    first = {(each.needed_by, each.path) for each in (*closure.objects, *closure.extras)}
    asked = dict.fromkeys((edge.requester, edge.target) for edge in closure.edges)
    yield from (pair for pair in asked if pair not in first)


def _placed(rows: dict[str | None, list[_Row]], glyphs: Glyphs) -> Iterator[_Line]:
    """Yield the rows depth first; the depth of a hostile closure must not be Python's."""
    pending = [(row, "", "", "") for row in reversed(rows.pop(None, []))]
    while pending:
        row, above, joint, further = pending.pop()
        below = rows.pop(row.path, []) if row.path else []
        stem = above + further
        yield _Line(above + joint, stem + (glyphs.bar if below else glyphs.gap), row)
        last = below[-1:]
        for each in reversed(below):
            ends = each is last[0]
            drawn = (glyphs.end, glyphs.gap) if ends else (glyphs.tee, glyphs.bar)
            pending.append((each, stem, *drawn))


def _object_row(each: Object, style: Style) -> _Row:
    leads = _leads(each)
    text = f"{each.path} {style.glyphs.arrow} {leads}" if leads else each.path
    if posixpath.basename(each.name) != posixpath.basename(each.path):
        text += f" (as {each.name})"
    notes = tuple(map(printable, _details(each))) if style.verbose else ()
    rule = wording.rule(each.rule, each.detail)
    return _Row(path=each.path, text=printable(text), rule=printable(rule), notes=notes)


def _leads(each: Object) -> str:
    """Say where links lead, in few words: a merged /usr is not worth any."""
    if each.real in (each.path, f"/usr{each.path}"):
        return ""
    above = parent(posixpath.normpath(each.path))  # `$ORIGIN/../lib` leaves dots in it
    beside = parent(each.real) in (above, f"/usr{above}")
    return posixpath.basename(each.real) if beside else each.real


def _details(each: Object) -> Iterator[str]:
    if each.links:
        yield f"through {' '.join(each.links)} to {each.real}"
    if each.soname is not None and each.soname != posixpath.basename(each.path):
        yield f"its soname is {each.soname}"
    if len(each.searched) > 1:
        yield f"searched {' '.join(each.searched)}"
    yield from (f"passed over {other.path}: {other.problem}" for other in each.passed_over)


def _missing_row(missing: Missing) -> _Row:
    notes = [f"searched {' '.join(missing.searched)}"] if missing.searched else []
    notes += [f"hint: {missing.hint}"] if missing.hint else []
    return _Row(
        path="",
        text=printable(missing.name),
        rule="missing",
        notes=tuple(map(printable, notes)),
        colour="red",
    )


def _error_row(error: Unloadable, known: Container[str | None]) -> _Row:
    """Name the file, unless it stands above, and what is wrong with it."""
    problem = printable(error.problem)
    if error.path in known:
        return _Row(path="", text=problem, rule="error", colour="red")
    text = printable(error.path)
    return _Row(path="", text=text, rule="cannot be loaded", notes=(problem,), colour="red")


def _fitted(text: str, width: int, style: Style) -> str:
    """Cut the middle out of what a terminal has no room for; the end names the file."""
    width = max(width, _NARROW)
    if style.width is None or len(text) <= width:
        return text
    head = width // 3
    return text[:head] + style.glyphs.cut + text[head + len(style.glyphs.cut) - width :]


def _list(closure: LoaderClosure, style: Style) -> Iterator[str]:
    """Yield a line an object: path, rule, who asked first, and where links lead."""
    rows = [tuple(map(printable, row)) for row in _cells(closure, verbose=style.verbose)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)]
        line = "  ".join(cells).rstrip()
        yield click.style(line, fg="red") if row[1] in ("missing", "error") else line


def _cells(closure: LoaderClosure, *, verbose: bool) -> Iterator[tuple[str, str, str, str]]:
    for each in (*closure.objects, *closure.extras):
        real = "" if each.real == each.path else each.real
        yield each.path, _whose(each), each.needed_by or "-", real
    for requester, path in _later(closure) if verbose else ():
        yield path, "again", requester, ""
    for missing in closure.missing:
        searched = [f"searched {':'.join(missing.searched)}"] if missing.searched else []
        hint = [f"hint: {missing.hint}"] if missing.hint else []
        yield missing.name, "missing", missing.needed_by or "-", "; ".join((*searched, *hint))
    for error in closure.errors:
        yield error.path, "error", error.needed_by or "-", error.problem


def _whose(each: Object) -> str:
    """Spell a rule as one word, with whose it is where that is not the requester."""
    said = each.rule in ("rpath", "runpath", "default") and each.detail != each.needed_by
    return f"{each.rule}={each.detail}" if said and each.detail else each.rule
