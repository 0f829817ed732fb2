"""Packages configured for the first time, their maintainer scripts read instead of run.

Scripts are called as dpkg calls them (Debian policy 6.5): `preinst install` of all
packages, then `postinst configure ""`, dependencies first.  A preinst finds all
packages unpacked but its own; what it diverts is told before they are laid
over each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from imagesmith.manifest.sections import User
from imagesmith.model.arch import Arch
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Hardlink, Tree
from imagesmith.rootfs.effects import parser
from imagesmith.rootfs.effects.accounts import Registry
from imagesmith.rootfs.effects.commands.queries import PATH
from imagesmith.rootfs.effects.configured import Configured
from imagesmith.rootfs.effects.filesystem import Filesystem
from imagesmith.rootfs.effects.ledger import Ledger, Note
from imagesmith.rootfs.effects.outcome import Kind, Result
from imagesmith.rootfs.effects.shell import GivenUp, Left, Shell
from imagesmith.rootfs.effects.syntax import Unreadable
from imagesmith.rootfs.effects.walking import walk
from imagesmith.rootfs.effects.world import UMASK, Compare, Diversion, Machine, World
from imagesmith.rootfs.overlay import Overlay, merged_path

SCRIPTS = {"preinst": ["install"], "postinst": ["configure", ""]}
"""The scripts that dpkg runs on a fresh system, and how it calls them."""


@attrs.frozen(kw_only=True)
class Package:
    """What configuring needs to know of a package."""

    name: str
    version: str
    scripts: Mapping[str, bytes]
    depends: tuple[str, ...] = ()
    """The names in Pre-Depends and Depends, all alternatives of them."""


@attrs.frozen(kw_only=True)
class Circumstances:
    """What decides how scripts come out, besides the packages."""

    arch: Arch
    compare: Compare
    """The order of two Debian versions."""
    users: tuple[User, ...] = ()
    """The recipe's own."""
    ca_bundle: bool = False
    """Whether the recipe asks for a bundle of certificates."""


def configure(
    overlay: Overlay,
    packages: Sequence[Package],
    circumstances: Circumstances,
    *,
    read: Callable[[str], bytes],
) -> Configured:
    """Return the union of packages as their maintainer scripts would leave it.

    `read` gives the content of the regular file at a real path of `overlay`.
    """
    world = _world(overlay, packages, circumstances, read)
    world.diversions.update(_diversions(packages, circumstances))
    ordered = order(packages)
    own = _exclusive(overlay)
    ledgers: list[Ledger] = []
    for package in ordered:
        if "preinst" in package.scripts:
            with world.files.without(own.get(package.name, ())):
                ledgers.append(_walk(package, "preinst", world))
    ledgers += [_walk(each, "postinst", world) for each in ordered if "postinst" in each.scripts]
    return Configured(
        overlay=_changed(overlay, world),
        accounts=world.accounts.result(),
        ledgers=tuple(ledgers),
    )


def _exclusive(overlay: Overlay) -> Mapping[str, list[str]]:
    """Return the paths that only one package ships, by its name."""
    found: dict[str, list[str]] = {}
    for path, names in overlay.owners.items():
        if len(names) == 1:
            found.setdefault(names[0], []).append(path)
    return found


def diverted(
    packages: Sequence[Package], trees: Mapping[str, Tree], circumstances: Circumstances
) -> Mapping[str, Tree]:
    """Return the trees of packages with the paths that another one's preinst diverts moved."""
    diversions = _diversions(packages, circumstances)
    if not diversions:
        return trees
    return {name: _moved(name, tree, diversions) for name, tree in trees.items()}


def _diversions(
    packages: Iterable[Package], circumstances: Circumstances
) -> Mapping[str, Diversion]:
    """Return what preinst scripts divert, by merged path, as if nothing were unpacked."""
    nothing = Overlay(tree=Tree(), owners={})
    found: dict[str, Diversion] = {}
    for package in sorted(packages, key=lambda each: each.name):
        if b"dpkg-divert" in package.scripts.get("preinst", b""):
            world = _world(nothing, [package], circumstances, lambda _: b"")
            _walk(package, "preinst", world)
            found = {**world.diversions, **found}
    return found


def _moved(package: str, tree: Tree, diversions: Mapping[str, Diversion]) -> Tree:
    def elsewhere(path: str) -> str:
        diversion = diversions.get(merged_path(path))
        stays = diversion is None or diversion.package == package
        return path if diversion is None or stays else diversion.target

    return Tree(
        {
            elsewhere(path): Hardlink(target=elsewhere(entry.target))
            if isinstance(entry, Hardlink)
            else entry
            for path, entry in tree
        }
    )


def order(packages: Sequence[Package]) -> list[Package]:
    """Return packages with dependencies first, by name where nothing else decides.

    A cycle is entered where its first name is reached; dpkg breaks them as it likes.
    """
    known = {package.name: package for package in packages}
    placed: dict[str, Package] = {}
    entered: set[str] = set()
    for name in sorted(known):
        pending = [name]
        while pending:
            here = pending[-1]
            wanted = [] if here in entered else sorted(set(known[here].depends) & set(known))
            entered.add(here)
            following = [each for each in wanted if each not in entered]
            if following:
                # the last is looked at first
                pending += reversed(following)
            else:
                pending.pop()
                placed.setdefault(here, known[here])
    return list(placed.values())


def _world(
    overlay: Overlay,
    packages: Sequence[Package],
    given: Circumstances,
    read: Callable[[str], bytes],
) -> World:
    machine = Machine(
        arch=given.arch,
        versions={package.name: package.version for package in packages},
        read=read,
        compare=given.compare,
        ca_bundle=given.ca_bundle,
    )
    return World(
        machine=machine,
        files=Filesystem(overlay.tree.entries),
        accounts=Registry(given.users),
    )


def _walk(package: Package, name: str, world: World) -> Ledger:
    """Read one script; what it does is in the world afterwards."""
    script = package.scripts[name]
    world.package, world.script, world.umask = package.name, name, UMASK
    world.files.directory, world.is_bash = "/", parser.is_bash(script)
    commands = parser.parse(script)
    if isinstance(commands, Unreadable):
        note = Note(commands.line, "the whole script", commands.problem)
        return _ledger(package, name, [("skipped", note)])
    shell = Shell(
        world=world,
        walk=walk,
        variables=_environment(package, name, world),
        positional=list(SCRIPTS[name]),
        errexit=parser.errexit(script),
    )

    def run() -> Result:
        try:
            return shell.run(commands)
        except Left as left:
            if left.status:
                _stopped(shell, f"it would end here with status {left.status}")
            raise

    try:
        shell.to_the_end(run)
    except GivenUp:
        _stopped(shell, "it takes more steps than are followed")
    return _ledger(package, name, shell.notes)


def _stopped(shell: Shell, why: str) -> None:
    shell.note("skipped", shell.line, "the rest of the script", why)


def _environment(package: Package, name: str, world: World) -> dict[str, str]:
    """Return the variables that dpkg sets (dpkg(1), maintainer script environment)."""
    return {
        "IFS": " \t\n",
        "PATH": PATH,
        "HOME": "/root",
        "DEBIAN_FRONTEND": "noninteractive",
        "DPKG_MAINTSCRIPT_ARCH": world.machine.arch.debian,
        "DPKG_MAINTSCRIPT_NAME": name,
        "DPKG_MAINTSCRIPT_PACKAGE": package.name,
        "DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT": "1",
        "DPKG_ADMINDIR": "/var/lib/dpkg",
        "DPKG_ROOT": "",
    }


def _ledger(package: Package, name: str, notes: Iterable[tuple[Kind, Note]]) -> Ledger:
    """Sort notes into a ledger, each once, by line."""
    kinds: dict[Kind, dict[Note, None]] = {"reproduced": {}, "inert": {}, "skipped": {}}
    for kind, note in notes:
        kinds[kind][note] = None
    lists = {
        kind: tuple(sorted(found, key=lambda note: note.line)) for kind, found in kinds.items()
    }
    return Ledger(
        package=package.name,
        script=name,
        digest=Digest.of(package.scripts[name]),
        reproduced=lists["reproduced"],
        inert=lists["inert"],
        skipped=lists["skipped"],
    )


def _changed(overlay: Overlay, world: World) -> Overlay:
    """Return the overlay with what scripts made, owned by their packages."""
    if not world.files.changes:
        return overlay
    tree = world.files.tree()
    owners = {path: overlay.owners.get(path, ()) for path in tree.entries}
    owners |= {path: (package,) for path, package in world.files.makers.items() if path in tree}
    for path, packages in world.files.changers.items():
        if path in tree:
            owners[path] = tuple(sorted({*owners[path], *packages}))
    return Overlay(tree=tree, owners=owners)
