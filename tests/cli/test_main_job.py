"""Recipe to verified image, as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from builders.elf import make_elf
from builders.world import World, packages

from imagesmith.manifest import manifest as manifests
from imagesmith.model.digest import Digest
from imagesmith.trust import detached, generation


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world that is locked and signed."""
    return World.built(tmp_path)


def test_a_recipe_becomes_an_image_that_verifies(world: World) -> None:
    """Build prints one digest, the index's, and verify agrees with it."""
    built = world.build()
    manifest = manifests.parse(world.manifest.read_bytes(), document="m")

    assert built.out == f"{manifest.expect_index}\n"
    assert "hello amd64: identical\nhello arm64: identical\n" in built.err
    verified = world.ok("verify", str(world.tar), "--manifest", str(world.image))
    assert verified.out.splitlines() == [
        "amd64: identical",
        "arm64: identical",
        f"{world.tar}: verified as hello serial 1",
    ]


def test_the_image_holds_the_closure_and_nothing_else(world: World) -> None:
    """Program, library, loader, declared and generated files, licences; no README."""
    listing = (world.image / "amd64.mtree").read_text().splitlines()[2:]
    files = [line.split(" ")[0][1:] for line in listing if "type=dir" not in line]

    assert files == [
        "/etc/debian_version",
        "/etc/group",
        "/etc/os-release",
        "/etc/passwd",
        "/etc/ssl/certs/ca-certificates.crt",
        "/lib",
        "/lib64",
        "/usr/bin/hello",
        "/usr/lib/os-release",
        "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "/usr/lib/x86_64-linux-gnu/libgreet.so.1",
        "/usr/lib/x86_64-linux-gnu/libgreet.so.1.0",
        "/usr/lib64/ld-linux-x86-64.so.2",
        "/usr/share/doc/base-files/copyright",
        "/usr/share/doc/ca-certificates/copyright",
        "/usr/share/doc/hello/copyright",
        "/usr/share/doc/libc6/copyright",
        "/usr/share/doc/libgreet1",
    ]


def test_locking_again_changes_nothing(world: World) -> None:
    """A manifest that answers its recipe stays, serial and signature included."""
    before = world.manifest.read_bytes()
    world.ok("lock", str(world.image))

    assert world.manifest.read_bytes() == before
    assert (world.image / "manifest.toml.asc").exists()
    assert world.ok("lock", str(world.image), "--check").out == f"{world.manifest}: current\n"


def test_versions_stay_until_an_update_is_asked_for(world: World) -> None:
    """A new version in the archive is taken by --update, which ends the old signature."""
    world.publish(packages("amd64", "arm64", version="2.0-1"), date=1_700_100_000)
    world.ok("lock", str(world.image))
    assert 'version = "2.0-1"' not in world.manifest.read_text()

    updated = world.ok("lock", str(world.image), "--update")

    assert "  hello 1.0-1 -> 2.0-1\n" in updated.err
    assert manifests.parse(world.manifest.read_bytes(), document="m").serial == 2
    assert not (world.image / "manifest.toml.asc").exists()
    assert world.build().status == 4


def test_one_package_can_be_updated_alone(world: World) -> None:
    """The others keep the versions they have, as long as the archive offers them."""
    newer = packages("amd64", "arm64", version="2.0-1")
    both = [p for p in packages("amd64", "arm64") if p.name in ("hello", "libgreet1")]
    world.publish(newer + both, date=1_700_100_000)
    world.ok("lock", str(world.image), "--update", "libgreet1")
    versions = {
        artefact.name: artefact.version
        for artefact in manifests.parse(world.manifest.read_bytes(), document="m").artefacts
    }

    assert (versions["hello"], versions["libgreet1"]) == ("1.0-1", "2.0-1")


def test_a_second_build_leaves_the_archive_alone(world: World) -> None:
    """An archive that already is the result is not written again."""
    world.build()
    before = world.tar.stat()
    again = world.build()

    assert again.status == 0
    assert (world.tar.stat().st_ino, world.tar.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )


def test_a_build_works_offline_once_everything_is_there(world: World) -> None:
    """The store is enough."""
    digest = world.build().out
    world.tar.unlink()

    assert world.run("--offline", "build", str(world.image), "-o", str(world.tar)).out == digest


@pytest.mark.parametrize("chosen", ["amd64", "arm64"])
def test_one_architecture_can_be_built_alone(world: World, chosen: str) -> None:
    """Its digest is that of its image manifest, and the archive is a docker-archive too."""
    said = world.build("--arch", chosen)
    expected = manifests.parse(world.manifest.read_bytes(), document="m")

    assert said.out == f"{dict(expected.expect)[chosen].image}\n"
    with tarfile.open(world.tar) as archive:
        assert "manifest.json" in archive.getnames()


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_another_compression_gives_an_equivalent_image(world: World, compression: str) -> None:
    """Config and diff-ids are the same, the image digest is not."""
    identical = world.build().out
    said = world.run("build", str(world.image), "-o", str(world.tar), "--compression", compression)

    assert said.status == 0
    assert "hello amd64: equivalent\n" in said.err
    assert said.out != identical
    verified = world.ok("verify", str(world.tar), "--manifest", str(world.image), "--json")
    assert [image["level"] for image in verified.json["images"]] == ["equivalent", "equivalent"]


def test_rebuilding_believes_no_kept_result(world: World) -> None:
    """A poisoned result is used by nobody who rebuilds."""
    world.build()
    said = world.ok("verify", str(world.image), "--rebuild", "--json")
    against = said.json["manifest"]

    assert (against["name"], against["serial"], len(against["signers"])) == ("hello", 1, 1)
    assert said.json == {
        "verified": True,
        "manifest": against,
        "problems": [],
        "images": [
            {"architecture": "amd64", "level": "identical"},
            {"architecture": "arm64", "level": "identical"},
        ],
        "upstream": [],
    }


def test_json_is_one_document_on_stdout(world: World) -> None:
    """Whatever else is said goes to stderr."""
    said = world.run("--json", "build", str(world.image), "-o", str(world.tar))

    assert said.json["reference"] == "hello:latest"
    assert [image["architecture"] for image in said.json["images"]] == ["amd64", "arm64"]
    assert world.build("--json").json == said.json


def test_lock_warns_of_what_is_odd(world: World) -> None:
    """A start-up path that is not there, with the architectures it is missing on."""
    world.edit(world.recipe, 'entrypoint = ["/usr/bin/hello"]', 'entrypoint = ["/usr/bin/helo"]')
    said = world.ok("lock", str(world.image))

    assert (
        "warning: /usr/bin/helo: the image starts with it, and it is not in the image "
        "(amd64, arm64)\n" in said.err
    )


def test_two_users_may_not_take_what_is_there(world: World) -> None:
    """A home below a file is named as the recipe's mistake."""
    world.edit(world.recipe, "uid = 65532", 'uid = 65532, home = "/etc/passwd/x"')
    said = world.run("lock", str(world.image))

    assert said.status == 2
    assert "recipe.toml: rootfs: /etc/passwd" in said.err


def test_no_variable_changes_an_image(world: World, tmp_path: Path) -> None:
    """What decides bytes is on the command line or in the manifest."""
    plain = world.build().out
    variables = ("BUILD_COMPRESSED", "BUILD_COMPRESSION", "BUILD_ARCHES", "BUILD_ARCH", "ARCH")
    env = {f"IMAGESMITH_{name}": "amd64" if "ARCH" in name else "none" for name in variables}
    said = world.run("build", str(world.image), "-o", str(tmp_path / "x.tar"), env=env)

    assert said.out == plain


def test_an_older_release_is_not_taken(world: World) -> None:
    """A mirror cannot replay the archive of an earlier day, signed as it is."""
    world.publish(packages("amd64", "arm64", version="0.5-1"), date=1_600_000_000)
    said = world.run("lock", str(world.image), "--update")

    assert said.status == 4
    assert "older than the one the manifest was locked against" in said.err


def test_many_may_sign_at_once(world: World) -> None:
    """No signature is lost."""
    names = [f"key{number}" for number in range(4)]
    for name in names:
        pair = generation.generate(name, created=1_700_000_000, lifetime=None, passphrase=None)
        (world.root / f"{name}.asc").write_bytes(pair.secret)
    command = (sys.executable, "-m", "imagesmith", "--config", str(world.root / "config.toml"))
    running = [
        subprocess.Popen(
            [*command, "sign", str(world.image), "--key", str(world.root / f"{name}.asc")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in names
    ]

    assert [each.wait(60) for each in running] == [0] * len(names)
    assert len(detached.read((world.image / "manifest.toml.asc").read_bytes())) == 5


def test_inspect_shows_config_layers_and_the_largest_files(world: World) -> None:
    """The text names them, the document counts them."""
    world.build()
    text = world.ok("inspect", str(world.tar)).out
    document = world.ok("inspect", str(world.tar), "--json", "--files").json

    assert "Entrypoint: ['/usr/bin/hello']" in text
    assert "/usr/bin/hello" in text
    image = document["images"][0]
    assert image["platform"] == "linux/amd64"
    assert image["config"]["User"] == "app"
    assert len(image["paths"]) == image["entries"]
    assert document["reference"] == "hello:latest"


def test_why_shows_the_chain_from_a_seed(world: World) -> None:
    """Each step names its package and its rule."""
    path = "/usr/lib/x86_64-linux-gnu/libgreet.so.1.0"
    text = world.ok("why", str(world.image), path, "--arch", "amd64").out
    document = world.ok("why", str(world.image), path, "--arch", "amd64", "--json").json

    assert text.splitlines()[0] == "/usr/bin/hello (hello) [seed]"
    assert text.splitlines()[-1].startswith(f"  {path} (libgreet1) [needed libgreet.so.1")
    assert [step["path"] for step in document["chain"]] == ["/usr/bin/hello", path]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/etc/passwd", "generated"),
        ("/usr/share/doc/libgreet1", "licence libgreet1"),
        ("/etc/os-release", "os-release"),
        ("/usr/bin", "parent of /usr/bin/hello"),
    ],
)
def test_why_knows_what_no_seed_leads_to(world: World, path: str, rule: str) -> None:
    """Generated files, licences, metadata and directories have reasons too."""
    assert f"[{rule}]" in world.ok("why", str(world.image), path).out


def test_why_says_what_would_bring_a_path_that_is_not_there(world: World) -> None:
    """The hint is the line to add."""
    left_out = world.run("why", str(world.image), "/etc/hello.conf")
    unknown = world.run("why", str(world.image), "/etc/nothing")

    assert left_out.status == 2
    assert 'include = ["/etc/hello.conf"] under [trace]' in left_out.err
    assert "no package of the manifest ships it" in unknown.err


def test_trace_lists_objects_in_the_loaders_order(world: World) -> None:
    """In a manifest's packages, with links and requesters."""
    said = world.ok(
        "trace", "/usr/bin/hello", "--manifest", str(world.image), "--arch", "arm64", "--json"
    )

    assert said.json["loader"] == {"kind": "glibc", "version": "2.36"}
    assert [item["path"] for item in said.json["objects"]] == [
        "/usr/bin/hello",
        "/lib/aarch64-linux-gnu/libgreet.so.1",
        "/lib/aarch64-linux-gnu/libc.so.6",
        "/lib/ld-linux-aarch64.so.1",
    ]
    assert said.json["missing"] == []


def test_trace_exits_9_when_something_is_missing(world: World, tmp_path: Path) -> None:
    """In a directory as the root: a copy of the program alone."""
    root = tmp_path / "root" / "usr" / "bin"
    root.mkdir(parents=True)
    program = make_elf(interp="/lib64/ld-linux-x86-64.so.2", needed=["libgreet.so.1"])
    (root / "hello").write_bytes(program)
    said = world.run("trace", "/usr/bin/hello", "/usr/bin/none", "--root", str(tmp_path / "root"))
    many = world.run(
        "trace", "/usr/bin/hello", "/usr/bin/none", "--root", str(tmp_path / "root"), "--json"
    )

    loader = "/lib64/ld-linux-x86-64.so.2"
    assert said.status == 9
    assert said.out.splitlines() == [
        "/usr/bin/hello               seed     -",
        f"{loader}  missing  /usr/bin/hello  searched {loader}",
        "",
        "/usr/bin/none  missing  -  hint: there is no such file",
    ]
    assert [len(each["missing"]) for each in many.json] == [1, 1]


def test_the_image_is_the_same_whatever_the_store_says(world: World, tmp_path: Path) -> None:
    """A fresh store and a warm one give one digest."""
    warm = world.build().out
    world.tar.unlink()
    fresh = world.run(
        "--store", str(tmp_path / "other"), "build", str(world.image), "-o", str(world.tar)
    )

    assert fresh.out == warm


def test_serial_and_signature_do_not_enter_the_image(world: World) -> None:
    """What does not decide bytes leaves them alone."""
    before = world.build().out
    world.recipe.write_text("# a comment\n" + world.recipe.read_text())
    world.ok("lock", str(world.image))
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))

    assert manifests.parse(world.manifest.read_bytes(), document="m").serial == 2
    assert world.build().out == before


def test_the_recipe_digest_is_that_of_the_file(world: World) -> None:
    """Anybody can check it with sha256sum."""
    manifest = manifests.parse(world.manifest.read_bytes(), document="m")

    assert manifest.recipe == Digest.of(world.recipe.read_bytes())


def test_checking_a_lock_names_everything_that_is_stale(world: World) -> None:
    """Recipe, sections and mtrees; a missing manifest too."""
    world.edit(world.recipe, "ca-bundle = true", "ca-bundle = false")
    (world.image / "arm64.mtree").write_text("#mtree\n")
    stale = world.run("lock", str(world.image), "--check", "--json")
    world.manifest.unlink()
    missing = world.run("lock", str(world.image), "--check")

    assert stale.status == 1
    assert stale.json["problems"] == [
        f"{world.manifest}: locked from another recipe.toml",
        f"{world.manifest}: rootfs is not the recipe's",
        f"{world.image}/arm64.mtree: not the one the manifest expects",
    ]
    assert (missing.status, missing.out) == (1, f"{world.manifest}: missing\n")


def test_the_summary_of_a_lock_names_what_came_and_went(world: World) -> None:
    """A line a package; an architecture that was dropped loses its mtree."""
    world.edit(world.recipe, '"ca-certificates", ', "")
    world.edit(world.recipe, "ca-bundle = true", "ca-bundle = false")
    world.edit(world.recipe, '["amd64", "arm64"]', '["arm64"]')
    gone = world.ok("lock", str(world.image))
    world.edit(world.recipe, '"hello", ', '"hello", "ca-certificates", ')
    back = world.ok("lock", str(world.image))

    assert "- ca-certificates 20230311\n" in gone.err
    assert "+ ca-certificates 20230311\n" in back.err
    assert not (world.image / "amd64.mtree").exists()


def test_verify_reports_an_image_of_another_architecture(world: World) -> None:
    """The manifest is not locked for what the archive holds."""
    world.build("--arch", "arm64")
    world.edit(world.recipe, '["amd64", "arm64"]', '["amd64"]')
    world.ok("lock", str(world.image))
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    said = world.run("verify", str(world.tar), "--manifest", str(world.image), "--json")

    assert said.status == 1
    assert [p["code"] for p in said.json["problems"]] == ["platform"]


def test_verify_finds_the_manifest_by_the_images_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """manifests/NAME below the current directory, and rebuilds from it."""
    world.build()
    monkeypatch.chdir(world.root)
    said = world.ok("verify", str(world.tar), "--rebuild")

    assert "rebuilt amd64: identical" in said.err
    assert said.out.splitlines()[0] == "amd64: identical"


def test_init_writes_a_recipe_that_lock_accepts(world: World, tmp_path: Path) -> None:
    """The keys that signed the suite are pinned and shown for review."""
    said = world.ok(
        "init", "hello", "--arch", "amd64", "-C", str(tmp_path / "new"), "--package", "hello"
    )
    world.ok("lock", str(tmp_path / "new" / "hello"))

    assert said.out == f"{tmp_path}/new/hello/recipe.toml\n"
    assert "signed bookworm, found in a keyring here" in said.err
    assert json.loads(world.run("init", "hello2", "--json", "-C", str(tmp_path / "new")).out)[
        "signed-by"
    ]
