"""What goes wrong on a real machine ends with the right status, says where, and leaves nothing."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.mirror import Fault, Mirror
from builders.real import REPOSITORY, Image
from builders.shell import Ended, Shell

from imagesmith.manifest import manifest as manifests
from imagesmith.model import arch as arches

pytestmark = pytest.mark.e2e
PINNED = re.compile(r'"([0-9a-f]{40})"')
SMALL = "--fsize=1000000"
"""prlimit's option for the greatest size of a file: less than a libc, more than any document."""


@pytest.fixture
def image(curl: Image, tmp_path: Path) -> Image:
    """Return a copy of the image, to be spoilt."""
    return curl.copy(tmp_path / "curl")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Return where the archive would be."""
    return tmp_path / "image.tar"


def built(image: Image, output: Path, *options: str | Path, limit: str = "") -> Ended:
    """Try to build for amd64, with the policy that accepts the image unless another is named."""
    named = () if "--trust" in options else ("--trust", image.policy)
    command = ("build", image.directory, "--arch", "amd64", "-o", output, *named, *options)
    return image.shell.imagesmith(*command, limit=limit)


def with_new_store(image: Image, store: Path) -> Image:
    """Return the image as somebody sees it who has fetched nothing yet."""
    return Image(image.directory, image.shell.elsewhere(image.shell.directory, store=store))


def mirror_of(image: Image, directory: Path) -> dict[str, Path]:
    """Write a local mirror with the packages for amd64; return where each lies."""
    amd64 = arches.parse("amd64")
    manifest = manifests.parse(image.manifest.read_bytes(), document="manifest.toml")
    placed = {}
    for artefact in manifest.artefacts:
        pin = artefact.pin(amd64)
        assert pin is not None
        digest = pin.digest.hex
        blob = image.shell.store / "blobs" / "sha256" / digest[:2] / digest
        placed[artefact.name] = directory / pin.path
        placed[artefact.name].parent.mkdir(parents=True, exist_ok=True)
        placed[artefact.name].write_bytes(blob.read_bytes())
    return placed


def edited(image: Image, document: str, old: str, new: str) -> None:
    """Change a document of the image."""
    path = image.directory / document
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_local_mirror_is_enough(image: Image, tmp_path: Path, output: Path) -> None:
    """A directory with the pinned packages replaces the network."""
    mirror_of(image, tmp_path / "mirror")
    stranger = with_new_store(image, tmp_path / "store")
    ended = built(stranger, output, "--mirror", tmp_path / "mirror")

    assert ended.status == 0, ended.err
    assert "curl amd64: identical\n" in ended.err


@pytest.mark.parametrize("damage", ["truncated", "extended", "flipped"])
def test_a_package_with_other_bytes_is_refused(
    damage: str, image: Image, tmp_path: Path, output: Path
) -> None:
    """One byte less, one more or another one: exit 5, naming the package."""
    package = mirror_of(image, tmp_path / "mirror")["libssl3"]
    good = package.read_bytes()
    spoilt = {
        "truncated": good[:-1],
        "extended": good + b"\n",
        "flipped": good[:-1] + bytes((good[-1] ^ 1,)),
    }
    package.write_bytes(spoilt[damage])
    stranger = with_new_store(image, tmp_path / "store")
    ended = built(stranger, output, "--mirror", tmp_path / "mirror")

    assert ended.status == 5, ended.err
    assert "libssl3" in ended.err
    assert not output.exists()


def test_a_mirror_without_the_packages_is_a_network_error(
    image: Image, tmp_path: Path, output: Path
) -> None:
    """Exit 7, naming a file that was not found."""
    (tmp_path / "empty").mkdir()
    stranger = with_new_store(image, tmp_path / "store")
    ended = built(stranger, output, "--mirror", tmp_path / "empty")

    assert ended.status == 7, ended.err
    assert ".deb: not found" in ended.err
    assert not output.exists()


def test_offline_with_an_empty_store_cannot_build(
    image: Image, tmp_path: Path, output: Path
) -> None:
    """Exit 7 and a hint how to go on."""
    shell = with_new_store(image, tmp_path / "store").shell
    command = ("build", image.directory, "--trust", image.policy, "-o", output)
    ended = shell.imagesmith("--offline", *command)

    assert ended.status == 7, ended.err
    assert "--offline" in ended.hint
    assert not output.exists()


def test_a_package_that_does_not_exist_is_named(image: Image) -> None:
    """Exit 2, with names that are close; manifest and signature stay."""
    before = image.manifest.read_bytes()
    edited(image, "recipe.toml", 'names = ["curl"', 'names = ["crul"')
    ended = image.shell.imagesmith("lock", image.directory)

    assert ended.status == 2, ended.err
    assert "crul: no such package" in ended.err
    assert "curl" in ended.hint
    assert before == image.manifest.read_bytes()


def test_a_seed_that_does_not_exist_is_named(image: Image) -> None:
    """Exit 2, naming document and key, with the path that was meant."""
    edited(image, "recipe.toml", 'seeds = ["/usr/bin/curl"]', 'seeds = ["/usr/bin/crul"]')
    ended = image.shell.imagesmith("lock", image.directory)

    assert ended.status == 2, ended.err
    assert "recipe.toml: trace.seeds: seed /usr/bin/crul" in ended.err
    assert "/usr/bin/curl" in ended.hint


def test_an_archive_key_that_did_not_sign_is_refused(image: Image) -> None:
    """Exit 4: the release is signed, but not by whom the recipe pins."""
    for digit, pinned in enumerate(PINNED.findall((image.directory / "recipe.toml").read_text())):
        edited(image, "recipe.toml", pinned, str(digit) * 40)
    ended = image.shell.imagesmith("lock", image.directory, "--update")

    assert ended.status == 4, ended.err
    assert "InRelease" in ended.err


def test_a_full_disk_leaves_no_output(image: Image, tmp_path: Path, output: Path) -> None:
    """A package does not fit into the store: exit 2, no archive, and the store stays usable."""
    mirror_of(image, tmp_path / "mirror")
    stranger = with_new_store(image, tmp_path / "store")
    options = ("--mirror", tmp_path / "mirror")
    ended = built(stranger, output, *options, limit=SMALL)

    assert ended.status == 2, ended.err
    assert "[host]" in ended.err
    assert not output.exists()
    assert stranger.shell.imagesmith("store", "verify").status == 0
    assert built(stranger, output, *options).status == 0


def test_a_full_file_system_is_named(image: Image, tmp_path: Path) -> None:
    """The store lies on a file system of 2 MB: exit 2, and the message says what is full."""
    mirror_of(image, tmp_path / "mirror")
    small = tmp_path / "small"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=2m none {small}"
    if image.shell.run("unshare", "--mount", "sh", "-ec", mount).status:
        pytest.skip("this user may not mount a file system in a namespace of their own")
    command = f"imagesmith --store {small}/store build {image.directory} --trust {image.policy}"
    options = f"--mirror {tmp_path}/mirror -o {tmp_path}/image.tar"
    ended = image.shell.run("unshare", "--mount", "sh", "-ec", f"{mount}; {command} {options}")

    assert ended.status == 2, ended.err
    assert f"{small}/store" in ended.err
    assert "no space left on device" in ended.err
    assert not (tmp_path / "image.tar").exists()


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_an_interrupted_build_ends_at_once_and_can_be_taken_up_again(
    sent: signal.Signals, status: int, said: str, image: Image, tmp_path: Path, output: Path
) -> None:
    """Even while a server is silent; no archive is left, and the next build succeeds."""
    packages = mirror_of(image, tmp_path / "mirror")
    silent = f"/{packages['libssl3'].relative_to(tmp_path / 'mirror')}"
    shell = with_new_store(image, tmp_path / "store").shell
    with Mirror(tmp_path / "mirror") as mirror:
        mirror.misbehave(silent, Fault(delay=60, times=1))
        options = ("--trust", image.policy, "--mirror", mirror.url, "--arch", "amd64")
        command = ("imagesmith", "build", image.directory, "-o", output, *options)
        with subprocess.Popen(
            [str(word) for word in command], env=shell.environment, stderr=subprocess.PIPE
        ) as build:
            until(lambda: silent in [request.path for request in mirror.requests])
            build.send_signal(sent)
            error = build.communicate(timeout=15)[1].decode()
        again = shell.imagesmith(*command[1:])

    assert (build.returncode, error.splitlines()[-1]) == (status, f"error: {said}")
    assert again.status == 0, again.err
    assert output.is_file()


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that happens within a minute."""
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def test_an_archive_that_does_not_fit_is_not_left_behind(
    image: Image, tmp_path: Path, output: Path
) -> None:
    """Everything is in the store, the archive does not fit: exit 2 and an unchanged directory."""
    image.build(tmp_path / "fits.tar", "--arch", "amd64")
    before = sorted(path.name for path in tmp_path.iterdir())
    ended = built(image, output, limit=SMALL)

    assert ended.status == 2, ended.err
    assert before == sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize("place", ["missing/image.tar", "", "/proc/image.tar", "/dev/full"])
def test_an_output_that_cannot_be_written_is_named(
    place: str, image: Image, tmp_path: Path
) -> None:
    """No such directory, a directory itself, one nobody may write to, a device: exit 2."""
    output = tmp_path / place
    ended = built(image, output)

    assert ended.status == 2, ended.err
    assert f"error: {output}: " in ended.err


@pytest.mark.parametrize("spoil", ["unsigned", "tampered", "other-key", "garbled"])
def test_a_manifest_without_an_acceptable_signature_is_not_built(
    spoil: str, image: Image, output: Path
) -> None:
    """No signature, a changed byte, a key that nobody trusts, bytes that are none: exit 4."""
    signatures = image.directory / "manifest.toml.asc"
    policy = image.policy
    if spoil == "unsigned":
        signatures.unlink()
    elif spoil == "tampered":
        edited(image, "manifest.toml", "serial = 1\n", "serial = 2\n")
    elif spoil == "other-key":
        policy = REPOSITORY / "manifests" / "trust.toml"
    else:
        signatures.write_bytes(b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n")
    ended = built(image, output, "--trust", policy)

    assert ended.status == 4, ended.err
    assert not output.exists()


def test_without_a_policy_nothing_is_built(image: Image, output: Path) -> None:
    """Exit 2 and how to name a policy; there is no switch to go without."""
    command = ("build", image.directory, "-o", output)
    ended = image.shell.imagesmith(*command)

    assert ended.status == 2, ended.err
    assert "--trust" in ended.hint
    assert not output.exists()


def test_a_missing_library_makes_the_closure_incomplete(
    curl: Image, curl_rootfs: Path, tmp_path: Path
) -> None:
    """A root without one library: exit 9, naming the library and who needs it."""
    root = tmp_path / "root"
    assert curl.shell.run("cp", "-a", curl_rootfs, root).status == 0
    for library in root.glob("usr/lib/*/libnghttp2.so*"):
        library.unlink()
    ended = curl.shell.imagesmith("trace", "/usr/bin/curl", "--root", root, "--json")

    assert ended.status == 9, ended.err
    assert [missing["name"] for missing in ended.json["missing"]] == ["libnghttp2.so.14"]


def test_an_image_with_a_flipped_byte_does_not_verify(
    curl: Image, tmp_path: Path, shell: Shell
) -> None:
    """Exit 1, listing what is wrong."""
    archive = curl.build(tmp_path / "image.tar", "--arch", "amd64")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    named = ("--manifest", curl.directory, "--trust", curl.policy)
    ended = shell.imagesmith("verify", archive, *named, "--json")

    assert ended.status == 1, ended.err
    assert ended.json["problems"]
