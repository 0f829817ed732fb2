"""From requests to pins: several suites, several architectures, mirrors that lack something."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import attrs
import pytest
from builders.archive import write_archive
from builders.openpgp import cleartext, make_key
from builders.world import ARCHIVE_KEY, World, base_files, binary, certificates, greeting, libc

from imagesmith.manifest import manifest as manifests
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.pins import Artefact
from imagesmith.model.arch import parse

SECURITY = """
[source.security]
kind = "debian"
suite = "bookworm-security"
components = ["main"]
signed-by = ["{key}"]
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world that is not locked yet."""
    return World.make(tmp_path)


def locked(world: World) -> Manifest:
    """Lock and return the manifest."""
    world.ok("lock", str(world.image))
    return manifests.parse(world.manifest.read_bytes(), document="m")


def artefact(manifest: Manifest, name: str) -> Artefact:
    """Return one artefact of a manifest."""
    return next(found for found in manifest.artefacts if found.name == name)


def test_an_arch_all_package_of_every_architecture_is_pinned_once(world: World) -> None:
    """Under the key `all`; others by architecture."""
    manifest = locked(world)

    assert [key for key, _ in artefact(manifest, "base-files").pins] == ["all"]
    assert [key for key, _ in artefact(manifest, "hello").pins] == ["amd64", "arm64"]


def test_versions_may_differ_between_architectures(world: World) -> None:
    """A binary rebuild of one architecture is pinned with its own version."""
    amd64, arm64 = parse("amd64"), parse("arm64")
    rebuilt = greeting(arm64, "1.0-1+b1")
    world.publish(
        [base_files(), certificates(), libc(amd64), libc(arm64), *greeting(amd64), *rebuilt]
    )
    found = artefact(locked(world), "hello")

    assert found.version == "1.0-1"
    assert found.version_for(arm64) == "1.0-1+b1"
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    assert world.build().status == 0


def test_a_package_may_be_needed_on_one_architecture_only(world: World) -> None:
    """An Architecture: all package of one closure is pinned for that architecture."""
    amd64, arm64 = parse("amd64"), parse("arm64")
    extra = binary("extra", "1", "all", {"/usr/share/doc/extra/copyright": "MIT\n"})
    program, library = greeting(arm64)
    files = [base_files(), certificates(), extra, libc(amd64), libc(arm64), *greeting(amd64)]
    depends = {**library.fields, "Depends": "libc6, hello, extra"}
    world.publish([*files, program, attrs.evolve(library, fields=depends)])
    found = artefact(locked(world), "extra")

    assert [key for key, _ in found.pins] == ["arm64"]
    assert found.pin(amd64) is None


class TestSeveralSuites:
    """Bookworm and its security suite at once."""

    def add_security(self, world: World) -> None:
        """Publish a newer hello in another suite and draw on both."""
        newer = [*greeting(parse("amd64"), "1.0-1+deb12u1"), *greeting(parse("arm64"), "0.9-1")]
        write_archive(
            world.root / "security",
            newer,
            suite="bookworm-security",
            architectures=["amd64", "arm64"],
            sign_cleartext=lambda text: cleartext(text, ARCHIVE_KEY),
        )
        config = world.root / "config.toml"
        config.write_text(config.read_text() + f'bookworm-security = ["{world.root}/security"]\n')
        text = world.recipe.read_text()
        security = SECURITY.format(key=ARCHIVE_KEY.fingerprint)
        text = text.replace("[[package]]", f"{security}\n[[package]]")
        world.recipe.write_text(
            text.replace('source = "debian"', 'source = ["debian", "security"]')
        )

    def test_the_highest_version_wins_for_each_architecture(self, world: World) -> None:
        """And its artefact says which source it is from."""
        self.add_security(world)
        manifest = locked(world)
        hello = artefact(manifest, "hello")

        assert hello.version_for(parse("amd64")) == "1.0-1+deb12u1"
        assert hello.version_for(parse("arm64")) == "1.0-1"
        assert [name for name, _ in manifest.sources] == ["debian", "security"]

    def test_every_pin_is_fetched_from_the_archive_that_has_it(self, world: World) -> None:
        """A fresh store builds from both."""
        self.add_security(world)
        locked(world)
        world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
        said = world.run(
            "--store", str(world.root / "fresh"), "build", str(world.image), "-o", str(world.tar)
        )

        assert said.status == 0, said.err


class TestMirror:
    """What a mirror may lack."""

    def test_an_index_is_fetched_by_its_path_where_by_hash_is_missing(self, world: World) -> None:
        """Mirrors need not keep by-hash directories."""
        for folder in (world.root / "mirror" / "dists").rglob("by-hash"):
            shutil.rmtree(folder)

        assert locked(world).serial == 1

    def test_a_mirror_without_indices_is_an_error(self, world: World) -> None:
        """Exit 7 with the path."""
        for folder in (world.root / "mirror" / "dists").rglob("binary-*"):
            shutil.rmtree(folder)
        said = world.run("lock", str(world.image))

        assert said.status == 7
        assert "Packages" in said.err

    def test_a_release_by_another_key_is_refused(self, world: World) -> None:
        """Only the pinned keys count, whoever else is in the keyring."""
        release = world.root / "mirror" / "dists" / "bookworm"
        text = (release / "Release").read_bytes()
        (release / "InRelease").write_bytes(cleartext(text, make_key("mallory")))

        assert world.run("lock", str(world.image)).status == 4

    def test_an_expired_release_is_refused(self, world: World) -> None:
        """Valid-Until is honoured."""
        world.publish(
            [base_files(), certificates(), libc(parse("amd64")), *greeting(parse("amd64"))],
            valid_until=1_700_000_100,
        )
        world.edit(world.recipe, '["amd64", "arm64"]', '["amd64"]')

        assert world.run("lock", str(world.image)).status == 4


def test_a_recorded_release_may_expire(world: World) -> None:
    """What was fresh when it was locked stays good for locking the same versions again."""
    offered = [base_files(), certificates()]
    offered += [p for a in ("amd64", "arm64") for p in (libc(parse(a)), *greeting(parse(a)))]
    now = int(time.time())
    world.publish(offered, date=now - 10, valid_until=now + 2)
    locked(world)
    time.sleep(max(0.0, now + 3 - time.time()))
    world.edit(world.recipe, "[rootfs]", "# changed\n[rootfs]")

    assert locked(world).serial == 2
    assert world.run("lock", str(world.image), "--update").status == 4


def test_adding_an_architecture_exchanges_nothing(world: World) -> None:
    """The summary shouts only where the bytes of one version changed."""
    world.edit(world.recipe, '["amd64", "arm64"]', '["amd64"]')
    locked(world)
    world.edit(world.recipe, '["amd64"]', '["amd64", "arm64"]')
    more = world.ok("lock", str(world.image))
    assert "!" not in more.err
    offered = [base_files(), certificates()]
    offered += [
        p for a in ("amd64", "arm64") for p in (libc(parse(a)), *greeting(parse(a), text="other"))
    ]
    world.publish(offered)
    other = world.ok("lock", str(world.image), "--update", "--allow-rollback")

    assert "! hello 1.0-1: other bytes under the same version\n" in other.err


def test_two_requests_cannot_need_one_package_in_two_versions(world: World) -> None:
    """The error names the package and both versions."""
    write_archive(
        world.root / "security",
        list(greeting(parse("amd64"), "2.0-1")) + list(greeting(parse("arm64"), "2.0-1")),
        suite="bookworm-security",
        architectures=["amd64", "arm64"],
        sign_cleartext=lambda text: cleartext(text, ARCHIVE_KEY),
    )
    config = world.root / "config.toml"
    config.write_text(config.read_text() + f'bookworm-security = ["{world.root}/security"]\n')
    security = SECURITY.format(key=ARCHIVE_KEY.fingerprint)
    more = '[[package]]\nsource = ["debian", "security"]\nnames = ["hello"]\n\n[trace]'
    world.recipe.write_text(world.recipe.read_text().replace("[trace]", f"{security}\n{more}"))
    said = world.run("lock", str(world.image))

    assert said.status == 2
    assert "two requests need hello as 1.0-1 and 2.0-1 on amd64" in said.err


def test_offline_locking_needs_a_recorded_release(world: World) -> None:
    """Exit 7 before the first lock; afterwards the store is enough."""
    first = world.run("--offline", "lock", str(world.image))
    locked(world)
    world.edit(world.recipe, "[rootfs]", "# changed\n[rootfs]")
    second = world.run("--offline", "lock", str(world.image))

    assert (first.status, second.status) == (7, 0), second.err
