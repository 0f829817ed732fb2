"""Signing with gpg, as with an agent or a smart card."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.world import World

pytestmark = pytest.mark.skipif(
    not shutil.which("gpg") or not shutil.which("gpg-agent"), reason="needs gpg and gpg-agent"
)


@pytest.fixture
def gpg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the fingerprint of a key in a gpg home of its own."""
    home = Path("/tmp") / f"ims-gpg-{tmp_path.name[-20:]}"  # agent sockets need a short path
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700)
    (home / "gpg-agent.conf").write_text("s2k-count 65536\n")
    monkeypatch.setenv("GNUPGHOME", str(home))
    subprocess.run(
        [
            *("gpg", "--batch", "--passphrase", "", "--quick-gen-key"),
            *("Gpg <gpg@example.org>", "ed25519", "sign", "never"),
        ],
        check=True,
        capture_output=True,
    )
    listed = subprocess.run(
        ["gpg", "--list-keys", "--with-colons"], check=True, capture_output=True, text=True
    )
    fingerprint = next(
        line.split(":")[9] for line in listed.stdout.splitlines() if line.startswith("fpr")
    )
    yield fingerprint
    subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)
    shutil.rmtree(home, ignore_errors=True)


def test_a_manifest_signed_by_gpg_is_accepted_and_gpg_accepts_it(gpg: str, tmp_path: Path) -> None:
    """Ours, gpg's, and both signatures in one file."""
    world = World.built(tmp_path)
    world.ok("sign", str(world.image), "--gpg", gpg)
    exported = subprocess.run(["gpg", "--armor", "--export", gpg], check=True, capture_output=True)
    (tmp_path / "gpg.pub.asc").write_bytes(exported.stdout)
    policy = tmp_path / "trust.toml"
    policy.write_text(
        "threshold = 2\n"
        + policy.read_text()
        + f'[[signer]]\nfingerprint = "{gpg}"\ncertificate = "gpg.pub.asc"\n'
    )
    judged = subprocess.run(
        [
            *("gpg", "--status-fd", "1", "--verify"),
            *(str(world.image / "manifest.toml.asc"), str(world.manifest)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert world.build().status == 0
    assert f"VALIDSIG {gpg}" in judged.stdout


def test_an_unknown_key_is_one_line(gpg: str, tmp_path: Path) -> None:
    """With gpg's own reason."""
    world = World.built(tmp_path)
    said = world.run("sign", str(world.image), "--gpg", "0" * 40)

    assert gpg
    assert said.status == 2
    assert "gpg could not sign" in said.err


def test_a_missing_gpg_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    world = World.built(tmp_path)
    monkeypatch.setenv("PATH", "/nonexistent")
    said = world.run("sign", str(world.image), "--gpg", "0" * 40)

    assert said.status == 2
    assert "hint: install gpg" in said.err
