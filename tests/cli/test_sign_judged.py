"""What `keys generate` and `sign` write, before gpg, sqv and pysequoia; asking at a terminal."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pysequoia
import pytest
from builders import gnupg
from builders.gnupg import Home
from builders.shell import PROGRAMS
from builders.world import World

from imagesmith.trust import armour, detached, packets
from imagesmith.trust.signature import Signature

PATIENCE = 60
"""Seconds to wait for a prompt."""


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """Return a home of gpg's; skip without it."""
    if not gnupg.present():
        pytest.skip("gpg is not installed")
    with gnupg.new_home() as made:
        yield made


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world whose manifest one key without a passphrase has signed."""
    return World.built(tmp_path)


def generate(world: World, name: str, passphrase: str) -> Path:
    """Generate a key that is locked with a passphrase."""
    secret = world.root / f"{name}.asc"
    with_passphrase(world, passphrase, "keys", "generate", name, "-o", str(secret))
    return secret


def with_passphrase(world: World, passphrase: str, *arguments: str) -> None:
    """Run a command that reads a passphrase from a descriptor."""
    reader, writer = os.pipe()
    os.write(writer, passphrase.encode())
    os.close(writer)
    world.ok(*arguments, "--passphrase-fd", str(reader))
    os.close(reader)


def signatures(world: World) -> list[bytes]:
    """Return the packets of the signature file, each by itself."""
    text = (world.image / "manifest.toml.asc").read_bytes()
    found = packets.split(armour.decode(text, armour.SIGNATURE))
    return [packets.frame(each.tag, each.body) for each in found]


def test_everybody_accepts_every_signer_of_a_file(world: World, home: Home) -> None:
    """A key without a passphrase, one with, and gpg's: none replaces another."""
    locked = generate(world, "locked", "sesame")
    home.gpg("--quick-generate-key", "gpg", "ed25519", "sign", "never", at=None)
    first = signatures(world)
    signing = ("sign", str(world.image))
    with_passphrase(world, "sesame\n", *signing, "--key", str(locked))
    said = world.run(*signing, "--gpg", "gpg", env=home.environment)
    (world.root / "gpg.pub.asc").write_bytes(home.gpg("--armor", "--export", "gpg"))
    public = [world.root / f"{name}.pub.asc" for name in ("signer", "locked", "gpg")]
    for certificate in public:
        home.gpg("--import", str(certificate), at=None)
    files = (str(world.image / "manifest.toml.asc"), str(world.manifest))

    status = home.gpg("--status-fd", "1", "--verify", *files, at=None).decode()

    assert said.status == 0, said.err
    assert signatures(world)[:1] == first
    assert [status.count(each) for each in ("GOODSIG", "VALIDSIG")] == [3, 3]
    for signature, certificate in zip(signatures(world), public, strict=True):
        known = pysequoia.Cert.from_file(str(certificate))
        found = pysequoia.verify(
            bytes=world.manifest.read_bytes(),
            store=lambda _ids, known=known: [known],
            signature=pysequoia.Sig.from_bytes(signature),
        )
        assert [each.certificate for each in found.valid_sigs] == [known.fingerprint]
    if shutil.which("sqv"):
        keyrings = [part for certificate in public for part in ("--keyring", str(certificate))]
        subprocess.run(["sqv", *keyrings, "-n", "3", *files], check=True, capture_output=True)


def test_signing_again_replaces_ones_own_signature_alone(world: World) -> None:
    """The newest signature of a key is the only one of it."""
    locked = generate(world, "locked", "sesame")
    signing = ("sign", str(world.image), "--key", str(locked))
    with_passphrase(world, "sesame\n", *signing)
    before = signatures(world)
    with_passphrase(world, "sesame\n", *signing)

    assert len(signatures(world)) == len(before) == 2
    assert signatures(world)[0] == before[0]


def test_gpg_reads_what_a_generated_key_may_do_and_until_when(world: World, home: Home) -> None:
    """The primary key certifies, the subkey signs, both end in a year; the secret can be used."""
    secret = world.root / "new.asc"
    started = int(time.time())
    said = world.ok("keys", "generate", "New", "-o", str(secret), "--years", "1")
    home.gpg("--import", str(secret), at=None)
    fingerprint = said.out.strip()
    listed = home.gpg("--with-colons", "--list-secret-keys", fingerprint, at=None).decode()
    rows = {row[0]: row for row in (line.split(":") for line in listed.splitlines())}
    made = home.gpg("--detach-sign", f"--local-user={fingerprint}", at=None, stdin=b"x")
    (read,) = detached.read(made)

    assert (rows["sec"][11], rows["ssb"][11]) == ("cSC", "s")
    assert rows["sec"][3] == rows["ssb"][3] == "22"
    for row in (rows["sec"], rows["ssb"]):
        assert int(row[6]) - int(row[5]) == 365 * 24 * 3600
        assert started <= int(row[5]) <= int(time.time())
    assert isinstance(read, Signature)
    assert not read.names(fingerprint)


@pytest.mark.skipif(not shutil.which("setsid"), reason="setsid is not installed")
@pytest.mark.parametrize(("word", "status"), [("sesame", 0), ("wrong", 4)])
def test_asks_for_the_passphrase_at_a_terminal(world: World, word: str, status: int) -> None:
    """It is asked for by the key's name, and never shown."""
    locked = generate(world, "locked", "sesame")
    command = [str(PROGRAMS / "imagesmith"), "sign", str(world.image), "--key", str(locked)]
    master, slave = pty.openpty()
    environment = {**os.environ, "IMAGESMITH_CONFIG": str(world.root / "config.toml")}
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command],
        stdin=slave,
        stdout=subprocess.DEVNULL,
        stderr=slave,
        env=environment,
    ) as asking:
        os.close(slave)
        shown = heard(master, until=b"locked.asc: ")
        os.write(master, f"{word}\n".encode())
        shown += heard(master)
        ended = asking.wait(PATIENCE)
    os.close(master)

    assert b"passphrase for " in shown
    assert word.encode() not in shown
    assert ended == status
    assert len(signatures(world)) == (2 if status == 0 else 1)


def heard(master: int, until: bytes | None = None) -> bytes:
    """Read what a terminal shows, up to a prompt or to its end."""
    shown = b""
    while until is None or until not in shown:
        ready, _, _ = select.select([master], [], [], PATIENCE)
        assert ready, shown
        try:
            more = os.read(master, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not more:
            break
        shown += more
    return shown
