"""What a store has seen of archives: release files and packages, on first use and later."""

from __future__ import annotations

import hashlib
import shutil
from functools import partial
from pathlib import Path

import pytest
from builders.archive import DATE
from builders.openpgp import Key, certificate, cleartext, detached, make_key
from builders.world import ARCHIVE_KEY, Said, World, packages

from imagesmith.model.digest import Digest
from imagesmith.store import Store

OFFERED = packages("amd64")
HOME = "mirror/dists/bookworm"
SUITE = '["Synthetic","Synthetic","bookworm"]'
HINT = (
    "hint: the mirror is behind, or replays an old archive: try another one; "
    "if going back is intended: --allow-rollback\n"
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world with one architecture whose store has seen one release file."""
    world = World.make(tmp_path, "amd64")
    world.publish(OFFERED, date=DATE + 100)
    world.ok("lock", str(world.image))
    return world


def update(world: World, *options: str) -> Said:
    """Lock anew, as for another image: there is no manifest that has seen anything."""
    world.manifest.unlink(missing_ok=True)
    return world.run("lock", str(world.image), *options)


def remembered(world: World, kind: str, key: str) -> str:
    """Return what the store remembers."""
    content = Store.open(world.root / "store").recall(kind, key)
    assert content is not None
    return content.decode()


class TestReleases:
    """The newest release file of each suite."""

    def test_the_first_one_is_believed_and_said_to_be_the_first(self, tmp_path: Path) -> None:
        """At -v, once in the life of a store."""
        world = World.make(tmp_path, "amd64")
        first, second = update(world, "-v"), update(world, "-v")
        said = "dists/bookworm/InRelease: the first of Synthetic Synthetic bookworm that this"

        assert said in first.err
        assert said not in second.err

    def test_an_older_one_is_refused(self, world: World) -> None:
        """Both dates are named."""
        world.publish(OFFERED, date=DATE)
        said = update(world)

        assert said.status == 4
        assert (
            "error: dists/bookworm/InRelease: dated 2023-11-14T22:13:20Z, older than one this "
            "store has seen, dated 2023-11-14T22:15:00Z [signature]\n"
        ) in said.err
        assert HINT in said.err

    def test_another_one_of_the_same_date_is_worth_a_warning(self, world: World) -> None:
        """An archive says one thing at a time, or was made twice within a second."""
        world.publish(packages("amd64", version="9.0-1"), date=DATE + 100)
        said = update(world)

        assert said.status == 0
        assert "dated 2023-11-14T22:15:00Z, as one this store has seen, and says some" in said.err

    def test_going_back_can_be_allowed(self, world: World) -> None:
        """With a warning; what was seen stays seen."""
        before = remembered(world, "releases", SUITE)
        world.publish(OFFERED, date=DATE)
        allowed = update(world, "--allow-rollback")

        assert allowed.status == 0
        assert (
            "warning: dists/bookworm/InRelease: dated 2023-11-14T22:13:20Z, older than one this "
            "store has seen, dated 2023-11-14T22:15:00Z; accepted, as --allow-rollback asks\n"
        ) in allowed.err
        assert remembered(world, "releases", SUITE) == before
        assert update(world).status == 4

    def test_a_newer_one_is_remembered(self, world: World) -> None:
        """As who signed it, its date, and the digest of the text that is signed."""
        world.publish(OFFERED, date=DATE + 200)
        assert update(world).status == 0
        text = (world.root / HOME / "Release").read_bytes()
        row = f"{ARCHIVE_KEY.fingerprint} {DATE + 200} {Digest.of(text)}\n"

        assert remembered(world, "releases", SUITE) == row

    def test_a_lock_that_fails_remembers_nothing(self, world: World) -> None:
        """A mirror in the middle of its update does not spoil one that is behind, and complete."""
        before = remembered(world, "releases", SUITE)
        behind = world.root / "behind"
        shutil.copytree(world.root / "mirror", behind)
        world.publish(packages("amd64", version="2.0-1"), date=DATE + 200)
        shutil.rmtree(world.root / HOME / "main")

        assert update(world).status == 7
        assert remembered(world, "releases", SUITE) == before
        assert update(world, "--mirror", str(behind)).status == 0

    def test_an_alias_does_not_become_an_older_suite(self, tmp_path: Path) -> None:
        """`stable` was another codename once, and mirrors still have what was signed then."""
        world = World.make(tmp_path, "amd64")
        world.edit(world.recipe, 'suite = "bookworm"', 'suite = "stable"')
        said = []
        for codename, date in (("trixie", DATE + 200), ("bookworm", DATE + 100)):
            world.publish(OFFERED, suite="stable", date=date, more={"Codename": codename})
            said.append(update(world))

        assert [each.status for each in said] == [0, 4]
        assert "older than one this store has seen" in said[1].err

    def test_nobody_speaks_for_another_archive(self, world: World) -> None:
        """Who signs an archive of the same name with a key of their own makes nothing old."""
        other = make_key("company")
        world.publish(OFFERED, date=DATE + 300, sign_cleartext=lambda text: cleartext(text, other))
        (world.root / "company.pgp").write_bytes(certificate(other))
        recipe = world.recipe.read_text()
        world.recipe.write_text(recipe.replace(ARCHIVE_KEY.fingerprint, other.fingerprint))
        theirs = update(world, "--keyring", str(world.root / "company.pgp"))
        world.recipe.write_text(recipe)
        world.publish(OFFERED, date=DATE + 200)

        assert theirs.status == 0
        assert update(world).status == 0

    def test_a_key_that_is_new_continues_the_old_ones_memory(self, world: World) -> None:
        """While both sign, both are held to it: neither can go back afterwards."""
        new = make_key("next")
        (world.root / "archive.pgp").write_bytes(certificate(ARCHIVE_KEY) + certificate(new))
        pins = f'"{ARCHIVE_KEY.fingerprint}", "{new.fingerprint}"'
        world.edit(world.recipe, f'"{ARCHIVE_KEY.fingerprint}"', pins)

        def publish(date: int, *keys: Key) -> Said:
            def sign(text: bytes) -> bytes:
                return b"".join(detached(text, key) for key in keys)

            world.publish(OFFERED, date=date, sign_cleartext=None, sign_detached=sign)
            return update(world)

        said = [
            publish(DATE + 200, ARCHIVE_KEY, new),
            publish(DATE + 199, new),
            publish(DATE + 199, ARCHIVE_KEY),
            publish(DATE + 300, new),
            publish(DATE + 250, ARCHIVE_KEY, new),
        ]

        assert [each.status for each in said] == [0, 4, 4, 0, 4]

    def test_the_one_a_manifest_names_is_not_asked_about(self, world: World) -> None:
        """It is as old as the reviewed manifest says, and changes nothing."""
        before = world.manifest.read_bytes()
        other = world.root / "manifests" / "other"
        shutil.copytree(world.image, other)
        world.publish(packages("amd64", version="2.0-1"), date=DATE + 200)
        world.ok("lock", str(other), "--update")

        world.ok("lock", str(world.image))
        assert world.manifest.read_bytes() == before

    def test_a_mirror_that_lags_behind_is_passed_over(self, world: World) -> None:
        """Another one may be up to date."""
        stale = world.root / "stale"
        shutil.copytree(world.root / "mirror", stale)
        world.publish(packages("amd64", version="2.0-1"), date=DATE + 200)
        update(world)
        both = ("--mirror", str(stale), "--mirror", str(world.root / "mirror"))
        said = update(world, *both, "-v")

        assert said.status == 0
        assert f"passed over {stale}: dists/bookworm/InRelease: dated 2023-11-14T22:15" in said.err

    def test_going_back_is_for_lack_of_anything_better(self, world: World) -> None:
        """Allowing it is no reason to take the first mirror that is behind."""
        stale = world.root / "stale"
        shutil.copytree(world.root / "mirror", stale)
        world.publish(packages("amd64", version="2.0-1"), date=DATE + 200)
        update(world)
        both = ("--mirror", str(stale), "--mirror", str(world.root / "mirror"))
        said = update(world, *both, "--allow-rollback")

        assert (said.status, "warning" in said.err) == (0, False)
        assert f"date = {DATE + 200}\n" in world.manifest.read_text()

    def test_another_archive_has_a_memory_of_its_own(self, world: World) -> None:
        """Origin, label and codename tell archives apart; without a codename the suite does."""
        world.publish(OFFERED, date=DATE, more={"Label": "Other"})
        assert update(world).status == 0
        world.publish(OFFERED, date=DATE, more={"Codename": ""})
        assert update(world).status == 4


@pytest.mark.parametrize(
    ("kind", "key"), [("releases", SUITE), ("packages", "Synthetic")], ids=["releases", "packages"]
)
def test_what_another_program_wrote_is_an_error(kind: str, key: str, world: World) -> None:
    """Whole by its digest and yet unreadable: never taken for "nothing was seen"."""
    store = Store.open(world.root / "store")
    store.remember(kind, key, lambda before: (before or b"") + b"1700000100 sha256:00\n")
    said = update(world)

    assert said.status == 2
    assert said.err.startswith(f"error: {store.layout.memory(kind, key)}: line ")
    assert "not written by this version [document]\n" in said.err


class TestPackages:
    """Which bytes a version of a package had when it was first locked."""

    def exchange(self, world: World) -> None:
        """Let the archive offer other bytes under the same versions."""
        world.publish(packages("amd64", text="exchanged"))

    def row(self, world: World) -> str:
        """Return what is remembered of hello."""
        known = remembered(world, "packages", "Synthetic").splitlines()
        return next(line for line in known if line.startswith("hello 1.0-1 amd64 "))

    def test_other_bytes_are_refused(self, world: World) -> None:
        """Both digests are named."""
        first = self.row(world).rpartition(" ")[2]
        self.exchange(world)
        said = update(world)
        pool = world.root / "mirror" / "pool" / "main" / "h" / "hello" / "hello_1.0-1_amd64.deb"
        now = hashlib.sha256(pool.read_bytes()).hexdigest()

        assert said.status == 5
        assert (
            f"error: hello 1.0-1 amd64 of Synthetic: expected sha256:{first} as when it was first "
            f"locked here, got sha256:{now} [integrity]\n"
        ) in said.err
        assert self.row(world).endswith(first)

    def test_an_exchange_can_be_allowed(self, world: World) -> None:
        """With a warning; from then on the new bytes are the known ones."""
        self.exchange(world)
        allowed = update(world, "--allow-rollback")

        assert allowed.status == 0
        assert "warning: hello 1.0-1 amd64 of Synthetic: expected sha256:" in allowed.err
        assert "accepted, as --allow-rollback asks\n" in allowed.err
        assert update(world).status == 0

    def test_everything_pinned_is_remembered(self, world: World) -> None:
        """A line a package, sorted, for people and grep to read."""
        known = remembered(world, "packages", "Synthetic").splitlines()

        assert [line.rpartition(" ")[0] for line in known] == [
            "base-files 12.4 all",
            "ca-certificates 20230311 all",
            "hello 1.0-1 amd64",
            "libc6 2.36-9 amd64",
            "libgreet1 1.0-1 amd64",
        ]

    def test_archives_without_a_name_are_known_by_their_keys(self, world: World) -> None:
        """A directory of one's own need not say an Origin; two are not one archive for it."""
        other = make_key("another team")
        (world.root / "archive.pgp").write_bytes(certificate(ARCHIVE_KEY) + certificate(other))
        recipe, said = world.recipe.read_text(), []
        for key, text in ((ARCHIVE_KEY, "ours"), (other, "theirs")):
            world.recipe.write_text(recipe.replace(ARCHIVE_KEY.fingerprint, key.fingerprint))
            world.publish(
                packages("amd64", text=text),
                sign_cleartext=partial(cleartext, key=key),
                more={"Origin": "", "Label": ""},
            )
            said.append(update(world).status)

        assert said == [0, 0]

    def test_another_version_is_another_package(self, world: World) -> None:
        """Updates pass without a word."""
        world.publish(packages("amd64", version="2.0-1", text="new"))
        said = update(world)

        assert said.status == 0
        assert "warning" not in said.err
