"""Release files: both forms, keys that change, dates, mirrors that lag behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.archive import DATE, Binary
from builders.mirror import Fault, Mirror
from builders.openpgp import (
    DAY,
    T0,
    Key,
    certificate,
    certify,
    cleartext,
    detached,
    flags,
    key_lifetime,
    make_key,
)
from builders.world import ARCHIVE_KEY, Said, World, packages

from imagesmith.build import releases
from imagesmith.build.effects import Effects
from imagesmith.errors import NetworkError
from imagesmith.manifest import manifest as manifests
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.pins import Evidence
from imagesmith.model.digest import Digest
from imagesmith.store import Store
from imagesmith.trust.archive import ReleaseFile

OLD, NEW = ARCHIVE_KEY, make_key("archive of next year")
OFFERED = packages("amd64")
HOME = "mirror/dists/bookworm"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world with one architecture that is not locked yet."""
    return World.make(tmp_path, "amd64")


def lock(world: World, *options: str) -> Said:
    """Lock."""
    return world.run("lock", str(world.image), *options)


def manifest(world: World) -> Manifest:
    """Return the manifest."""
    return manifests.parse(world.manifest.read_bytes(), document="m")


def evidence(world: World) -> Evidence:
    """Return what the manifest says of its source."""
    return dict(manifest(world).sources)["debian"]


def publish_detached(world: World, offered: list[Binary], key: Key = ARCHIVE_KEY) -> None:
    """Let the mirror have Release and Release.gpg only."""
    world.publish(offered, sign_cleartext=None, sign_detached=lambda text: detached(text, key))


class TestWithoutInrelease:
    """Release and Release.gpg are as good."""

    def test_both_files_are_evidence(self, world: World) -> None:
        """Byte for byte; the store has them."""
        publish_detached(world, OFFERED)
        assert lock(world).status == 0
        found = evidence(world)

        home = world.root / HOME
        assert found.release == Digest.of((home / "Release").read_bytes())
        assert found.release_signature == Digest.of((home / "Release.gpg").read_bytes())
        assert found.signers == (ARCHIVE_KEY.fingerprint,)

    def test_the_recorded_pair_is_used_again(self, world: World) -> None:
        """Locking again changes nothing and needs no mirror."""
        publish_detached(world, OFFERED)
        lock(world)
        before = world.manifest.read_bytes()
        again = world.run("--offline", "lock", str(world.image))

        assert again.status == 0, again.err
        assert world.manifest.read_bytes() == before

    def test_a_pair_that_does_not_belong_together_is_refused(self, world: World) -> None:
        """The mirror may be in the middle of an update, or worse."""
        publish_detached(world, OFFERED)
        signature = (world.root / HOME / "Release.gpg").read_bytes()
        publish_detached(world, OFFERED)
        (world.root / HOME / "Release.gpg").write_bytes(signature)
        said = lock(world)

        assert said.status == 4
        assert "error: dists/bookworm/Release: not signed by any of the pinned" in said.err
        assert "SIG_BAD" in said.err

    @pytest.mark.parametrize("missing", ["Release", "Release.gpg"])
    def test_a_mirror_without_either_form_lacks_the_first(self, world: World, missing: str) -> None:
        """The message names InRelease."""
        publish_detached(world, OFFERED)
        (world.root / HOME / missing).unlink()
        said = lock(world)

        assert said.status == 7
        assert f"error: {world.root}/{HOME}/InRelease: not found" in said.err

    def test_init_finds_the_keys_there_too(self, world: World) -> None:
        """Whoever signed Release.gpg is pinned."""
        publish_detached(world, OFFERED)
        made = world.ok("init", "curl", "-C", str(world.root / "new"), "--json")

        assert made.json["signed-by"] == [ARCHIVE_KEY.fingerprint]

    def test_a_mirror_that_is_down_is_not_asked_for_another_form(self, tmp_path: Path) -> None:
        """Waiting for it once is enough."""
        asked: list[str] = []

        def down(location: str, **_: object) -> Iterator[bytes]:
            asked.append(location)
            raise NetworkError(what=location, problem="silent", temporary=True)

        effects = Effects(
            store=Store.open(tmp_path / "store"), stream=down, mirrors=lambda _: (), now=T0
        )
        with pytest.raises(NetworkError):
            releases.fetch("https://down.example/", "bookworm", effects)

        assert asked == ["https://down.example/dists/bookworm/InRelease"]

    def test_either_form_is_named_by_its_path(self) -> None:
        """In messages and below mirrors."""
        assert releases.path("sid") == "dists/sid/InRelease"
        assert releases.path("sid", ReleaseFile(b"")) == "dists/sid/InRelease"
        assert releases.path("sid", ReleaseFile(b"", b"")) == "dists/sid/Release"


class TestEvidence:
    """What the manifest keeps of a release file."""

    def test_says_what_the_release_file_said(self, world: World) -> None:
        """Origin, codename and date, beside the digest of the file."""
        world.publish(OFFERED, more={"Origin": "Söme archive", "Codename": "bookworm"})
        lock(world)
        found = evidence(world)

        assert (found.origin, found.codename) == ("Söme archive", "bookworm")
        assert found.date == DATE + 1
        assert found.release == Digest.of((world.root / HOME / "InRelease").read_bytes())
        assert found.release_signature is None

    def test_keeps_the_certificates_of_the_signers_only(self, world: World) -> None:
        """Binary, and with everything that other keyrings say of these keys."""
        other = certificate(NEW)
        (world.root / "archive.pgp").write_bytes(other + certificate(ARCHIVE_KEY))
        lock(world)
        kept = Store.open(world.root / "store").read(evidence(world).certificates)

        assert kept == certificate(ARCHIVE_KEY)

    def test_stays_as_it_is_when_keyrings_change(self, world: World) -> None:
        """A certificate that has grown since proves the same, so the manifest keeps its bytes."""
        lock(world)
        before = world.manifest.read_bytes()
        grown = certificate(OLD, certify(OLD, created=T0 + DAY))
        (world.root / "archive.pgp").write_bytes(grown + certificate(NEW))
        lock(world)

        assert world.manifest.read_bytes() == before

    def test_other_blobs_are_not_taken_for_certificates(self, world: World) -> None:
        """Nobody has signed the manifest that lock reads."""
        lock(world)
        found, before = evidence(world), world.manifest.read_bytes()
        world.edit(world.manifest, str(found.certificates), str(found.release))

        assert lock(world).status == 0
        assert evidence(world) == found
        assert world.manifest.read_bytes() == before.replace(b"serial = 1", b"serial = 2")

    def test_a_damaged_release_file_is_a_missing_one(self, world: World) -> None:
        """It is fetched again."""
        lock(world)
        blob = world.blob(evidence(world).release.hex)
        blob.chmod(0o644)
        blob.write_bytes(b"damaged")

        assert lock(world).status == 0
        assert evidence(world).release == Digest.of(blob.read_bytes())

    def test_is_made_anew_where_the_store_lost_it(self, world: World) -> None:
        """From the keyrings of today."""
        lock(world)
        before = world.manifest.read_bytes()
        world.blob(evidence(world).certificates.hex).unlink()
        lock(world)

        assert world.manifest.read_bytes() == before
        assert world.blob(evidence(world).certificates.hex).exists()


class TestRotation:
    """An archive changes its key: old, both, new."""

    def pin(self, world: World, *keys: Key) -> None:
        """Pin these keys in the recipe."""
        pins = ", ".join(f'"{key.fingerprint}"' for key in keys)
        world.edit(world.recipe, f'signed-by = ["{OLD.fingerprint}"]', f"signed-by = [{pins}]")

    def publish(self, world: World, *keys: Key) -> None:
        """Sign by several keys at once."""

        def sign(text: bytes) -> bytes:
            return b"".join(detached(text, key) for key in keys)

        world.publish(OFFERED, sign_cleartext=None, sign_detached=sign)
        (world.root / "archive.pgp").write_bytes(certificate(OLD) + certificate(NEW))

    def test_whoever_pins_both_does_not_notice(self, world: World) -> None:
        """The signers recorded are those who signed."""
        self.pin(world, OLD, NEW)
        signers = []
        for keys in ((OLD,), (OLD, NEW), (NEW,)):
            self.publish(world, *keys)
            assert lock(world, "--update").status == 0
            signers.append(evidence(world).signers)

        assert [sorted(each) for each in signers] == [
            [OLD.fingerprint],
            sorted([OLD.fingerprint, NEW.fingerprint]),
            [NEW.fingerprint],
        ]

    def test_whoever_pins_the_old_one_is_told_of_the_new(self, world: World) -> None:
        """While both sign all is well; then the hint names what to review."""
        self.publish(world, OLD, NEW)
        assert lock(world).status == 0
        assert evidence(world).signers == (OLD.fingerprint,)
        self.publish(world, NEW)
        said = lock(world, "--update")

        assert said.status == 4
        assert f"holds key {NEW.fingerprint}" in said.err
        assert (
            f"hint: it names {NEW.fingerprint}; if the archive has a new key, review it and "
            "add it to signed-by\n"
        ) in said.err


class TestDates:
    """A release file is neither from the future nor past its time."""

    def test_a_date_in_the_future_is_refused(self, world: World) -> None:
        """The mirror's clock, or this one's, is wrong."""
        world.publish(OFFERED, date=int(time.time()) + 7200)
        said = lock(world)

        assert said.status == 4
        assert "seconds in the future" in said.err

    def test_valid_until_in_the_past_is_refused(self, world: World) -> None:
        """A mirror that hands it out holds back what came later."""
        world.publish(OFFERED, date=T0, valid_until=T0 + 100)
        said = lock(world)

        assert said.status == 4
        assert "error: dists/bookworm/InRelease: expired " in said.err


class TestAnotherArchive:
    """A suite that becomes another one is not slipped in."""

    def test_another_codename_needs_an_update(self, world: World) -> None:
        """`stable` is one release today and the next tomorrow; the lock says so."""
        lock(world)
        world.publish(OFFERED, more={"Codename": "trixie"})
        fresh = str(world.root / "another-store")
        said = world.run("--store", fresh, "lock", str(world.image))

        assert said.status == 4
        assert (
            "error: dists/bookworm/InRelease: is Synthetic trixie; "
            "the manifest was locked against Synthetic bookworm [signature]\n"
        ) in said.err
        assert world.run("--store", fresh, "lock", str(world.image), "--update").status == 0
        assert evidence(world).codename == "trixie"

    def test_another_origin_needs_one_too(self, world: World) -> None:
        """The same keys may sign several archives."""
        lock(world)
        world.publish(OFFERED, more={"Origin": "Elsewhere"})
        fresh = str(world.root / "another-store")

        assert world.run("--store", fresh, "lock", str(world.image)).status == 4

    def test_an_older_one_than_the_manifest_is_refused(self, world: World) -> None:
        """Even by a store that has seen nothing."""
        world.publish(OFFERED)
        lock(world)
        world.publish(OFFERED, date=DATE)
        fresh = str(world.root / "another-store")
        said = world.run("--store", fresh, "lock", str(world.image))
        allowed = world.run("--store", fresh, "lock", str(world.image), "--allow-rollback")

        assert said.status == 4
        assert (
            "dated 2023-11-14T22:13:20Z, older than the one the manifest was locked against, "
            "dated 2023-11-14T22:13:21Z"
        ) in said.err
        assert allowed.status == 0
        assert "warning: dists/bookworm/InRelease: dated 2023-11-14T22:13:20Z, older" in allowed.err

    def test_other_pins_do_not_make_it_forget(self, world: World) -> None:
        """Whoever adds a key, or a component, still asks for the same suite."""
        world.publish(OFFERED)
        lock(world)
        pins = f'"{OLD.fingerprint}", "{NEW.fingerprint}"'
        world.edit(world.recipe, f'"{OLD.fingerprint}"', pins)
        world.publish(OFFERED, date=DATE)
        fresh = str(world.root / "another-store")
        elsewhere = world.run("--store", fresh, "lock", str(world.image))
        here = lock(world)

        assert elsewhere.status == 4
        assert "older than the one the manifest was locked against" in elsewhere.err
        assert here.status == 0
        assert evidence(world).date == DATE + 1
        assert evidence(world).source.signed_by == (OLD.fingerprint, NEW.fingerprint)


class TestMirrors:
    """Several locations for one suite."""

    def test_a_bad_one_is_passed_over_and_named(self, world: World) -> None:
        """At -v, with the reason; the result is the same."""
        tampered = (world.root / HOME / "InRelease").read_bytes().replace(b"main", b"evil")
        with Mirror(world.root / "mirror") as bad, Mirror(world.root / "mirror") as good:
            bad.misbehave("/dists/bookworm/InRelease", Fault(content=tampered))
            both = ("--mirror", bad.url.replace("//", "//bob:secret@"), "--mirror", good.url)
            said = lock(world, *both, "-v")
        quiet = World.make(world.root / "other", "amd64")
        quiet.ok("lock", str(quiet.image))

        assert said.status == 0, said.err
        assert f"passed over {bad.url}: dists/bookworm/InRelease: not signed by any" in said.err
        assert "secret" not in said.err
        assert manifest(quiet) == manifest(world)

    def test_an_index_is_found_under_its_digest(self, world: World) -> None:
        """The path may hold the next day's already."""
        path = "/dists/bookworm/main/binary-amd64/Packages.xz"
        with Mirror(world.root / "mirror") as mirror:
            mirror.misbehave(path, Fault(content=b"of tomorrow"))
            said = lock(world, "--mirror", mirror.url)
            asked = [request.path for request in mirror.requests if "binary" in request.path]

        assert said.status == 0, said.err
        assert "/by-hash/SHA256/" in asked[0]

    def test_a_page_instead_of_the_digest_does_no_harm(self, world: World) -> None:
        """Some mirrors and proxies have an answer for everything; the path is asked next."""
        folder = world.root / HOME / "main" / "binary-amd64" / "by-hash" / "SHA256"
        for file in folder.iterdir():
            file.write_bytes(b"<html>")

        assert lock(world).status == 0

    def test_indices_of_another_day_are_refused(self, world: World) -> None:
        """A release file of yesterday with an index of today is no archive."""
        home = world.root / HOME
        inrelease = (home / "InRelease").read_bytes()
        world.publish(packages("amd64", version="2.0-1"))
        (home / "InRelease").write_bytes(inrelease)
        for file in (home / "main" / "binary-amd64" / "by-hash" / "SHA256").iterdir():
            file.unlink()
        said = lock(world)

        assert said.status == 5
        assert "main/binary-amd64/Packages.xz: expected " in said.err


def test_a_recorded_release_by_a_key_that_expired_is_fetched_anew(world: World) -> None:
    """Locking judges keys today; only a replay judges them at the release's date."""
    pins = f'"{OLD.fingerprint}", "{NEW.fingerprint}"'
    world.edit(world.recipe, f'"{OLD.fingerprint}"', pins)
    lock(world)
    mortal = certify(OLD, created=T0 + DAY, more=flags(0x03) + key_lifetime(2 * DAY))
    (world.root / "archive.pgp").write_bytes(certificate(OLD, mortal) + certificate(NEW))
    world.publish(OFFERED, sign_cleartext=lambda text: cleartext(text, NEW))

    assert lock(world).status == 0
    assert evidence(world).signers == (NEW.fingerprint,)
