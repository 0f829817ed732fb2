"""Bugs planted into building: each lets one thing into the image that must never matter.

They work in this process and in those it starts: `plant` patches the one, and puts a
`sitecustomize` on the path that patches the others when they start.
"""

from __future__ import annotations

import locale
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest

import imagesmith
from imagesmith.build import execute
from imagesmith.build.contents import Contents
from imagesmith.build.effects import Effects
from imagesmith.build.execute import Rootfs
from imagesmith.build.plan import Plan
from imagesmith.model.tree import Directory, File, Tree
from imagesmith.rootfs import generated

Bug = Callable[[Effects], File]
CODE = """\
from imagesmith.build import execute
from builders import planted

execute.rootfs = planted.spoiled(execute.rootfs, {names!r})
"""
HELLO = "/usr/bin/hello"


def text(value: object) -> File:
    """Return a file that says something."""
    return File.of(f"{value}\n".encode())


def _umask() -> int:
    found = os.umask(0o022)
    os.umask(found)
    return found


BUGS: Mapping[str, Bug] = {
    "user": lambda _: attrs.evolve(text("mine"), uid=os.geteuid()),
    "host name": lambda _: text(os.uname().nodename),
    "network": lambda _: text(Path("/proc/self/net/dev").read_text().count(":")),
    "umask": lambda _: attrs.evolve(text("mine"), mode=0o666 & ~_umask()),
    "time zone": lambda _: text(time.strftime("%d %H", time.localtime(1_000_000_000))),
    "clock": lambda _: text(time.strftime("%Y")),
    "locale": lambda _: text(locale.setlocale(locale.LC_CTYPE)),
    "encoding": lambda _: text(sys.getfilesystemencoding()),
    "hash seed": lambda _: text("".join(set("abcdefghijklmnopqrstuvwxyz"))),
    "working directory": lambda _: text(os.fsencode(Path.cwd())),
    "home": lambda _: text(os.environ.get("HOME")),
    "processors": lambda _: text(len(os.sched_getaffinity(0))),
    "jobs": lambda effects: text(effects.jobs),
    "order of directories": lambda _: text(
        [each.name for each in Path(imagesmith.__file__).parent.iterdir()]
    ),
    "store": lambda effects: text(effects.store.root),
}
"""By what they depend on: what `build --check` calls it."""


def spoiled(
    build: Callable[[Plan, Contents, Effects], Rootfs], names: tuple[str, ...]
) -> Callable[[Plan, Contents, Effects], Rootfs]:
    """Return `execute.rootfs` with bugs, each in a file below /planted that is named after it.

    `in hello` is one in a package's file, `in passwd` one in a generated file.
    """

    def rootfs(plan: Plan, contents: Contents, effects: Effects) -> Rootfs:
        made = build(plan, contents, effects)
        entries = dict(made.tree.entries)
        if names == ("in hello",):
            hello = entries[HELLO]
            assert isinstance(hello, File)
            entries[HELLO] = attrs.evolve(hello, mode=0o777 & ~_umask())
        elif names == ("in passwd",):
            passwd = generated.accounts(())["/etc/passwd"]
            assert isinstance(passwd, File)
            assert isinstance(passwd.content, bytes)
            entries["/etc/passwd"] = File.of(passwd.content + time.strftime("%Y").encode())
        else:
            entries["/planted"] = Directory()
            entries |= {f"/planted/{name}": BUGS[name](effects) for name in names}
        return attrs.evolve(made, tree=Tree(entries))

    return rootfs


def plant(names: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant bugs, in programs that Python runs from now on as well; `folder` is for that."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(CODE.format(names=names))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(execute, "rootfs", spoiled(execute.rootfs, names))
