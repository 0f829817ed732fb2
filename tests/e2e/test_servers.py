"""The servers among the examples, run as people run them: `imagesmith run`, with their data."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.examples import Example, built
from builders.sandbox import bubblewrap, program
from builders.shell import Ended, Shell
from builders.tables import has_tables

pytestmark = pytest.mark.e2e
ARCHES = ("amd64", "arm64")


@pytest.fixture(scope="module")
def postgresql(examples: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the archive of the example for both architectures."""
    archive = tmp_path_factory.mktemp("servers") / "postgresql.tar"
    built(examples, Example("postgresql"), archive)
    return archive


@pytest.mark.parametrize("arch", ARCHES)
def test_a_database_outlives_the_sandbox(
    arch: str, postgresql: Path, examples: Shell, tmp_path: Path
) -> None:
    """What one run writes to the volume, the next one reads; initdb starts other programs."""
    bubblewrap()
    if arch == "arm64":
        program("qemu-aarch64-static", "qemu-user-static")
        if not has_tables():
            pytest.skip("this kernel has one table of binary formats for everybody")

    def script(text: str) -> Ended:
        """Run a shell script in the image."""
        lent = ("--volume", f"{tmp_path}:/var/lib/postgresql/data", "--entrypoint", "/bin/sh")
        return examples.ok("run", postgresql, "--arch", arch, *lent, "--", "-euc", text)

    made = script("initdb; echo 'CREATE TABLE t AS SELECT 42 AS n' | postgres --single postgres")
    read = script("echo 'SELECT n FROM t' | postgres --single postgres")

    assert "performing post-bootstrap initialization ... ok" in made.out
    assert 'n = "42"' in read.out


def test_a_server_without_its_certificate_says_so(examples: Shell, tmp_path: Path) -> None:
    """On stderr, as it logs everything."""
    bubblewrap()
    archive = tmp_path / "nginx.tar"
    built(examples, Example("nginx"), archive)
    ended = examples.imagesmith("run", archive)

    assert (ended.status, ended.out) == (1, "")
    assert 'cannot load certificate "/etc/nginx/tls/certificate.pem"' in ended.err
