"""A real registry: Debian's docker-registry, with real clients before and after us."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders.authority import Authority
from builders.image import write_archive
from builders.shell import Ended, Shell
from builders.trees import adversarial

from imagesmith.fetch.exchange import Client
from imagesmith.fetch.web import Options
from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Tree
from imagesmith.oci.bundle import Descriptor
from imagesmith.oci.image import IMAGE_MANIFEST
from imagesmith.oci.registry import referrers
from imagesmith.oci.registry.name import parse
from imagesmith.oci.registry.repository import Repository
from imagesmith.oci.registry.session import Session

CONFIG = """\
version: 0.1
storage: {{ filesystem: {{ rootdirectory: {root} }} }}
http: {{ addr: "127.0.0.1:{port}" }}
"""
LOCKED = """\
version: 0.1
storage: {{ filesystem: {{ rootdirectory: {root} }} }}
auth: {{ htpasswd: {{ realm: "for tests", path: {passwords} }} }}
http: {{ addr: "127.0.0.1:{port}", tls: {{ certificate: {chain}, key: {chain} }} }}
"""
PASSWORD = "a:secret word"


def port() -> int:
    """Return a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Serve an empty registry; its host and port."""
    number = port()
    with served(tmp_path, CONFIG.format(root=tmp_path / "registry", port=number), number) as host:
        yield host


@contextmanager
def served(directory: Path, settings: str, number: int) -> Iterator[str]:
    """Run docker-registry with a configuration; its host and port."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("install docker-registry")
    config = directory / "registry.yml"
    config.write_text(settings)
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


def test_referrers_are_listed_under_a_tag(registry: str, shell: Shell) -> None:
    """Debian's registry keeps no list; a real client finds the index, and what it names."""
    write_archive(shell.directory / "a.tar", {"amd64": TREES["arm64"]}, reference="app")
    digest = Digest.parse(shell.ok("push", "a.tar", f"{registry}/app:1").out.strip())
    options = Options()
    with Client(options, {}) as client:
        place = parse(f"{registry}/app:1")
        session = Session(place=place, exchange=client.exchange, plain=True)
        repository = Repository(session=session, options=options)
        size = len(repository.manifest(str(digest))[1])
        subject = Descriptor(media_type=IMAGE_MANIFEST, digest=digest, size=size)
        made = [
            referrers.attach(repository, subject, artifact_type=kind, contents=[(kind, b"note")])
            for kind in ("application/vnd.example.a", "application/vnd.example.b")
        ]
        found = referrers.find(repository, digest)
    tag = f"docker://{registry}/app:sha256-{digest.hex}"
    raw = json.loads(skopeo(shell, "inspect", "--raw", "--tls-verify=false", tag))

    assert found == tuple(made)
    assert [each["artifactType"] for each in raw["manifests"]] == [
        "application/vnd.example.a",
        "application/vnd.example.b",
    ]


class TestLogins:
    """A registry with TLS of a private authority, that asks for a password."""

    @pytest.fixture
    def locked(self, tmp_path: Path) -> Iterator[str]:
        """Serve it; `ca/ca.crt` is its authority."""
        if shutil.which("htpasswd") is None:
            pytest.skip("install apache2-utils")
        authority, number = Authority.make(), port()
        authority.server(tmp_path)
        (tmp_path / "ca").mkdir()
        (tmp_path / "ca" / "ca.crt").write_bytes(authority.pem)
        passwords = subprocess.run(
            ["htpasswd", "-Bbn", "alice", PASSWORD], capture_output=True, check=True
        )
        (tmp_path / "passwords").write_bytes(passwords.stdout)
        settings = LOCKED.format(
            root=tmp_path / "registry",
            passwords=tmp_path / "passwords",
            port=number,
            chain=tmp_path / "server.pem",
        )
        with served(tmp_path, settings, number) as host:
            yield host

    @pytest.fixture
    def home(self) -> Iterator[Path]:
        """Lend a directory with a short name, which podman's run root needs."""
        with tempfile.TemporaryDirectory(prefix="e2e-") as directory:
            yield Path(directory)

    def _asked(self, shell: Shell, *words: str, environment: tuple[str, ...] = ()) -> Ended:
        """Run a command of imagesmith that believes the authority, over https."""
        trusted = f"SSL_CERT_FILE={shell.directory}/ca/ca.crt"
        return shell.run("env", trusted, *environment, "imagesmith", *words, "--https")

    def _login(self, shell: Shell, place: str, *options: str) -> None:
        if shutil.which("podman") is None:
            pytest.skip("install podman")
        command = ("podman", "login", "--cert-dir", "ca", "-u", "alice", "-p", PASSWORD, *options)
        shell.expect(*command, place)

    def test_what_podman_login_wrote_is_a_login(self, locked: str, shell: Shell) -> None:
        """For the whole registry or one repository; nobody else gets in."""
        write_archive(shell.directory / "a.tar", TREES, reference="app")
        self._login(shell, locked, "--authfile", "host.json")
        self._login(shell, f"{locked}/team/app", "--authfile", "path.json")
        place = f"{locked}/team/app:1"
        host = self._asked(shell, "push", "a.tar", place, "--authfile", "host.json")
        path = self._asked(shell, "pull", place, "-o", "b.tar", "--authfile", "path.json")
        other = self._asked(shell, "pull", f"{locked}/other:1", "--authfile", "path.json")

        assert (host.status, path.status, other.status) == (0, 0, 7)
        assert host.out == path.out
        assert "it wants a login" in other.err
        for ended in (host, path, other):
            assert PASSWORD not in ended.out + ended.err

    @pytest.mark.parametrize("runtime", [True, False])
    def test_logins_are_where_podman_keeps_them(
        self, locked: str, shell: Shell, *, runtime: bool
    ) -> None:
        """Below XDG_RUNTIME_DIR, or where podman keeps them without it."""
        (shell.directory / "run").mkdir()
        environment = (f"XDG_RUNTIME_DIR={shell.directory}/run",) if runtime else ()
        write_archive(shell.directory / "a.tar", {"arm64": TREES["arm64"]}, reference="app")
        command = ("podman", "login", "--cert-dir", "ca", "-u", "alice", "-p", PASSWORD, locked)
        shell.expect("env", *environment, *command)
        pushed = self._asked(shell, "push", "a.tar", f"{locked}/app:1", environment=environment)
        shell.expect("env", *environment, "podman", "logout", locked)
        after = self._asked(shell, "push", "a.tar", f"{locked}/app:1", environment=environment)

        assert (pushed.status, after.status) == (0, 7)

    def test_podman_pulls_and_pushes_what_goes_either_way(
        self, locked: str, shell: Shell, home: Path
    ) -> None:
        """Its own digest of ours is ours."""
        write_archive(shell.directory / "a.tar", {"amd64": TREES["arm64"]}, reference="app")
        self._login(shell, locked, "--authfile", "auth.json")
        place, login = f"{locked}/app", ("--authfile", "auth.json")
        digest = self._asked(shell, "push", "a.tar", f"{place}:1", *login).out.strip()
        podman = ("podman", f"--root={home}/p", f"--runroot={home}/r", "--storage-driver=vfs")
        shell.expect(*podman, "pull", "-q", "--cert-dir", "ca", *login, f"{place}:1")
        known = shell.expect(*podman, "inspect", "-f", "{{.Digest}}", f"{place}:1").out.strip()
        shell.expect(*podman, "tag", f"{place}:1", f"{place}:2")
        shell.expect(*podman, "push", "-q", "--cert-dir", "ca", *login, f"{place}:2")
        back = self._asked(shell, "pull", f"{place}:2", "-o", "b.tar", *login)
        shell.run(*podman, "rmi", "--all", "--force")

        assert known == digest
        assert back.status == 0, back.err
        assert shell.imagesmith("verify", "b.tar").status == 0

    def test_a_certificate_that_nobody_vouches_for_is_refused(
        self, locked: str, shell: Shell
    ) -> None:
        """As is one for another host: the reason is said, and no password is sent."""
        self._login(shell, locked, "--authfile", "auth.json")
        login = ("--authfile", "auth.json", "--https")
        unknown = shell.imagesmith("pull", f"{locked}/app:1", *login)
        elsewhere = locked.replace("127.0.0.1", "localhost")
        wrong = self._asked(shell, "pull", f"{elsewhere}/app:1")

        assert (unknown.status, wrong.status) == (7, 7)
        assert "unable to get local issuer certificate" in unknown.err
        assert "localhost" in wrong.err
        assert "no trusted connection (hostname mismatch" in wrong.err.lower()
