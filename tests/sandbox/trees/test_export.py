"""A tree on disk is the tree, and nothing outside of it is ever touched."""

from __future__ import annotations

import ctypes
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from builders.layout import Layer, make
from builders.probe import Runner, files
from builders.tar import Files, Raw, archive, make_tar
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import HostError, IntegrityError, MalformedArtefact
from imagesmith.manifest import mtree
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Span, Symlink, Tree
from imagesmith.sandbox.trees import export
from imagesmith.store import Store
from imagesmith.unpack import tar

EPOCH = 1_600_000_000
LISTED: Files = {
    "/bin/tool": File.of(b"tool", mode=0o6755),
    "/bin/same": Hardlink(target="/bin/tool"),
    "/bin/link": Symlink(target="/../../canary"),
    "/bin/secret": File.of(b"secret", mode=0),
    "/closed": Directory(mode=0),
    "/closed/file": File.of(b""),
    "/home/me": Directory(uid=5, gid=6, mode=0o2770),
    "/tmp": Directory(mode=0o1777),
    "/odd/\udcff\n": File.of(b"odd"),
}


def written(into: Path, content: bytes) -> Path:
    """Export the tar `content` as an image of one layer and return its root."""
    into.mkdir()
    digest = Digest.of(content)
    tree = tar.index(memoryview(content), blob=digest, artefact="a.tar")
    write(into, tree, {digest: content})
    return into / "root"


def write(into: Path, tree: Tree, blobs: dict[Digest, bytes]) -> None:
    """Export a tree whose files lie in `blobs`."""
    layers = ((digest, nullcontext(memoryview(content))) for digest, content in blobs.items())
    image: dict[str, Json] = {"name": "a", "platform": "linux/amd64", "config": {}}
    export.write(into, tree, layers=layers, image=image, epoch=EPOCH, what="a.tar")


def mode(path: Path) -> int:
    """Return the permissions of what lies at a path."""
    return stat.S_IMODE(path.lstat().st_mode)


class TestWritten:
    """Every kind of entry."""

    def test_contents_modes_links_and_times(self, tmp_path: Path) -> None:
        """What the owner needs to read it is added; what gives privileges is taken."""
        root = written(tmp_path / "a", make_tar(LISTED))

        assert (root / "bin/tool").read_bytes() == b"tool"
        assert mode(root / "bin/tool") == 0o755
        assert (root / "bin/same").samefile(root / "bin/tool")
        assert (root / "bin/link").readlink() == Path("/../../canary")
        assert mode(root / "bin/secret") == 0o400
        assert mode(root / "closed") == 0o700
        assert mode(root / "home/me") == 0o770
        assert mode(root / "tmp") == 0o1777
        assert (root / "odd/\udcff\n").read_bytes() == b"odd"
        assert {path.lstat().st_mtime for path in (root, *root.rglob("*"))} == {EPOCH}

    def test_user_attributes_stay_and_capabilities_go(self, tmp_path: Path) -> None:
        """As far as the filesystem has them."""
        xattrs = (("security.capability", b"\1\0\0\2" + bytes(16)), ("user.note", b"kept"))
        file = File(mode=0o755, size=1, digest=Digest.of(b"x"), content=b"x", xattrs=xattrs)
        root = written(tmp_path / "a", make_tar({"/x": file}))

        assert [name for name in os.listxattr(root / "x") if name != "security.selinux"] in (
            ["user.note"],
            [],
        )

    def test_where_a_user_wants_to_write_is_recorded(self, tmp_path: Path) -> None:
        """Empty directories of others than root, and those that everybody may write to."""
        written(tmp_path / "a", make_tar(LISTED))
        record = (tmp_path / "a/image.json").read_text()

        assert '"writable": [["/home/me", 504, 5, 6], ["/tmp", 1023, 0, 0]]' in record

    @settings(deadline=None, max_examples=15)
    @given(st.permutations(sorted(LISTED)))
    def test_whatever_the_order_the_store_finds_it_sound(self, order: list[str]) -> None:
        """The mtree beside the root tells the same as a look at the disk."""
        content = make_tar({path: LISTED[path] for path in order})
        tree = tar.index(memoryview(content), blob=Digest.of(content), artefact="a")
        with exported(tree, content) as store:
            assert list(store.verify()) == []


@contextmanager
def exported(tree: Tree, content: bytes) -> Iterator[Store]:
    """Lend a store with one exported image."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder, "store"))
        digest = Digest.of(content)
        store.export(digest, lambda into: write(into, tree, {digest: content}))
        yield store


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """Return a file beside everything, which nobody may touch."""
    path = tmp_path / "canary"
    path.write_text("alive")
    yield path
    assert path.read_text() == "alive"
    assert sorted(each.name for each in tmp_path.iterdir()) in (
        ["a", "canary"],
        ["canary", "hostile.tar", "store"],
    )


FILE = Raw(name=b"d/canary", body=b"dead")
HOSTILE = {
    "C1 out by dots": (Raw(name=b"../canary", body=b"dead"),),
    "C1 out by more dots": (Raw(name=b"a/../../../../canary", body=b"dead"),),
    "C3 through a link up": (Raw(name=b"d", type=b"2", link=b".."), FILE),
    "C3 through an absolute link": (Raw(name=b"d", type=b"2", link=b"/"), FILE),
    "C6 hard link out": (Raw(name=b"h", type=b"1", link=b"../canary"),),
    "C6 absolute hard link": (Raw(name=b"h", type=b"1", link=b"/etc/passwd"),),
    "C6 hard link to a link": (
        Raw(name=b"l", type=b"2", link=b"/etc/passwd"),
        Raw(name=b"h", type=b"1", link=b"l"),
    ),
    "C7 the root is a link": (Raw(name=b".", type=b"2", link=b".."),),
    "C8 a device": (Raw(name=b"null", type=b"3"),),
    "C8 a FIFO": (Raw(name=b"fifo", type=b"6"),),
    "C10 a directory replaced by a link": (
        Raw(name=b"d", type=b"5", mode=0o755),
        Raw(name=b"d", type=b"2", link=b".."),
        FILE,
    ),
    "C10 a file twice": (Raw(name=b"f", body=b"1"), Raw(name=b"f", body=b"2")),
    "C22 a whiteout": (Raw(name=b".wh.etc"),),
    "C22 an opaque directory": (Raw(name=b"d/.wh..wh..opq"),),
}


class TestHostile:
    """Layers that want out; ids are those of the list of attacks."""

    @pytest.mark.usefixtures("canary")
    @pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
    def test_layers_are_refused_whole(self, members: tuple[Raw, ...], tmp_path: Path) -> None:
        """By the reader, before anything is on disk."""
        content = make(layers=(Layer(tar=archive(*members)),)).content
        (tmp_path / "hostile.tar").write_bytes(content)
        with pytest.raises(MalformedArtefact):
            Runner(tmp_path / "store")(tmp_path / "hostile.tar")

        assert list((tmp_path / "store/rootfs").iterdir()) == []

    @pytest.mark.usefixtures("canary")
    @pytest.mark.parametrize(
        "entries",
        [
            {"/d": Symlink(target=".."), "/d/canary": File.of(b"dead")},
            {"/d/canary": File.of(b"dead")},
            {"/../canary": File.of(b"dead")},
            {"canary": File.of(b"dead")},
        ],
    )
    def test_no_tree_is_believed_either(self, entries: dict[str, Entry], tmp_path: Path) -> None:
        """Were a reader ever fooled, the writer is not."""
        (tmp_path / "a").mkdir()
        with pytest.raises(MalformedArtefact, match="not below a directory"):
            write(tmp_path / "a", Tree(entries), {})

        assert list((tmp_path / "a").iterdir()) == []

    @pytest.mark.usefixtures("canary")
    def test_a_link_over_a_directory_of_a_lower_layer(self, tmp_path: Path) -> None:
        """Nothing of the lower layer is written through it."""
        lower = make_tar({**files(), "/d/canary": "lower\n"})
        upper = archive(Raw(name=b"d", type=b"2", link=b"../../.."))
        entry = {"Entrypoint": ["/bin/probe", "show", "/d/canary"]}

        def amended(config: dict[str, object]) -> dict[str, object]:
            return {**config, "config": entry}

        image = make({"config": amended}, layers=(Layer(tar=lower), Layer(tar=upper)))
        (tmp_path / "hostile.tar").write_bytes(image.content)
        run = Runner(tmp_path / "store")
        status = run(tmp_path / "hostile.tar")

        assert status == 2  # ENOENT
        assert (run.root() / "d").is_symlink()

    def test_other_bytes_than_those_that_were_verified(self, tmp_path: Path) -> None:
        """Each file is hashed as it is written."""
        content = make_tar({"/a": b"good", "/b": b"good"})
        digest = Digest.of(content)
        tree = tar.index(memoryview(content), blob=digest, artefact="a")
        (tmp_path / "a").mkdir()
        with pytest.raises(IntegrityError):
            write(tmp_path / "a", tree, {digest: content.replace(b"good", b"evil")})

    def test_a_path_the_host_cannot_have(self, tmp_path: Path) -> None:
        """An error, with the path in it."""
        long = "/".join(["x" * 200] * 25)
        tree = Tree({f"/{long[:end]}": Directory() for end in range(200, len(long) + 1, 201)})
        (tmp_path / "a").mkdir()
        with pytest.raises(HostError, match="file name too long"):
            write(tmp_path / "a", tree, {})


def test_a_blob_that_is_not_lent_is_a_mistake_of_ours(tmp_path: Path) -> None:
    """Nothing is left out in silence."""
    file = File(mode=0o644, size=1, digest=Digest.of(b"x"), content=Span(Digest.of(b"y"), 0))
    (tmp_path / "a").mkdir()
    with pytest.raises(AssertionError):
        write(tmp_path / "a", Tree({"/x": file}), {})


def test_a_disk_that_cannot_be_synced_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export counts when it is on disk."""

    class Failing:
        @staticmethod
        def syncfs(_descriptor: int) -> int:
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_args, **_options: Failing)
    monkeypatch.setattr(ctypes, "get_errno", lambda: 28)
    (tmp_path / "a").mkdir()
    with pytest.raises(HostError, match="no space left on device"):
        write(tmp_path / "a", Tree(), {})


def test_the_mtree_is_the_images(tmp_path: Path) -> None:
    """Owners and modes as the image has them, not as the disk does."""
    content = make_tar(LISTED)
    tree = tar.index(memoryview(content), blob=Digest.of(content), artefact="a")
    written(tmp_path / "a", content)

    assert (tmp_path / "a/mtree").read_bytes() == mtree.to_bytes(tree)
