"""Tar streams are the same everywhere and mean the same to every reader."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import tarfile
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
from builders.trees import CAPABILITY, adversarial, trees
from builders.unpacked import by_tarfile, expected, on_disk
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import ImagesmithError, IntegrityError, MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.model.tree import (
    Directory,
    Entry,
    File,
    Hardlink,
    Span,
    Symlink,
    Tree,
    same,
)
from imagesmith.oci import tar
from imagesmith.unpack import tar as reader

EPOCH = 1_700_000_000


def unread(file: File) -> list[bytes]:
    """Fail the test: generated files bring their bytes along."""
    raise AssertionError(file)


def packed(tree: Tree, *, epoch: int = EPOCH) -> bytes:
    """Return the whole tar of a tree of generated files."""
    return b"".join(tar.stream(tree, read=unread, epoch=epoch))


def refused(entries: dict[str, Entry]) -> ImagesmithError:
    """Return the error that packing these entries ends in."""
    with pytest.raises(ImagesmithError) as caught:
        packed(Tree(entries))
    return caught.value


def layer_error(member: str, problem: str) -> MalformedArtefact:
    """Return the error of a tree that cannot be a layer."""
    return MalformedArtefact(artefact="layer", member=member, problem=problem)


def one_header(path: str, entry: Entry, *, epoch: int = EPOCH) -> tarfile.TarInfo:
    """Return the header of one member as Python reads it."""
    blocks = tar.header(path, entry, epoch=epoch)
    with tarfile.open(fileobj=io.BytesIO(blocks + tar.END), mode="r:") as archive:
        member = archive.next()
    assert member is not None
    return member


class TestStream:
    """`stream`: whole archives."""

    def test_an_empty_tree_is_two_zero_blocks(self) -> None:
        """Nothing pads the archive beyond its end marker, and the root is no member."""
        assert bytes(1024) == packed(Tree())
        assert bytes(1024) == packed(Tree({"/": Directory(mode=0o700)}))

    @given(trees(), st.randoms(use_true_random=False))
    @settings(deadline=None, max_examples=40)
    def test_the_order_of_entries_does_not_matter(self, tree: Tree, rng: random.Random) -> None:
        """Any permutation of a tree's entries gives the same bytes."""
        shuffled = list(tree)
        rng.shuffle(shuffled)

        assert packed(tree) == packed(Tree(shuffled))

    @given(trees(), st.sampled_from([0, EPOCH, 2**33, -1]))
    @settings(deadline=None, max_examples=100)
    def test_python_reads_what_was_written(self, tree: Tree, epoch: int) -> None:
        """`tarfile` agrees on every name, mode, owner, link, xattr, time and content."""
        assert expected(tree, epoch=epoch) == by_tarfile(packed(tree, epoch=epoch))

    @given(trees())
    @settings(deadline=None, max_examples=60)
    def test_unpacking_what_was_packed_gives_the_tree_back(self, tree: Tree) -> None:
        """The strict reader accepts every stream and finds the same entries."""
        stream = packed(tree)
        again = reader.index(memoryview(stream), blob=Digest.of(stream), artefact="layer")

        assert [path for path, _ in tree] == [path for path, _ in again]
        assert all(same(entry, again.entries[path]) for path, entry in tree)

    @given(trees())
    @settings(deadline=None, max_examples=40)
    def test_parents_come_first_and_links_after_their_targets(self, tree: Tree) -> None:
        """A consumer that reads members one by one never meets a name it does not know yet."""
        known = {""}
        for header in reader.entries(memoryview(packed(tree)), artefact="layer"):
            name = header.name.removesuffix("/")
            known.add(name)

            assert name.rpartition("/")[0] in known
            assert header.type != "1" or header.link in known

    def test_content_comes_from_the_reader_in_any_pieces(self) -> None:
        """Spans are asked of `read`, whatever the pieces it cuts them into."""
        content = bytes(range(256)) * 5
        file = attrs.evolve(File.of(content), content=Span(Digest.of(b""), 7))
        tree = Tree({"/f": file})
        whole = packed(Tree({"/f": File.of(content)}))

        def cut(size: int) -> tar.Read:
            view = memoryview(content)
            return lambda _: [view[at : at + size] for at in range(0, len(content), size)]

        for size in (1, 100, 2000):
            assert whole == b"".join(tar.stream(tree, read=cut(size), epoch=EPOCH))

    @pytest.mark.parametrize(
        ("given_size", "got"), [(0, "at least 3 bytes"), (2, "at least 4 bytes"), (4, "3 bytes")]
    )
    def test_content_of_another_size_is_an_error(self, given_size: int, got: str) -> None:
        """A file that grew or shrank never shifts the members after it."""
        file = attrs.evolve(File.of(b"xxx"), size=given_size, content=Span(Digest.of(b""), 0))
        pieces = [b"xxx"] if got != "at least 4 bytes" else [b"xx", b"xx", b"endless"]
        with pytest.raises(IntegrityError) as caught:
            list(tar.stream(Tree({"/f\n": file}), read=lambda _: pieces, epoch=EPOCH))

        problem = IntegrityError(what="/f\\n", expected=f"{given_size} bytes", got=got)
        assert problem == caught.value


class TestRefusals:
    """Trees that no reader could unpack faithfully."""

    @pytest.mark.parametrize(
        ("path", "member"),
        [
            ("relative", "relative"),
            ("//double", "//double"),
            ("/a/", "/a/"),
            ("/a/.", "/a/."),
            ("/a/..", "/a/.."),
            ("/a/x\0y", "/a/x\\x00y"),
            ("", ""),
        ],
    )
    def test_only_image_paths_become_members(self, path: str, member: str) -> None:
        """What a reader would normalise or cut short is refused."""
        error = refused({"/a": Directory(), path: File.of(b"")})

        assert layer_error(member, "not an image path") == error

    def test_a_whiteout_is_refused(self) -> None:
        """A file of this name would delete another one."""
        problem = "a whiteout's name: it would delete files of lower layers"

        assert layer_error("/.wh.x", problem) == refused({"/.wh.x": File.of(b"")})

    @pytest.mark.parametrize("above", [None, File.of(b""), Symlink(target="/b")])
    def test_parents_are_directories_of_the_tree(self, above: Entry | None) -> None:
        """A missing parent, a file or a link in its place is refused."""
        entries: dict[str, Entry] = {"/a": above} if above else {}
        problem = "its directory is missing from the tree"

        assert layer_error("/a/x", problem) == refused(entries | {"/a/x": File.of(b"")})

    @pytest.mark.parametrize("target", [Directory(), Symlink(target="b"), None])
    def test_hard_links_name_regular_files(self, target: Entry | None) -> None:
        """Anything else cannot be linked to."""
        entries: dict[str, Entry] = {"/a": target} if target else {}
        problem = "a hard link to something else than a regular file of the tree"

        assert layer_error("/l", problem) == refused(entries | {"/l": Hardlink(target="/a")})

    def test_hard_links_come_after_their_target(self) -> None:
        """The tree's builder chooses which name is the file; a later one cannot be it."""
        error = refused({"/a": Hardlink(target="/b"), "/b": File.of(b"")})

        assert layer_error("/a", "a hard link in front of its target") == error

    @pytest.mark.parametrize("target", ["", "a\0b"])
    def test_links_have_a_target_a_header_can_say(self, target: str) -> None:
        """An empty target, or one with NUL, is refused."""
        problem = "a link target that is empty or contains NUL"

        assert layer_error("/l", problem) == refused({"/l": Symlink(target=target)})

    @pytest.mark.parametrize("name", ["", "user.a=b", "user.%3D", "user.\0"])
    def test_xattr_names_that_readers_split_are_refused(self, name: str) -> None:
        """A record's keyword ends at its first `=`, and GNU tar decodes `%3D`."""
        file = attrs.evolve(File.of(b""), xattrs=((name, b""),))
        problem = f"no tar can carry an extended attribute named {name!a}"

        assert layer_error("/f", problem) == refused({"/f": file})

    @pytest.mark.parametrize(
        "entry",
        [
            File.of(b"", mode=0o10644),
            File.of(b"", mode=-1),
            Directory(uid=-1),
            Symlink(target="x", gid=-1),
        ],
    )
    def test_numbers_out_of_range_are_refused(self, entry: Entry) -> None:
        """They would spill over into the next field."""
        error = refused({"/x": entry})

        assert isinstance(error, MalformedArtefact)
        assert error.problem.endswith("is out of range")

    def test_a_hard_link_alone_has_no_header(self) -> None:
        """Its mode and owner are its target's."""
        with pytest.raises(MalformedArtefact) as caught:
            tar.header("/l", Hardlink(target="/f"), epoch=EPOCH)

        assert layer_error("/l", "a hard link to nothing") == caught.value


class TestHeader:
    """`header`: one member."""

    def test_every_field_is_set_by_us(self) -> None:
        """Fields in their order: POSIX.1-2017, pax, "ustar Header Block"."""
        file = attrs.evolve(File.of(b"x" * 10, mode=0o4755), uid=1, gid=8)
        fields = [
            b"usr/bin/x".ljust(100, b"\0"),
            b"0004755\0",
            b"0000001\0",
            b"0000010\0",
            b"00000000012\0",
            b"14524770400\0",
            b"        ",
            b"0",
            bytes(100),
            b"ustar\x0000",
            bytes(64),
            b"0000000\x000000000\0",
            bytes(155 + 12),
        ]
        fields[6] = b"%06o\0 " % sum(b"".join(fields))

        assert b"".join(fields) == tar.header("/usr/bin/x", file, epoch=EPOCH)

    def test_a_hard_link_repeats_what_its_inode_has(self) -> None:
        """Docker chowns and chmods the shared inode to what a link's header says."""
        xattrs = (("security.capability", CAPABILITY),)
        file = attrs.evolve(File.of(b"x", mode=0o4755), uid=5, gid=6, xattrs=xattrs)
        tree = Tree([("/f", file), ("/l", Hardlink(target="/f"))])

        assert expected(tree, epoch=EPOCH)["/l"] == by_tarfile(packed(tree))["/l"]

    @pytest.mark.parametrize(
        ("path", "blocks"),
        [
            ("/" + "n" * 100, 1),
            ("/" + "n" * 101, 3),
            ("/" + "p" * 155 + "/" + "n" * 100, 1),
            ("/" + "p" * 156 + "/" + "n" * 99, 3),
            ("/" + "p" * 155 + "/" + "n" * 101, 3),
            ("/a/" + "p" * 150 + "/" + "n" * 100, 1),
            ("/" + "d/" * 70 + "n" * 100, 1),
        ],
    )
    def test_ustar_is_used_exactly_where_a_name_fits(self, path: str, blocks: int) -> None:
        """100 bytes, or 155 and 100 around a slash; one byte more needs an extended header."""
        header = tar.header(path, File.of(b""), epoch=EPOCH)

        assert blocks == len(header) // 512
        assert path[1:] == one_header(path, File.of(b"")).name

    @pytest.mark.parametrize("length", [99, 100])
    def test_a_directory_pays_for_its_slash(self, length: int) -> None:
        """A directory's name ends in a slash, and it counts."""
        header = tar.header("/" + "d" * length, Directory(), epoch=EPOCH)

        assert (1 if length == 99 else 3) == len(header) // 512
        assert (b"d" * length + b"/")[:100] == header[-512:][:100]

    @pytest.mark.parametrize(("length", "blocks"), [(100, 1), (101, 3)])
    def test_long_links_move_into_a_record(self, length: int, blocks: int) -> None:
        """A link target has 100 bytes in ustar."""
        link = Symlink(target="t" * length)

        assert blocks == len(tar.header("/l", link, epoch=EPOCH)) // 512
        assert "t" * length == one_header("/l", link).linkname

    @pytest.mark.parametrize(("number", "blocks"), [(2**21 - 1, 1), (2**21, 3), (2**32 - 2, 3)])
    def test_large_owners_move_into_records(self, number: int, blocks: int) -> None:
        """Seven octal digits are all that ustar has for an id."""
        for entry in (Directory(uid=number), Directory(gid=number)):
            member = one_header("/d", entry)

            assert (entry.uid, entry.gid) == (member.uid, member.gid)
            assert blocks == len(tar.header("/d", entry, epoch=EPOCH)) // 512

    @pytest.mark.parametrize(("size", "blocks"), [(8 * 2**30 - 1, 1), (8 * 2**30, 3), (2**40, 3)])
    def test_large_sizes_move_into_a_record(self, size: int, blocks: int) -> None:
        """From 8 GiB on the field is 0, so that no reader can believe two sizes."""
        file = File(mode=0o644, size=size, digest=Digest.of(b""), content=b"")
        header = tar.header("/f", file, epoch=EPOCH)

        assert blocks == len(header) // 512
        assert size == one_header("/f", file).size
        assert blocks == 1 or header[-512:][124:136] == b"00000000000\0"

    @pytest.mark.parametrize("epoch", [-1, 0, 8**11 - 1, 8**11])
    def test_any_epoch_can_be_said(self, epoch: int) -> None:
        """Times before 1970 and after 2242 need a record, for the member only."""
        blocks = tar.header("/d", Directory(), epoch=epoch)

        assert (1 if 0 <= epoch < 8**11 else 3) == len(blocks) // 512
        assert epoch == one_header("/d", Directory(), epoch=epoch).mtime

    def test_records_are_sorted_and_binary(self) -> None:
        """Sorted by keyword, values verbatim, each record's length counting itself."""
        xattrs = (("security.capability", CAPABILITY), ("user.é", b"a\n=b"))
        entry = Directory(uid=2**21, gid=2**22, xattrs=xattrs)
        header = tar.header("/d", entry, epoch=EPOCH)
        records = [
            b"57 SCHILY.xattr.security.capability=" + CAPABILITY + b"\n",
            b"29 SCHILY.xattr.user.\xc3\xa9=a\n=b\n",
            b"15 gid=4194304\n",
            b"15 uid=2097152\n",
        ]
        body = b"".join(records)

        assert b"././@PaxHeader".ljust(100, b"\0") + b"0000644\0" == header[:108]
        assert ord("x") == header[156]
        assert body.ljust(512, b"\0") == header[512:1024]

    @pytest.mark.parametrize(
        ("name", "records"),
        [
            ("é" * 51, ["path"]),
            ("\udcff" * 101, ["hdrcharset", "path"]),
            ("\udcff" * 100, []),
        ],
    )
    def test_records_that_are_not_utf8_say_so(self, name: str, records: list[str]) -> None:
        """Without `hdrcharset=BINARY` libarchive reports an error for such a path."""
        blocks = tar.header(f"/{name}", File.of(b""), epoch=EPOCH)
        (header,) = reader.entries(memoryview(blocks + tar.END), artefact="layer")

        assert name == header.name
        assert records == [keyword for keyword, _ in header.records]

    @given(st.binary(max_size=1200))
    @settings(deadline=None, max_examples=60)
    def test_a_record_counts_its_own_digits(self, value: bytes) -> None:
        """Readers skip by the length: it must be right at 9, 10, 99, 100, 999 and 1,000."""
        file = attrs.evolve(File.of(b""), xattrs=(("u", value),))
        tree = Tree({"/f": file, "/g": File.of(b"after")})

        assert expected(tree, epoch=EPOCH) == by_tarfile(packed(tree))

    def test_a_sequence_of_names_leaves_no_gap(self) -> None:
        """Every length of name is read back, whichever field it went to."""
        for below, above in pairwise(range(90, 300)):
            name = "/" + "/".join(["c" * 40] * (above // 41) + ["n" * (below % 41 + 1)])

            assert name[1:] == one_header(name, File.of(b"")).name


class TestOtherReaders:
    """GNU tar judges: what it lists and what it unpacks."""

    def test_gnu_tar_lists_every_entry(self, tmp_path: Path) -> None:
        """Mode, owner, size, time, name and link, entry by entry."""
        tree = adversarial()
        (tmp_path / "layer.tar").write_bytes(packed(tree))
        lines = gnu_tar(tmp_path, "-tv", "--full-time", "--quoting-style=escape").splitlines()
        fields = [line.split(maxsplit=5) for line in lines]
        kinds = {"-": File, "d": Directory, "l": Symlink, "h": Hardlink}

        assert [entry.__class__ for _, entry in tree] == [kinds[row[0][0]] for row in fields]
        assert {"2023-11-14 22:13:20"} == {f"{row[3]} {row[4]}" for row in fields}
        for row, (path, entry) in zip(fields, tree, strict=True):
            owner = entry if not isinstance(entry, Hardlink) else tree.file(path)
            assert owner is not None and not isinstance(owner, Hardlink)  # noqa: PT018 - for mypy

            assert f"{owner.uid}/{owner.gid}" == row[1]
            assert (entry.size if isinstance(entry, File) else 0) == int(row[2])

    def test_gnu_tar_lists_a_file_of_more_than_eight_gigabytes(self, tmp_path: Path) -> None:
        """Only its header is here; the listing shows the size before it misses the body."""
        file = File(mode=0o644, size=9 * 2**30, digest=Digest.of(b""), content=b"")
        (tmp_path / "layer.tar").write_bytes(tar.header("/huge", file, epoch=EPOCH))

        assert str(9 * 2**30) in gnu_tar(tmp_path, "-tv", fails=True)

    @pytest.mark.skipif(os.geteuid() != 0, reason="owners and capabilities need root")
    @pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
    @pytest.mark.parametrize(
        "program", [["tar", "--xattrs", "--xattrs-include=*"], ["bsdtar", "--xattrs"]]
    )
    def test_others_unpack_the_tree(self, tmp_path: Path, program: list[str], locale: str) -> None:
        """On disk lies what the tree says: links, owners, setuid bits, capabilities, odd names."""
        if not shutil.which(program[0]):
            pytest.skip(f"{program[0]} is not installed")
        tree, root = adversarial(), tmp_path / "root"
        root.mkdir()
        subprocess.run(
            [*program, "--numeric-owner", "-xpf", "-", "-C", str(root)],
            input=packed(tree),
            env={**os.environ, "LC_ALL": locale},
            check=True,
        )

        assert expected(tree, epoch=EPOCH) == on_disk(root)


def gnu_tar(folder: Path, *options: str, fails: bool = False) -> str:
    """Run GNU tar over `layer.tar` in `folder` and return what it prints."""
    command = ["tar", "-f", str(folder / "layer.tar"), "--numeric-owner", *options]
    done = subprocess.run(
        command,
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        check=False,
        capture_output=True,
        text=True,
        errors="surrogateescape",
    )
    assert fails or done.returncode == 0, done.stderr
    return done.stdout
