"""From nothing to a verified interpreter, as somebody new to imagesmith would do it."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.real import Image
from builders.sandbox import Sandbox
from builders.shell import Shell

pytestmark = pytest.mark.e2e
LIBRARY = 'include = ["/usr/lib/python3.11/**"]\n'
SMOKE = """\
import ctypes, decimal, hashlib, json, lzma, sqlite3, ssl, uuid, zlib
answer = sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()[0]
context = ssl.create_default_context()
print(json.dumps([answer, hashlib.sha256(b"").hexdigest()[:8], ctypes.sizeof(ctypes.c_void_p)]))
"""


@pytest.fixture(scope="module")
def python(shell: Shell) -> Image:
    """Return an image of Python with its whole library, locked and signed."""
    options = ("--package", "python3", "--seed", "/usr/bin/python3", "--arch", "amd64")
    shell.ok("init", "python", *options, "-C", "images")
    directory = shell.directory / "images" / "python"
    recipe = (directory / "recipe.toml").read_text()
    assert "\nseeds = " in recipe
    (directory / "recipe.toml").write_text(recipe.replace("\nseeds = ", f"\n{LIBRARY}seeds = "))
    return Image(directory, shell).lock()


def test_the_interpreter_runs_with_the_libraries_its_modules_need(
    python: Image, tmp_path: Path
) -> None:
    """Including the library's modules brings SQLite, OpenSSL and the rest of what they load."""
    root = python.rootfs(tmp_path / "root", "amd64")
    ended = Sandbox(root).run("/usr/bin/python3", "-c", SMOKE)

    assert (ended.returncode, ended.stdout) == (0, '[42, "e3b0c442", 8]\n'), ended.stderr


def test_the_image_verifies_with_a_rebuild_in_an_empty_store(python: Image, tmp_path: Path) -> None:
    """Somebody else, with nothing but the manifest and the policy, gets the same image."""
    archive = python.build(tmp_path / "python.tar")
    other = python.shell.elsewhere(tmp_path, store=tmp_path / "store")
    named = ("--manifest", python.directory, "--trust", python.policy)
    ended = other.ok("verify", archive, "--rebuild", *named)

    assert ended.out.splitlines() == [
        "amd64: identical",
        f"{archive}: verified as python serial 1",
    ]
    assert "rebuilt amd64: identical\n" in ended.err


def test_locking_again_changes_nothing(python: Image, tmp_path: Path) -> None:
    """An unchanged recipe keeps its serial, its bytes and its signature."""
    again = python.copy(tmp_path / "python")
    before = again.manifest.read_bytes()
    again.shell.ok("lock", again.directory)

    assert before == again.manifest.read_bytes()
    assert (again.directory / "manifest.toml.asc").is_file()
    assert again.shell.imagesmith("lock", again.directory, "--check").status == 0


def test_a_changed_recipe_is_noticed(python: Image, tmp_path: Path) -> None:
    """`lock --check` finds it wanting, and a build refuses the old manifest."""
    changed = python.copy(tmp_path / "python")
    recipe = changed.directory / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("licences = true", "licences = false"))
    checked = changed.shell.imagesmith("lock", changed.directory, "--check")
    options = ("--trust", changed.policy, "-o", tmp_path / "image.tar")
    built = changed.shell.imagesmith("build", changed.directory, *options)

    assert checked.status == 1
    assert built.status == 3, built.err
    assert not (tmp_path / "image.tar").exists()


def test_a_stranger_gets_the_same_archive(python: Image, tmp_path: Path) -> None:
    """Another store, umask, time zone, hash seed and number of threads: the same bytes."""
    ours = python.build(tmp_path / "ours.tar")
    stranger = python.shell.elsewhere(tmp_path, store=tmp_path / "store")
    surroundings = "umask 0077; export TZ=Asia/Kathmandu PYTHONHASHSEED=7 LC_ALL=C.UTF-8"
    build = f"imagesmith -j 1 build {python.directory} --trust {python.policy} -o theirs.tar"
    ended = stranger.run("sh", "-ec", f"{surroundings}; {build}")

    assert ended.status == 0, ended.err
    assert ours.read_bytes() == (tmp_path / "theirs.tar").read_bytes()
