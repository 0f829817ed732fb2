"""Archives become trees by the rules of hostile-inputs C, judged by GNU tar where both agree."""

from __future__ import annotations

import mmap
from pathlib import Path

import attrs
import pytest
from builders import trees
from builders.tar import GNU, Files, Raw, archive, make_tar, pax
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.model.facts import Script
from imagesmith.model.tree import (
    Directory,
    File,
    Hardlink,
    Span,
    Symlink,
    Tree,
    describe,
    same,
)
from imagesmith.unpack import tar
from imagesmith.unpack.script import script_facts

DIRECTORY = Raw(name=b"./d/", type=b"5", mode=0o755)
FILE = Raw(name=b"./f", body=b"body")


def index(raw: bytes) -> Tree:
    """Return the tree of the archive `raw`."""
    return tar.index(memoryview(raw), blob=Digest.of(raw), artefact="x.deb")


def listing(*members: Raw) -> dict[str, str]:
    """Return one line per entry of the archive of `members`."""
    return {path: describe(entry) for path, entry in index(archive(*members))}


def refusal(raw: bytes) -> str:
    """Return how the archive `raw` is refused: the member, and why."""
    with pytest.raises(MalformedArtefact) as caught:
        index(raw)
    assert caught.value.artefact == "x.deb"
    return f"{caught.value.member}: {caught.value.problem}"


class TestHonestArchives:
    """What packages contain is kept, all of it."""

    def test_every_kind_of_entry(self) -> None:
        """Files are spans of the archive; links say where they lead; owners are numbers."""
        raw = make_tar(
            {
                "/usr/bin/x": File.of(b"#!/bin/sh\n", mode=0o4755),
                "/usr/bin/y": Hardlink(target="/usr/bin/x"),
                "/bin": Symlink(target="usr/bin"),
                "/var/mail": Directory(mode=0o2775, gid=8),
            }
        )
        tree = tar.index(
            memoryview(raw), blob=Digest("1" * 64), artefact="x.deb", facts=script_facts
        )

        assert {
            "/bin": Symlink(target="usr/bin"),
            "/usr": Directory(),
            "/usr/bin": Directory(),
            "/usr/bin/x": File(
                mode=0o4755,
                size=10,
                digest=Digest.of(b"#!/bin/sh\n"),
                content=Span(Digest("1" * 64), raw.index(b"#!/bin/sh")),
                facts=Script("/bin/sh"),
            ),
            "/usr/bin/y": Hardlink(target="/usr/bin/x"),
            "/var": Directory(),
            "/var/mail": Directory(mode=0o2775, gid=8),
        } == dict(tree)

    @settings(deadline=None, max_examples=60)
    @given(trees.trees())
    def test_any_tree_survives(self, tree: Tree) -> None:
        """What is written into an archive is what is read out of it, PAX records included."""
        read = index(make_tar(tree.entries))

        assert list(tree.entries) == [path for path, _ in read]
        assert all(same(entry, read.entries[path]) for path, entry in tree)

    def test_every_edge_of_a_header_survives(self) -> None:
        """Long names, odd bytes, high ids, capabilities, sizes around a block."""
        tree = trees.adversarial()
        read = index(make_tar(tree.entries))

        assert list(tree.entries) == [path for path, _ in read]
        assert all(same(entry, read.entries[path]) for path, entry in tree)

    def test_gnu_long_names(self) -> None:
        """A name and a target too long for their fields come before the member."""
        deep = "/" + "d" * 99 + "/" + "e" * 99
        files: Files = {deep: "x", "/link": Symlink(target=deep), "/f": "short"}
        read = index(make_tar(files, gnu=True))

        assert read.file(deep) is not None
        assert Symlink(target=deep) == read.entry("/link")

    def test_the_root_has_an_entry_only_if_it_says_something(self) -> None:
        """Root, 0755, owned by root is every tree's root anyway."""
        root = Raw(name=b"./", type=b"5", mode=0o755)

        assert listing(root) == {}
        assert listing(root, root) == {}
        assert listing(attrs.evolve(root, mode=0o700, uid=1, gid=2)) == {"/": "dir 0700 1:2"}

    def test_missing_parents_are_created(self) -> None:
        """They belong to root, with mode 0755, until the archive says otherwise."""
        file = Raw(name=b"./d/e/f", body=b"")
        later = Raw(name=b"./d/", type=b"5", mode=0o700)

        assert listing(file) == {
            "/d": "dir 0755",
            "/d/e": "dir 0755",
            "/d/e/f": "file 0644 e3b0c44298fc",
        }
        assert listing(file, later)["/d"] == "dir 0700"

    def test_a_directory_may_be_listed_twice_alike(self) -> None:
        """Tar --append does that; another mode is a contradiction (C10)."""
        assert listing(DIRECTORY, DIRECTORY) == {"/d": "dir 0755"}
        assert (
            refusal(archive(DIRECTORY, attrs.evolve(DIRECTORY, mode=0o700)))
            == "./d/: a second member with this path"
        )

    def test_a_hard_link_to_a_hard_link_leads_to_the_file(self) -> None:
        """However the archive spells the target."""
        first = Raw(name=b"./g", type=b"1", link=b"./f")
        second = Raw(name=b"./h", type=b"1", link=b"/g")

        tree = index(archive(FILE, first, second))
        assert Hardlink(target="/f") == tree.entry("/h")

    def test_names_that_differ_in_case_or_composition_are_two(self) -> None:
        """Linux keeps both (C11)."""
        names = ("a", "A", "\u00e9", "e\u0301")

        assert len(index(archive(*(Raw(name=name.encode()) for name in names)))) == 4

    def test_symlinks_are_kept_unresolved(self) -> None:
        """Absolute, dangling, upward and looping ones are legal as they stand (C3, C23)."""
        for target in (b"/abs", b"../../../up", b"loop", b"a//b/./c"):
            link = Raw(name=b"./loop", type=b"2", link=target)

            assert {"/loop": f"symlink {target.decode()}"} == listing(link)

    def test_a_global_comment_is_read_past(self) -> None:
        """As git archive writes it."""
        comment = pax({b"comment": b"0" * 40}, kind=b"g")

        assert list(listing(comment, FILE)) == ["/f"]

    def test_times_do_not_matter(self) -> None:
        """Neither far ones, nor negative ones, nor fractions (C20)."""
        far = (10**20).to_bytes(12, "big")
        odd = attrs.evolve(FILE, mtime=b"\x80" + far[1:])

        assert listing(FILE) == listing(odd)
        assert listing(FILE) == listing(pax({b"mtime": b"-1.5"}), FILE)

    def test_file_type_bits_in_a_mode_are_ignored(self) -> None:
        """Old writers copied st_mode whole."""
        assert listing(FILE) == listing(attrs.evolve(FILE, mode=0o100644))

    def test_padding_to_a_record_is_fine(self) -> None:
        """GNU tar fills 10,240 bytes."""
        assert len(index(archive(FILE, end=bytes(10240 - 1024)))) == 1


class TestLimits:
    """Small archives cannot become large trees (C24)."""

    def test_entries_are_counted_with_their_parents(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A deep path costs as much as all the directories above it."""
        monkeypatch.setattr(tar, "MAX_ENTRIES", 3)

        assert len(index(archive(Raw(name=b"a/b/c")))) == 3
        assert refusal(archive(Raw(name=b"a/b/c/d"))) == "a/b/c/d: more than 3 entries"

    def test_the_length_of_all_paths_is_limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Deep paths with missing parents would amplify otherwise."""
        monkeypatch.setattr(tar, "MAX_NAMES", 20)

        assert (
            refusal(archive(Raw(name=b"a/b/c/d/e/f")))
            == "a/b/c/d/e/f: paths of more than 20 bytes together"
        )


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_damage_goes_unnoticed_or_escapes(data: st.DataObject) -> None:
    """Whatever happens to a header, the result is a tree or MalformedArtefact."""
    raw = bytearray(
        make_tar(
            {
                "/a/b": File.of(b"content"),
                "/a/" + "long" * 40: File.of(b"pax"),
                "/a/c": Hardlink(target="/a/b"),
                "/l": Symlink(target="a"),
            }
        )
    )
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(len(raw) // 2, len(raw))) :]

    try:
        tree = index(bytes(raw))
    except MalformedArtefact:
        return
    assert all(path == "/" or ".." not in path.split("/") for path, _ in tree)


def test_a_mapping_can_be_closed_after_a_refusal(tmp_path: Path) -> None:
    """No view of the archive survives, in a traceback or elsewhere."""
    path = tmp_path / "x.tar"
    path.write_bytes(archive(FILE, FILE, Raw(name=b"../x")))
    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    view = memoryview(mapping)
    with pytest.raises(MalformedArtefact):
        tar.index(view, blob=Digest("0" * 64), artefact="x", facts=script_facts)
    view.release()
    mapping.close()

    assert mapping.closed


def test_entries_show_headers_as_they_are() -> None:
    """Auditors want what the tree leaves out: names verbatim, times, names of owners."""
    (header,) = tar.entries(
        memoryview(archive(attrs.evolve(FILE, mtime=7, magic=GNU))), artefact="x"
    )

    assert (
        header.name,
        header.type,
        header.mtime,
        header.uname,
        header.offset,
        header.size,
    ) == ("./f", "0", 7, "root", 512, 4)
