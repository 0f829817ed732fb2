"""Trees for tests: every shape an image may have, drawn at random or all at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import attrs
from hypothesis import strategies as st

from imagesmith.model.digest import Digest
from imagesmith.model.tree import (
    Directory,
    Entry,
    File,
    Hardlink,
    Span,
    Symlink,
    Tree,
    parent,
    parents,
)

CAPABILITY = bytes.fromhex("0100000200040000000000000000ff00000000ff")
"""A security.capability value (vfs_cap_data, revision 2) with NUL and 0xff bytes in it."""

_COMPONENTS = st.sampled_from(
    [
        "a",
        "b",
        "a-b",
        "a.b",
        "é",
        "\udcff\udc80",
        "x" * 99,
        "y" * 130,
        "z" * 255,
        "line\nfeed",
        "\\'\"",
        " ",
        "%=\t",
    ]
)
_PATHS = st.lists(_COMPONENTS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
_IDS = st.sampled_from([0, 1, 65532, 2**21 - 1, 2**21, 2**32 - 2])
_MODES = st.sampled_from([0, 0o644, 0o755, 0o4755, 0o2755, 0o1777, 0o7777])
_XATTRS = st.dictionaries(
    st.sampled_from(["security.capability", "user.a", "user.é"]), st.binary(max_size=40), max_size=2
).map(lambda drawn: tuple(sorted(drawn.items())))

files = st.builds(
    lambda content, mode, uid, gid, xattrs: attrs.evolve(
        File.of(content, mode=mode), uid=uid, gid=gid, xattrs=xattrs
    ),
    st.binary(max_size=40) | st.sampled_from([bytes(512), bytes(513), bytes(1024)]),
    _MODES,
    _IDS,
    _IDS,
    _XATTRS,
)
directories = st.builds(Directory, mode=_MODES, uid=_IDS, gid=_IDS, xattrs=_XATTRS)
symlinks = st.builds(
    Symlink, target=_PATHS | _COMPONENTS | st.just("t/" * 60 + "t"), uid=_IDS, gid=_IDS
)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Draw a tree that can be packed: parents are there, hard links come after their target."""
    entries: dict[str, Entry] = {}
    drawn = draw(st.dictionaries(_PATHS, files | files | directories | symlinks, max_size=12))
    for path, entry in drawn.items():
        entries.setdefault(path, entry)
        for above in parents(path):
            if not isinstance(entries.get(above), Directory):
                entries[above] = Directory()
    for path in [path for path, entry in entries.items() if isinstance(entry, File)]:
        if draw(st.booleans()):
            entries.setdefault(f"{parent(path).rstrip('/')}/\udcff\udcff", Hardlink(target=path))
    return Tree(entries)


def adversarial() -> Tree:
    """Return one tree with every edge a tar header has; any Linux file system can hold it."""
    deep = "/deep/" + "/".join(letter * 60 for letter in "abcdef")
    capable = attrs.evolve(
        File.of(b"ping", mode=0o4755), xattrs=(("security.capability", CAPABILITY),)
    )
    entries: dict[str, Entry] = {
        "/etc/empty": File.of(b""),
        "/etc/line\nfeed \x1b[31m": File.of(b"odd"),
        "/etc/naïve": File.of("naïve".encode()),
        "/etc/\udcff\udcfe": File.of(b"not UTF-8"),
        f"/etc/\udcff{'é' * 60}": File.of(b"not UTF-8 and too long for ustar"),
        "/lib": Symlink(target="usr/lib"),
        "/lib-x/between": File.of(b"sorts between /lib and /lib/"),
        "/loop": Symlink(target="loop"),
        "/nobody": attrs.evolve(File.of(b"odd owner"), uid=2**21, gid=2**32 - 2),
        "/srv/nobody": Symlink(target="/dangling/" + "t" * 100, uid=2**21 - 1, gid=7),
        "/sticky": Directory(mode=0o1777),
        "/usr/bin": Directory(mode=0o2755, gid=50),
        "/usr/bin/ping": capable,
        "/usr/bin/ping6": Hardlink(target="/usr/bin/ping"),
        "/usr/bin/sudo": File.of(b"sudo", mode=0o6755),
        f"/n{'a' * 99}": File.of(b"a name of 100 bytes"),
        f"/n{'a' * 100}": File.of(b"a name of 101 bytes"),
        f"/{'p' * 155}/{'n' * 100}": File.of(b"the longest ustar name"),
        f"/{'p' * 155}/{'n' * 101}": File.of(b"one byte more"),
        f"{deep}/file": File.of(b"too long for ustar"),
        f"{deep}/link": Hardlink(target=f"{deep}/file"),
        f"{deep}/symlink": Symlink(target=f"{deep}/file"),
    }
    for size in (1, 511, 512, 513, 100_000):
        entries[f"/sizes/{size:06}"] = File.of(b"s" * size)
    return whole(entries)


def whole(entries: Mapping[str, Entry]) -> Tree:
    """Return the tree of these entries and of the directories above them."""
    above = {directory: Directory() for path in entries for directory in parents(path)}
    return Tree({**above, **entries})


def names() -> Tree:
    """Return names around every limit of ustar, of one byte and of two, in UTF-8 and not."""
    entries: dict[str, Entry] = {}
    for letter in ("n", "é", "\udce9"):
        for length in (99, 100, 101, 127, 128, 255):
            name = (letter * length)[: length // len(letter.encode("utf-8", "surrogateescape"))]
            entries[f"/{name}"] = File.of(b"")
    for below, above in ((99, 155), (100, 155), (101, 155), (100, 156), (1, 156), (200, 200)):
        entries[f"/{'d' * above}/{'f' * below}"] = File.of(b"")
        entries[f"/{'d' * above}/{'D' * below}"] = Directory()
    deep = "/deep" + "/0123456789abcde" * 240
    entries[f"{deep}/\udcff"] = File.of(b"a path of 3,847 bytes that is not UTF-8")
    for odd in (
        " ",
        "\t\n",
        "\\",
        "*?[",
        "-rf",
        "a=b",
        "%41",
        "~",
        "\x7f\x1b[2J",
        "...",
        "ée\u0301",
    ):
        entries[f"/odd/{odd}"] = Symlink(target=odd)
    return whole(entries)


def owners() -> Tree:
    """Return every limit of an owner's number with every special mode."""
    entries: dict[str, Entry] = {"/home": Directory(mode=0o3777, uid=2**21, gid=2**21)}
    for number in (0, 1, 65534, 2**21 - 1, 2**21, 2**31, 2**32 - 2):
        entries[f"/uid{number}"] = Directory(uid=number)
        entries[f"/gid{number}"] = Symlink(target="/", gid=number)
        entries[f"/home/{number}"] = attrs.evolve(File.of(b""), uid=number, gid=number)
    for mode in (0, 0o1, 0o644, 0o1000, 0o2755, 0o4755, 0o6711, 0o7777):
        entries[f"/modes/{mode:04o}"] = File.of(b"", mode=mode)
    return whole(entries)


def links() -> Tree:
    """Return groups of hard links, near and far, and symbolic links around their limits."""
    capable = (("security.capability", CAPABILITY),)
    far = "/z" * 80
    shared = attrs.evolve(File.of(b"one inode", mode=0o4711), uid=2**21, xattrs=capable)
    entries: dict[str, Entry] = {"/a/first": shared, "/a/second": Hardlink(target="/a/first")}
    entries |= {"/b": Hardlink(target="/a/first"), f"{far}/third": Hardlink(target="/a/first")}
    entries |= {f"{far}/x": File.of(b""), f"{far}/y": Hardlink(target=f"{far}/x")}
    entries["/é"] = File.of(b"linked by an odd name")
    entries["/é" + "\udcff" * 100] = Hardlink(target="/é")
    targets = ("/", ".", "..", "//", "./a/", "a b", "\n", "/../../etc", "\udcff", "missing")
    limits = ("t" * 99, "t" * 100, "t" * 101, "é" * 50, "é" * 51, "\udcff" * 101, "t/" * 2047)
    for number, target in enumerate((*targets, *limits)):
        entries[f"/symlinks/{number:02}"] = Symlink(target=target, uid=number, gid=2**21)
    return whole(entries)


def attributes() -> Tree:
    """Return attributes whose records are of every length around a new digit, and odd ones."""
    entries: dict[str, Entry] = {}
    for length in (*range(70, 90), *range(960, 990), 9970, 9975, 9980):
        drawn = hashlib.shake_256(b"%d" % length).digest(length)
        entries[f"/{length:04}"] = attrs.evolve(File.of(b""), xattrs=(("user.a", drawn),))
    odd = (("a", b""), ("security.capability", CAPABILITY), ("user.\n é", b"=\n\0 13 uid=0\n"))
    for name in ("n", "n" * 101, "\udcff" * 101):
        entries[f"/{name}"] = Directory(uid=2**21, gid=2**21, xattrs=odd)
    entries["/zz"] = Hardlink(target="/0070")
    return whole(entries)


def contents() -> Tree:
    """Return contents that look like something else, and sizes around blocks and segments."""
    segment = 4 * 1024 * 1024
    noise = hashlib.shake_256(b"noise").digest(segment)
    of = {
        "/empty": b"",
        "/zeros/block": bytes(512),
        "/zeros/end-of-archive": bytes(1024),
        "/zeros/segment": bytes(segment),
        "/sparse": bytes(700_000) + noise[:513] + bytes(700_000),
        "/archive.tar": b"name".ljust(257, b"\0") + b"ustar\x0000" + bytes(1024),
        "/noise/less": noise[:513],
        "/noise/more": noise + b"\n",
        "/text": b"".join(b"%08d" % (number * 7919 % 10007) for number in range(50_000)),
    }
    return whole({path: File.of(content) for path, content in of.items()})


def many() -> Tree:
    """Return 100,000 entries of every type."""
    entries: dict[str, Entry] = {}
    small = [File.of(b"%d" % number) for number in range(10)]
    for top in range(100):
        entries[f"/{top:02}"] = Directory()
        for number in range(999):
            path = f"/{top:02}/{number:03}"
            match number % 10:
                case 0:
                    entries[path] = Directory(mode=0o700 + number % 64, uid=number)
                case 1:
                    entries[path] = Symlink(target=f"{number - 1:03}", gid=top)
                case 3:
                    entries[path] = Hardlink(target=f"/{top:02}/{number - 1:03}")
                case digit:
                    entries[path] = small[digit]
    return Tree(entries)


def huge() -> Tree:
    """Return a file of a little more than 8 GiB, to be read with `sparse`."""
    nowhere = Digest.of(b"")
    file = File(mode=0o644, size=8**11 + 1000, digest=nowhere, content=Span(nowhere, 0))
    return Tree({"/after": File.of(b"behind it"), "/.huge": file})


def sparse(file: File) -> Iterator[bytes]:
    """Make the content of a large file: zeros with a little noise in every other piece."""
    step = 4 * 1024 * 1024
    zeros, island = bytes(step), hashlib.shake_256(b"island").digest(512).ljust(step, b"\0")
    for start in range(0, file.size, step):
        yield (zeros, island)[start // step % 2][: file.size - start]
