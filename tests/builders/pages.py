"""The scripts beside the documentation, as modules."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from builders.real import REPOSITORY

DOCS = REPOSITORY / "docs"


@contextmanager
def script(*names: str) -> Iterator[ModuleType]:
    """Lend the last of some scripts, the others being those it imports."""
    for name in names:
        spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    try:
        yield sys.modules[names[-1]]
    finally:
        for name in names:
            del sys.modules[name]
