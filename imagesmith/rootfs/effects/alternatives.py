"""update-alternatives(1): which of several programs a name leads to.

Among the choices of a name the one with the highest priority is linked, of equal
ones the one that is linked already; a slave's link is there only if the chosen one
has a file for it.  Links and choices are kept as the tool's own administrative files
would say; those files are not made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from imagesmith.model.tree import Symlink, sort_key
from imagesmith.rootfs.effects.filesystem import Filesystem, Refusal

DIRECTORY = "/etc/alternatives"


@attrs.frozen
class Choice:
    """One path that may be linked, and the paths of its slaves by their names."""

    priority: int
    slaves: Mapping[str, str]


@attrs.frozen
class Group:
    """One name, its links and its choices."""

    link: str
    slaves: Mapping[str, str]
    """The links of slaves, by name."""
    choices: Mapping[str, Choice]
    manual: str = ""
    """The path that was set by hand, or nothing."""

    def best(self, current: str = "") -> str:
        """Return the path that automatic mode links when `current` is linked."""
        ordered = sorted(self.choices, key=lambda path: (path != current, sort_key(path)))
        return max(ordered, key=lambda path: self.choices[path].priority)


@attrs.frozen
class Slave:
    """What follows `--slave`."""

    link: str
    name: str
    path: str


@attrs.frozen
class Master:
    """What follows `--install`."""

    link: str
    name: str
    path: str
    priority: int


Groups = dict[str, Group]
"""By name."""


def install(
    groups: Groups, files: Filesystem, master: Master, slaves: Sequence[Slave], *, by: str
) -> None:
    """Add a choice to a group; Refusal as the tool refuses."""
    if files.at(master.path) is None:
        raise Refusal(f"{master.path} does not exist")
    present = groups.get(master.name) or Group(master.link, {}, {})
    links = {**present.slaves, **{slave.name: slave.link for slave in slaves}}
    choice = Choice(master.priority, {slave.name: slave.path for slave in slaves})
    choices = {**present.choices, master.path: choice}
    made = attrs.evolve(present, link=master.link, slaves=links, choices=choices)
    groups[master.name] = made
    _link(made, master.name, files, by=by)


def select(groups: Groups, files: Filesystem, name: str, path: str, *, by: str) -> None:
    """Link a choice by hand, or the best one if `path` is empty; Refusal if there is none such."""
    group = groups.get(name)
    if group is None or (path and path not in group.choices):
        raise Refusal(f"no alternatives for {name}")
    groups[name] = attrs.evolve(group, manual=path)
    _link(groups[name], name, files, by=by)


def remove(groups: Groups, files: Filesystem, name: str, path: str | None, *, by: str) -> None:
    """Forget one choice, or all of them if `path` is None; what is not there may be forgotten."""
    group = groups.get(name)
    if group is None or (path is not None and path not in group.choices):
        return
    left = {other: choice for other, choice in group.choices.items() if path not in (None, other)}
    if left:
        manual = group.manual if group.manual in left else ""
        groups[name] = attrs.evolve(group, choices=left, manual=manual)
        _link(groups[name], name, files, by=by)
        return
    del groups[name]
    for link, entry in ((group.link, name), *((link, each) for each, link in group.slaves.items())):
        _unlink(files, link, entry)


def _link(group: Group, name: str, files: Filesystem, *, by: str) -> None:
    """Make the links of a group's choice, and none for slaves it does not have."""
    present = files.entry(f"{DIRECTORY}/{name}")
    current = present.target if isinstance(present, Symlink) else ""
    path = group.manual or group.best(current)
    _put(files, group.link, name, path, by=by)
    for slave, link in group.slaves.items():
        target = group.choices[path].slaves.get(slave)
        if target is not None and files.at(target) is not None:
            _put(files, link, slave, target, by=by)
        else:
            _unlink(files, link, slave)


def _put(files: Filesystem, link: str, name: str, path: str, *, by: str) -> None:
    here = files.real(link, follow=False)
    if here is None:
        raise Refusal(f"no directory for {link}")
    files.put(f"{DIRECTORY}/{name}", Symlink(target=path), by=by)
    present = files.entry(here)
    if present is None or isinstance(present, Symlink):  # a file is not replaced with a link
        files.put(here, Symlink(target=f"{DIRECTORY}/{name}"), by=by)


def _unlink(files: Filesystem, link: str, name: str) -> None:
    here = files.real(link, follow=False)
    entry = None if here is None else files.entry(here)
    if here is not None and entry == Symlink(target=f"{DIRECTORY}/{name}"):
        files.remove(here)
    files.remove(f"{DIRECTORY}/{name}")
