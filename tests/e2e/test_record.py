"""`imagesmith record` on real programs, natively and under an emulator."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.real import REPOSITORY, Image
from builders.sandbox import bubblewrap, program
from builders.shell import Shell

from imagesmith.manifest import record as records

pytestmark = pytest.mark.e2e
TEMPLATE = "/usr/share/git-core/templates/info/exclude"


def image(shell: Shell, directory: Path, package: str, seed: str) -> Image:
    """Return an image of one program, made from the recipe of the example `curl`, and lock it."""
    program("strace", "strace")
    bubblewrap()
    text = (REPOSITORY / "manifests" / "curl" / "recipe.toml").read_text()
    text = text.partition("[[check]]")[0].replace('"/usr/bin/curl"', f'"{seed}"')
    text = text.replace('names = ["curl"', f'names = ["{package}"')
    directory.mkdir()
    (directory / "recipe.toml").write_text(text.replace('name = "curl"', f'name = "{package}"'))
    return Image(directory, shell).lock()


def test_git_makes_a_repository_with_what_was_recorded(shell: Shell, tmp_path: Path) -> None:
    """Its templates are named in no ELF file; on each architecture they are recorded and used."""
    program("qemu-aarch64-static", "qemu-user-static")
    git = image(shell, tmp_path / "git", "git", "/usr/bin/git")
    shell.ok("record", git.directory, "--arch", "amd64", "--", "init", "-q", "/tmp/new")
    shell.ok("record", git.directory, "--arch", "arm64", "--", "init", "-q", "/tmp/new")
    uses = [
        records.parse((git.directory / f"record.{arch}.toml").read_bytes(), document=arch).uses
        for arch in ("amd64", "arm64")
    ]
    archive = git.lock().build(tmp_path / "git.tar")

    assert uses[0] == uses[1]
    assert uses[0][TEMPLATE] == "opened"
    for arch in ("amd64", "arm64"):
        ended = shell.ok("run", "--arch", arch, archive, "--", "init", "/tmp/new")
        assert (ended.out, "templates not found" in ended.err) == (
            "Initialized empty Git repository in /tmp/new/.git/\n",
            False,
        )
        assert shell.ok("why", git.directory, TEMPLATE).out == f"{TEMPLATE} (git) [recorded]\n"


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_python_is_recorded_alike_twice(arch: str, shell: Shell, tmp_path: Path) -> None:
    """Extension modules, their libraries, the directories it searches; and nothing is unstable."""
    program("qemu-aarch64-static", "qemu-user-static")
    python = image(shell, tmp_path / "python", "python3", "/usr/bin/python3.11")
    words = ("-c", "import ssl, sqlite3; print(ssl.OPENSSL_VERSION)")
    ended = shell.ok("record", python.directory, "--arch", arch, "--twice", "--", *words)
    record = python.directory / f"record.{arch}.toml"
    first = record.read_bytes()
    again = shell.ok("record", python.directory, "--arch", arch, "--", *words)

    assert record.read_bytes() == first
    assert "OpenSSL 3" in ended.err
    assert "warning" not in ended.err + again.err
