"""apt as the judge of what `lock` resolves, on the real archive."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builders.real import SUITE, Image
from builders.sandbox import program
from builders.shell import Shell

from imagesmith.cli import configuration
from imagesmith.manifest import manifest as manifests
from imagesmith.model import arch as arches

pytestmark = pytest.mark.e2e
_CHOSEN = re.compile(r"^Inst (\S+) \((\S+) ", re.MULTILINE)
WANTED = ("curl", "ca-certificates", "base-files")


def apt_options(shell: Shell, state: Path, arch: str) -> list[str]:
    """Give apt a state of its own that has read the suite from the host's mirrors."""
    for folder in ("lists/partial", "cache/archives/partial", "empty", "log"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    mirrors = configuration.host_mirrors(SUITE)
    (state / "sources.list").write_text("".join(f"deb {m} {SUITE} main\n" for m in mirrors))
    settings = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": state / "empty",
        "Dir::Log": state / "log",
        "APT::Architecture": arch,
        "APT::Architectures": arch,
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    ended = shell.run("apt-get", *options, "-q", "update")
    if ended.status or "Err:" in ended.out:
        pytest.skip(f"apt-get update fails here: {ended.err.strip()}")
    return options


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_lock_pins_the_packages_apt_would_install(arch: str, curl: Image, tmp_path: Path) -> None:
    """Names and versions are those of `apt-get install` on an empty system."""
    program("apt-get", "apt")
    options = apt_options(curl.shell, tmp_path / "apt", arch)
    command = ("apt-get", *options, "-s", "install", "--no-install-recommends", *WANTED)
    ended = curl.shell.run(*command)
    manifest = manifests.parse(curl.manifest.read_bytes(), document="manifest.toml")
    wanted = arches.parse(arch)
    pinned = {
        artefact.name: artefact.version_for(wanted)
        for artefact in manifest.artefacts
        if artefact.pin(wanted)
    }

    assert ended.status == 0, ended.err
    assert dict(_CHOSEN.findall(ended.out)) == pinned
