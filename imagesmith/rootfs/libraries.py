"""ld.so.cache: what makes a loader look where ld.so.conf points.

Packages may put libraries into directories that only ld.so.conf names, and count
on ldconfig(8), which runs wherever they are installed.  So their union is traced
as ldconfig would leave it: with the links it makes, and with a cache.  Whether
an image gets a cache is the recipe's word.  With `auto` the cache holds only the
names that a loader would not find alike by itself, and an image in which it
answers none of them does without.

An image's own cache names what is in the image, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imagesmith.elf import ldcache, ldconfig
from imagesmith.elf.ldconfig import Library, Scope
from imagesmith.elf.root import LD_SO_CACHE, Root
from imagesmith.manifest.sections import LdSoCache
from imagesmith.model.arch import Arch
from imagesmith.model.tree import Entry, File, Symlink, Tree

DEBIAN_LD_SO_CONF = b"include /etc/ld.so.conf.d/*.conf\n"
"""What libc-bin ships.  It is essential: packages count on it without naming it."""

Read = Callable[[str], bytes]
"""The content of the regular file at a real path."""


def configured(union: Tree, policy: LdSoCache, arch: Arch, *, read: Read) -> Tree:
    """Return the packages' tree as ldconfig would leave it; the tree itself if that is the same."""
    where = _scope(union, arch, read)
    if policy == "never" or not where.hosts:
        return union
    found = ldconfig.libraries(Root(union, read), where)
    made: dict[str, Entry] = {
        path: Symlink(target=target) for path, target in (each.link for each in found if each.link)
    }
    noted = _noted(found, policy)
    # A cache that some package ships is as good as any other file of it.
    if policy == "always" or (noted and LD_SO_CACHE not in union):
        made[LD_SO_CACHE] = _file(noted, where)
    return Tree({**union.entries, **made}) if made else union


def cached(rootfs: Tree, union: Tree, policy: LdSoCache, arch: Arch, *, read: Read) -> Tree:
    """Return a root filesystem with the cache of what is in it, made as for its `union`.

    The configuration is that of the union: the image need not have it.
    """
    where = _scope(union, arch, read)
    if not where.hosts:
        return rootfs
    found = ldconfig.libraries(Root(rootfs, read), where)
    present = [each for each in _noted(found, policy) if each.link is None]
    return Tree({**rootfs.entries, LD_SO_CACHE: _file(present, where)})


def _scope(union: Tree, arch: Arch, read: Read) -> Scope:
    return ldconfig.scope(Root(union, read), arch.machine, DEBIAN_LD_SO_CONF)


def _noted(found: Sequence[Library], policy: LdSoCache) -> Sequence[Library]:
    return found if policy == "always" else ldconfig.decisive(found)


def _file(found: Sequence[Library], where: Scope) -> File:
    return File.of(ldcache.to_bytes([each.entry for each in found], where.hosts[0].endian))
