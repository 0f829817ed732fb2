"""Budgets and habits of the code; import-linter holds the rooms apart."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import imagesmith

PACKAGE = Path(imagesmith.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_MODULE = 300
MAX_FUNCTION = 40
BANNED = re.compile(
    r"(?:^|_)(?:util|utils|helper|helpers|common|misc|base|manager|handler|processor)(?:_|$)"
)
"""Words that name no idea."""


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_one_idea(module: Path) -> None:
    """It fits its budget, says what it promises, and so do its public functions."""
    text = module.read_text()
    tree = ast.parse(text)
    long = [each.name for each in functions(tree) if length(each) > MAX_FUNCTION]

    assert ast.get_docstring(tree)
    assert len(text.splitlines()) <= MAX_MODULE
    assert long == []


def test_names_say_what_a_thing_is() -> None:
    """No module, class or function is called after nothing."""
    names = [str(path.relative_to(PACKAGE).with_suffix("")) for path in MODULES]
    for path in MODULES:
        tree = ast.parse(path.read_text())
        names += [
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
        ]

    assert [name for name in names if BANNED.search(name.lower().replace("/", "_"))] == []


def test_nothing_is_left_undone() -> None:
    """No stub, no empty body, no note to come back."""
    for path in MODULES:
        text = path.read_text()
        tree = ast.parse(text)

        assert not re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", text), path
        assert not any(isinstance(node, ast.Pass) for node in ast.walk(tree)), path


def test_no_test_uses_mocks() -> None:
    """Simulators with real formats stand in for the world."""
    tests = Path(__file__).parent
    for path in tests.rglob("*.py"):
        if path != Path(__file__):
            assert "unittest.mock" not in path.read_text(), path
