"""Images of several layers: what a new version changes, and what is believed of kept layers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from builders.archive import Binary
from builders.deb import BUILT
from builders.world import World, greeting, packages

from imagesmith.build import execute, plan
from imagesmith.build.effects import Effects
from imagesmith.build.plan import Plan
from imagesmith.build.results import Built
from imagesmith.manifest import manifest as manifests
from imagesmith.model.arch import parse
from imagesmith.model.digest import Digest
from imagesmith.store import Store

AMD64 = parse("amd64")
NAMES = ["base-files", "ca-certificates", "hello", "libc6", "libgreet1", "generated"]


def newer() -> list[Binary]:
    """Return the packages with another version of one of them, built a day later."""
    hello, _ = greeting(AMD64, "1.0-2", "good morning", built=BUILT + 86400)
    return [*(each for each in packages("amd64") if each.name != "hello"), hello]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a world whose image has a layer for each package."""
    world = World.make(tmp_path_factory.mktemp("layers"), "amd64")
    world.edit(world.recipe, "[image]\n", '[image]\nlayers = "package"\nmin-layer-size = 0\n')
    return relocked(world)


@pytest.fixture
def world(template: World, tmp_path: Path) -> World:
    """Return a copy of that world, with a store of its own."""
    shutil.copytree(template.root, tmp_path, dirs_exist_ok=True, symlinks=True)
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace(str(template.root), str(tmp_path)))
    return World(tmp_path)


def relocked(world: World, *options: str) -> World:
    """Lock and sign again."""
    world.ok("lock", str(world.image), *options)
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    return world


def bumped(world: World) -> World:
    """Lock a newer hello, as somebody else does whose store this is not."""
    world.publish(newer())
    store = world.root / "store"
    shutil.copytree(store, world.root / "before", symlinks=True)
    relocked(world, "--update")
    shutil.rmtree(store)
    (world.root / "before").rename(store)
    return world


def planned(world: World) -> tuple[Plan, Effects]:
    """Return the manifest's plan, and what carrying it out may use."""
    manifest = manifests.parse(world.manifest.read_bytes(), document="manifest.toml")
    effects = Effects(
        store=Store.open(world.root / "store"),
        stream=None,
        mirrors=lambda _: (),
        now=BUILT,
    )
    return plan.plan(manifest, AMD64, encoder=manifest.encoder), effects


def executed(world: World, *, reuse: bool) -> Built:
    """Carry out the manifest's plan; the packages are fetched before."""
    world.ok("trace", "/usr/bin/hello", "--manifest", str(world.image))
    return execute.execute(*planned(world), reuse=reuse)


def layers(world: World) -> Mapping[str, str]:
    """Return the diff-ids of the built image by what its history says of them, lowest first."""
    assert world.build().status == 0
    (image,) = world.ok("inspect", str(world.tar), "--json").json["images"]
    return {each["created-by"]: each["diff-id"] for each in image["layers"]}


def pointers(world: World) -> list[Path]:
    """Return what leads to the kept layers."""
    return [
        path for path in sorted((world.root / "store").glob("derived/layer/*/*")) if path.is_file()
    ]


class TestHistory:
    """What is said of layers."""

    def test_it_names_the_packages_of_each(self, world: World) -> None:
        """The oldest lowest, in the order of their names where they are of one age."""
        assert list(layers(world)) == [f"imagesmith: {name}" for name in NAMES]

    def test_people_see_it(self, world: World) -> None:
        """`inspect` shows what each layer is of."""
        world.build()

        assert "\n    imagesmith: libgreet1\n" in world.ok("inspect", str(world.tar)).out

    def test_what_is_built_is_sound(self, world: World) -> None:
        """And adds up to the mtree, with every layer expected by its diff-id."""
        world.build()
        said = world.run("verify", str(world.tar), "--manifest", str(world.image))
        one = World.built(world.root / "one", "amd64")
        recorded = [(each.image / "amd64.mtree").read_bytes() for each in (world, one)]

        assert said.status == 0, said.err
        assert recorded[0] == recorded[1]


class TestNewVersions:
    """A package changes."""

    def test_its_own_layer_changes_and_goes_to_the_top(self, world: World) -> None:
        """Of the others only that of generated files, which has the time of the whole."""
        before = layers(world)
        after = layers(bumped(world))
        changed = [name for name in after if after[name] != before[name]]

        assert changed == ["imagesmith: hello", "imagesmith: generated"]
        assert list(after)[-2:] == changed

    def test_a_build_packs_nothing_else(self, world: World) -> None:
        """The other layers are found in the store, and the image is the expected one."""
        layers(world)
        result = executed(bumped(world), reuse=True)

        assert (result.kept, len(result.image.layers)) == (4, 6)
        assert f'image = "{result.image.digest}"' in world.manifest.read_text()

    def test_one_layer_is_kept_as_well(self, tmp_path: Path) -> None:
        """An image that is only configured otherwise has the same one."""
        world = World.built(tmp_path, "amd64")
        world.edit(world.recipe, 'user = "app"\n', 'user = "app"\nworking-dir = "/tmp"\n')
        result = executed(relocked(world), reuse=True)

        assert (result.kept, len(result.image.layers)) == (1, 1)

    def test_the_message_names_only_layers_that_differ(self, world: World) -> None:
        """Not the dozens that are as expected."""
        known = layers(world)
        wrong = "0" * 64
        world.edit(world.manifest, known["imagesmith: hello"].removeprefix("sha256:"), wrong)
        world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
        said = world.build()

        assert said.status == 6
        assert known["imagesmith: hello"] in said.err
        assert known["imagesmith: libc6"] not in said.err


class TestClaims:
    """Kept layers say what they are; nobody has to believe it."""

    def test_planted_layers_do_not_reach_an_image(self, world: World) -> None:
        """Who can write to the store cannot have another layer built or locked."""
        digest = world.ok("build", str(world.image), "-o", str(world.root / "a.tar")).out
        executed(world, reuse=False)
        shutil.rmtree(world.root / "store" / "derived" / "result")
        plant(world)
        result = executed(world, reuse=True)
        shutil.rmtree(world.root / "store" / "derived" / "result")
        built = world.ok("build", str(world.image), "-o", str(world.root / "b.tar"))
        manifest = world.manifest.read_bytes()
        plant(world)

        assert f"{result.image.digest}\n" != digest, "this is how one sees that it was planted"
        assert built.out == digest
        assert relocked(world).manifest.read_bytes() == manifest

    def test_a_pointer_that_leads_elsewhere_is_passed_over(self, world: World) -> None:
        """To another layer, to another document, or to nothing."""
        executed(world, reuse=False)
        first, second, third, fourth, *_ = pointers(world)
        first.write_bytes(second.read_bytes())
        store = Store.open(world.root / "store")
        for pointer, document in ((second, b"no JSON"), (third, b"[]"), (fourth, b'{"layer": {}}')):
            pointer.write_text(f"{store.add([document]).digest}\n")

        assert executed(world, reuse=True).kept == 2

    def test_a_layer_that_is_gone_is_packed_again(self, world: World) -> None:
        """A store may be cleaned up at any time."""
        result = executed(world, reuse=False)
        world.blob(result.image.layers[0].digest.hex).unlink()
        again = executed(world, reuse=True)

        assert again.kept == 5
        assert again.image == result.image


def plant(world: World) -> None:
    """Let one kept layer be said to have another's content."""
    store = Store.open(world.root / "store")
    digests = (Digest.parse(each.read_text().strip()) for each in pointers(world)[:2])
    first, second = (json.loads(store.read(digest)) for digest in digests)
    planted = json.dumps({**first, "layer": second["layer"]}).encode()
    pointers(world)[0].write_text(f"{store.add([planted]).digest}\n")
