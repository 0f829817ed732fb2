"""What a store has accepted has a say in what it accepts next (hostile-inputs.md A9)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import pytest
from builders.world import World

from imagesmith.manifest import manifest as manifests
from imagesmith.model.digest import Digest
from imagesmith.model.moment import rfc3339
from imagesmith.store import Store
from imagesmith.store import memory as memories
from imagesmith.trust import rollback
from imagesmith.trust.rollback import Seen

FIRST = "first use in this store"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world that is locked and signed, for one architecture."""
    return World.built(tmp_path, "amd64")


@attrs.frozen
class Releases:
    """The signed manifests of an image, one after the other, to be put in place again."""

    world: World
    kept: list[dict[str, bytes]] = attrs.field(factory=list)

    def next(self) -> None:
        """Lock with a new serial and sign."""
        text = self.world.recipe.read_text()
        self.world.recipe.write_text(f"# {len(self.kept)}\n{text}")
        self.world.ok("lock", str(self.world.image))
        self.sign()

    def sign(self) -> None:
        """Sign what is there, and keep it."""
        self.world.ok("sign", str(self.world.image), "--key", str(self.world.root / "signer.asc"))
        self.keep()

    def keep(self) -> None:
        """Keep all documents of the image as they are."""
        self.kept.append({path.name: path.read_bytes() for path in self.world.image.iterdir()})

    def replay(self, number: int) -> None:
        """Put earlier documents in place, signed as they are."""
        for name, content in self.kept[number].items():
            (self.world.image / name).write_bytes(content)


@pytest.fixture
def releases(world: World) -> Releases:
    """Return the releases of the world's image: serials 1 to 3, of which 3 was built."""
    found = Releases(world)
    found.keep()
    found.next()
    found.next()
    assert world.build().status == 0
    world.tar.unlink()
    return found


def seen(world: World) -> Seen | None:
    """Return what the store remembers."""
    text = Store.open(world.root / "store").recall(rollback.KIND, "hello")
    return None if text is None else rollback.parse(text, document="seen")


def memory(world: World) -> Path:
    """Return the file in which the store remembers it."""
    return Store.open(world.root / "store").layout.memory(rollback.KIND, "hello")


def digest(world: World) -> Digest:
    """Return the digest of the manifest that is there."""
    return Digest.of(world.manifest.read_bytes())


class TestFirstUse:
    """Nothing earlier to compare with, said once."""

    def test_is_said_once(self, world: World) -> None:
        """By build or verify, whichever comes first; the first sight is trusted."""
        before = int(time.time())
        built = world.build()
        again = world.build()
        verified = world.ok("verify", str(world.image))
        remembered = seen(world)

        assert built.err.startswith(
            f"{world.manifest}: first use in this store: serial 1 of hello is remembered;"
            " nothing earlier to compare it with\n"
        )
        assert FIRST not in again.err + verified.err
        assert remembered is not None
        assert (remembered.serial, remembered.manifest) == (1, digest(world))
        assert before <= remembered.accepted <= time.time()

    @pytest.mark.parametrize("options", [[], ["--json"]])
    def test_verify_remembers_too(self, world: World, options: Sequence[str]) -> None:
        """Of a directory, without building; and stdout has the result alone."""
        said = world.ok("verify", str(world.image), *options)

        assert FIRST in said.err
        assert FIRST not in said.out
        assert seen(world) is not None

    def test_verifying_an_image_against_its_manifest_remembers(self, world: World) -> None:
        """It relies on the manifest as a build does."""
        world.build()
        memory(world).unlink()

        assert FIRST in world.ok("verify", str(world.tar), "--manifest", str(world.image)).err

    def test_forgetting_is_noticed(self, releases: Releases) -> None:
        """Without the file the next use is the first."""
        memory(releases.world).unlink()

        assert FIRST in releases.world.build().err

    def test_quiet_says_nothing(self, world: World) -> None:
        """And remembers all the same."""
        assert world.build("-q").err == ""
        assert seen(world) is not None


class TestRollback:
    """A signed manifest of an earlier day."""

    @pytest.mark.parametrize("command", ["build -o {tar}", "verify", "verify --rebuild"])
    def test_is_refused_by_name(self, command: str, releases: Releases) -> None:
        """With both serials and the time the higher one was accepted; no image is written."""
        world = releases.world
        accepted = seen(world)
        releases.replay(1)
        said = world.run(*command.format(tar=world.tar).split(), str(world.image))

        assert accepted is not None
        assert (said.status, said.out) == (4, "")
        assert said.err == (
            f"error: {world.manifest}: serial 2 of hello is older than serial 3, accepted here at"
            f" {rfc3339(accepted.accepted)} [signature]\n"
            "hint: get the newer manifest; --allow-rollback takes the old one for this run; "
            "if this is another image, give it another name, or name another store\n"
        )
        assert not world.tar.exists()
        assert seen(world) == accepted

    def test_another_store_knows_nothing(self, releases: Releases) -> None:
        """What is remembered belongs to the store."""
        world = releases.world
        releases.replay(0)

        assert (
            FIRST in world.ok("--store", str(world.root / "other"), "verify", str(world.image)).err
        )

    def test_can_be_allowed_for_one_run(self, releases: Releases) -> None:
        """With a warning that says what it means; nothing is forgotten by it."""
        world = releases.world
        releases.replay(0)
        allowed = world.build("--allow-rollback")
        verified = world.ok(
            "verify", str(world.tar), "--manifest", str(world.image), "--allow-rollback"
        )
        meaning = "what was mended since is broken again; serial 3 stays remembered\n"

        assert (allowed.status, allowed.err.count("warning: ")) == (0, 1)
        assert meaning in allowed.err
        assert meaning in verified.err
        assert verified.out.endswith("verified as hello serial 1\n")
        assert world.build().status == 4

    def test_allowing_what_is_none_changes_nothing(self, world: World) -> None:
        """A habit of typing it protects nobody, and harms nobody who has seen nothing."""
        assert "warning" not in world.build("--allow-rollback").err
        assert seen(world) is not None

    def test_the_way_forward_is_open(self, releases: Releases) -> None:
        """A higher serial is accepted and remembered, without a word unless asked."""
        world = releases.world
        releases.next()
        said = world.build()

        assert (said.status, "serial 4" in said.err) == (0, False)
        assert getattr(seen(world), "serial", None) == 4

    def test_nothing_is_remembered_of_an_unsigned_manifest(self, releases: Releases) -> None:
        """Nobody without a key can make a store refuse what is genuine."""
        world = releases.world
        before = seen(world)
        world.edit(world.manifest, "serial = 3", "serial = 3000")

        assert world.build().status == 4
        assert seen(world) == before

    def test_nothing_is_remembered_of_a_manifest_of_another_recipe(
        self, releases: Releases
    ) -> None:
        """What is refused was not accepted."""
        world = releases.world
        before = seen(world)
        releases.next()
        world.recipe.write_text("# changed\n" + world.recipe.read_text())

        assert world.build().status == 3
        assert seen(world) == before

    def test_two_manifests_of_one_serial_are_told_apart(self, releases: Releases) -> None:
        """A warning with both digests; the first stays remembered."""
        world = releases.world
        before = seen(world)
        world.edit(world.manifest, "epoch = ", "epoch = 1")
        releases.sign()
        said = world.ok("verify", str(world.image))

        assert before is not None
        assert f"warning: {world.manifest}: two manifests are serial 3 of hello: " in said.err
        assert str(before.manifest) in said.err
        assert str(digest(world)) in said.err
        assert seen(world) == before


class TestMemory:
    """The file, and a store that cannot keep it."""

    @pytest.mark.parametrize(
        ("damage", "status"),
        [
            (lambda path: path.symlink_to("/dev/null"), "is not a regular file [host]"),
            (lambda path: path.mkdir(), "is not a regular file [host]"),
            (lambda path: path.write_bytes(b""), "does not have the digest it says [host]"),
            (
                lambda path: path.write_bytes(
                    b"hello\n%s\nserial = 3\n" % str(Digest.of(b"serial = 3\n")).encode()
                ),
                "accepted: missing; expected a date-time [document]",
            ),
        ],
    )
    def test_what_cannot_be_read_is_not_the_first_use(
        self, releases: Releases, damage: Callable[[Path], object], status: str
    ) -> None:
        """Exit 2, with the file; it is put right or removed by a person."""
        world = releases.world
        releases.replay(0)
        path = memory(world)
        path.unlink()
        damage(path)
        said = world.build()

        assert (said.status, said.out) == (2, "")
        assert said.err.startswith(f"error: {path}: {status}\n")
        assert world.run("store", "verify").status == (1 if "host" in status else 0)

    def test_a_store_that_cannot_be_written_to_still_knows(self, releases: Releases) -> None:
        """What agrees is used with a warning, what is older is refused."""
        world = releases.world
        releases.next()
        forward = read_only(world, "verify", str(world.image))
        releases.replay(0)
        back = read_only(world, "verify", str(world.image))

        assert (forward.returncode, back.returncode) == (0, 4)
        assert (
            f"warning: {world.manifest}: serial 4 of hello cannot be remembered: " in forward.stderr
        )
        assert "read-only file system" in forward.stderr
        assert FIRST not in forward.stderr
        assert "serial 1 of hello is older than serial 3" in back.stderr

    def test_what_cannot_be_remembered_is_used_with_a_warning(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not the first use: the next one will be."""
        monkeypatch.setattr(memories, "MAX_SIZE", 20)
        said = world.build()

        assert said.status == 0
        assert said.err.startswith(
            f"warning: {world.manifest}: serial 1 of hello cannot be remembered: {memory(world)}:"
            " would be larger than 20 bytes\n"
        )
        assert FIRST not in said.err

    def test_collecting_forgets_nothing(self, releases: Releases) -> None:
        """However little is used."""
        world = releases.world
        world.ok("store", "gc", "--unused-for", "0")

        assert getattr(seen(world), "serial", None) == 3
        assert world.ok("store", "verify").err == "the store is sound\n"

    def test_an_image_alone_asks_no_store(self, world: World) -> None:
        """Its digests can be checked wherever it is."""
        world.build()
        said = world.run("--store", "/nonexistent/store", "verify", str(world.tar))

        assert said.status == 0
        assert not Path("/nonexistent").exists()


class TestAt:
    """Auditors look at the past without leaving traces."""

    def test_memory_is_neither_asked_nor_written(self, releases: Releases) -> None:
        """An old manifest is what they came for."""
        world = releases.world
        releases.replay(0)
        now = rfc3339(int(time.time()))
        old = world.ok("verify", str(world.image), "--at", now)
        world.ok("--store", "/nonexistent/store", "verify", str(world.image), "--at", now)

        assert old.out == f"{world.image}: verified as hello serial 1\n"
        assert old.err == ""
        assert getattr(seen(world), "serial", None) == 3

    @pytest.mark.parametrize(
        ("time", "message"),
        [
            ("noon", "invalid value for '--at': not a time like 2026-01-31T12:00:00Z: noon"),
            ("2026-01-31T12:00:00", "invalid value for '--at': add an offset, such as a final Z"),
        ],
    )
    def test_a_time_is_exact(self, time: str, message: str, world: World) -> None:
        """Offset included."""
        said = world.run("verify", str(world.image), "--at", time)

        assert said.status == 2
        assert message in said.err

    def test_an_image_needs_a_manifest_to_be_judged(self, world: World) -> None:
        """There is nothing a time could change otherwise."""
        world.build()
        said = world.run("verify", str(world.tar), "--at", "2026-01-31T12:00:00Z")

        assert said.status == 2
        assert "no manifest to hold it against" in said.err


class TestLock:
    """Whoever lost a manifest starts over, and is told what this comes to."""

    def test_warns_of_a_serial_that_build_will_refuse(self, releases: Releases) -> None:
        """The manifest is written as it would be anywhere else."""
        world = releases.world
        world.manifest.unlink()
        said = world.ok("lock", str(world.image))

        assert said.err.startswith(
            f"warning: {world.manifest}: serial 1 of hello is not above serial 3, which this store"
            " accepted: build will refuse it here; put back the manifest.toml that was lost and"
            " lock again\n"
        )
        assert manifests.parse(world.manifest.read_bytes(), document="m").serial == 1

    def test_warns_of_a_serial_that_was_given_twice(self, world: World, releases: Releases) -> None:
        """Build warns of it, too."""
        releases.replay(1)
        world.recipe.write_text("# another third\n" + world.recipe.read_text())
        said = world.ok("lock", str(world.image))

        assert "serial 3 of hello is not above serial 3" in said.err
        assert "build will warn of it here" in said.err

    def test_says_nothing_where_all_is_well(self, releases: Releases) -> None:
        """Locked again, or locked anew with the next serial."""
        world = releases.world
        same = world.ok("lock", str(world.image))
        world.recipe.write_text("# new\n" + world.recipe.read_text())
        new = world.ok("lock", str(world.image))

        assert "warning" not in same.err + new.err


def read_only(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a store on a file system nobody can write to."""
    mount = f"mount --bind -o ro {world.root}/store {world.root}/store"
    if subprocess.run(
        ["unshare", "--mount", "sh", "-ec", mount], check=False, capture_output=True
    ).returncode:
        pytest.skip("no mount namespaces here")
    program = f"{sys.executable} -m imagesmith"
    command = f"exec {program} --config {world.root}/config.toml {' '.join(arguments)}"
    return subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f"{mount}; {command}"],
        check=False,
        capture_output=True,
        text=True,
    )
