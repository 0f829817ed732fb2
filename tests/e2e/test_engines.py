"""Container engines load archives and run what is in them.

Each has a storage of its own and, where it needs a daemon, a daemon of its own;
none gets a network.  They are started as root.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders.real import Image
from builders.sandbox import program
from builders.shell import Ended

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="engines are started as root here"),
]
VERSION = "curl "
MODEST = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
PATIENCE = 20
"""Seconds until a daemon answers."""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Return a directory with a short name, for the sockets and run roots that need one."""
    with tempfile.TemporaryDirectory(prefix="e2e-") as directory:
        yield Path(directory)


@contextmanager
def daemon(
    command: tuple[str | Path, ...], client: tuple[str, ...], curl: Image, log: Path
) -> Iterator[tuple[str, ...]]:
    """Run a daemon and lend its client; skip the test where it cannot be started."""
    environment: Mapping[str, str] = curl.shell.environment
    with log.open("wb") as said:
        words = [str(word) for word in command]
        running = subprocess.Popen(words, stdout=said, stderr=said, env=environment)
    try:
        deadline = time.monotonic() + PATIENCE
        while curl.shell.run(*client, "version").status:
            if running.poll() is not None or time.monotonic() > deadline:
                last = "".join(log.read_text().splitlines()[-1:])
                pytest.skip(f"{words[0]} cannot be started here: {last}")
            time.sleep(0.2)
        yield client
    finally:
        running.terminate()
        running.wait(timeout=30)


def shown(ended: Ended) -> str:
    """Return what curl said of itself; skip where control groups keep the engine from running."""
    if ended.status and "cgroup" in ended.err:
        pytest.skip(f"control groups of this machine cannot be used: {ended.err.strip()}")
    assert ended.status == 0, ended.err
    return ended.out


@pytest.fixture(scope="module")
def podman(curl: Image, home: Path) -> Iterator[tuple[str, ...]]:
    """Return podman with a storage of its own."""
    engine, runc = program("podman", "podman"), program("runc", "runc")
    state = ("--root", f"{home}/p", "--runroot", f"{home}/pr", "--storage-driver=vfs")
    yield engine, *state, "--cgroup-manager=cgroupfs", "--runtime", runc
    curl.shell.run(engine, *state, "rmi", "--all", "--force")


def test_podman_loads_and_runs_it(all_arches: Path, curl: Image, podman: tuple[str, ...]) -> None:
    """The engine takes the archive of all architectures, picks its own and runs it."""
    loaded = curl.shell.expect(*podman, "load", "-i", all_arches)
    command = ("run", "--rm", "--network=none", *MODEST, "localhost/curl:latest", "--version")
    ended = curl.shell.run(*podman, *command)

    assert "Loaded image: localhost/curl:latest" in loaded.out
    assert shown(ended).startswith(VERSION)


def test_podman_stacks_layers(layered_archive: Path, curl: Image, podman: tuple[str, ...]) -> None:
    """With a layer for each large package; what runs is the same, and the history tells of each."""
    curl.shell.expect(*podman, "load", "-i", layered_archive)
    command = ("run", "--rm", "--network=none", *MODEST, "localhost/layered:latest", "--version")
    ended = curl.shell.run(*podman, *command)
    told = curl.shell.expect(*podman, "history", "--no-trunc", "localhost/layered:latest").out

    assert shown(ended).startswith(VERSION)
    assert "imagesmith: libssl3 openssl" in told
    assert told.splitlines()[1].split("imagesmith: ")[1].startswith("generated")


def test_buildah_pulls_and_runs_it(single: Path, curl: Image, home: Path) -> None:
    """A builder takes the image as the one to start from, zstd layers included."""
    state = ("--root", f"{home}/b", "--runroot", f"{home}/br", "--storage-driver", "vfs")
    buildah = (program("buildah", "buildah"), *state)
    container = curl.shell.expect(*buildah, "from", "-q", f"oci-archive:{single}").out.strip()
    command = ("run", "--isolation", "chroot", container, "--", "/usr/bin/curl", "--version")
    ended = curl.shell.run(*buildah, *command)
    curl.shell.run(*buildah, "rm", "--all")

    assert shown(ended).startswith(VERSION)


@pytest.fixture(scope="module")
def docker(curl: Image, home: Path) -> Iterator[tuple[str, ...]]:
    """Return the client of a docker engine of our own."""
    client, engine = program("docker", "docker.io"), program("dockerd", "docker.io")
    address = f"unix://{home}/d"
    places = ("--data-root", home / "dd", "--exec-root", home / "de", "-p", home / "dp")
    network = ("--iptables=false", "--ip6tables=false", "--bridge=none")
    command = (engine, *places, "-H", address, *network, "-s", "vfs")
    with daemon(command, (client, "-H", address), curl, home / "docker.log") as ready:
        yield ready


def test_docker_loads_and_runs_it(plain: Path, curl: Image, docker: tuple[str, ...]) -> None:
    """`docker load` needs the docker half of the archive; the result runs."""
    loaded = curl.shell.expect(*docker, "load", "-i", plain)
    command = ("run", "--rm", "--network=none", "curl:latest", "--version")
    ended = curl.shell.run(*docker, *command)

    assert "Loaded image: curl:latest" in loaded.out
    assert shown(ended).startswith(VERSION)


def test_docker_stacks_layers(layered_archive: Path, curl: Image, docker: tuple[str, ...]) -> None:
    """As many as there are in the image manifest."""
    curl.shell.expect(*docker, "load", "-i", layered_archive)
    ended = curl.shell.run(*docker, "run", "--rm", "--network=none", "layered:latest", "--version")
    named = curl.shell.ok("inspect", layered_archive, "--json").json["images"][0]["layers"]
    form = "{{len .RootFS.Layers}}"
    count = curl.shell.expect(*docker, "inspect", "-f", form, "layered:latest").out

    assert shown(ended).startswith(VERSION)
    assert int(count) == len(named) > 10


@pytest.fixture(scope="module")
def containerd(curl: Image, home: Path) -> Iterator[tuple[str, ...]]:
    """Return the client of a containerd of our own, without what Kubernetes needs."""
    client, engine = program("ctr", "containerd"), program("containerd", "containerd")
    settings = home / "containerd.toml"
    settings.write_text(
        f'version = 2\nroot = "{home}/cd"\nstate = "{home}/cs"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
        f'[grpc]\naddress = "{home}/c"\n[ttrpc]\naddress = "{home}/ct"\n'
    )
    command = (engine, "--config", settings)
    with daemon(command, (client, "-a", f"{home}/c"), curl, home / "containerd.log") as ready:
        yield ready


def test_containerd_imports_and_runs_it(
    all_arches: Path, curl: Image, containerd: tuple[str, ...]
) -> None:
    """The index arrives under the digest `build` prints, and the host's architecture runs."""
    printed = curl.shell.ok("inspect", all_arches, "--json").json["digest"]
    options = ("--snapshotter", "native")
    imports = (*options, "--all-platforms", "--base-name", "curl", "--digests=false")
    curl.shell.expect(*containerd, "images", "import", *imports, all_arches)
    listed = curl.shell.expect(*containerd, "images", "ls").out
    command = ("run", "--rm", *options, "curl:latest", "e2e", "/usr/bin/curl", "--version")
    ended = curl.shell.run(*containerd, *command)

    assert printed in listed
    assert shown(ended).startswith(VERSION)
