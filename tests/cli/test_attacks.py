"""Attacks on manifests and archives, one by one, through the command line.

Signers and mirrors misbehave with real keys, real packets and real archives; a
build must refuse each with the right status and leave nothing where its output goes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import openpgp as pgp
from builders.attacker import LATER, CrookedMirror, CrookedSigner
from builders.collision import KEY_ID
from builders.openpgp import DAY, T0
from builders.world import Said, World, packages

from imagesmith.trust.packets import frame

ALICE, BOB, MALLORY = pgp.make_key("alice"), pgp.make_key("bob"), pgp.make_key("mallory")
SUBKEY = pgp.make_key("a subkey")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world that is locked and signed."""
    return World.built(tmp_path)


@pytest.fixture
def signer(world: World) -> CrookedSigner:
    """Return somebody whose keys the policy may name."""
    return CrookedSigner(world)


@pytest.fixture
def mirror(world: World) -> CrookedMirror:
    """Return whoever serves the archive."""
    return CrookedMirror(world)


def refused(world: World, said: Said, reason: str) -> None:
    """Demand a refusal of signatures that gives this reason, and no image."""
    assert said.status == 4, said.err
    assert reason in said.err
    assert not world.tar.exists()


class TestSignerOfManifests:
    """Whoever writes the files beside a manifest."""

    @pytest.mark.parametrize("kind", [0x02, 0x40, 0x50])
    def test_a_signature_over_nothing_is_not_one_over_the_manifest(
        self, kind: int, world: World, signer: CrookedSigner
    ) -> None:
        """Standalone and timestamp signatures of a pinned key hash no document (A2)."""
        signer.pin((ALICE, pgp.certificate(ALICE)))
        signer.sign_as_another_type(kind, ALICE)

        refused(world, world.build(), "SIG_TYPE")

    def test_a_key_id_names_nobody(self, world: World, signer: CrookedSigner) -> None:
        """Of two keys with one key id only the pinned one signs, both certificates at hand (A5)."""
        first, second, both = signer.collide()
        signer.sign(second)
        signer.pin((first, both))

        assert {first.fingerprint[-16:], second.fingerprint[-16:]} == {KEY_ID}
        refused(world, world.build(), "SIGNER_UNKNOWN")
        signer.pin((second, both))
        assert world.build().status == 0

    def test_a_key_id_in_the_unhashed_area_names_nobody_either(
        self, world: World, signer: CrookedSigner
    ) -> None:
        """A signature that only hints at a colliding key id is tried and found wanting (A5)."""
        first, second, both = signer.collide()
        manifest = world.manifest.read_bytes()
        body = pgp.signature(
            0x00, second, (manifest,), hashed=pgp.at(LATER), unhashed=pgp.issuer(first)
        )
        (world.image / "manifest.toml.asc").write_bytes(frame(2, body))
        signer.pin((first, both))

        refused(world, world.build(), "SIG_BAD")

    def test_one_person_cannot_reach_a_threshold_of_two(
        self, world: World, signer: CrookedSigner
    ) -> None:
        """Signing twice, or with a primary key and its subkey, counts once (A12)."""
        own = pgp.primary(ALICE) + pgp.user_id() + pgp.certify(ALICE)
        alice = own + pgp.subkey(SUBKEY) + pgp.bind(ALICE, SUBKEY)
        signer.pin((ALICE, alice), (BOB, pgp.certificate(BOB)), threshold=2)
        for keys in ((ALICE, ALICE), (ALICE, SUBKEY)):
            signer.sign(*keys)
            refused(world, world.build(), "DUPLICATE")
        signer.sign(ALICE, BOB)

        assert world.build().status == 0

    def test_a_shared_subkey_speaks_for_one(self, world: World, signer: CrookedSigner) -> None:
        """Two certificates that bind one subkey are one voice (A12)."""
        alice, bob = pgp.with_subkey(ALICE, SUBKEY), pgp.with_subkey(BOB, SUBKEY)
        signer.pin((ALICE, alice), (BOB, bob), threshold=2)
        signer.sign(SUBKEY, SUBKEY)

        refused(world, world.build(), "DUPLICATE")

    def test_a_signer_of_some_images_signs_no_others(
        self, world: World, signer: CrookedSigner
    ) -> None:
        """Who may sign `team-a/*` cannot sign `team-b/hello`, and can sign `team-a/hello` (A11)."""
        signer.pin((ALICE, pgp.certificate(ALICE)), images=["team-a/*"])
        signer.rename("team-b/hello")
        signer.sign(ALICE)
        refused(world, world.build(), "SIGNER_IMAGE")
        world.edit(world.recipe, "team-b", "team-a")
        world.ok("lock", str(world.image))
        signer.sign(ALICE)

        assert world.build().status == 0

    @pytest.mark.parametrize("order", [(ALICE, BOB), (BOB, ALICE), (MALLORY, ALICE)])
    def test_a_bad_neighbour_spoils_nothing_and_is_named(
        self, order: tuple[pgp.Key, ...], world: World, signer: CrookedSigner
    ) -> None:
        """One good signature is enough, before or after bad and unknown ones (A14)."""
        revoked = pgp.certificate(BOB, pgp.direct(BOB, kind=0x20, more=pgp.reason(2)))
        signer.pin((ALICE, pgp.certificate(ALICE)), (BOB, revoked))
        signer.sign(*order)
        signature = str(world.image / "manifest.toml.asc")

        assert world.build().status == 0
        judged = world.ok("verify-signature", str(world.manifest), signature).out
        assert ("KEY_REVOKED_HARD" if BOB in order else "SIGNER_UNKNOWN") in judged

    def test_a_stolen_key_is_not_rescued_by_an_old_date(
        self, world: World, signer: CrookedSigner
    ) -> None:
        """A compromised key signs nothing, not even before it was revoked (A4)."""
        revoked = pgp.direct(ALICE, kind=0x20, created=T0 + 9 * DAY, more=pgp.reason(2))
        signer.pin((ALICE, pgp.certificate(ALICE, revoked)))
        signer.sign(ALICE, created=T0 + DAY)

        refused(world, world.build(), "KEY_REVOKED_HARD")


class TestManifestBetweenCheckAndUse:
    """What was verified is what is built (A7)."""

    def test_a_manifest_that_is_swapped_is_never_looked_at(
        self, world: World, signer: CrookedSigner
    ) -> None:
        """Whoever opens the manifest a second time would read another; nobody does."""
        hidden = world.manifest.read_bytes().replace(b'user = "app"', b'user = "0:0"')
        signer.swap_after_reading(hidden)
        built = world.build()

        assert built.status == 0, built.err
        assert world.manifest.read_bytes() == hidden

    @pytest.mark.parametrize("name", ["manifest.toml", "manifest.toml.asc", "trust.toml"])
    def test_each_document_is_opened_once(self, name: str, world: World, tmp_path: Path) -> None:
        """The kernel saw one open of manifest, signatures and policy."""
        tracer = shutil.which("strace")
        if tracer is None:
            pytest.skip("strace (apt: strace) is not installed")
        log = tmp_path / "strace.log"
        strace = [tracer, "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", str(log)]
        build = ["build", str(world.image), "-o", str(world.tar)]
        subprocess.run(
            [*strace, sys.executable, "-m", "imagesmith", *build],
            check=True,
            capture_output=True,
            env={**os.environ, "IMAGESMITH_CONFIG": str(world.root / "config.toml")},
        )
        opened = re.findall(r'open\w*\((?:AT_FDCWD, )?"([^"]*)"', log.read_text())

        assert [path.rpartition("/")[2] for path in opened].count(name) == 1


Change = Callable[[bytes], bytes]
UNSIGNED = b"Origin: Debian\nSuite: bookworm\n\n"


class TestMirror:
    """Whoever serves an archive: they can choose among signed days, and sign nothing."""

    def test_an_older_day_is_not_served_again(self, world: World, mirror: CrookedMirror) -> None:
        """A store that has seen day 2 does not lock against day 1, even from nothing (F3)."""
        mirror.publish(1, "1.1-1")
        kept = mirror.keep()
        mirror.publish(2, "1.2-1")
        world.ok("lock", str(world.image), "--update")
        mirror.serve(kept)
        for path in (world.manifest, world.image / "manifest.toml.asc"):
            path.unlink(missing_ok=True)
        said = world.run("lock", str(world.image))

        assert said.status == 4, said.err
        assert "2023-11-15" in said.err
        assert "2023-11-16" in said.err
        assert not world.manifest.exists()
        assert "--allow-rollback" in said.err
        assert world.run("lock", str(world.image), "--allow-rollback").status == 0

    def test_indices_of_another_day_are_not_mixed_in(
        self, world: World, mirror: CrookedMirror
    ) -> None:
        """A release file of day 2 does not vouch for the packages of day 1 (F3)."""
        mirror.publish(1, "1.1-1")
        kept = mirror.keep()
        mirror.publish(2, "1.2-1")
        mirror.serve(kept, only="main/")
        for path in sorted((world.root / "mirror").rglob("by-hash/SHA256/*")):
            path.unlink()
        said = world.run("lock", str(world.image), "--update")

        assert said.status == 5, said.err
        assert "Packages" in said.err

    def test_an_expired_release_is_refused(self, world: World, mirror: CrookedMirror) -> None:
        """Valid-Until ends a freeze (F3)."""
        mirror.publish(1, "1.1-1", valid_until=T0 + 8 * DAY)
        said = world.run("lock", str(world.image), "--update")

        assert said.status == 4
        assert "expired" in said.err

    def test_a_release_from_the_future_is_refused(
        self, world: World, mirror: CrookedMirror
    ) -> None:
        """Nobody has seen tomorrow's archive (S31)."""
        mirror.publish(100 * 365, "1.1-1")
        said = world.run("lock", str(world.image), "--update")

        assert said.status == 4
        assert "in the future" in said.err

    def test_other_bytes_under_a_known_version_are_refused(
        self, world: World, mirror: CrookedMirror
    ) -> None:
        """A version that was seen keeps its digest; both digests are named (F6)."""
        before = re.findall(r"hello_1.0-1_amd64.*sha256 = \"(\w+)\"", world.manifest.read_text())
        changed = packages("amd64", "arm64", version="1.0-1", text="other bytes")
        mirror.publish(3, "1.0-1", offered=changed)
        said = world.run("lock", str(world.image), "--update")

        assert said.status == 5, said.err
        assert before[0] in said.err
        assert len(set(re.findall(r"\b[0-9a-f]{64}\b", said.err))) >= 2
        allowed = world.run("lock", str(world.image), "--update", "--allow-rollback")
        assert allowed.status == 0, allowed.err

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: UNSIGNED + text,
            lambda text: text + UNSIGNED,
            lambda text: text.replace(b"\n\n", b"\nNotADash: x\n\n", 1),
            lambda text: text.replace(b"\nOrigin:", b"\n-Origin:", 1),
            lambda text: text + text,
            lambda text: text.replace(b"Suite: bookworm", b"Suite: bookworm\0", 1),
            lambda text: text.replace(b"Synthetic", b"Syntactic", 1),
        ],
        ids=["before", "after", "header", "dash", "twice", "nul", "changed"],
    )
    def test_text_that_is_not_signed_is_never_read(
        self, change: Change, world: World, mirror: CrookedMirror
    ) -> None:
        """Nothing goes around, before, behind or into a signed message (S30)."""
        mirror.publish(1, "1.1-1")
        mirror.rewrite(change)

        assert world.run("lock", str(world.image), "--update").status == 4

    def test_a_key_that_is_not_pinned_signs_nothing(
        self, world: World, mirror: CrookedMirror
    ) -> None:
        """The error names the key, for whoever has to decide whether it is a rotation (S31)."""
        mirror.publish(1, "1.1-1")
        mirror.sign(MALLORY)
        said = world.run("lock", str(world.image), "--update")

        assert said.status == 4
        assert MALLORY.fingerprint in said.err
        assert "signed-by" in said.err

    def test_a_detached_signature_does_as_well(self, world: World, mirror: CrookedMirror) -> None:
        """An archive with Release and Release.gpg only is verified all the same (S30)."""
        mirror.publish(1, "1.1-1")
        mirror.sign_detached()
        world.ok("lock", str(world.image), "--update")

        assert 'version = "1.1-1"' in world.manifest.read_text()

    def test_a_detached_signature_by_another_does_not(
        self, world: World, mirror: CrookedMirror
    ) -> None:
        """Leaving InRelease out buys a mirror nothing."""
        mirror.publish(1, "1.1-1")
        mirror.sign_detached(MALLORY)

        assert world.run("lock", str(world.image), "--update").status == 4

    def test_hiding_by_hash_changes_nothing(self, world: World, mirror: CrookedMirror) -> None:
        """Where a mirror has no by-hash files the plain paths do, by the same digest."""
        mirror.publish(1, "1.1-1")
        for path in sorted((world.root / "mirror").rglob("by-hash/SHA256/*")):
            path.unlink()

        assert world.run("lock", str(world.image), "--update").status == 0
