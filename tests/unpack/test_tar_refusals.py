"""What `tar.index` refuses: hostile-inputs C, case by case, with the member named."""

from __future__ import annotations

import attrs
import pytest
from builders.tar import Raw, archive, gnu_long, pax

from imagesmith.errors import MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.unpack import tar

DIRECTORY = Raw(name=b"./d/", type=b"5", mode=0o755)
FILE = Raw(name=b"./f", body=b"body")


def refusal(raw: bytes) -> str:
    """Return how the archive `raw` is refused: the member, and why."""
    with pytest.raises(MalformedArtefact) as caught:
        tar.index(memoryview(raw), blob=Digest.of(raw), artefact="x.deb")
    assert caught.value.artefact == "x.deb"
    return f"{caught.value.member}: {caught.value.problem}"


def _under(path: bytes) -> tuple[Raw, Raw]:
    return Raw(name=b"./d", type=b"2", link=path), Raw(name=b"./d/x", body=b"x")


X = pax({b"path": b"./x"})
LONG = gnu_long(b"L", b"./" + b"n" * 120)
NONE = Raw(name=b"./d", type=b"2", link=b"")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        # names
        (archive(Raw(name=b"../x")), "../x: path component '..'"),
        (archive(Raw(name=b"a/../../x")), "a/../../x: path component '..'"),
        (archive(Raw(name=b"")), ": path component ''"),
        (archive(Raw(name=b"./f/")), "./f/: path component ''"),
        (archive(Raw(name=b"\x1b[2J/../x")), "\\x1b[2J/../x: path component '..'"),
        (archive(pax({b"path": b"../x"}), FILE), "../x: path component '..'"),
        (archive(gnu_long(b"L", b"../x"), FILE), "../x: path component '..'"),
        (
            archive(Raw(name=b"./.wh.foo")),
            "./.wh.foo: a whiteout name, which deletes files of lower layers",
        ),
        # parents
        (archive(*_under(b"..")), "./d/x: /d above it is no directory"),
        (archive(*_under(b"/abs")), "./d/x: /d above it is no directory"),
        (archive(FILE, Raw(name=b"./f/x")), "./f/x: /f above it is no directory"),
        (archive(Raw(name=b"./", type=b"2", link=b"/abs")), "./: the root is no directory"),
        (archive(Raw(name=b".", body=b"x")), ".: the root is no directory"),
        (
            archive(Raw(name=b"./", type=b"5", mode=0o700), Raw(name=b"./", type=b"5", mode=0o755)),
            "./: a second member with this path",
        ),
        # duplicates
        (archive(FILE, FILE), "./f: a second member with this path"),
        (archive(FILE, Raw(name=b"f")), "f: a second member with this path"),
        (
            archive(DIRECTORY, Raw(name=b"./d", type=b"2", link=b"/")),
            "./d: a second member with this path",
        ),
        (
            archive(Raw(name=b"./d/f"), Raw(name=b"./d", type=b"2", link=b"/")),
            "./d: a second member with this path",
        ),
        # hard links
        (
            archive(Raw(name=b"./h", type=b"1", link=b"../secret")),
            "./h: path component '..'",
        ),
        (
            archive(Raw(name=b"./h", type=b"1", link=b"/etc/passwd")),
            "./h: hard link to /etc/passwd, which is no earlier file",
        ),
        (
            archive(Raw(name=b"./h", type=b"1", link=b"./f"), FILE),
            "./h: hard link to /f, which is no earlier file",
        ),
        (
            archive(Raw(name=b"./l", type=b"2", link=b"f"), Raw(name=b"h", type=b"1", link=b"l")),
            "h: hard link to /l, which is no earlier file",
        ),
        (
            archive(DIRECTORY, Raw(name=b"./h", type=b"1", link=b"./d")),
            "./h: hard link to /d, which is no earlier file",
        ),
        (
            archive(FILE, Raw(name=b"./f", type=b"1", link=b"./f")),
            "./f: a second member with this path",
        ),
        (
            archive(FILE, Raw(name=b"./h", type=b"1", link=b"./f", mode=0o4755)),
            "./h: hard link whose mode or owner is not its target's",
        ),
        (
            archive(
                FILE,
                pax({b"SCHILY.xattr.user.a": b"1"}),
                Raw(name=b"./h", type=b"1", link=b"./f"),
            ),
            "./h: hard link whose extended attributes are not its target's",
        ),
        # symbolic links
        (archive(NONE), "./d: symbolic link with an empty or overlong target"),
        (
            archive(gnu_long(b"K", b"a/" * 2048), NONE),
            "./d: symbolic link with an empty or overlong target",
        ),
        (
            archive(pax({b"SCHILY.xattr.user.a": b"1"}), attrs.evolve(NONE, link=b"a")),
            "./d: symbolic link with extended attributes",
        ),
        # kinds
        (archive(Raw(name=b"n", type=b"3")), "n: a character device, which no image may contain"),
        (archive(Raw(name=b"n", type=b"4")), "n: a block device, which no image may contain"),
        (archive(Raw(name=b"n", type=b"6")), "n: a FIFO, which no image may contain"),
        (archive(Raw(name=b"n", type=b"Z")), "header at byte 0: unknown member type 'Z'"),
        (archive(Raw(name=b"n", type=b"S")), "header at byte 0: unknown member type 'S'"),
        (archive(Raw(name=b"n", type=b"7")), "header at byte 0: unknown member type '7'"),
        # bodies and owners
        (
            archive(Raw(name=b"d/", type=b"5", body=b"x")),
            "header at byte 0: a directory with a body",
        ),
        (
            archive(FILE, Raw(name=b"h", type=b"1", link=b"f", body=b"x")),
            "header at byte 1024: a hard link with a body",
        ),
        (archive(attrs.evolve(FILE, size=2000)), "header at byte 0: the body of ./f is cut short"),
        (
            archive(attrs.evolve(FILE, size=b"\x80" + b"\x7f" * 11)),
            "header at byte 0: the body of ./f is cut short",
        ),
        (
            archive(attrs.evolve(FILE, uid=b"\x80\0\0\0\xff\xff\xff\xff")),
            "./f: owner 4294967295:0 is out of range",
        ),
        # extension headers
        (archive(X, X, FILE), "header at byte 0: contradicting extension headers"),
        (archive(X, LONG, FILE), "header at byte 0: contradicting extension headers"),
        (archive(LONG, X, FILE), "header at byte 0: contradicting extension headers"),
        (archive(LONG, LONG, FILE), "header at byte 0: contradicting extension headers"),
        (
            archive(LONG, pax({b"comment": b""}, kind=b"g"), FILE),
            "header at byte 0: contradicting extension headers",
        ),
        (archive(X), "header at byte 0: extension headers without a member"),
        (
            archive(pax({b"path": b"./x"}, kind=b"g"), FILE),
            "header at byte 0: global PAX record 'path'",
        ),
        (
            archive(gnu_long(b"L", b""), FILE),
            "header at byte 0: malformed GNU long name",
        ),
        (
            archive(gnu_long(b"L", b"a\0b"), FILE),
            "header at byte 0: malformed GNU long name",
        ),
        (
            archive(Raw(name=b"x", type=b"x", size=tar.MAX_EXTENSION + 1), FILE),
            "header at byte 0: an extension header of more than 1048576 bytes",
        ),
        (
            archive(Raw(name=b"x", type=b"x", size=4000), FILE),
            "header at byte 0: an extension header is cut short",
        ),
        (
            archive(pax({b"GNU.sparse.major": b"1"}), FILE),
            "header at byte 0: unknown PAX record 'GNU.sparse.major'",
        ),
        # the end
        (
            b"",
            "header at byte 0: the archive ends without its end-of-archive blocks",
        ),
        (
            archive(FILE, end=b""),
            "header at byte 1024: the archive ends without its end-of-archive blocks",
        ),
        (
            archive(FILE, end=bytes(512)),
            "header at byte 1024: the archive ends without its end-of-archive blocks",
        ),
        (
            archive(FILE, end=bytes(512) + FILE.to_bytes()),
            "header at byte 1024: data after the end of the archive",
        ),
        (
            archive(FILE) + FILE.to_bytes(),
            "header at byte 1024: data after the end of the archive",
        ),
        (
            archive(FILE, attrs.evolve(FILE, checksum=b"0000000\0")),
            "header at byte 1024: header checksum does not match",
        ),
    ],
)
def test_what_two_readers_could_take_in_two_ways_is_refused(raw: bytes, expected: str) -> None:
    """Each case of hostile-inputs C, with the member it was found in."""
    assert expected == refusal(raw)
