"""The mtree: the root filesystem as a text that others can read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from imagesmith.errors import DocumentError
from imagesmith.manifest import mtree
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree

ENTRIES: dict[str, Entry] = {
    "/bin": Symlink(target="usr/bin"),
    "/usr": Directory(),
    "/usr/bin": Directory(mode=0o2755, gid=50),
    "/usr/bin/a b#c\\": File.of(b"one", mode=0o4755),
    "/usr/bin/linked": Hardlink(target="/usr/bin/a b#c\\"),
    "/usr/bin/caf\udce9": File(
        mode=0o644,
        size=0,
        digest=File.of(b"").digest,
        content=b"",
        xattrs=(("security.capability", b"\x01\x00\xff"),),
    ),
}
TREE = Tree(ENTRIES)
TEXT = b"""\
#mtree
. type=dir mode=0755 uid=0 gid=0
./bin type=link mode=0777 uid=0 gid=0 link=usr/bin
./usr type=dir mode=0755 uid=0 gid=0
./usr/bin type=dir mode=2755 uid=0 gid=50
./usr/bin/a\\040b\\043c\\134 type=file mode=4755 uid=0 gid=0 size=3 sha256digest=\
7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed nlink=2 inode=1
./usr/bin/caf\\351 type=file mode=0644 uid=0 gid=0 size=0 sha256digest=\
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 xattr.security.capability=AQD/
./usr/bin/linked type=file mode=4755 uid=0 gid=0 size=3 sha256digest=\
7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed nlink=2 inode=1
"""


def test_a_tree_is_written_one_path_a_line() -> None:
    """Every kind of entry and every odd byte has its spelling."""
    assert mtree.to_bytes(TREE) == TEXT


def test_the_root_has_the_first_line_whether_it_is_in_the_tree_or_not() -> None:
    """A root that differs from root's 0755 says so."""
    odd = mtree.to_bytes(Tree([("/", Directory(mode=0o700))]))

    assert mtree.to_bytes(Tree()) == b"#mtree\n. type=dir mode=0755 uid=0 gid=0\n"
    assert odd == b"#mtree\n. type=dir mode=0700 uid=0 gid=0\n"


def test_parsing_gives_the_keywords_by_path() -> None:
    """Each line of an mtree can be found by its path."""
    found = mtree.parse(TEXT, document="amd64.mtree")

    assert found["/bin"] == "type=link mode=0777 uid=0 gid=0 link=usr/bin"
    assert found["/"] == "type=dir mode=0755 uid=0 gid=0"


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        (b"./a type=dir\n", "", "not an mtree written by lock"),
        (b"#mtree\n./a type=dir", "", "not an mtree written by lock"),
        (b"#mtree\n./a\n", "line 2", "not a path and keywords"),
        (b"#mtree\n\n/a type=dir\n", "line 3", "not a path and keywords"),
        (b"#mtree\n./a x=1\n./a x=1\n", "line 3", "not a path and keywords"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: bytes, place: str, problem: str) -> None:
    """An mtree that lock did not write is refused."""
    with pytest.raises(DocumentError) as e:
        mtree.parse(text, document="amd64.mtree")

    assert e.value == DocumentError(document="amd64.mtree", place=place, problem=problem)


def test_differences_name_missing_extra_and_changed_paths() -> None:
    """A reviewer sees which file differs and in what."""
    expected = {"/a": "type=file mode=0644", "/b": "type=dir", "/same": "type=dir"}
    got = {"/a": "type=file mode=0755 uid=1", "/c": "type=dir", "/same": "type=dir"}

    assert mtree.differences(expected, got) == (
        "differs: /a (mode 0644 to 0755, uid none to 1)",
        "missing: /b",
        "extra: /c",
    )


@pytest.mark.skipif(not shutil.which("bsdtar"), reason="needs bsdtar (libarchive-tools)")
def test_libarchive_reads_it(tmp_path: Path) -> None:
    """An independent reader of mtree(5) lists the same paths, modes and links."""
    (tmp_path / "amd64.mtree").write_bytes(TEXT)
    listing = subprocess.run(
        ["bsdtar", "-tvf", "amd64.mtree"], cwd=tmp_path, capture_output=True, check=False
    ).stdout.decode(errors="surrogateescape")

    assert "./bin -> usr/bin" in listing
    assert "drwxr-sr-x" in listing
    assert "-rwsr-xr-x" in listing
    assert len(listing.splitlines()) == len(TREE) + 1
