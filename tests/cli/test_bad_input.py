"""What goes wrong says so in one line, ends with the right status, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from builders.world import Said, World, packages

from imagesmith.manifest import manifest as manifests
from imagesmith.model.digest import Digest
from imagesmith.store import Store
from imagesmith.trust import generation


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world that is locked and signed."""
    return World.built(tmp_path)


def one_line(said: Said, status: int, *parts: str) -> None:
    """Check status, a single error line that says `parts`, and that no traceback is there."""
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert (said.status, len(errors), said.out) == (status, 1, ""), said.err
    assert "Traceback" not in said.err
    for part in parts:
        assert part in errors[0]


def no_archive(world: World) -> None:
    """Check that nothing lies where the archive would be, whole or in part."""
    assert [path.name for path in world.root.iterdir() if "image.tar" in path.name] == []


class TestRecipe:
    """Mistakes in the recipe."""

    @pytest.mark.parametrize(
        ("old", "new", "parts"),
        [
            ("[rootfs]", "[rootfs]\ncolour = 1", ("recipe.toml: rootfs.colour: unknown key",)),
            ('"hello", "ca', '"hullo", "ca', ("recipe.toml: package", "hullo")),
            ("/usr/bin/hello", "/usr/bin/hallo", ("recipe.toml: trace.seeds", "/usr/bin/hallo")),
            ('"bookworm"', '"trixie"', ("dists/trixie/InRelease",)),
            ('"arm64"]', '"s390x"]', ("bookworm has no package index for s390x",)),
        ],
    )
    def test_is_named_with_its_place(
        self, world: World, old: str, new: str, parts: tuple[str, ...]
    ) -> None:
        """The document, the key and what is wrong; exit 2, or 7 where a mirror lacks it."""
        before = world.manifest.read_bytes()
        world.edit(world.recipe, old, new)
        said = world.run("lock", str(world.image))

        one_line(said, 7 if "InRelease" in parts[0] else 2, *parts)
        assert world.manifest.read_bytes() == before

    def test_a_misspelt_seed_comes_with_the_right_one(self, world: World) -> None:
        """The hint names what is there."""
        world.edit(world.recipe, "/usr/bin/hello", "/usr/bin/hallo")

        assert "/usr/bin/hello" in world.run("lock", str(world.image)).err

    def test_a_missing_recipe_is_named(self, world: World) -> None:
        """With the command that makes one."""
        world.recipe.unlink()

        one_line(world.run("lock", str(world.image)), 2, "recipe.toml: no such file")

    def test_a_missing_directory_is_named(self, world: World) -> None:
        """Not a traceback, not a directory made."""
        one_line(world.run("lock", str(world.root / "none")), 2, "none: no such directory")

    def test_a_changed_recipe_stops_a_build(self, world: World) -> None:
        """The manifest no longer answers it: exit 3, and `lock --check` says 1."""
        world.edit(world.recipe, "[rootfs]", "# changed\n[rootfs]")

        one_line(world.build(), 3, "does not answer recipe.toml")
        assert world.run("lock", str(world.image), "--check").status == 1

    def test_a_package_that_needs_a_missing_library_cannot_be_locked(self, world: World) -> None:
        """Exit 9 and who needs what."""
        world.publish([p for p in packages("amd64", "arm64") if p.name != "libgreet1"])
        world.edit(world.recipe, "[rootfs]", "# changed\n[rootfs]")
        said = world.run("lock", str(world.image), "--update")

        one_line(said, 2, "libgreet1")


class TestArchive:
    """A mirror that fails or lies."""

    def test_a_mirror_that_is_down_is_exit_7(self, world: World) -> None:
        """Nothing listens there."""
        store = str(world.root / "fresh")
        said = world.run(
            "--store", store, "build", str(world.image), "--mirror", "http://127.0.0.1:9/debian"
        )

        one_line(said, 7, "127.0.0.1:9")

    def test_offline_with_an_empty_store_is_exit_7(self, world: World) -> None:
        """The error says what to do."""
        said = world.run("--offline", "--store", str(world.root / "fresh"), *self.to_tar(world))

        one_line(said, 7, "not in the store, and offline")
        no_archive(world)

    @staticmethod
    def to_tar(world: World) -> tuple[str, ...]:
        """Return the arguments of a build into image.tar."""
        return ("build", str(world.image), "-o", str(world.tar))

    @pytest.mark.parametrize("damage", ["truncate", "append", "flip"])
    def test_other_bytes_than_the_pinned_ones_are_exit_5(self, world: World, damage: str) -> None:
        """Digest or size; nothing is kept under the pinned digest."""
        deb = next((world.root / "mirror").rglob("hello_1.0-1_amd64.deb"))
        content = deb.read_bytes()
        middle = len(content) // 2
        deb.write_bytes(
            {
                "truncate": content[:middle],
                "append": content + b"x",
                "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            }[damage]
        )
        said = world.run("--store", str(world.root / "fresh"), *self.to_tar(world))

        one_line(said, 5, "hello_1.0-1_amd64.deb")
        no_archive(world)
        found = World(world.root).run("--store", str(world.root / "fresh"), "store", "verify")
        assert found.status == 0

    def test_a_good_mirror_makes_up_for_a_bad_one(self, world: World) -> None:
        """The next one is tried, with the same result."""
        bad = world.root / "bad"
        shutil.copytree(world.root / "mirror", bad)
        for deb in bad.rglob("*.deb"):
            deb.write_bytes(b"not this")
        said = world.run(
            "--store",
            str(world.root / "fresh"),
            *self.to_tar(world),
            "--mirror",
            str(bad),
            "--mirror",
            str(world.root / "mirror"),
        )

        assert said.status == 0
        assert said.out == world.build().out

    def test_an_unsigned_or_foreign_release_is_exit_4(self, world: World) -> None:
        """Only the recipe's keys count."""
        release = world.root / "mirror" / "dists" / "bookworm" / "InRelease"
        release.write_bytes(release.read_bytes().replace(b"Origin: Synthetic", b"Origin: Other"))
        said = world.run("lock", str(world.image), "--update")

        one_line(said, 4, "dists/bookworm/InRelease", "not signed by any of the pinned")

    def test_an_index_of_another_day_is_exit_5(self, world: World) -> None:
        """Packages must be the ones the signed release names."""
        for index in (world.root / "mirror" / "dists").rglob("binary-amd64/**/*"):
            if index.is_file():
                index.write_bytes(b"x" * index.stat().st_size)
        said = world.run("--store", str(world.root / "fresh"), "lock", str(world.image), "--update")

        one_line(said, 5, "binary-amd64")


class TestStore:
    """Bit-rot and full disks."""

    def test_a_blob_that_changed_after_indexing_is_found_when_used(self, world: World) -> None:
        """No image is made of it; it is set aside, and the next run makes it anew."""
        world.build()
        world.tar.unlink()
        for kind in ("result", "layer"):
            shutil.rmtree(world.root / "store" / "derived" / kind)
        tars = [p for p in (world.root / "store" / "blobs").rglob("*") if p.is_file()]
        for path in tars:
            content = path.read_bytes()
            if b"./usr/bin/hello" in content and b"ustar" in content:
                path.chmod(0o644)
                path.write_bytes(content.replace(b"hello\n", b"HELLO\n").replace(b"GPL", b"GPM"))
                break
        said = world.build()

        one_line(said, 5, "blob")
        no_archive(world)
        assert world.build().status == 0
        assert world.run("verify", str(world.image), "--rebuild").status == 0

    def test_any_damage_is_mended_by_running_again(self, world: World) -> None:
        """Listings, results, layers and indices too: each failure sets one more blob aside."""
        world.build()
        for blob in sorted((world.root / "store" / "blobs").rglob("*")):
            if blob.is_file():
                blob.chmod(0o644)
                blob.write_bytes(b"\0" * blob.stat().st_size)
        world.tar.unlink()
        runs = 0
        while (said := world.build()).status == 5:
            runs += 1
            assert runs < 30, said.err

        assert said.status == 0, said.err
        assert runs > 0
        world.ok("verify", str(world.tar), "--manifest", str(world.image))

    def test_a_damaged_package_is_set_aside_and_fetched_again(self, world: World) -> None:
        """The first run says so, the second one works."""
        manifest = manifests.parse(world.manifest.read_bytes(), document="m")
        pin = next(a for a in manifest.artefacts if a.name == "hello").pins[0][1]
        shutil.rmtree(world.root / "store" / "derived")
        blob = world.blob(pin.digest.hex)
        blob.chmod(0o644)
        blob.write_bytes(b"x" * pin.size)

        one_line(world.build(), 5, "hello 1.0-1 amd64")
        assert world.build().status == 0

    @pytest.mark.parametrize("options", [(), ("--compression", "gzip")])
    def test_a_planted_layer_is_never_delivered(
        self, options: tuple[str, ...], world: World
    ) -> None:
        """A kept result that claims a good diff-id for another layer is not believed."""
        honest = world.build(*options).out
        world.tar.unlink()
        store = Store.open(world.root / "store")
        planted = store.add([b"planted"])
        for pointer in (world.root / "store" / "derived" / "result").rglob("*"):
            if pointer.is_file():
                kept = store.read(Digest.parse(pointer.read_text().strip()))
                result = json.loads(kept)
                result["layers"][0] |= {"digest": planted.digest.hex, "size": planted.size}
                pointer.chmod(0o644)
                pointer.write_text(f"{store.add([json.dumps(result).encode()]).digest}\n")

        assert world.build(*options).out == honest
        assert world.ok("verify", str(world.tar), "--manifest", str(world.image)).status == 0

    def test_a_poisoned_result_is_not_reproducible(self, world: World) -> None:
        """A kept result that leads to another image is caught by the expectations."""
        world.build()
        world.tar.unlink()
        pointers = [
            p for p in (world.root / "store" / "derived" / "result").rglob("*") if p.is_file()
        ]
        first, second = pointers
        content = first.read_bytes(), second.read_bytes()
        for pointer, other in zip(pointers, reversed(content), strict=True):
            pointer.chmod(0o644)
            pointer.write_bytes(other)

        assert world.build().status == 0

    def test_a_store_others_can_write_to_is_refused(self, world: World) -> None:
        """Whoever can write there decides what is built."""
        (world.root / "store").chmod(0o777)

        one_line(world.build(), 2, "store")

    def test_a_full_disk_is_exit_2(self, world: World) -> None:
        """Neither store nor output keep half a file."""

        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "imagesmith",
                "--config",
                str(world.root / "config.toml"),
                "--store",
                str(world.root / "fresh"),
                *TestArchive.to_tar(world),
            ],
            preexec_fn=limit,
            capture_output=True,
            text=True,
            check=False,
        )

        one_line(Said(status=ended.returncode, out=ended.stdout, err=ended.stderr), 2)
        no_archive(world)
        assert world.run("--store", str(world.root / "fresh"), "store", "verify").status == 0


class TestOutput:
    """Where nothing can be written."""

    @pytest.mark.parametrize("where", ["none/image.tar", "manifests"])
    def test_an_unusable_output_is_exit_2(self, world: World, where: str) -> None:
        """A missing directory, a directory in the way."""
        said = world.run("build", str(world.image), "-o", str(world.root / where))

        one_line(said, 2, where)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_read_only_directory_is_exit_2(self, world: World) -> None:
        """The old file, if any, stays."""
        (world.root / "ro").mkdir(mode=0o555)
        said = world.run("build", str(world.image), "-o", str(world.root / "ro" / "image.tar"))

        one_line(said, 2, "ro")

    def test_a_closed_pipe_is_no_traceback(self, world: World) -> None:
        """`imagesmith … | head -n 0` ends quietly."""
        world.build()
        command = (
            f"{sys.executable} -m imagesmith inspect --files {world.tar} | true; "
            "echo ${PIPESTATUS[0]}"
        )
        ended = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60
        )

        assert ended.stderr == ""
        assert ended.stdout == "141\n"


class TestTrust:
    """Signatures that do not do."""

    def test_a_missing_signature_is_exit_4(self, world: World) -> None:
        """With the command that makes one."""
        (world.image / "manifest.toml.asc").unlink()
        said = world.build()

        one_line(said, 4, "manifest.toml: there is no signature")
        assert "hint: sign it: imagesmith sign" in said.err
        no_archive(world)

    @pytest.mark.parametrize(
        ("old", "new"), [("serial = 1", "serial = 2"), ("[trace]", "# [trace]")]
    )
    def test_a_tampered_manifest_is_exit_4(self, world: World, old: str, new: str) -> None:
        """Whether it still reads or not: nothing unsigned is parsed."""
        world.edit(world.manifest, old, new)

        one_line(world.build(), 4, "SIG_BAD")
        no_archive(world)

    def test_another_key_is_exit_4(self, world: World) -> None:
        """A good signature by somebody the policy does not name."""
        other = generation.generate("O", created=1_700_000_000, lifetime=None, passphrase=None)
        (world.root / "other.asc").write_bytes(other.secret)
        (world.image / "manifest.toml.asc").unlink()
        world.ok("sign", str(world.image), "--key", str(world.root / "other.asc"))

        one_line(world.build(), 4, "SIGNER_UNKNOWN")

    def test_a_signer_for_other_images_is_exit_4(self, world: World) -> None:
        """Scope is the policy's."""
        policy = world.root / "trust.toml"
        policy.write_text(policy.read_text() + 'images = ["team-a/*"]\n')

        one_line(world.build(), 4, "SIGNER_IMAGE")

    def test_one_key_cannot_reach_a_threshold_of_two(self, world: World) -> None:
        """Signing twice counts once."""
        policy = world.root / "trust.toml"
        policy.write_text("threshold = 2\n" + policy.read_text() + _other_signer(world))
        world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))

        one_line(world.build(), 4, "acceptable signatures: 1")

    def test_two_signers_reach_it(self, world: World) -> None:
        """A second signature is added, the first kept."""
        policy = world.root / "trust.toml"
        policy.write_text("threshold = 2\n" + policy.read_text() + _other_signer(world))
        world.ok("sign", str(world.image), "--key", str(world.root / "other.asc"))

        assert world.build().status == 0

    def test_no_policy_is_a_usage_error(self, world: World) -> None:
        """Nothing is trusted by default."""
        world.edit(world.root / "config.toml", 'trust = "trust.toml"\n', "")
        said = world.build()

        one_line(said, 2, "no trust policy")

    def test_the_policy_alone_can_be_asked(self, world: World) -> None:
        """verify-signature prints the verdict, also when it is no."""
        files = (str(world.manifest), str(world.image / "manifest.toml.asc"))
        good = world.run("verify-signature", *files, "--json")
        world.edit(world.manifest, "serial = 1", "serial = 2")
        bad = world.run("verify-signature", *files, "--json")
        text = world.run("verify-signature", *files)
        early = world.run("verify-signature", *files, "--at", "2001-01-01T00:00:00Z", "--json")

        assert (good.status, good.json["valid"], len(good.json["accepted"])) == (0, True, 1)
        assert (bad.status, bad.json["valid"]) == (4, False)
        assert bad.json["rejected"][0]["reason"] == "SIG_BAD"
        assert text.out.splitlines()[-1] == "not valid: 0 accepted, threshold 1"
        assert early.status == 4
        assert world.run("verify-signature", *files, "--at", "noon").status == 2


def _other_signer(world: World) -> str:
    other = generation.generate("O", created=1_700_000_000, lifetime=None, passphrase=None)
    (world.root / "other.asc").write_bytes(other.secret)
    (world.root / "other.pub.asc").write_bytes(other.public)
    return f'[[signer]]\nfingerprint = "{other.fingerprint}"\ncertificate = "other.pub.asc"\n'


class TestExpectations:
    """A build that gives something else."""

    def test_names_the_files_that_differ(self, world: World) -> None:
        """Exit 6, the expectation, and every file that differs, is missing or extra."""
        text = world.manifest.read_text()
        mtree = world.image / "amd64.mtree"
        listing = mtree.read_bytes().replace(
            b"./usr/bin/hello type=file mode=0755", b"./usr/bin/hello type=file mode=0555"
        )
        old = manifests.parse(text.encode(), document="m").expect[0][1].rootfs
        world.manifest.write_text(text.replace(str(old), str(Digest.of(listing))))
        mtree.write_bytes(listing)
        (world.image / "manifest.toml.asc").unlink()
        world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
        said = world.build()

        assert said.status == 6
        assert "expect.amd64.rootfs: expected sha256:" in said.err
        assert "differs: /usr/bin/hello (mode 0555 to 0755)" in said.err
        no_archive(world)
        verified = world.run("verify", str(world.image), "--rebuild", "--json")
        assert verified.status == 1
        assert {p["code"] for p in verified.json["problems"]} == {"file", "rootfs"}

    def resign(self, world: World) -> None:
        """Sign whatever the manifest now says."""
        (world.image / "manifest.toml.asc").unlink()
        world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))

    @pytest.mark.parametrize("key", ["index", "image"])
    def test_every_expectation_is_held(self, key: str, world: World) -> None:
        """Of the index, and of each image manifest where its encoder was used."""
        text = world.manifest.read_text()
        line = next(line for line in text.splitlines() if line.startswith(f"{key} = "))
        world.edit(world.manifest, line, f'{key} = "sha256:{"0" * 64}"')
        self.resign(world)

        one_line(world.build(), 6, f".{key}: expected sha256:000")
        no_archive(world)
        found = world.run("verify", str(world.image), "--rebuild", "--json")
        assert (found.status, {p["code"] for p in found.json["problems"]}) == (1, {key})

    def test_another_name_is_a_problem(self, world: World) -> None:
        """What loading calls the image is what was signed."""
        world.build()
        world.edit(world.recipe, "[image]", '[image]\nreference = "hello:9"')
        world.ok("lock", str(world.image))
        world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
        said = world.run("verify", str(world.tar), "--manifest", str(world.image), "--json")

        assert {p["code"] for p in said.json["problems"]} == {"reference"}

    def test_a_tampered_archive_is_not_verified(self, world: World) -> None:
        """Every problem is listed."""
        world.build()
        content = world.tar.read_bytes().replace(b'"User":"app"', b'"User":"apq"')
        world.tar.write_bytes(content)
        said = world.run("verify", str(world.tar), "--manifest", str(world.image), "--json")

        assert said.status == 1
        assert not said.json["verified"]
        assert "blob-digest" in {p["code"] for p in said.json["problems"]}

    def test_an_archive_without_a_manifest_is_checked_by_itself(self, world: World) -> None:
        """And the user is told what was not checked."""
        world.build()
        said = world.ok("verify", str(world.tar))

        assert "not held against a manifest" in said.err
        assert said.out == f"{world.tar}: sound, but not held against a manifest\n"
        assert not world.ok("verify", str(world.tar), "--json").json["verified"]
        policy = str(world.root / "trust.toml")
        for more in (("--rebuild",), ("--trust", policy)):
            said = world.run("verify", str(world.tar), *more)
            one_line(said, 2, "no manifest to hold it against")

    def test_what_is_no_archive_is_refused(self, world: World) -> None:
        """Neither empty nor garbage, nor missing."""
        (world.root / "empty").write_bytes(b"")
        (world.root / "garbage").write_bytes(b"\x01" * 5000)

        one_line(world.run("verify", str(world.root / "empty")), 2, "an empty file is no image")
        garbage = world.run("verify", str(world.root / "garbage"), "--json")
        assert (garbage.status, garbage.json["problems"][0]["code"]) == (1, "archive")
        one_line(world.run("inspect", str(world.root / "garbage")), 8, "garbage")
        one_line(world.run("inspect", str(world.root / "missing")), 2, "missing: no such file")
