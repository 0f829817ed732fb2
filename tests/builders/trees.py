"""Trees for tests: every shape an image may have, drawn at random or all at once."""

from __future__ import annotations

import attrs
from hypothesis import strategies as st

from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree, parent, parents

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
    for path in list(entries):
        for above in parents(path):
            entries.setdefault(above, Directory())
    return Tree(entries)
