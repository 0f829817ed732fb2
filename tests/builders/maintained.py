"""Maintainer scripts in a small system, read as `lock` reads them."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from builders.tar import Files, complete

from imagesmith.manifest.sections import User
from imagesmith.model.arch import parse
from imagesmith.model.tree import Tree, describe
from imagesmith.rootfs.effects import configure
from imagesmith.rootfs.effects.accounts import Accounts
from imagesmith.rootfs.effects.configure import Circumstances, Package
from imagesmith.rootfs.effects.configured import Configured
from imagesmith.rootfs.effects.ledger import Ledger
from imagesmith.rootfs.overlay import overlay
from imagesmith.sources.debian import version

AMD64 = parse("amd64")


@attrs.frozen
class Read:
    """What reading scripts gave."""

    configured: Configured
    before: Tree

    @property
    def ledger(self) -> Ledger:
        """The ledger of the last script."""
        return self.configured.ledgers[-1]

    @property
    def accounts(self) -> Accounts:
        """Who was made."""
        return self.configured.accounts

    @property
    def made(self) -> dict[str, str]:
        """What is in the tree and was not, or was otherwise, in one-line notation."""
        tree = self.configured.overlay.tree
        changed = {
            path: describe(entry) for path, entry in tree if self.before.entry(path) != entry
        }
        gone = {path: "gone" for path, _ in self.before if path not in tree}
        return {**changed, **gone}

    def text(self, path: str) -> str:
        """Return what a file that a script wrote says."""
        file = self.configured.overlay.tree.file(path)
        assert file is not None
        assert isinstance(file.content, bytes)
        return file.content.decode()

    @property
    def skipped(self) -> list[tuple[int, str]]:
        """Lines of the last script that are left out, and why."""
        return [(note.line, note.about) for note in self.ledger.skipped]


def package(
    name: str = "hello", *, depends: tuple[str, ...] = (), version: str = "1.0-1", **scripts: str
) -> Package:
    """Return a package with scripts that need no first line of their own."""
    return Package(
        name=name,
        version=version,
        depends=depends,
        scripts={
            each: (text if text.startswith("#!") else f"#!/bin/sh\n{text}\n").encode()
            for each, text in scripts.items()
        },
    )


def read(
    *packages: Package,
    files: Mapping[str, Files] | Files | None = None,
    users: tuple[User, ...] = (),
    ca_bundle: bool = True,
) -> Read:
    """Configure packages; `files` are those of each by name, or of the only one."""
    given = files or {}
    names = {each.name for each in packages}
    by_name = given if given and set(given) <= names else {packages[0].name: given}
    trees = {name: Tree(complete(by_name.get(name, {}))) for name in names}  # type: ignore[arg-type]  # either of two shapes
    circumstances = Circumstances(
        arch=AMD64, compare=version.compare, users=users, ca_bundle=ca_bundle
    )
    union = overlay(configure.diverted(packages, trees, circumstances).items())

    def content(path: str) -> bytes:
        file = union.tree.file(path)
        assert file is not None
        assert isinstance(file.content, bytes)
        return file.content

    return Read(configure.configure(union, packages, circumstances, read=content), union.tree)


def walked(script: str, files: Files | None = None) -> Read:
    """Read one postinst."""
    return read(package(postinst=script), files=files)
