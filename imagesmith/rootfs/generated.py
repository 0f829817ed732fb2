"""Files that no package ships and every root filesystem needs.

Each function returns entries by image path; their bytes depend on the manifest
and the pinned packages only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from imagesmith.errors import PathNotFound
from imagesmith.manifest.sections import RootfsSection, User
from imagesmith.model.tree import Directory, Entry, File, Tree
from imagesmith.rootfs.effects.accounts import NOBODY, Accounts
from imagesmith.rootfs.overlay import merged_path

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian's OpenSSL, GnuTLS and libcurl look (compiled in)."""
CA_SOURCE = "/usr/share/ca-certificates/"
"""Where ca-certificates and packages like it ship single certificates."""
MOUNT_POINTS = ("/dev", "/proc", "/run", "/sys")
"""What runtimes mount over; present so that a read-only root can be used."""
NO_HOME = ("/", "/nonexistent")
"""Homes that are not made; the second is Debian's word for none (policy 9.2.3)."""

_ROOT = User(name="root", uid=0, gid=0, home="/root")


def generate(
    section: RootfsSection,
    tree: Tree,
    *,
    made: Accounts = NOBODY,
    read: Callable[[File], bytes],
) -> Mapping[str, Entry]:
    """Return every generated entry of a root filesystem by path.

    `made` are the accounts of shipped packages; the recipe's own users come before them.
    A home is made for its user unless something lies there already, which stays as it is.
    """
    entries: dict[str, Entry] = {path: Directory() for path in MOUNT_POINTS}
    entries["/tmp"] = Directory(mode=0o1777)  # noqa: S108 - a path inside the image
    entries |= accounts(section.users, made)
    if section.ca_bundle:
        entries[CA_BUNDLE] = File.of(ca_bundle(tree, read=read))
    for user in section.users:
        home = merged_path(user.home)
        if home not in (*NO_HOME, *entries) and tree.entry(home) is None:
            entries[home] = Directory(uid=user.uid, gid=user.gid)
    return entries


def accounts(users: Iterable[User], made: Accounts = NOBODY) -> Mapping[str, Entry]:
    """Return /etc/passwd and /etc/group (passwd(5), group(5)) of root, `users` and `made`.

    A name that the recipe gives to a user of its own is that user's, and its group's.
    """
    everyone = (_ROOT, *users)
    passwd = [f"{u.name}:x:{u.uid}:{u.gid}:{u.name}:{u.home}:{u.shell}\n" for u in everyone]
    gids = {user.name: user.gid for user in everyone}
    passwd += [
        f"{each.name}:x:{each.uid}:{each.gid}:{each.gecos}:{each.home}:{each.shell}\n"
        for each in made.users
        if each.name not in gids
    ]
    gids |= {each.name: each.gid for each in made.groups if each.name not in gids}
    members = {each.name: ",".join(each.members) for each in made.groups}
    group = [f"{name}:x:{gid}:{members.get(name, '')}\n" for name, gid in gids.items()]
    return {
        "/etc/passwd": File.of("".join(passwd).encode()),
        "/etc/group": File.of("".join(group).encode()),
    }


def ca_bundle(tree: Tree, *, read: Callable[[File], bytes]) -> bytes:
    """Join the certificates of ca-certificates, sorted by path, into one PEM file.

    update-ca-certificates(8) does the same in the order of its configuration;
    here every certificate the pinned packages ship is trusted.
    """
    certificates = [read(entry) for _, entry in ca_certificates(tree)]
    if not certificates:
        raise PathNotFound(
            path=f"{CA_SOURCE}**.crt", what="CA certificate", hint="add ca-certificates to names"
        )
    return b"".join(text if text.endswith(b"\n") else text + b"\n" for text in certificates)


def ca_certificates(tree: Tree) -> Iterator[tuple[str, File]]:
    """Yield the single certificates that packages ship, sorted by path."""
    for path, entry in tree:
        if path.startswith(CA_SOURCE) and path.endswith(".crt") and isinstance(entry, File):
            yield path, entry
