"""A person at a shell: the installed command, run as a program in a directory of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

PROGRAMS = Path(sys.executable).parent
"""Where the environment that runs the tests keeps its programs, `imagesmith` among them."""
PATIENCE = 300
"""Seconds before a command counts as hanging."""
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


@attrs.frozen(kw_only=True)
class Ended:
    """What a program printed and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - any document
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def hint(self) -> str:
        """What comes after `hint:`, or nothing."""
        return self.err.partition("hint: ")[2].strip()


@attrs.frozen
class Shell:
    """A working directory and an environment; nothing of the caller's own settings."""

    directory: Path
    store: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """Return a small environment: proxies stay, settings of imagesmith do not."""
        proxies = {name: os.environ[name] for name in os.environ if name.lower() in _PROXIES}
        return {
            **proxies,
            "PATH": f"{PROGRAMS}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.directory),
            "LC_ALL": "C",
            "IMAGESMITH_STORE": str(self.store),
        }

    def run(self, *command: str | Path, limit: str = "") -> Ended:
        """Run any program; `limit` is an option of prlimit(1)."""
        words = [str(word) for word in command]
        ended = subprocess.run(
            ["prlimit", limit, *words] if limit else words,
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        return Ended(status=ended.returncode, out=ended.stdout, err=ended.stderr)

    def imagesmith(self, *arguments: str | Path, limit: str = "") -> Ended:
        """Run a command of imagesmith."""
        return self.run("imagesmith", *arguments, limit=limit)

    def expect(self, *command: str | Path) -> Ended:
        """Run any program, which must end with 0."""
        ended = self.run(*command)
        assert ended.status == 0, f"{command[0]}: {ended.err}"
        return ended

    def ok(self, *arguments: str | Path) -> Ended:
        """Run a command of imagesmith, which must end with 0."""
        return self.expect("imagesmith", *arguments)

    def elsewhere(self, directory: Path, *, store: Path | None = None) -> Shell:
        """Return a shell in another directory, with another store if one is named."""
        return Shell(directory, store or self.store)
