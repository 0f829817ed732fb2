"""Trees are divided into layers that add up to them and rarely change together."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from builders import format1_layers
from builders.format1_layers import Package
from builders.image import EPOCH, REFERENCE, Blobs, make_layer
from builders.trees import adversarial, trees
from builders.unpacked import expected, on_disk
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.audit import changeset
from imagesmith.manifest import mtree
from imagesmith.manifest.sections import LayerBudget
from imagesmith.model import arch
from imagesmith.model.config import ImageConfig
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree, parents
from imagesmith.oci import archive, bundle, image
from imagesmith.rootfs.effects.configured import Origin
from imagesmith.rootfs.layering import CROWDED, Part, divide

ALONE = LayerBudget(max_layers=64, min_layer_size=0)
NAMES = ("a", "b", "c", "d", "e", "f")

owned = st.lists(st.sampled_from([*NAMES, "unknown"]), max_size=2, unique=True).map(sorted)
origins_drawn = st.fixed_dictionaries(
    {
        name: st.builds(
            Origin, st.sampled_from(["src-a", "src-b", "src-c", name]), st.integers(0, 9)
        )
        for name in NAMES
    }
)
budgets = st.builds(
    LayerBudget,
    max_layers=st.integers(2, 8),
    min_layer_size=st.sampled_from([0, 1, 40, 500, 10**9]),
)


def origins(**built: int) -> dict[str, Origin]:
    """Return packages, each of a source of its own."""
    return {name: Origin(f"src-{name}", when) for name, when in built.items()}


def system(sizes: Mapping[str, int]) -> tuple[Tree, dict[str, tuple[str, ...]]]:
    """Return a tree with one file of each package, and the owners."""
    entries: dict[str, Entry] = {"/usr": Directory(), "/usr/lib": Directory()}
    owners: dict[str, tuple[str, ...]] = {}
    for name, size in sizes.items():
        entries[f"/usr/lib/{name}"] = attrs.evolve(File.of(name.encode()), size=size)
        owners[f"/usr/lib/{name}"] = (name,)
    return Tree(entries), owners


def divided(sizes: Mapping[str, int], budget: LayerBudget = ALONE) -> tuple[Part, ...]:
    """Divide a system whose packages were built one after the other."""
    tree, owners = system(sizes)
    built = {name: Origin(name, when) for when, name in enumerate(sizes)}
    return divide(tree, owners, built, budget=budget, epoch=EPOCH)


def packages(parts: tuple[Part, ...]) -> list[str]:
    """Return what each layer is of."""
    return [" ".join(part.packages) for part in parts]


def union(parts: tuple[Part, ...]) -> Tree:
    """Return what the audit sees of the packed layers."""
    found = []
    for part in parts:
        blobs = Blobs()
        layer = make_layer(part.tree, blobs, epoch=part.epoch)
        view = memoryview(blobs.stored[layer.digest])
        found.append(changeset.index(view, blob=Digest.of(view), artefact="layer"))
    assert changeset.contested(found) == ()
    return changeset.overlaid(found)


class TestLaws:
    """What holds for any tree, any owners and any budget."""

    @settings(deadline=None, max_examples=60)
    @given(trees(), st.data(), origins_drawn, budgets)
    def test_the_layers_add_up_to_the_tree(
        self, tree: Tree, data: st.DataObject, known: dict[str, Origin], budget: LayerBudget
    ) -> None:
        """Packed and laid over each other; each path but directories is in exactly one of them."""
        owners = {path: tuple(data.draw(owned)) for path, _ in tree}
        parts = divide(tree, owners, known, budget=budget, epoch=EPOCH)
        held = [path for part in parts for path, each in part.tree if not is_directory(each)]

        assert mtree.to_bytes(tree) == mtree.to_bytes(union(parts))
        assert len(held) == len(set(held))
        assert len(parts) <= budget.max_layers
        assert all(tree.entry(path) == each for part in parts for path, each in part.tree)

    @settings(deadline=None, max_examples=60)
    @given(trees(), st.data(), origins_drawn, budgets)
    def test_a_layer_needs_no_other(
        self, tree: Tree, data: st.DataObject, known: dict[str, Origin], budget: LayerBudget
    ) -> None:
        """Directories above and targets of hard links are in it; it has no other directory."""
        owners = {path: tuple(data.draw(owned)) for path, _ in tree}
        parts = divide(tree, owners, known, budget=budget, epoch=EPOCH)
        empty = {path for path, _ in tree} - {above for path, _ in tree for above in parents(path)}
        for part in parts:
            above = {each for path, _ in part.tree for each in parents(path)}

            assert above <= {path for path, each in part.tree if is_directory(each)}
            assert {path for path, each in part.tree if is_directory(each)} <= above | empty
            assert all(
                isinstance(part.tree.entry(each.target), File)
                for _, each in part.tree
                if isinstance(each, Hardlink)
            )

    @settings(deadline=None, max_examples=60)
    @given(trees(), st.data(), origins_drawn, budgets)
    def test_the_page_divides_any_tree_alike(
        self, tree: Tree, data: st.DataObject, known: dict[str, Origin], budget: LayerBudget
    ) -> None:
        """docs/image-format.md, "Several layers", says everything that decides it."""
        owners = {path: tuple(data.draw(owned)) for path, _ in tree}
        parts = divide(tree, owners, known, budget=budget, epoch=EPOCH)
        found = [(part.epoch, list(part.packages), leaves(part.tree)) for part in parts]

        assert found == format1_layers.divided(
            paths(tree, owners),
            {name: Package(source=each.source, built=each.built) for name, each in known.items()},
            max_layers=budget.max_layers,
            min_layer_size=budget.min_layer_size,
            epoch=EPOCH,
        )

    @settings(deadline=None, max_examples=60)
    @given(
        st.dictionaries(
            st.text("abcdef", min_size=1, max_size=3), st.integers(0, 2000), max_size=30
        ),
        st.data(),
        budgets,
    )
    def test_a_new_version_leaves_most_layers_alone(
        self, sizes: dict[str, int], data: st.DataObject, budget: LayerBudget
    ) -> None:
        """Of the same size it changes the layer that it is in, and no other."""
        if not sizes:
            return
        bumped = data.draw(st.sampled_from(sorted(sizes)))
        tree, owners = system(sizes)
        built = {name: Origin(name, 5) for name in sizes}
        changed = attrs.evolve(File.of(b"new"), size=sizes[bumped])
        after = Tree({**tree.entries, f"/usr/lib/{bumped}": changed})
        newer = {**built, bumped: Origin(bumped, 9)}
        first = divide(tree, owners, built, budget=budget, epoch=EPOCH)
        second = divide(after, owners, newer, budget=budget, epoch=EPOCH)
        (other,) = [part for part in second if part not in first]

        assert bumped in other.packages
        assert other == second[-1], "what changed last lies on top"
        assert len(first) == len(second)


def leaves(tree: Tree) -> set[str]:
    """Return the paths that nothing lies below."""
    above = {each for path, _ in tree for each in parents(path)}
    return {path for path, _ in tree if path != "/"} - above


def paths(tree: Tree, owners: Mapping[str, tuple[str, ...]]) -> dict[str, format1_layers.Path]:
    """Return what the page speaks of."""
    least = leaves(tree)
    found: dict[str, format1_layers.Path] = {}
    for path, entry in tree:
        first = entry.target if isinstance(entry, Hardlink) else path
        found[path] = format1_layers.Path(
            packages=tuple(name for name in owners[first] if name in NAMES),
            size=entry.size if isinstance(entry, File) else 0,
            filled=path not in least,
        )
    return found


def is_directory(entry: Entry) -> bool:
    """Say whether this is one."""
    return isinstance(entry, Directory)


SEEDED = """
from rootfs.test_layering import divided
from imagesmith.manifest.sections import LayerBudget
sizes = {f"p{number}": 37 * number for number in range(40)}
print([part.packages for part in divided(sizes, LayerBudget(max_layers=12, min_layer_size=99))])
"""


def test_the_hash_seed_does_not_matter() -> None:
    """Sets are on the way, and nothing of their order comes out."""
    tests = str(Path(__file__).parents[1])
    seen = {
        subprocess.run(
            [sys.executable, "-c", SEEDED],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": tests},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(seen) == 1


class TestContents:
    """Which layer has what."""

    def test_packages_of_one_source_are_together(self) -> None:
        """They change together: a new version of the source is one of them all."""
        tree, owners = system({"libssl3": 10, "openssl": 10, "zlib1g": 10})
        known = {
            "libssl3": Origin("openssl", 3),
            "openssl": Origin("openssl", 4),
            "zlib1g": Origin("zlib", 1),
        }
        parts = divide(tree, owners, known, budget=ALONE, epoch=EPOCH)

        assert packages(parts) == ["zlib1g", "libssl3 openssl"]
        assert [part.epoch for part in parts] == [1, 4]

    def test_what_no_package_ships_lies_on_top(self) -> None:
        """Generated and declared files, with the image's own time."""
        tree, owners = system({"a": 10})
        passwd = File.of(b"root\n")
        tree = Tree({**tree.entries, "/etc": Directory(), "/etc/passwd": passwd})
        low, top = divide(tree, owners, origins(a=10**10), budget=ALONE, epoch=EPOCH)

        assert (low.packages, low.epoch) == (("a",), 10**10)
        assert (top.packages, top.epoch) == ((), EPOCH)
        assert dict(top.tree) == {"/etc": Directory(), "/etc/passwd": passwd}

    def test_a_file_of_two_sources_is_in_the_first_ones_layer(self) -> None:
        """Whatever their packages are called, and whoever was asked first."""
        tree, owners = system({"a": 10, "b": 10})
        owners["/usr/lib/a"] = ("a", "b")
        known = {"a": Origin("z", 1), "b": Origin("y", 2)}
        (part,) = divide(tree, owners, known, budget=ALONE, epoch=EPOCH)

        assert part.packages == ("b",)

    def test_links_of_several_packages_stay_with_their_file(self) -> None:
        """A hard link that a script of another package made is one inode still."""
        entries: dict[str, Entry] = {
            "/a": File.of(b"a"),
            "/b": Hardlink(target="/a"),
            "/c": Symlink(target="a"),
        }
        owners = {"/a": ("a",), "/b": ("b",), "/c": ("b",)}
        parts = divide(Tree(entries), owners, origins(a=1, b=2), budget=ALONE, epoch=EPOCH)

        assert [list(part.tree.entries) for part in parts] == [["/a", "/b"], ["/c"]]

    def test_an_empty_directory_is_its_packages(self) -> None:
        """One with something in it is in the layer of that."""
        tree = Tree({"/a": Directory(), "/a/b": Directory(mode=0o700), "/c": Directory()})
        owners = dict.fromkeys(("/a", "/a/b"), ("a",))
        low, top = divide(tree, owners, origins(a=1), budget=ALONE, epoch=EPOCH)

        assert list(low.tree.entries) == ["/a", "/a/b"]
        assert list(top.tree.entries) == ["/c"]

    @pytest.mark.parametrize("entries", [{}, {"/": Directory(mode=0o700)}])
    def test_an_empty_tree_is_one_empty_layer(self, entries: dict[str, Entry]) -> None:
        """An image has a layer, whatever is in it."""
        (part,) = divide(Tree(entries), {}, {}, budget=ALONE, epoch=EPOCH)

        assert part == Part(tree=Tree(), epoch=EPOCH)


class TestTimes:
    """What a runtime sees of the layers' epochs."""

    def test_files_have_their_layers_and_directories_the_uppermost(self, tmp_path: Path) -> None:
        """A directory is in every layer that has something in it."""
        tree, owners = system({"a": 1, "b": 1})
        files = {path: File.of(b"x") for path in owners}
        tree = Tree({**tree.entries, **files})
        parts = divide(tree, owners, origins(a=86400, b=2 * 86400), budget=ALONE, epoch=EPOCH)
        for part in parts:
            unpack(part, tmp_path)
        times = {path: (tmp_path / path[1:]).stat().st_mtime for path, _ in tree}

        assert times == {
            "/usr": 2 * 86400,
            "/usr/lib": 2 * 86400,
            "/usr/lib/a": 86400,
            "/usr/lib/b": 2 * 86400,
        }


def unpack(part: Part, into: Path, *options: str) -> None:
    """Have GNU tar unpack a layer over what is there."""
    blobs = Blobs()
    layer = make_layer(part.tree, blobs, epoch=part.epoch)
    command = ["tar", "-xpf", "-", *options]
    subprocess.run(command, cwd=into, input=blobs.stored[layer.digest], check=True, timeout=60)


class TestBudget:
    """How many layers there are."""

    @pytest.mark.parametrize("most", [2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15, 64])
    def test_it_is_never_exceeded_and_drops_nothing(self, most: int) -> None:
        """One layer fewer than sources, as many, one more: all files are in some layer."""
        sizes = {f"p{number}": 1000 + number for number in range(12)}
        parts = divided(sizes, LayerBudget(max_layers=most, min_layer_size=1000))

        assert len(parts) <= most
        assert sorted(" ".join(packages(parts)).split()) == sorted(sizes)

    def test_the_largest_have_layers_of_their_own(self) -> None:
        """The others share one: what is sent again for one of them is little."""
        sizes = {"giant": 10**9, "big": 10**8, "mid": 10**7, "x": 10**6, "y": 10**5}
        parts = divided(sizes, LayerBudget(max_layers=4, min_layer_size=1))

        assert packages(parts) == ["giant", "big", "mid x y"]

    def test_dust_shares_a_layer_beside_one_giant_package(self) -> None:
        """Hundreds of small packages are no reason to cut up the big one, nor to be lost."""
        dust = {f"d{number:03}": 3 for number in range(300)}
        parts = divided({"giant": 10**9, **dust}, LayerBudget(min_layer_size=1000))
        giant, rest = parts

        assert giant.packages == ("giant",)
        assert len(rest.packages) == 300

    def test_more_dust_is_spread_over_more_layers(self) -> None:
        """So that a small package's new version does not have all the others sent again."""
        dust = {f"d{number:03}": 900 for number in range(300)}
        parts = divided(dust, LayerBudget(min_layer_size=1000))
        sizes = [900 * len(part.packages) for part in parts]

        assert len(parts) == 8, "a power of two, a quarter of the budget at most"
        assert max(sizes) < 3 * CROWDED * 1000

    def test_a_package_more_leaves_the_others_where_they_are(self) -> None:
        """Neither a small one nor a large one makes groups anew."""
        sizes = {f"p{number:02}": 100 * number for number in range(1, 40)}
        budget = LayerBudget(max_layers=16, min_layer_size=500)
        before = {part.packages for part in divided(sizes, budget)}
        for added in (("new", 10), ("new", 2010), ("new", 10**6)):
            after = {part.packages for part in divided({**sizes, added[0]: added[1]}, budget)}

            assert len(before - after) <= 2, "its own group, and that of one it pushed out"

    def test_a_package_that_grows_moves_alone(self) -> None:
        """Past the limit it leaves the layer it shared, and nothing else changes."""
        sizes = {"a": 499, "b": 100, "c": 100, "d": 900}
        budget = LayerBudget(max_layers=16, min_layer_size=500)

        assert packages(divided(sizes, budget)) == ["a b c", "d"]
        assert packages(divided({**sizes, "a": 500}, budget)) == ["a", "b c", "d"]


needs_umoci = pytest.mark.skipif(shutil.which("umoci") is None, reason="umoci not installed")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")


def spread() -> tuple[Part, ...]:
    """Return the adversarial tree in several layers, all of one time."""
    tree = adversarial()
    named = [(name,) for name in (*NAMES, "unknown")]
    owners = {path: named[number % 7] for number, (path, _) in enumerate(tree)}
    known = {name: Origin(name, EPOCH) for name in NAMES}
    parts = divide(tree, owners, known, budget=ALONE, epoch=EPOCH)
    assert len(parts) == 7
    return parts


@needs_root
class TestJudges:
    """Other programs unpack the layers."""

    def test_gnu_tar_unpacks_them_over_each_other(self, tmp_path: Path) -> None:
        """What is on disk then is the single tree: owners, modes, links, attributes, contents."""
        for part in spread():
            unpack(part, tmp_path, "--xattrs", "--xattrs-include=*", "--numeric-owner")

        assert expected(adversarial(), epoch=EPOCH) == on_disk(tmp_path)

    @needs_umoci
    def test_umoci_unpacks_the_tree(self, tmp_path: Path) -> None:
        """From a layout, in the order of the image manifest."""
        blobs = Blobs()
        layers = [make_layer(part.tree, blobs, kind="gzip") for part in spread()]
        made = image.image(
            arch=arch.parse("amd64"),
            layers=layers,
            config=ImageConfig(),
            epoch=EPOCH,
            created_by="imagesmith",
        )
        target = tmp_path / "image.tar"
        archive.write(
            target, bundle.of([made]), reference=REFERENCE, blobs=blobs.chunks, epoch=EPOCH
        )
        layout = tmp_path / "layout"
        layout.mkdir()
        subprocess.run(["tar", "-xf", target, "-C", layout], check=True, timeout=60)
        subprocess.run(
            ["umoci", "unpack", "--image", f"{layout}:{REFERENCE}", tmp_path / "bundle"],
            check=True,
            timeout=60,
            capture_output=True,
        )

        assert expected(adversarial(), epoch=EPOCH) == on_disk(tmp_path / "bundle" / "rootfs")
