"""Images made of real packages, from the mirrors the host's own apt uses."""

from __future__ import annotations

import os
import shutil
import textwrap
from functools import cache
from pathlib import Path

import attrs
from builders.sandbox import extract
from builders.shell import Shell

from imagesmith.cli import configuration
from imagesmith.errors import ImagesmithError
from imagesmith.fetch import Fetcher, Options

REPOSITORY = Path(__file__).parents[2]
SUITE = "bookworm"
_HASTY = Options(timeout_connect=5, timeout_read=10, timeout_total=15, retries=0)


@cache
def silence() -> str:
    """Say why no mirror of the host can be used, or nothing if one answers."""
    mirrors = configuration.host_mirrors(SUITE)
    reasons = [] if mirrors else [f"apt on this host has no source of {SUITE}"]
    with Fetcher(_HASTY, environ=os.environ) as fetcher:
        for number, mirror in enumerate(mirrors, start=1):
            stream = fetcher.stream(
                f"{mirror.rstrip('/')}/dists/{SUITE}/InRelease", size=None, limit=2**20
            )
            try:
                next(stream)
            except (ImagesmithError, StopIteration) as error:
                reasons.append(f"mirror {number} of this host: {error}")
            else:
                return ""
    return "; ".join(reasons)


@attrs.frozen
class Image:
    """A directory with a recipe, its locked and signed manifest, and the policy that accepts it."""

    directory: Path
    shell: Shell

    @property
    def manifest(self) -> Path:
        """Return the manifest."""
        return self.directory / "manifest.toml"

    @property
    def policy(self) -> Path:
        """Return the trust policy."""
        return self.shell.directory / "trust.toml"

    def lock(self, *options: str | Path) -> Image:
        """Lock and sign with the session's key."""
        self.shell.ok("lock", self.directory, *options)
        self.shell.ok("sign", self.directory, "--key", self.shell.directory / "me.asc")
        return self

    def acknowledge(self) -> Image:
        """Put into the recipe what locking wants to be acknowledged, as its hint says."""
        ended = self.shell.imagesmith("lock", self.directory)
        tables = textwrap.dedent(ended.hint.partition("\n")[2]).replace('""', '"not here"')
        if "[[script]]" in tables:
            recipe = self.directory / "recipe.toml"
            recipe.write_text(f"{recipe.read_text()}\n{tables}\n")
        return self

    def build(self, output: Path, *options: str | Path) -> Path:
        """Build into a new archive."""
        named = ("--trust", self.policy, "-o", output)
        self.shell.ok("build", self.directory, *named, *options)
        return output

    def rootfs(self, output: Path, arch: str, *options: str | Path) -> Path:
        """Build for one architecture and extract what the image holds."""
        archive = output.with_suffix(".tar")
        self.build(archive, "--arch", arch, "--compression", "gzip", *options)
        return extract(archive, output)

    def copy(self, directory: Path) -> Image:
        """Copy everything into a new directory, to be changed."""
        return Image(Path(shutil.copytree(self.directory, directory)), self.shell)
