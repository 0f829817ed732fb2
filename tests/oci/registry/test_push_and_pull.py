"""Whole images into a registry and out again: not a byte changes."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest
from builders.image import write_archive
from builders.registry import Registry
from builders.trees import adversarial
from click.testing import CliRunner, Result

from imagesmith.cli.app import app
from imagesmith.model.tree import File, Tree

SMALL = {"amd64": Tree({"/a": File.of(b"a")}), "arm64": Tree({"/b": File.of(b"b" * 100_000)})}


@pytest.fixture
def registry() -> Registry:
    """Return a registry that is not serving yet."""
    return Registry()


def run(tmp_path: Path, *words: str | Path, env: dict[str, str] | None = None) -> Result:
    """Run a command with a store and a home of its own."""
    settings = {"HOME": str(tmp_path), "IMAGESMITH_STORE": str(tmp_path / "store"), **(env or {})}
    return CliRunner().invoke(app, [str(word) for word in words], env=settings)


@pytest.mark.parametrize("names", [["amd64"], ["amd64", "arm64"]])
def test_an_archive_comes_back_as_it_went(
    registry: Registry, tmp_path: Path, names: list[str]
) -> None:
    """Byte for byte: one architecture or several, pushed, pulled, and pushed again."""
    archive, back = tmp_path / "a.tar", tmp_path / "b.tar"
    with registry:
        place = f"{registry.host}/team/app:1.0"
        digest = write_archive(archive, {n: SMALL[n] for n in names}, reference=place)
        pushed = run(tmp_path, "push", archive, place)
        pulled = run(tmp_path, "pull", place, "-o", back)
        again = run(tmp_path, "push", back, place, "--json")

    assert (pushed.stdout, pulled.stdout) == (f"{digest}\n",) * 2
    assert back.read_bytes() == archive.read_bytes()
    assert json.loads(again.stdout)["sent"] == 0


def test_the_tag_is_moved_last(registry: Registry, tmp_path: Path) -> None:
    """Nobody who pulls meanwhile finds a manifest without what it names."""
    with registry:
        write_archive(tmp_path / "a.tar", SMALL, reference="app")
        run(tmp_path, "push", tmp_path / "a.tar", f"{registry.host}/app:1")
        stored = [each.path for each in registry.requests if each.method == "PUT"]

    kinds = ["/upload/" in path for path in stored]
    assert kinds == sorted(kinds, reverse=True)
    assert stored[-1] == "/v2/app/manifests/1"
    assert all("/manifests/sha256:" in path for path in stored[-3:-1])


def test_one_architecture_can_be_pulled(registry: Registry, tmp_path: Path) -> None:
    """The image of the index that it is; another is an error that names those there are."""
    with registry:
        place = f"{registry.host}/app:1"
        write_archive(tmp_path / "a.tar", SMALL, reference="app")
        run(tmp_path, "push", tmp_path / "a.tar", place)
        arm = run(tmp_path, "pull", place, "-o", tmp_path / "arm.tar", "--arch", "arm64")
        other = run(tmp_path, "pull", place, "-o", tmp_path / "x.tar", "--arch", "s390x")
        unknown = run(tmp_path, "pull", place, "--arch", "vax")
    alone = write_archive(
        tmp_path / "alone.tar", {"arm64": SMALL["arm64"]}, reference=f"{registry.host}/app:1"
    )

    assert arm.stdout == f"{alone}\n"
    assert (tmp_path / "arm.tar").read_bytes() == (tmp_path / "alone.tar").read_bytes()
    assert (other.exit_code, unknown.exit_code) == (2, 2)
    assert "hint: it has linux/amd64, linux/arm64\n" in other.stderr


def test_a_digest_is_held_to(registry: Registry, tmp_path: Path) -> None:
    """Whatever the registry gives for it."""
    with registry:
        digest = write_archive(tmp_path / "a.tar", {"amd64": adversarial()}, reference="app")
        place = f"{registry.host}/app"
        run(tmp_path, "push", tmp_path / "a.tar", f"{place}:1")
        good = run(tmp_path, "pull", f"{place}:1@{digest}", "-o", tmp_path / "b.tar")
        repo = registry.repo("app")
        repo.manifests[str(digest)] = (repo.manifests[str(digest)][0], b"{}")
        bad = run(tmp_path, "pull", f"{place}@{digest}", "-o", tmp_path / "c.tar")

    assert good.exit_code == 0
    assert bad.exit_code == 5
    assert not (tmp_path / "c.tar").exists()


def test_a_layer_of_other_bytes_is_refused(registry: Registry, tmp_path: Path) -> None:
    """It has the size that was named, and another digest."""
    with registry:
        place = f"{registry.host}/app:1"
        write_archive(tmp_path / "a.tar", {"amd64": SMALL["amd64"]}, reference="app")
        run(tmp_path, "push", tmp_path / "a.tar", place)
        blobs = registry.repo("app").blobs
        largest = max(blobs, key=lambda digest: len(blobs[digest]))
        blobs[largest] = bytes(len(blobs[largest]))
        said = run(tmp_path, "pull", place, "-o", tmp_path / "b.tar")

    assert said.exit_code == 5
    assert not (tmp_path / "b.tar").exists()


def test_what_is_not_sound_is_not_pushed(registry: Registry, tmp_path: Path) -> None:
    """Nothing is sent at all."""
    archive = tmp_path / "a.tar"
    write_archive(archive, {"amd64": SMALL["amd64"]}, reference="app")
    raw = bytearray(archive.read_bytes())
    at = raw.index(b'"created"')
    raw[at + 1] ^= 1
    archive.write_bytes(raw)
    with registry:
        said = run(tmp_path, "push", archive, f"{registry.host}/app:1")
        nothing = run(tmp_path, "push", tmp_path / "none.tar", f"{registry.host}/app:1")

    assert said.exit_code == 5
    assert nothing.exit_code == 2
    assert registry.requests == []


@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        ("text/plain", b"{}", "neither an image nor an index: text/plain"),
        ("application/vnd.oci.image.manifest.v1+json", b"[]", "not a JSON object"),
        ("application/vnd.oci.image.manifest.v1+json", b"{", "not JSON: "),
        ("application/vnd.oci.image.manifest.v1+json", b"{}", "a descriptor that is no object"),
        ("application/vnd.oci.image.index.v1+json", b'{"manifests": 1}', "no list of descriptors"),
        (
            "application/vnd.oci.image.index.v1+json",
            b'{"mediaType": "application/vnd.oci.image.manifest.v1+json"}',
            "says it is ",
        ),
        (
            "application/vnd.oci.image.index.v1+json",
            b'{"manifests": [{"mediaType": "a", "digest": "b", "size": 1}]}',
            "expected a digest like sha256:",
        ),
        (
            "application/vnd.oci.image.index.v1+json",
            b'{"manifests": [{"mediaType": "a", "digest": "b", "size": true}]}',
            "a descriptor without a size",
        ),
    ],
)
def test_documents_that_mean_nothing_are_refused(
    registry: Registry, tmp_path: Path, kind: str, content: bytes, problem: str
) -> None:
    """As malformed, with what is wrong."""
    with registry:
        registry.repo("app").manifests["1"] = (kind, content)
        said = run(tmp_path, "pull", f"{registry.host}/app:1", "-o", tmp_path / "b.tar")

    assert said.exit_code == 8
    assert problem in said.stderr


class TestLogins:
    """Logins come from where podman and docker keep them."""

    @pytest.mark.parametrize(
        "file",
        [".config/containers/auth.json", ".docker/config.json", "run/containers/auth.json"],
    )
    def test_a_login_is_found(self, tmp_path: Path, file: str) -> None:
        """The first file that has one counts."""
        with Registry("bearer") as registry:
            self._write(tmp_path / file, registry)
            env = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
            write_archive(tmp_path / "a.tar", {"amd64": SMALL["amd64"]}, reference="app")
            said = run(tmp_path, "push", tmp_path / "a.tar", f"{registry.host}/app:1", env=env)

        assert said.exit_code == 0

    def test_a_file_can_be_named(self, tmp_path: Path) -> None:
        """By an option, or in the environment; then no other is looked at."""
        with Registry("basic") as registry:
            self._write(tmp_path / "mine.json", registry)
            place = f"{registry.host}/app:1"
            write_archive(tmp_path / "a.tar", {"amd64": SMALL["amd64"]}, reference="app")
            push = ("push", tmp_path / "a.tar", place)
            by_option = run(tmp_path, *push, "--authfile", tmp_path / "mine.json")
            env = {"REGISTRY_AUTH_FILE": str(tmp_path / "mine.json")}
            by_environment = run(tmp_path, *push, env=env)
            absent = run(tmp_path, *push, "--authfile", tmp_path / "none.json")
            missing = run(tmp_path, *push, env={"REGISTRY_AUTH_FILE": str(tmp_path / "none.json")})
            without = run(tmp_path, *push)

        assert (by_option.exit_code, by_environment.exit_code) == (0, 0)
        assert (absent.exit_code, missing.exit_code, without.exit_code) == (2, 2, 7)
        assert "hint: log in with podman login" in without.stderr

    @pytest.mark.parametrize(
        ("script", "status"),
        [
            ('echo "{\\"Username\\": \\"alice\\", \\"Secret\\": \\"pass:word\\"}"', 0),
            ("echo credentials not found in native keychain; exit 1", 7),
            ("exit 3", 2),
            ("echo no json", 2),
            ("printf '\\377'", 2),
        ],
    )
    def test_a_program_is_asked(self, tmp_path: Path, script: str, status: int) -> None:
        """`docker-credential-NAME get`, with the host on its standard input."""
        program = tmp_path / "bin" / "docker-credential-mine"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\nread host\necho $1 $host > {tmp_path}/asked\n{script}\n")
        program.chmod(0o755)
        with Registry("basic") as registry:
            logins = tmp_path / "auth.json"
            logins.write_text(json.dumps({"credHelpers": {registry.host: "mine"}}))
            write_archive(tmp_path / "a.tar", {"amd64": SMALL["amd64"]}, reference="app")
            env = {"PATH": f"{program.parent}:/usr/bin:/bin", "REGISTRY_AUTH_FILE": str(logins)}
            said = run(tmp_path, "push", tmp_path / "a.tar", f"{registry.host}/app:1", env=env)

        assert said.exit_code == status
        assert (tmp_path / "asked").read_text() == f"get {registry.host}\n"

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("none", "no such file or directory"),
            ("../evil", "not the name of a credential program"),
            ("/bin/sh", "not the name of a credential program"),
        ],
    )
    def test_a_program_that_is_not_there_is_an_error(
        self, tmp_path: Path, name: str, problem: str
    ) -> None:
        """Rather than asking without a login; no name leads out of PATH."""
        logins = tmp_path / "auth.json"
        logins.write_text(json.dumps({"credHelpers": {"127.0.0.1:1": name}}))
        write_archive(tmp_path / "a.tar", {"amd64": SMALL["amd64"]}, reference="app")
        env = {"REGISTRY_AUTH_FILE": str(logins)}
        said = run(tmp_path, "push", tmp_path / "a.tar", "127.0.0.1:1/app", env=env)

        assert said.exit_code == 2
        assert f"error: docker-credential-{name}: {problem}" in said.stderr

    def _write(self, path: Path, registry: Registry) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        login = {"username": "alice", "password": "pass:word"}
        path.write_text(json.dumps({"auths": {registry.host: login}}))


def test_offline_asks_nobody(tmp_path: Path) -> None:
    """A registry is the network."""
    write_archive(tmp_path / "a.tar", {"amd64": SMALL["amd64"]}, reference="app")
    push = run(tmp_path, "--offline", "push", tmp_path / "a.tar", "127.0.0.1:1/app")
    pull = run(tmp_path, "--offline", "pull", "127.0.0.1:1/app")

    assert (push.exit_code, pull.exit_code) == (2, 2)
    assert "a registry cannot be asked offline" in push.stderr


def test_a_registry_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    """Exit status 7, with the place."""
    said = run(tmp_path, "pull", "127.0.0.1:1/app", env={"IMAGESMITH_X": ""})

    assert said.exit_code == 7
    assert "no connection to the host" in said.stderr


class TestPlaces:
    """Where an image goes is what was named, or nothing happens."""

    def test_a_tag_is_moved_though_a_digest_is_named(
        self, registry: Registry, tmp_path: Path
    ) -> None:
        """Which must be the digest of what goes there."""
        with registry:
            digest = write_archive(tmp_path / "a.tar", {"amd64": SMALL["amd64"]}, reference="app")
            place = f"{registry.host}/app:1"
            good = run(tmp_path, "push", tmp_path / "a.tar", f"{place}@{digest}")
            asked = len(registry.requests)
            wrong = run(tmp_path, "push", tmp_path / "a.tar", f"{place}@sha256:{'0' * 64}")

        assert (good.exit_code, wrong.exit_code) == (0, 2)
        assert "1" in registry.repo("app").manifests
        assert f"what would go there has the digest {digest}" in wrong.stderr
        assert len(registry.requests) == asked

    def test_this_machine_is_not_reached_through_another(
        self, registry: Registry, tmp_path: Path
    ) -> None:
        """A proxy would see what is sent in the open, logins included."""
        env = {"http_proxy": "http://127.0.0.1:1", "no_proxy": ""}
        with registry:
            write_archive(tmp_path / "a.tar", {"amd64": SMALL["amd64"]}, reference="app")
            said = run(tmp_path, "push", tmp_path / "a.tar", f"{registry.host}/app", env=env)

        assert said.exit_code == 0

    def test_a_moment_without_an_offset_is_none(
        self, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the puller is must not show in the archive."""
        config = b'{"created": "2024-05-01T12:00:00", "architecture": "amd64", "os": "linux"}'
        named = {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": f"sha256:{hashlib.sha256(config).hexdigest()}",
            "size": len(config),
        }
        image = json.dumps({"schemaVersion": 2, "config": named, "layers": []}).encode()
        with registry:
            repo = registry.repo("app")
            repo.blobs[str(named["digest"])] = config
            repo.manifests["1"] = ("application/vnd.oci.image.manifest.v1+json", image)
            for zone in ("UTC0", "JST-9"):
                monkeypatch.setenv("TZ", zone)
                time.tzset()
                run(tmp_path, "pull", f"{registry.host}/app:1", "-o", tmp_path / zone)
        monkeypatch.undo()
        time.tzset()

        assert (tmp_path / "UTC0").read_bytes() == (tmp_path / "JST-9").read_bytes()
