"""Where passphrases come from: a descriptor, or a person at a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import click

from imagesmith.errors import UsageError

MAX_PASSPHRASE = 4096


def asking(key: str, descriptor: int | None) -> Callable[[], str]:
    """Return how to learn the passphrase of `key`; nobody is asked before it is called."""
    if descriptor is not None:
        return lambda: from_descriptor(descriptor)
    return lambda: _asked(key)


def _asked(key: str) -> str:
    if not sys.stdin.isatty():
        hint = "pass it with --passphrase-fd N"
        raise UsageError(problem=f"{key}: needs a passphrase, and nobody can be asked", hint=hint)
    return str(click.prompt(f"passphrase for {key}", hide_input=True, err=True))


def from_descriptor(descriptor: int) -> str:
    """Read the first line of a file descriptor."""
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            line = stream.readline(MAX_PASSPHRASE)
    except OSError as error:
        problem = f"--passphrase-fd {descriptor}: {(error.strerror or str(error)).lower()}"
        raise UsageError(problem=problem) from None
    if not line.removesuffix(b"\n"):
        raise UsageError(problem=f"--passphrase-fd {descriptor}: an empty passphrase")
    try:
        return line.removesuffix(b"\n").decode()
    except UnicodeDecodeError:
        raise UsageError(problem=f"--passphrase-fd {descriptor}: not UTF-8") from None
