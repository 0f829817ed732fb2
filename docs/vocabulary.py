"""What the code has a name for: codes, reasons and keys, read from the sources.

Promises to `check` what its marked tables must list.  Classes and enumerations
are asked; what is only written at the place where it is used, as the keys of
documents are, is found in the syntax trees of the modules.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from imagesmith import errors
from imagesmith.audit.problem import CODES
from imagesmith.manifest.record import KINDS
from imagesmith.trace.rules.catalogue import RULES
from imagesmith.trust.verdict import Reason

READERS = {"string", "integer", "boolean", "time", "strings", "words", "table", "tables", "has"}
READERS |= {"converted", "convert", "convert_all"}
READERS_AT = {
    "_number": 1,
    "_words": 1,
    "read_pairs": 1,
    "_names": 1,
    "_owner": 1,
    "choice": 1,
    "image_paths": 1,
    "path": 0,
}
"""Functions that read a key, by the place of the argument that names it."""


ENTRIES = {"file", "directory", "symlink"}
"""What can be declared below `[rootfs]`."""


def truth(package: Path) -> dict[str, frozenset[str]]:
    """Return what each marked table must list, from the sources in `package`."""
    sections = ("image", "rootfs", "trace")
    recipe = _keys(
        package, "manifest/recipe.py", *(f"manifest/sections/{name}.py" for name in sections)
    )
    manifest = _keys(package, "manifest/manifest.py", "manifest/pins.py") | {"architectures"}
    declared = _keys(package, "manifest/sections/declared.py")
    script = _keys(package, "manifest/sections/script.py")
    return {
        "error-codes": frozenset(_error_codes(errors.ImagesmithError)),
        "problem-codes": frozenset(CODES),
        "reason-codes": frozenset(str(reason) for reason in Reason),
        "runtime-rules": frozenset(rule.name for rule in RULES),
        "file-reasons": _literals(
            package, ("elf", "trace", "rootfs", "build", "cli"), _file_reason
        ),
        "recipe-keys": recipe | ENTRIES | {"check", "script"},
        "manifest-keys": manifest | {"check", "script", "skipped"},
        "runtime-keys": _keys(package, "manifest/sections/runtime.py"),
        "declared-keys": declared - ENTRIES | {"architectures", "text", "base64"},
        "check-keys": _keys(package, "manifest/sections/checks.py") - {"check"} | {"architectures"},
        "script-keys": script - {"script", "skipped"},
        "record-keys": _keys(package, "manifest/record.py") | set(KINDS),
        "trust-keys": _keys(package, "trust/policy.py"),
        "config-keys": _keys(package, "cli/configuration.py"),
    }


def _error_codes(tree: type[errors.ImagesmithError]) -> Iterator[str]:
    for leaf in tree.__subclasses__():
        yield f"{leaf.code} {leaf.status}"
        yield from _error_codes(leaf)


def _nodes(files: Iterable[Path]) -> Iterator[ast.AST]:
    for file in sorted(files):
        yield from ast.walk(ast.parse(file.read_text()))


def _literals(
    package: Path, rooms: tuple[str, ...], literal: Callable[[ast.AST], Iterable[ast.expr]]
) -> frozenset[str]:
    files = [file for room in rooms for file in (package / room).rglob("*.py")]
    return _strings(each for node in _nodes(files) for each in literal(node))


def _strings(found: Iterable[ast.expr]) -> frozenset[str]:
    texts = (each.value for each in found if isinstance(each, ast.Constant))
    return frozenset(text for text in texts if isinstance(text, str))


def _called(node: ast.AST) -> tuple[str, list[ast.expr]]:
    if not isinstance(node, ast.Call):
        return "", []
    return getattr(node.func, "attr", getattr(node.func, "id", "")), node.args


def _file_reason(node: ast.AST) -> Iterable[ast.expr]:
    """Return the rule of a `Reason` or of a consulted file, and the rules that are reasons."""
    name, arguments = _called(node)
    if name == "Reason":
        return arguments[:1]
    if name == "setdefault" and "consulted" in ast.unparse(node):
        return arguments[1:2]
    if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "_OWN":
        return getattr(node.value, "elts", [])
    return []


def _keys(package: Path, *names: str) -> frozenset[str]:
    """Return the keys that modules read of a document."""
    found: list[ast.expr] = []
    for node in _nodes(package / name for name in names):
        called, arguments = _called(node)
        place = 0 if called in READERS else READERS_AT.get(called, len(arguments))
        found += arguments[place : place + 1]
    return _strings(found)
