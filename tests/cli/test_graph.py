"""The graph for graphviz."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping

import pytest
from builders.elf import GLIBC_INTERP, make_elf, make_glibc
from builders.roots import Content, make_tree, reader

from imagesmith.cli.graph import dot
from imagesmith.elf.closure import LoaderClosure, Root
from imagesmith.trace.program import program

_ID = r'"(?:[^"\\]|\\.)*"'
_LINE = re.compile(rf"  {_ID}(?: -> {_ID})?(?: \[\w+={_ID}(?:, \w+={_ID})*\])?;")
CONTENT: dict[str, Content] = {
    GLIBC_INTERP: make_glibc(),
    "/p": make_elf(interp=GLIBC_INTERP, needed=["a.so", "b.so", "gone.so", "bad.so"]),
    "/q": make_elf(interp=GLIBC_INTERP, needed=["b.so"]),
    "/lib/a.so": make_elf(needed=["b.so"], runpath="/r"),
    "/lib/b.so": make_elf(needed=["a.so"]),
    "/lib/bad.so": b"GROUP ( x )",
}


def traced(*paths: str, extra: Mapping[str, Content] | None = None) -> list[LoaderClosure]:
    """Trace programs of a small root."""
    tree = make_tree({**CONTENT, **(extra or {})})
    root = Root(tree, reader(tree))
    return [program(root, path) for path in paths]


def test_every_request_is_an_edge() -> None:
    """The first one carries its rule; what is missing or broken is red."""
    red = 'color="red", fontcolor="red", style="dashed"'

    assert dot(traced("/p", "/q")).splitlines() == [
        "digraph trace {",
        "  rankdir=LR;",
        "  node [shape=box];",
        '  "/p" [style="bold"];',
        '  "/lib/a.so";',
        '  "/lib/b.so";',
        '  "/lib64/ld-linux-x86-64.so.2";',
        f'  "/lib/bad.so" [{red}, tooltip="file too short: it is a linker script"];',
        f'  "gone.so" [{red}];',
        '  "/q" [style="bold"];',
        '  "/p" -> "/lib/a.so" [label="default"];',
        '  "/p" -> "/lib/b.so" [label="default"];',
        '  "/p" -> "/lib64/ld-linux-x86-64.so.2" [label="interp"];',
        '  "/lib/a.so" -> "/lib/b.so" [color="gray"];',
        '  "/lib/b.so" -> "/lib/a.so" [color="gray"];',
        f'  "/p" -> "gone.so" [{red}, label="missing"];',
        f'  "/p" -> "/lib/bad.so" [{red}, label="cannot be loaded"];',
        '  "/q" -> "/lib/b.so" [label="default"];',
        '  "/q" -> "/lib64/ld-linux-x86-64.so.2" [label="interp"];',
        "}",
    ]


ODD = 'odd "\\N" &lt; é\n.so'


def odd() -> str:
    """Return the graph of a program that needs a library with an odd name."""
    name = {"/odd": make_elf(interp=GLIBC_INTERP, needed=[ODD]), f"/lib/{ODD}": make_elf()}
    return dot(traced("/odd", "/none", "/lib/bad.so", extra=name))


def test_odd_names_stay_names() -> None:
    """Quotes, backslashes and ampersands mean nothing in them; every line has the grammar."""
    lines = odd().splitlines()

    assert '  "/lib/odd \\"\\\\N\\" &amp;lt; é\\\\n.so";' in lines
    assert all(_LINE.fullmatch(line) for line in lines[3:-1])


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
@pytest.mark.parametrize("text", [dot(traced("/p", "/q")), odd(), dot(())], ids=str)
def test_graphviz_draws_it(text: str) -> None:
    """Without a warning, and every node is there."""
    drawn = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, check=True)

    assert drawn.stderr == b""
    assert drawn.stdout.count(b'class="node"') == sum(
        line.startswith('  "') and " -> " not in line for line in text.splitlines()
    )
