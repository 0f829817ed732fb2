"""An archive appears whole or not at all, and every consumer reads the same image from it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from builders.golden import differences
from builders.image import EPOCH, REFERENCE, Blobs, file_digest, make_image, write_archive
from builders.trees import adversarial
from builders.unpacked import expected, on_disk

from imagesmith.compression import EncoderKind
from imagesmith.errors import HostError, IntegrityError
from imagesmith.model.digest import Digest
from imagesmith.model.tree import File, Tree
from imagesmith.oci import archive, bundle
from imagesmith.oci.image import Image, digest

GOLDEN = Path(__file__).parent / "golden"
SMALL = Tree({"/f": File.of(b"small")})
BOTH = {"amd64": adversarial(), "arm64": SMALL}

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="owners and capabilities need root")


STRACE = pytest.mark.skipif(
    not shutil.which("strace")
    or subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode != 0,
    reason="strace is not installed or may not trace",
)


def needs(program: str) -> pytest.MarkDecorator:
    """Skip a test where its judge is not installed."""
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


def run(*command: str) -> str:
    """Run a judge and return what it prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return the path of an archive in a folder of its own."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "image.tar"


def alone(target: Path) -> bool:
    """Say that nothing but the target lies in its folder."""
    return [target] == list(target.parent.iterdir())


class TestContents:
    """What is in an archive."""

    def test_one_architecture_gives_a_hybrid(self, target: Path) -> None:
        """An OCI layout that is a docker-archive at the same time, members sorted."""
        known = write_archive(target, {"amd64": SMALL})
        with tarfile.open(target) as opened:
            names = opened.getnames()
            members = {name: opened.extractfile(name) for name in names if name.endswith("json")}
            (docker,) = json.load(members["manifest.json"] or sys.exit())
            (descriptor,) = json.load(members["index.json"] or sys.exit())["manifests"]
            layout = opened.extractfile("oci-layout")
            assert layout

            assert layout.read() == b'{"imageLayoutVersion":"1.0.0"}'

        top = ["blobs", "blobs/sha256", "index.json", "manifest.json", "oci-layout"]
        assert top == [name for name in names if not name.startswith("blobs/sha256/")]
        assert sorted(names) == names
        assert len([name for name in names if name.startswith("blobs/sha256/")]) == 3
        assert str(known) == descriptor["digest"]
        assert docker["RepoTags"] == [REFERENCE]
        assert {docker["Config"], *docker["Layers"]} < set(names)

    def test_several_architectures_have_no_docker_manifest(self, target: Path) -> None:
        """docker-archive can say one architecture only."""
        write_archive(target, BOTH)
        with tarfile.open(target) as opened:
            assert "manifest.json" not in opened.getnames()
            assert len([m for m in opened if m.name.startswith("blobs/sha256/")]) == 2 * 3 + 1

    @pytest.mark.parametrize(
        ("name", "trees"), [("one", {"amd64": adversarial()}), ("two", BOTH)], ids=["one", "two"]
    )
    def test_archives_keep_their_bytes(
        self, name: str, trees: dict[str, Tree], target: Path
    ) -> None:
        """Format 1 is pinned, from the documents to the archive (layers uncompressed here)."""
        lines = [f"image {write_archive(target, trees)}", f"archive sha256:{file_digest(target)}"]
        with tarfile.open(target) as opened:
            for member in opened:
                body = opened.extractfile(member) if member.isfile() else None
                content = body.read() if body else b""
                lines.append(f"{member.mode:04o} {member.size:7} {member.name}")
                if content.startswith((b"{", b"[")):
                    lines.append(f"    {content.decode()}")

        assert differences(GOLDEN / f"archive-{name}.expected", "\n".join(lines) + "\n") == ""

    def test_the_host_does_not_matter(self, target: Path) -> None:
        """umask, working directory and time zone leave no trace in the bytes."""
        write_archive(target, BOTH)
        other = target.with_name("other.tar")
        before, zone = os.umask(0o077), os.environ.get("TZ")
        try:
            os.environ["TZ"] = "Pacific/Kiritimati"
            write_archive(other, dict(reversed(BOTH.items())))
        finally:
            os.umask(before)
            os.environ.pop("TZ") if zone is None else os.environ.update(TZ=zone)

        assert target.read_bytes() == other.read_bytes()


class TestWrite:
    """How an archive gets to its place."""

    def test_it_returns_the_digest_people_know(self, target: Path) -> None:
        """The image manifest's for one architecture, the index's for several."""
        blobs = Blobs()
        images = [make_image(tree, blobs, arch=arch) for arch, tree in BOTH.items()]

        assert images[0].digest == write_archive(target, {"amd64": BOTH["amd64"]})
        assert digest(images) == write_archive(target, BOTH)
        assert alone(target)

    def test_an_archive_that_is_there_is_left_alone(self, target: Path) -> None:
        """Not even its times change."""
        first = write_archive(target, BOTH)
        before = target.stat()

        assert first == write_archive(target, BOTH)
        assert before == target.stat()

    @pytest.mark.parametrize("change", [b"", b"x", None])
    def test_any_other_file_is_replaced(self, target: Path, change: bytes | None) -> None:
        """Shorter, longer or one byte different."""
        write_archive(target, BOTH)
        whole = target.read_bytes()
        target.write_bytes(whole[:-1] if change is None else whole + change or b"\0")
        if change == b"":
            target.write_bytes(whole[:5000] + b"!" + whole[5001:])
        write_archive(target, BOTH)

        assert whole == target.read_bytes()
        assert alone(target)

    def test_holds_says_whether_it_would_write(self, target: Path) -> None:
        """True for exactly these bytes in a regular file."""
        blobs = Blobs()
        images = [make_image(SMALL, blobs)]

        def held(path: Path, reference: str = REFERENCE) -> bool:
            return archive.holds(
                path, bundle.of(images), reference=reference, blobs=blobs.chunks, epoch=EPOCH
            )

        assert not held(target)
        write_archive(target, {"amd64": SMALL})
        link = target.with_name("link")
        link.symlink_to(target)

        assert held(target)
        assert not held(target, "other:latest")
        assert not held(link)
        assert not held(target.parent)
        assert not held(Path("/dev/null"))

    @pytest.mark.parametrize("kind", ["symlink", "dangling", "directory", "fifo"])
    def test_only_regular_files_are_replaced(self, target: Path, kind: str) -> None:
        """Writing through a link would hit another file; a device is no place for an archive."""
        other = target.with_name("other")
        match kind:
            case "symlink":
                other.write_bytes(b"precious")
                target.symlink_to(other)
            case "dangling":
                target.symlink_to(other)
            case "directory":
                target.mkdir()
            case _:
                os.mkfifo(target)
        before = target.lstat()
        with pytest.raises(HostError) as caught:
            write_archive(target, BOTH)

        expected_error = HostError(
            path=str(target),
            problem="exists and is not a regular file",
            hint="name another file; nothing is written through links or into devices",
        )
        assert expected_error == caught.value
        assert (before.st_ino, before.st_mode) == (target.lstat().st_ino, target.lstat().st_mode)
        assert kind != "symlink" or other.read_bytes() == b"precious"

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("missing/image.tar", "no such file or directory"),
            ("file/image.tar", "not a directory"),
            ("n" * 250, "file name too long"),
        ],
    )
    def test_an_unusable_place_is_an_error(self, target: Path, name: str, problem: str) -> None:
        """The message names the path that was asked for."""
        (target.parent / "file").write_bytes(b"")
        path = target.parent / name
        with pytest.raises(HostError) as caught:
            write_archive(path, BOTH)

        assert HostError(path=str(path), problem=problem) == caught.value

    @pytest.mark.parametrize("problem", [None, KeyboardInterrupt(), OSError(5, "I/O error")])
    def test_damaged_blobs_leave_nothing_behind(
        self, target: Path, problem: BaseException | None
    ) -> None:
        """What the store raises passes through, and an older archive stays."""
        blobs = Blobs()
        images = [make_image(adversarial(), blobs)]
        target.write_bytes(b"older")

        def damaged(digest: Digest) -> Iterator[bytes]:
            yield from list(blobs.chunks(digest))[:1]
            if problem:
                raise problem

        kinds = (IntegrityError, KeyboardInterrupt, HostError)
        with pytest.raises(kinds):
            archive.write(target, bundle.of(images), reference="a", blobs=damaged, epoch=EPOCH)

        assert target.read_bytes() == b"older"
        assert alone(target)


class TestFaults:
    """Full disks, killed processes, several writers."""

    def test_a_file_size_limit_is_a_full_disk(self, target: Path) -> None:
        """A clean error, nothing at the path, nothing beside it."""
        done = writing(target, limit=65536)

        assert f"{target}: file too large\n" == done.stdout
        assert list(target.parent.iterdir()) == []

    @pytest.mark.parametrize(
        "fault",
        [
            "write:error=ENOSPC:when=1",
            "write:error=EIO:when=1",
            "fsync:error=EIO:when=1",
            "rename:error=EACCES:when=1",
        ],
    )
    @STRACE
    def test_a_failing_call_leaves_nothing(self, target: Path, fault: str) -> None:
        """ENOSPC, EIO and their kin end in one error that names the path."""
        done = writing(target, fault=fault)

        assert done.stdout.startswith(f"{target}: ")
        assert list(target.parent.iterdir()) == []

    @pytest.mark.parametrize("call", ["write", "fsync", "rename"])
    @STRACE
    def test_a_killed_writer_shows_no_partial_file(self, target: Path, call: str) -> None:
        """What it leaves is no archive, and the next run clears it away."""
        done = writing(target, fault=f"{call}:signal=KILL:when=1")

        assert done.returncode == -signal.SIGKILL
        assert call == "rename" or not target.exists()
        assert digest_of_both() == write_archive(target, BOTH)
        assert alone(target)

    def test_the_file_of_a_living_writer_is_no_leftover(self, target: Path) -> None:
        """Only unlocked files are removed, and only those named like a leftover."""
        blobs = Blobs()
        images = [make_image(adversarial(), blobs)]
        leftover = target.with_name(f".image.tar.tmp-{'0' * 16}")
        notes = target.with_name(".image.tar.tmp-notes")
        seen: list[set[Path]] = []

        def meanwhile(digest: Digest) -> Iterator[bytes]:
            leftover.touch()
            notes.touch()
            write_archive(target, BOTH)
            seen.append(set(target.parent.iterdir()))
            yield from blobs.chunks(digest)

        archive.write(target, bundle.of(images), reference=REFERENCE, blobs=meanwhile, epoch=EPOCH)
        (during,) = seen

        assert {target, notes} < during
        assert leftover not in during
        assert len(during) == 3
        assert {target, notes} == set(target.parent.iterdir())

    def test_a_file_system_without_locks_is_an_error(
        self, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is left on it."""

        def failing(_file: BinaryIO, _operation: int) -> None:
            raise OSError(errno.ENOLCK, "no locks available")

        monkeypatch.setattr(fcntl, "flock", failing)
        with pytest.raises(HostError) as caught:
            write_archive(target, BOTH)

        assert HostError(path=str(target), problem="no locks available") == caught.value
        assert list(target.parent.iterdir()) == []

    def test_a_file_lost_before_it_was_locked_is_made_again(
        self, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another writer may take a new file for a leftover in that moment."""
        lock = fcntl.flock
        lost: list[Path] = []

        def losing(file: BinaryIO, operation: int) -> None:
            if not lost:
                lost.append(Path(file.name))
                lost[0].unlink()
            lock(file, operation)

        monkeypatch.setattr(fcntl, "flock", losing)
        known = write_archive(target, BOTH)

        assert digest_of_both() == known
        assert alone(target)

    def test_many_writers_of_one_path_do_not_meet(self, target: Path) -> None:
        """Each sees success, and one whole archive lies there."""
        problems: list[BaseException] = []

        def write(trees: dict[str, Tree]) -> None:
            try:
                write_archive(target, trees)
            except BaseException as error:  # noqa: BLE001 - told to the main thread
                problems.append(error)

        variants: list[dict[str, Tree]] = [BOTH, {"amd64": SMALL}]
        writers = [threading.Thread(target=write, args=(variants[n % 2],)) for n in range(12)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        found = file_digest(target)
        wholes = []
        for variant in variants:
            write_archive(other := target.with_name("other.tar"), variant)
            wholes.append(file_digest(other))
            other.unlink()

        assert problems == []
        assert found in wholes
        assert alone(target)


class TestConsumers:
    """skopeo and umoci judge."""

    @needs("skopeo")
    @pytest.mark.parametrize("form", ["oci-archive:{}:" + REFERENCE, "docker-archive:{}"])
    def test_skopeo_reads_both_forms(self, target: Path, form: str) -> None:
        """As an OCI archive under its reference, and as a docker-archive."""
        write_archive(target, {"amd64": adversarial()}, kind="gzip")
        config = json.loads(run("skopeo", "inspect", "--config", form.format(target)))

        assert config["architecture"] == "amd64"
        assert config["created"] == "2023-11-14T22:13:20Z"
        assert config["config"]["Cmd"] == ["/bin/true"]

    @needs("skopeo")
    @pytest.mark.parametrize("kind", ["none", "gzip", "zstd"])
    def test_skopeo_copies_every_architecture_unchanged(
        self, target: Path, kind: EncoderKind
    ) -> None:
        """All digests survive, the index's included."""
        known = write_archive(target, BOTH, kind=kind)
        copy = target.with_name("copy")
        policy = ("--insecure-policy", f"--tmpdir={target.parent}")
        options = ("--all", "--preserve-digests", "-q")
        source = f"oci-archive:{target}:{REFERENCE}"
        run("skopeo", *policy, "copy", *options, source, f"oci:{copy}:x")
        (descriptor,) = json.loads((copy / "index.json").read_text())["manifests"]

        assert str(known) == descriptor["digest"]

    @ROOT
    @needs("umoci")
    def test_umoci_unpacks_the_tree(self, target: Path) -> None:
        """Every entry of the tree is on disk: owner, mode, time, link, xattr, content."""
        tree = adversarial()
        write_archive(target, {"amd64": tree}, kind="gzip")
        layout, bundle = target.with_name("layout"), target.with_name("bundle")
        layout.mkdir()
        run("tar", "-xf", str(target), "-C", str(layout))
        run("umoci", "unpack", "--image", f"{layout}:{REFERENCE}", str(bundle))

        assert expected(tree, epoch=EPOCH) == on_disk(bundle / "rootfs")


def digest_of_both() -> Digest:
    """Return the digest of the image of both architectures."""
    blobs = Blobs()
    images: list[Image] = [make_image(tree, blobs, arch=arch) for arch, tree in BOTH.items()]
    return digest(images)


WRITER = """
import sys
sys.dont_write_bytecode = True
from pathlib import Path
from builders.image import write_archive
from builders.trees import adversarial
from imagesmith.compression import EncoderKind
from imagesmith.errors import HostError
from imagesmith.model.tree import File, Tree
small = Tree({"/f": File.of(b"small")})
try:
    write_archive(Path(sys.argv[1]), {"amd64": adversarial(), "arm64": small})
except HostError as error:
    print(error)
"""


def writing(
    target: Path, *, fault: str | None = None, limit: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Write the archive of both architectures in a process in which something fails."""
    here = Path(__file__).resolve()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limits = (soft if limit is None else limit, hard)
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={fault}"] if fault else []
    return subprocess.run(
        [*strace, sys.executable, "-c", WRITER, str(target)],
        env={**os.environ, "PYTHONPATH": f"{here.parents[2]}:{here.parents[1]}"},
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits),
    )
