r"""Closures as a graph for graphviz: `trace --dot`.

The DOT language, in the part that every version of graphviz reads: one directed
graph, quoted names, a node a path, an edge a request.  An edge carries the rule
that found the object, or nothing where it was loaded already.  The order is the
loader's, so two closures can be compared as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from imagesmith.cli import wording
from imagesmith.elf.closure import LoaderClosure
from imagesmith.model.text import printable

_RED = {"color": "red", "fontcolor": "red", "style": "dashed"}
_LATER = {"color": "gray"}


def dot(closures: Iterable[LoaderClosure]) -> str:
    """Return one graph of everything the closures load, and of what they miss."""
    nodes: dict[str, str] = {}
    edges: dict[tuple[str, str], str] = {}
    for closure in closures:
        for path, attributes in _nodes(closure):
            nodes.setdefault(path, f"{_quoted(path)}{_attributes(attributes)};")
        for requester, path, attributes in _edges(closure):
            edge = f"{_quoted(requester)} -> {_quoted(path)}{_attributes(attributes)};"
            edges.setdefault((requester, path), edge)
    body = ("rankdir=LR;", "node [shape=box];", *nodes.values(), *edges.values())
    return "\n".join(("digraph trace {", *(f"  {line}" for line in body), "}"))


def _nodes(closure: LoaderClosure) -> Iterator[tuple[str, Mapping[str, str]]]:
    broken = {error.path: {**_RED, "tooltip": error.problem} for error in closure.errors}
    for each in (*closure.objects, *closure.extras):
        seed = {"style": "bold"} if each.needed_by is None else {}
        yield each.path, broken.pop(each.path, seed)
    yield from broken.items()
    for missing in closure.missing:
        yield missing.name, _RED


def _edges(closure: LoaderClosure) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    for each in (*closure.objects, *closure.extras):
        if each.needed_by is not None:
            yield each.needed_by, each.path, {"label": wording.rule(each.rule, each.detail)}
    for edge in closure.edges:
        yield edge.requester, edge.target, _LATER
    for missing in closure.missing:
        if missing.needed_by is not None:
            yield missing.needed_by, missing.name, {**_RED, "label": "missing"}
    for error in closure.errors:
        if error.needed_by is not None:
            yield error.needed_by, error.path, {**_RED, "label": "cannot be loaded"}


def _attributes(attributes: Mapping[str, str]) -> str:
    listed = ", ".join(f"{name}={_quoted(value)}" for name, value in attributes.items())
    return f" [{listed}]" if listed else ""


def _quoted(text: str) -> str:
    r"""Quote a name that is also shown: `\` starts an escape there, and `&` an HTML entity."""
    escaped = printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return f'"{escaped}"'
