"""What a runtime rule is, and what it may find.

A rule is a name, a sentence and one function from a `Scene` to findings.  It
decides nothing about the closure itself: findings are values, which `apply`
turns into paths, warnings, problems and suspects.  So the same function serves
a rule that is applied and one that is only listed.

A finding is about a requester, `needed_by`: the real path of a file of the
closure, or None where the recipe asked.  Whoever states a `key` speaks for a
declaration: what is then not in the packages is an error that names the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

import attrs

from imagesmith.model.tree import Entry
from imagesmith.trace.rules.scene import Scene

Mode = Literal["default", "declared", "listed"]
"""`default`: applied wherever its trigger is seen.  `declared`: acts on what `[runtime]` names.
`listed`: what it finds is only suspected, until `[runtime] with` names the rule."""


@attrs.frozen
class Ship:
    """Ship what lies at a path of the tree, symlinks followed; ELF files are loaded as plugins."""

    path: str
    needed_by: str | None
    detail: str = ""
    """What asked for it, in the requester's words: a symbol, a string, a line."""
    key: str = ""
    """The declaration that asks, such as `runtime.locales`; without one, absence is nothing."""
    content: bool = attrs.field(default=False, kw_only=True)
    """Whether a directory means everything under it, or only itself."""


@attrs.frozen
class Load:
    """Load a library as dlopen(3) would for `needed_by`, through the loader's own search."""

    names: tuple[str, ...]
    """Sonames or paths; the first that is found is taken."""
    needed_by: str
    """An ELF file of the closure: its RUNPATH and its requesters' RPATH count."""
    detail: str = ""
    required: bool = False
    """Whether it is an error that none of the names is found."""
    doubtful: bool = attrs.field(default=False, kw_only=True)
    """Whether it is only a suspect, unless `[runtime] with` names the rule."""


@attrs.frozen
class Make:
    """Make an entry that no package has, such as the link /etc/localtime."""

    path: str
    entry: Entry
    needed_by: str | None
    detail: str = ""


@attrs.frozen
class Absent:
    """Something declared that the packages do not have: the build ends."""

    key: str
    """The recipe key, such as `runtime.charsets`."""
    value: str
    hint: str = ""
    """What there is instead, or which package has it."""


@attrs.frozen
class Suspect:
    """Something that may be wanted at run time, for people to decide on."""

    what: str
    """A path, or a name that a loader would search."""
    needed_by: str | None
    detail: str = ""
    present: bool = False
    """Whether the packages have it."""


@attrs.frozen
class Warn:
    """Something people should know; it changes nothing."""

    text: str


Finding: TypeAlias = Ship | Load | Make | Absent | Suspect | Warn


@attrs.frozen(kw_only=True)
class Rule:
    """One thing that programs do at run time and no loader knows of."""

    name: str
    """The reason's rule in a closure, and the word in `[runtime] with` and `without`."""
    title: str
    """What it finds, in one line without a full stop."""
    find: Callable[[Scene], Iterable[Finding]]
    mode: Mode = "default"
    since: int = 1
    """The first rule set that has it."""
