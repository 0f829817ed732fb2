"""`verify --upstream`: what people and programs are told of the archive chain."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders.archive import DATE
from builders.openpgp import DAY, T0, certify, flags, key_lifetime, primary, user_id
from builders.world import ARCHIVE_KEY, World

KEY = ARCHIVE_KEY.fingerprint
CHAIN = f"""\
debian: Synthetic bookworm of 2023-11-14T22:13:20Z vouches for 10 artefacts
  signed by {KEY} at 2023-11-15T22:13:20Z
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world that is locked and signed."""
    return World.built(tmp_path)


def test_the_chain_is_told_before_the_verdict(world: World) -> None:
    """Offline: who signed what, when, and how much of the image it vouches for."""
    shutil.rmtree(world.root / "mirror")
    said = world.run("--offline", "verify", str(world.image), "--upstream")

    assert said.status == 0, said.err
    assert said.out == f"{CHAIN}{world.image}: verified as hello serial 1\n"


def test_programs_get_a_row_for_each_source(world: World) -> None:
    """With --json; without --upstream there is none."""
    said = world.ok("verify", str(world.image), "--upstream", "--json")
    (row,) = said.json["upstream"]

    assert row == {
        "source": "debian",
        "suite": "bookworm",
        "origin": "Synthetic",
        "codename": "bookworm",
        "date": DATE,
        "signers": [{"primary": KEY, "key": KEY, "created": T0 + DAY, "lapsed": None}],
        "artefacts": 10,
        "notes": [],
    }
    assert world.ok("verify", str(world.image), "--json").json["upstream"] == []


def test_a_key_that_no_keyring_has_is_pointed_out(world: World) -> None:
    """Whoever wrote the manifest chose it: that it is the archive's is their word alone."""
    empty = world.root / "empty.pgp"
    empty.write_bytes(b"")
    said = world.ok("verify", str(world.image), "--upstream", "--keyring", str(empty))

    assert f"  note: {KEY} is in no keyring of this host: only the manifest names it" in said.out


def test_an_image_is_traced_through_its_manifest(world: World) -> None:
    """Its digests lead to the manifest, and the manifest to the archive."""
    assert world.build().status == 0
    said = world.ok("verify", str(world.tar), "--manifest", str(world.image), "--upstream")

    assert CHAIN in said.out
    assert "amd64: identical\n" in said.out


def test_an_image_without_a_manifest_has_no_archive(world: World) -> None:
    """Nothing says where its files are from."""
    assert world.build().status == 0
    said = world.run("verify", str(world.tar), "--upstream")

    assert said.status == 2
    assert "no manifest to hold it against" in said.err


def test_what_is_not_proven_is_a_problem(world: World) -> None:
    """Exit 1 and the blob that is missing."""
    release = world.root / "mirror" / "dists" / "bookworm" / "InRelease"
    release.unlink()
    for blob in (world.root / "store" / "blobs" / "sha256").rglob("*"):
        if blob.is_file() and b"BEGIN PGP SIGNED MESSAGE" in blob.read_bytes()[:100]:
            blob.unlink()
    said = world.run("verify", str(world.image), "--upstream", "--json")
    (problem,) = said.json["problems"]

    assert said.status == 1
    assert not said.json["verified"]
    assert (problem["place"], problem["code"]) == ("source.debian.release", "upstream-evidence")


def test_lost_certificates_may_be_in_a_keyring(world: World) -> None:
    """--keyring names one; a note says that the evidence was incomplete."""
    (world.root / "config.toml").write_text(
        (world.root / "config.toml").read_text().replace('keyrings = ["archive.pgp"]\n', "")
    )
    certificate = (world.root / "archive.pgp").read_bytes()
    for blob in (world.root / "store" / "blobs" / "sha256").rglob("*"):
        if blob.is_file() and blob.read_bytes() == certificate:
            blob.unlink()
    without = world.run("verify", str(world.image), "--upstream")
    keyring = str(world.root / "archive.pgp")
    found = world.ok("verify", str(world.image), "--upstream", "--keyring", keyring)

    assert without.status == 1
    assert "  note: certificates sha256:" in found.out


def test_years_later_the_chain_still_holds(tmp_path: Path) -> None:
    """The archive's key has expired, its mirror is gone, and so are today's keyrings."""
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("faketime is not installed")
    world = World.make(tmp_path, "amd64")
    mortal = flags(0x03) + key_lifetime(int(time.time()) - T0 + DAY)
    ring = primary(ARCHIVE_KEY) + user_id() + certify(ARCHIVE_KEY, more=mortal)
    (world.root / "archive.pgp").write_bytes(ring)
    world.ok("lock", str(world.image))
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    shutil.rmtree(world.root / "mirror")
    (world.root / "archive.pgp").write_bytes(b"")
    command = [faketime, "+5 years", sys.executable, "-m", "imagesmith", "--offline"]
    done = subprocess.run(
        [*command, "verify", str(world.image), "--upstream"],
        env={**os.environ, "IMAGESMITH_CONFIG": str(world.root / "config.toml")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (
        f"signed by {KEY} at 2023-11-15T22:13:20Z; not accepted today: KEY_EXPIRED" in done.stdout
    )
