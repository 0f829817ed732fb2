"""docs/signature-policy.md is true: rules, codes, modules and tests are where it says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import attrs
import click
import pytest

import imagesmith
from imagesmith.cli.app import app
from imagesmith.trust.verdict import Reason

PACKAGE = Path(imagesmith.__file__).parent
TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "signature-policy.md"
TITLE = "<!-- table: signature-rules -->"
CODE = re.compile(r"`([^`]+)`")
NUMBER = re.compile(r"\bS(\d+)(a?)(?:-S(\d+))?\b")


@attrs.frozen
class Rule:
    """One row of the table."""

    name: str
    words: str
    codes: tuple[str, ...]
    modules: tuple[str, ...]
    tests: tuple[str, ...]


def rules() -> tuple[Rule, ...]:
    """Read the table."""
    _, _, rest = PAGE.read_text().partition(TITLE)
    rows = [line for line in rest.strip().partition("\n\n")[0].splitlines() if "| `" in line]
    found = []
    for row in rows:
        name, words, *lists = (cell.strip() for cell in row.strip("|").split("|"))
        found.append(Rule(name.strip("`"), words, *(tuple(CODE.findall(cell)) for cell in lists)))
    return tuple(found)


RULES = rules()


@cache
def numbers(module: Path) -> frozenset[str]:
    """Return the rules that a module's docstrings name, ranges spelt out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            for first, letter, last in NUMBER.findall(str(node.value.value)):
                found.add(f"S{first}{letter}")
                found |= {f"S{n}" for n in range(int(first), int(last or first) + 1) if not letter}
    return frozenset(found)


def test_every_rule_has_one_row() -> None:
    """All thirty-one, in order, in words."""
    names = [rule.name for rule in RULES]

    assert [name for name in names if re.fullmatch(r"S\d+", name)] == [
        f"S{number}" for number in range(1, 32)
    ]
    assert len(names) == len(set(names))
    assert all(rule.words.endswith(".") for rule in RULES)


def test_every_code_is_in_a_row() -> None:
    """No code is invented, none is without a rule."""
    assert {code for rule in RULES for code in rule.codes} == {str(reason) for reason in Reason}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_modules_name_the_rules_they_keep(rule: Rule) -> None:
    """A reader of the module finds the rule, and a reader of the rule the module."""
    assert rule.modules
    for module in rule.modules:
        assert (PACKAGE / module).is_file(), module
        if rule.name.startswith("S"):
            assert rule.name in numbers(PACKAGE / module), module


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_tests_exist(rule: Rule) -> None:
    """By file and name."""
    assert rule.tests
    for test in rule.tests:
        file, _, name = test.partition("::")
        tree = ast.parse((TESTS / file).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in functions, test


def test_no_option_turns_verification_off() -> None:
    """No command has an option that sounds like it (S29)."""
    context = click.Context(app)
    options = [
        name
        for word in app.list_commands(context)
        for command in [app.get_command(context, word)]
        if command is not None
        for parameter in command.params
        for name in parameter.opts
    ]

    assert "--trust" in options
    assert [
        name for name in options if re.search(r"insecure|skip|unsigned|no-(verify|trust)", name)
    ] == []
