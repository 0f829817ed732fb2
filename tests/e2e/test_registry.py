"""A real registry: Debian's docker-registry, with real clients before and after us."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.image import write_archive
from builders.shell import Shell
from builders.trees import adversarial

from imagesmith.model.tree import File, Tree

CONFIG = """\
version: 0.1
storage: {{ filesystem: {{ rootdirectory: {root} }} }}
http: {{ addr: "127.0.0.1:{port}" }}
"""


def port() -> int:
    """Return a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Serve an empty registry; its host and port."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("install docker-registry")
    number = port()
    config = tmp_path / "registry.yml"
    config.write_text(CONFIG.format(root=tmp_path / "registry", port=number))
    with subprocess.Popen(
        [program, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", number)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"127.0.0.1:{number}"
        server.terminate()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Lend a working directory and a store."""
    return Shell(tmp_path, tmp_path / "store")


def skopeo(shell: Shell, *words: str) -> str:
    """Run skopeo against a registry without TLS."""
    if shutil.which("skopeo") is None:
        pytest.skip("install skopeo")
    return shell.expect("skopeo", *words).out


TREES = {"amd64": adversarial(), "arm64": Tree({"/b": File.of(b"b" * 3_000_000)})}


@pytest.mark.parametrize("arguments", [(), ("--chunk-size", "1")])
def test_a_real_client_pulls_what_was_pushed(
    registry: str, shell: Shell, arguments: tuple[str, ...]
) -> None:
    """Under the digest that the archive has, every blob of it, whole or in chunks."""
    digest = write_archive(shell.directory / "a.tar", TREES, reference="app")
    place = f"{registry}/team/app:1.0"
    said = shell.ok("push", "a.tar", place, *arguments)
    raw = skopeo(shell, "inspect", "--raw", "--tls-verify=false", f"docker://{place}")
    skopeo(
        shell,
        *("copy", "--all", "--preserve-digests", "--insecure-policy", "--src-tls-verify=false"),
        *(f"docker://{place}", f"dir:{shell.directory}/pulled"),
    )

    assert said.out == f"{digest}\n"
    assert f"sha256:{hashlib.sha256(raw.encode()).hexdigest()}" == str(digest)
    blobs = json.loads(raw)["manifests"]
    assert len(blobs) == len(TREES)


@pytest.mark.parametrize("format_", ["oci", "v2s2"])
def test_what_a_real_client_pushed_is_pulled(registry: str, shell: Shell, format_: str) -> None:
    """With the documents that it wrote, docker's own kinds as well; the archive is sound."""
    place = f"{registry}/app:1"
    tree = {"amd64": TREES["arm64"]}
    write_archive(shell.directory / "a.tar", tree, reference="app", kind="gzip")
    skopeo(
        shell,
        *("copy", "--insecure-policy", "--dest-tls-verify=false", "--format", format_),
        *(f"oci-archive:{shell.directory}/a.tar", f"docker://{place}"),
    )
    raw = skopeo(shell, "inspect", "--raw", "--tls-verify=false", f"docker://{place}")
    said = shell.ok("pull", place, "-o", "b.tar")
    verified = shell.imagesmith("verify", "b.tar")

    assert said.out == f"sha256:{hashlib.sha256(raw.encode()).hexdigest()}\n"
    assert (verified.status, verified.out) == (0, "b.tar: sound, but not held against a manifest\n")


def test_layers_of_another_repository_are_mounted(registry: str, shell: Shell) -> None:
    """Nothing is sent twice."""
    write_archive(shell.directory / "a.tar", TREES, reference="app")
    shell.ok("push", "a.tar", f"{registry}/one:1")
    again = shell.ok("push", "--json", "a.tar", f"{registry}/one:2")
    mounted = shell.ok("push", "--json", "a.tar", f"{registry}/two:1", "--mount-from", "one")

    assert (json.loads(again.out)["sent"], json.loads(mounted.out)["sent"]) == (0, 0)
    assert {blob["how"] for blob in json.loads(mounted.out)["blobs"]} == {"mounted"}


def test_an_image_survives_the_way_there_and_back(registry: str, shell: Shell) -> None:
    """The archive is the same, byte for byte."""
    place = f"{registry}/team/app:1.0"
    write_archive(shell.directory / "a.tar", TREES, reference=place)
    shell.ok("push", "a.tar", place)
    shell.ok("pull", place, "-o", "b.tar")

    assert (shell.directory / "a.tar").read_bytes() == (shell.directory / "b.tar").read_bytes()


def test_what_is_not_there_is_said(registry: str, shell: Shell) -> None:
    """With the registry's own words, exit status 7."""
    said = shell.imagesmith("pull", f"{registry}/none:1")

    assert said.status == 7
    assert "the registry answered 404 (MANIFEST_UNKNOWN" in said.err
