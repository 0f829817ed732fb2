"""Package indices: what a release file must name, and where the files lie."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.archive import Binary, packages_bytes, release_bytes
from builders.openpgp import cleartext
from builders.world import ARCHIVE_KEY, Said, World, packages

from imagesmith.model.digest import Digest

HOME = "mirror/dists/bookworm"
AMD64 = "main/binary-amd64/Packages"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world with one architecture that is not locked yet."""
    return World.make(tmp_path, "amd64")


def lock(world: World) -> Said:
    """Lock."""
    return world.run("lock", str(world.image))


def sign(world: World, change: tuple[str, str]) -> None:
    """Let the archive sign a release file that differs in one place."""
    text = (world.root / HOME / "Release").read_text()
    assert change[0] in text
    signed = cleartext(text.replace(*change).encode(), ARCHIVE_KEY)
    (world.root / HOME / "InRelease").write_bytes(signed)


def test_a_component_must_be_the_suites(world: World) -> None:
    """The place is the recipe's key, the hint says what there is."""
    world.edit(world.recipe, '["main"]', '["main", "contrib"]')
    said = lock(world)

    assert said.status == 2
    assert "source.debian.components: bookworm has no component 'contrib'" in said.err
    assert "hint: it has main\n" in said.err


def test_an_architecture_must_have_an_index(world: World) -> None:
    """A suite may not be built for it."""
    world.edit(world.recipe, '["amd64"]', '["amd64", "s390x"]')
    said = lock(world)

    assert said.status == 2
    assert "source.debian: bookworm has no package index for s390x in these" in said.err
    assert "hint: it has amd64\n" in said.err


def test_an_archive_need_not_keep_files_under_their_digest(world: World) -> None:
    """Acquire-By-Hash says so; nobody then looks there."""
    sign(world, ("Acquire-By-Hash: yes", "Acquire-By-Hash: no"))
    (world.root / HOME / "main" / "binary-amd64" / "by-hash").rename(world.root / "elsewhere")

    assert lock(world).status == 0


def test_the_plain_index_is_the_compressed_one(world: World) -> None:
    """A release file that names two different ones says nothing."""
    home = world.root / HOME
    files = {
        AMD64: packages_bytes([Binary("other")]),
        f"{AMD64}.xz": (home / f"{AMD64}.xz").read_bytes(),
    }
    fields = {"Suite": "bookworm", "Components": ["main"], "Architectures": ["amd64"]}
    (home / "InRelease").write_bytes(cleartext(release_bytes(files, fields=fields), ARCHIVE_KEY))
    said = lock(world)

    assert said.status == 5
    assert f"{AMD64}.xz, decompressed: expected sha256:" in said.err


def test_a_release_file_need_not_name_the_plain_index(world: World) -> None:
    """Then it is decompressed each time, and fetched once."""
    home = world.root / HOME
    files = {f"{AMD64}.xz": (home / f"{AMD64}.xz").read_bytes()}
    fields = {"Suite": "bookworm", "Components": ["main"], "Architectures": ["amd64"]}
    (home / "InRelease").write_bytes(cleartext(release_bytes(files, fields=fields), ARCHIVE_KEY))

    assert lock(world).status == 0
    world.edit(world.recipe, "[rootfs]", "# changed\n[rootfs]")
    assert world.run("--offline", "lock", str(world.image)).status == 0


def test_the_store_is_enough_for_the_next_lock(world: World) -> None:
    """An index that was fetched once is not fetched again."""
    assert lock(world).status == 0
    world.publish(packages("amd64"))
    for file in (world.root / HOME / "main").rglob("*"):
        if file.is_file():
            file.unlink()

    assert world.run("lock", str(world.image), "--update").status == 0


def test_an_index_is_kept_as_it_was_fetched(world: World) -> None:
    """It is evidence: what a store has lost of it comes back with the next lock."""
    lock(world)
    digest = Digest.of((world.root / HOME / f"{AMD64}.xz").read_bytes())
    world.blob(digest.hex).unlink()

    assert lock(world).status == 0
    assert world.blob(digest.hex).exists()
