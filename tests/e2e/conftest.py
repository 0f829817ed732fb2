"""What all end-to-end tests share: a mirror that answers, a store, a key, one real image.

Packages come from the mirrors of the host's own apt and are fetched once a
session.  Without a mirror that answers, the tests skip and say so.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from builders.real import REPOSITORY, Image, silence
from builders.shell import Shell


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a shell in a new home with a key and a policy; skip without a mirror."""
    if reason := silence():
        pytest.skip(f"no package mirror answers: {reason}")
    home = tmp_path_factory.mktemp("home")
    # parallel workers have directories beside each other; they share one store
    beside = home.parents[1] if "PYTEST_XDIST_WORKER" in os.environ else home.parent
    shell = Shell(home, beside / "e2e-store")
    fingerprint = shell.ok("keys", "generate", "Me <me@example.org>", "-o", "me.asc").out.strip()
    policy = f'[[signer]]\nfingerprint = "{fingerprint}"\ncertificate = "me.pub.asc"\n'
    (home / "trust.toml").write_text(policy)
    return shell


@pytest.fixture(scope="session")
def examples(shell: Shell) -> Shell:
    """Return a shell whose store knows no other images of the examples' names."""
    return shell.elsewhere(shell.directory, store=shell.store.with_name("examples-store"))


@pytest.fixture(scope="session")
def curl(shell: Shell) -> Image:
    """Return the example `curl`, locked against today's archive and signed by us."""
    directory = shell.directory / "curl"
    directory.mkdir()
    shutil.copy(REPOSITORY / "manifests" / "curl" / "recipe.toml", directory)
    return Image(directory, shell).lock()


@pytest.fixture(scope="session")
def curl_rootfs(curl: Image) -> Path:
    """Return the extracted root of `curl` for amd64."""
    return curl.rootfs(curl.shell.directory / "rootfs-amd64", "amd64")


@pytest.fixture(scope="session")
def curl_rootfs_arm64(curl: Image) -> Path:
    """Return the extracted root of `curl` for arm64."""
    return curl.rootfs(curl.shell.directory / "rootfs-arm64", "arm64")


@pytest.fixture(scope="session")
def all_arches(curl: Image) -> Path:
    """Return the archive of all architectures, as the manifest says it."""
    return curl.build(curl.shell.directory / "all.tar")


@pytest.fixture(scope="session")
def single(curl: Image) -> Path:
    """Return the archive of amd64 alone, as the manifest says it (zstd)."""
    return curl.build(curl.shell.directory / "single.tar", "--arch", "amd64")


@pytest.fixture(scope="session", params=["gzip", "none"])
def plain(curl: Image, request: pytest.FixtureRequest) -> Path:
    """Return the archive of amd64 for tools that know no zstd."""
    options = ("--arch", "amd64", "--compression", request.param)
    return curl.build(curl.shell.directory / f"plain-{request.param}.tar", *options)


@pytest.fixture(scope="session")
def layered(curl: Image) -> Image:
    """Return `curl` once more, its packages in layers of their own, for tools that know no zstd."""
    made = curl.copy(curl.shell.directory / "layered")
    for document in (made.manifest, made.manifest.with_name("manifest.toml.asc")):
        document.unlink()
    recipe = made.directory / "recipe.toml"
    text = recipe.read_text().replace('name = "curl"', 'name = "layered"')
    packing = 'layers = "package"\ncompression = "gzip"'
    recipe.write_text(text.replace("[image]\n", f"[image]\n{packing}\n"))
    return made.lock()


@pytest.fixture(scope="session")
def layered_archive(layered: Image) -> Path:
    """Return the archive of that for amd64."""
    return layered.build(layered.shell.directory / "layered.tar", "--arch", "amd64")


@pytest.fixture(scope="session")
def python(shell: Shell) -> Image:
    """Return an image of nothing but Python as it is asked for, locked for two architectures."""
    wanted = ("--package", "python3", "--seed", "/usr/bin/python3")
    shell.ok("init", "python", *wanted, "--arch", "amd64", "--arch", "arm64", "-C", shell.directory)
    return Image(shell.directory / "python", shell).lock()


@pytest.fixture(scope="session")
def python_rootfs(python: Image) -> Path:
    """Return the extracted root of `python` for amd64."""
    return python.rootfs(python.shell.directory / "python-amd64", "amd64")


@pytest.fixture(scope="session")
def python_rootfs_arm64(python: Image) -> Path:
    """Return the extracted root of `python` for arm64."""
    return python.rootfs(python.shell.directory / "python-arm64", "arm64")
