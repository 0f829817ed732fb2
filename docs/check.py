"""Documentation held against the code: `python docs/check.py [--update]`.

Promises that links and anchors lead somewhere, that every command shown exists
with its options, that help blocks are what `--help` prints at 80 columns, and
that the tables marked `<!-- table: NAME -->` list exactly what the code has: no
code, key or rule is missing and none is invented, and that the table of `sizes`
is of the examples as they are.  Prints one line a problem and exits with 1 if there
is any.  `--update` rewrites the help blocks first.

What the tables must list is left to `vocabulary`, what the words around them say
to readers.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import attrs
import click
import sizes
import vocabulary

from imagesmith import errors
from imagesmith.cli.app import app

COLUMNS = 80
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"#{1,6} (.*)")
CODE = re.compile(r"`([^`]+)`")
MARKED = re.compile(r"<!-- table: ([a-z-]+) -->")
HELP = re.compile(r"(<!-- help: ?([a-z -]*?) ?-->\n)(.*?)(<!-- end help -->)", re.DOTALL)
CALL = re.compile(r"(?<![\w.-])imagesmith[ \t]+([^|;&<>()\n]*)")
QUOTED = re.compile(r"'[^']*'|\"[^\"$]*\"|\"?\$\((?![^)]*imagesmith)[^)]*\)\"?|[0-9]?< <\([^)]*\)")
VARIABLE = re.compile(r"IMAGESMITH_[A-Z_]+")


@attrs.frozen(order=True)
class Problem:
    """Something a page says that is not so."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        """Return the line that is printed."""
        return f"{self.page}:{self.line}: {self.text}"


@attrs.frozen
class Page:
    """One Markdown file."""

    name: str
    """Relative to the repository."""
    text: str

    def prose(self) -> Iterator[tuple[int, str]]:
        """Yield the numbered lines outside of fenced blocks."""
        for number, line, fenced in _lines(self.text):
            if not fenced:
                yield number, line

    def fenced(self) -> Iterator[tuple[int, str]]:
        """Yield the lines of fenced blocks, continued ones joined, with the first's number."""
        start, joined = 0, ""
        for number, line, fenced in _lines(self.text):
            if not fenced:
                continue
            start = number if not joined else start
            joined += line.removesuffix("\\")
            if not line.endswith("\\"):
                yield start, joined
                joined = ""

    def anchors(self) -> set[str]:
        """Return the anchors of the headings, as GitHub makes them."""
        found: set[str] = set()
        for _, line in self.prose():
            match = HEADING.match(line)
            if match:
                slug = re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-")
                again = sum(1 for known in found if re.fullmatch(rf"{slug}(-\d+)?", known))
                found.add(f"{slug}-{again}" if again else slug)
        return found


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    fenced = False
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("```"):
            fenced = not fenced
        else:
            yield number, line, fenced


def pages(root: Path) -> tuple[Page, ...]:
    """Read every page of the repository at `root`."""
    files = [*sorted(root.glob("*.md")), *sorted(root.glob("docs/**/*.md"))]
    return tuple(Page(str(file.relative_to(root)), file.read_text()) for file in files)


def links(root: Path, found: Iterable[Page]) -> Iterator[Problem]:
    """Yield relative links that lead nowhere."""
    by_name = {page.name: page for page in found}
    for page in by_name.values():
        for number, line in page.prose():
            for target in LINK.findall(CODE.sub("", line)):
                name, _, anchor = target.partition("#")
                if ":" in name:
                    continue
                file = (root / page.name).parent / name if name else root / page.name
                if not file.exists():
                    yield Problem(page.name, number, f"{target}: no such file")
                    continue
                other = by_name.get(str(file.resolve().relative_to(root.resolve())))
                if anchor and (other is None or anchor not in other.anchors()):
                    yield Problem(page.name, number, f"{target}: no such heading")


def commands(
    command: click.Command = app, words: tuple[str, ...] = ()
) -> dict[tuple[str, ...], click.Context]:
    """Return a context of every command, by its words after `imagesmith`."""
    return _contexts(command, words, None)


def _contexts(
    command: click.Command, words: tuple[str, ...], parent: click.Context | None
) -> dict[tuple[str, ...], click.Context]:
    name = words[-1] if words else "imagesmith"
    context = command.make_context(
        name, [], parent=parent, resilient_parsing=True, terminal_width=COLUMNS - 2
    )
    found = {words: context}
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            below = command.get_command(context, inner)
            assert below is not None, "a listed command exists"
            found |= _contexts(below, (*words, inner), context)
    return found


Commands = Mapping[tuple[str, ...], click.Context]


def _options(context: click.Context) -> dict[str, click.Option]:
    parameters = context.command.get_params(context)
    options = [each for each in parameters if isinstance(each, click.Option)]
    return {name: each for each in options for name in (*each.opts, *each.secondary_opts)}


def shown(found: Iterable[Page], known: Commands) -> Iterator[Problem]:
    """Yield commands, options and variables that pages show and that do not exist."""
    options = {name for context in known.values() for name in _options(context)}
    variables = {_variable(o) for c in known.values() for o in _options(c).values()}
    for page in found:
        for number, line in page.fenced():
            for call in CALL.findall(QUOTED.sub("X", line)):
                yield from (Problem(page.name, number, p) for p in _unknown(call.split(), known))
        for number, line in page.prose():
            for code in CODE.findall(line):
                yield from (Problem(page.name, number, p) for p in _inline(code, known, options))
        for number, line, _ in _lines(page.text):
            for name in sorted(set(VARIABLE.findall(line)) - variables):
                yield Problem(page.name, number, f"{name}: no such variable")


def _inline(code: str, known: Commands, options: set[str]) -> Iterable[str]:
    """Return what is unknown in a piece of code between words."""
    words = code.split()
    if words[0] == "imagesmith" or (words[0],) in known:
        return _unknown(words[words[0] == "imagesmith" :], known)
    wrong = re.match(r"--?[a-z]", code) and words[0] not in options
    return (f"no command has an option {words[0]}",) if wrong else ()


def _variable(option: click.Option) -> str:
    return option.envvar if isinstance(option.envvar, str) else ""


def _unknown(arguments: Iterable[str], known: Commands) -> Iterator[str]:
    """Yield what is unknown in the words after `imagesmith`."""
    words: tuple[str, ...] = ()
    pending = iter(arguments)
    for argument in pending:
        if argument == "--":
            return  # what follows is another program's
        options = _options(known[words])
        if argument.startswith("-") and argument != "-":
            name, equals, _ = argument.partition("=")
            if name not in options:
                yield f"{' '.join(('imagesmith', *words))} has no option {name}"
            elif not equals and _takes_value(options[name]):
                next(pending, None)
        elif isinstance(known[words].command, click.Group) and not argument.isupper():
            if (*words, argument) not in known:
                yield f"{' '.join(('imagesmith', *words))} has no command {argument}"
                return
            words = (*words, argument)


def _takes_value(option: click.Option) -> bool:
    optional = not option.is_flag and option.flag_value is not None and option.multiple
    return not (option.is_flag or option.count or optional)


def help_block(context: click.Context) -> str:
    """Return the fenced block that shows the help of a command."""
    return f"```text\n$ {context.command_path} --help\n{context.get_help()}\n```\n"


def helps(found: Iterable[Page], known: Commands) -> Iterator[Problem]:
    """Yield help blocks that are not what `--help` prints, and commands that have none."""
    seen: set[tuple[str, ...]] = set()
    for page in found:
        for match in HELP.finditer(page.text):
            words = tuple(match[2].split())
            line = page.text.count("\n", 0, match.start()) + 1
            if words not in known:
                yield Problem(page.name, line, f"help: no such command: {match[2]}")
            elif match[3] != help_block(known[words]):
                yield Problem(page.name, line, f"help: {match[2]}: run docs/check.py --update")
            seen.add(words)
    for words in known.keys() - seen:
        yield Problem("docs/reference.md", 1, f"help: no block for: {' '.join(words)}")


def updated(text: str, known: Commands) -> str:
    """Return `text` with its help blocks as they must be."""

    def block(match: re.Match[str]) -> str:
        words = tuple(match[2].split())
        return match[1] + (help_block(known[words]) if words in known else match[3]) + match[4]

    return HELP.sub(block, text)


def tables(found: Iterable[Page], truth: Mapping[str, frozenset[str]]) -> Iterator[Problem]:
    """Yield what marked tables leave out, and what they name that does not exist."""
    seen: dict[str, tuple[str, int, set[str]]] = {}
    for page in found:
        name = ""
        for number, line in page.prose():
            marked = MARKED.match(line)
            name = marked[1] if marked else name if not line or line.startswith("|") else ""
            if marked:
                seen[name] = (page.name, number, set())
            elif name in truth and line.startswith("| `"):
                cell, *cells = line.strip("| ").split(" | ")
                terms = {part for term in CODE.findall(cell) for part in _terms(name, term, cells)}
                seen[name][2].update(terms)
                for term in sorted(terms - truth[name]):
                    yield Problem(page.name, number, f"{name}: {term} does not exist")
    for name, wanted in truth.items():
        where, number, listed = seen.get(name) or ("docs/reference.md", 1, set())
        for term in sorted(wanted - listed):
            yield Problem(where, number, f"{name}: {term} is missing")


def _terms(name: str, term: str, cells: list[str]) -> Iterable[str]:
    """Return what a row names: an error with its status, the words of a key, or the term."""
    if name == "error-codes":
        return (f"{term} {cells[0]}",)
    if name.endswith("-keys"):
        return (part for part in term.split(".") if not part.isupper())
    return (term,)


def check(root: Path) -> list[Problem]:
    """Return every problem of the documentation of the repository at `root`."""
    found, known = pages(root), commands()
    return sorted(
        {
            *links(root, found),
            *shown(found, known),
            *helps(found, known),
            *tables(found, vocabulary.truth(Path(errors.__file__).parent.parent)),
            *(Problem("docs/sizes.md", 1, problem) for problem in sizes.problems(root)),
        }
    )


def main(arguments: list[str], root: Path) -> int:
    """Update help blocks if asked to, check, print, and return the exit status."""
    if "--update" in arguments:
        known = commands()
        for page in pages(root):
            text = updated(page.text, known)
            if text != page.text:
                (root / page.name).write_text(text)
    problems = check(root)
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent.parent))
