"""Patterns over image paths: the includes and excludes of a recipe.

`*` and `?` stay within a component, `**` crosses components (and as a component
of its own also matches none), `[...]` is a set, `[!...]` its complement.  A
leading dot is a character like any other.  The components before the first of
these are followed as a path, so `/lib/x` names what lies behind a merged /lib.
A directory that a pattern names stands for everything under it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import attrs

from imagesmith.elf import root
from imagesmith.model.resolve import Found, resolve
from imagesmith.model.tree import Directory, Filesystem, Tree, sort_key

_MAGIC: Final = re.compile(r"[*?[]")
_TOKEN: Final = re.compile(r"(?<![^/])\*\*/|\*+|\?|\[(?:[!^][^/]|[^/!^])[^\]/]*\]|.", re.DOTALL)


Listing = Callable[[], Sequence[str]]
"""All paths of a filesystem, sorted; asked only if needed, for a host directory is slow to list."""


@attrs.frozen
class Match:
    """What a pattern names."""

    paths: tuple[str, ...] = ()
    """Real paths of entries, symlinks not followed, directories before their content."""
    links: tuple[str, ...] = ()
    """Symlinks crossed on the way to them."""


def match(filesystem: Filesystem, pattern: str, paths: Listing) -> Match:
    """Return what `pattern` names among `paths`; a pattern that names nothing is no error."""
    head, tail = _split(pattern)
    name = ""
    if not tail:  # the last component is named, not followed
        head, _, name = head.rpartition("/")
    found = resolve(filesystem, head)
    if not isinstance(found, Found):
        return Match()
    above = found.path.rstrip("/")
    if not tail:
        path = f"{above}/{name}"
        named = [path] if filesystem.entry(path) is not None else []
    else:
        try:
            wanted = re.compile(re.escape(above) + "/" + _regex(tail))
        except re.error:  # a range that runs backwards holds no character
            return Match()
        named = [path for path in paths() if wanted.fullmatch(path)]
    return Match(tuple(with_content(filesystem, named, paths)), found.links)


def with_content(filesystem: Filesystem, named: Iterable[str], paths: Listing) -> Iterator[str]:
    """Yield each named path, and after a directory everything under it; nothing twice."""
    seen: set[str] = set()
    for path in named:
        if path in seen:
            continue
        content: Iterable[str] = ()
        if isinstance(filesystem.entry(path), Directory):
            content = _content(filesystem, path.rstrip("/") + "/", paths)
        for each in (path, *content):
            if each not in seen:
                seen.add(each)
                yield each


def _content(filesystem: Filesystem, above: str, paths: Listing) -> Iterable[str]:
    """Return the paths that start with `above`; of a host directory, only these are listed."""
    if isinstance(filesystem, Tree) or not isinstance(filesystem, root.Listing):
        return _below(above, paths())
    return sorted(_walked(filesystem, above), key=sort_key)


def _walked(filesystem: Filesystem, above: str) -> Iterator[str]:
    assert isinstance(filesystem, root.Listing), "its caller has looked"
    pending = [above]
    while pending:
        directory = pending.pop()
        for name in filesystem.names(directory.rstrip("/") or "/"):
            path = f"{directory}{name}"
            yield path
            if isinstance(filesystem.entry(path), Directory):
                pending.append(f"{path}/")


def _below(above: str, paths: Sequence[str]) -> Iterator[str]:
    """Yield the paths that start with `above`: together, as paths are sorted by their bytes."""
    start = bisect_left(paths, sort_key(above), key=sort_key)
    for place in range(start, len(paths)):
        if not paths[place].startswith(above):
            return
        yield paths[place]


def _split(pattern: str) -> tuple[str, str]:
    """Separate the literal components at the start from the rest."""
    components = pattern.rstrip("/").split("/")
    magic = (place for place, each in enumerate(components) if _MAGIC.search(each))
    literal = next(magic, len(components))
    return "/".join(components[:literal]), "/".join(components[literal:])


def _regex(tail: str) -> str:
    """Translate the components from the first magic one on."""
    return "".join(_piece(token) for token in _TOKEN.findall(tail))


def _piece(token: str) -> str:
    if token.startswith("**"):
        return "(?:.*/)?" if token.endswith("/") else ".*"
    if token.startswith("[") and len(token) > 1:
        return _set(token[1:-1])
    return {"*": "[^/]*", "?": "[^/]"}.get(token, re.escape(token))


def _set(members: str) -> str:
    negated = members[0] in "!^"
    listed = re.sub(r"([\\\[\]^&|~])", r"\\\1", members[1:] if negated else members)
    return f"(?!/)[{'^' if negated else ''}{listed}]"
