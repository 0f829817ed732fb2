"""Proofs: a rule of a loader, a root that shows it, and the real loader as the judge.

A `Case` says what a loader does in a small root.  `prove` makes the root, asks
the real loader and asks us: both answers have to be the one that the case says,
order included.
"""

from __future__ import annotations

import functools
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import attrs
import pytest
from builders import loaders
from builders.elf import GLIBC_INTERP
from builders.loaders import Listing
from builders.roots import Content, read_tree, reader, write_tree
from builders.toolchain import Linked, link

from imagesmith.elf.closure import Environment, LoaderClosure, load
from imagesmith.elf.object import facts
from imagesmith.model.facts import Elf

PROGRAM = "/app/prog"
LOADER = b"the host's loader"
"""Stands for its bytes in a root; a root without it has it at its usual path."""
_REFUSED = re.compile(r"error while loading shared libraries: ([^:\s]+): (?!cannot open shared)")
_REFUSED_BY_MUSL = re.compile(
    r"Error loading shared library (\S+): (?:Exec format|Is a dir|Invalid arg)"
)


@attrs.frozen(kw_only=True)
class Case:
    """What a loader does in a root; `rule` begins with the section of loader.md."""

    rule: str
    root: Mapping[str, Content | Linked]
    loads: Sequence[str] = ()
    """Paths as found, in the loader's order, itself only if something needs it; of what is
    fatal, nothing."""
    missing: Sequence[str] = ()
    fatal: str | None = None
    """What the loader names when it gives up: a path as found, or the name asked for."""
    library_path: str | None = None
    levels: Sequence[str] | None = None
    """glibc-hwcaps levels to use; None for those of the processor."""
    platform: str | None = None
    modes: Mapping[str, int] = attrs.field(factory=dict)
    prepare: Callable[[Path], None] | None = None
    """What else to do with the root."""

    def __str__(self) -> str:
        """Return the rule, as the test's name."""
        return self.rule


@attrs.frozen
class Answer:
    """What a loader, real or ours, does."""

    loads: tuple[str, ...]
    missing: frozenset[str]
    fatal: str | None


Judge = Callable[[Path, Case], Listing]


def glibc(root: Path, case: Case) -> Listing:
    """Run the host's loader as a program, which takes options."""
    options = [] if case.library_path is None else ["--library-path", case.library_path]
    if case.levels is not None:
        unavailable = set(case.levels) - set(processor_levels())
        if unavailable:
            pytest.skip(f"this processor has not {', '.join(unavailable)}")
        options += ["--glibc-hwcaps-mask", ":".join(case.levels)]
    return loaders.glibc(root, PROGRAM, *options)


def started(root: Path, case: Case) -> Listing:
    """Let the kernel start the program, which says what $ORIGIN and PT_INTERP mean."""
    return loaders.started(root, PROGRAM, case.library_path)


def told(root: Path, case: Case) -> Listing:
    """Let the program run as another user, and say itself what was loaded."""
    return loaders.told(root, PROGRAM, case.library_path)


def musl(root: Path, case: Case) -> Listing:
    """Run the host's musl loader as a program."""
    return loaders.musl(root, PROGRAM, case.library_path)


@functools.cache
def processor_levels() -> tuple[str, ...]:
    """Return the glibc-hwcaps levels that the host's loader uses on this processor."""
    said = subprocess.run([GLIBC_INTERP, "--help"], capture_output=True, check=True, text=True)
    return tuple(re.findall(r"^  (x86-64-v\d) \(supported, searched\)", said.stdout, re.MULTILINE))


def prove(case: Case, judge: Judge = glibc, *, loader: str = GLIBC_INTERP) -> LoaderClosure:
    """Assert that the real loader and we do what the case says; return what we found."""
    levels = processor_levels() if case.levels is None else tuple(case.levels)
    environment = Environment(library_path=case.library_path, platform=case.platform, hwcaps=levels)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)  # for judges that are not root
        write_tree(made(case, loader), root)
        for path, mode in case.modes.items():
            (root / path.lstrip("/")).chmod(mode)
        if case.prepare is not None:
            case.prepare(root)
        tree = read_tree(root)
        listing = judge(root, case)
    found = load(tree, PROGRAM, environment, read=reader(tree))
    unasked = {each.path for each in found.objects if each.rule == "interp"} - {*case.loads}
    specified = Answer(tuple(case.loads), frozenset(case.missing), case.fatal)

    assert specified == judged(listing, unasked), listing
    assert specified == ours(found, unasked, case.fatal), found
    return found


def made(case: Case, interp: str) -> Mapping[str, Content]:
    """Return the root of a case, with everything linked and the loader in its place."""
    root = case.root if LOADER in case.root.values() else {interp: LOADER, **case.root}
    return {path: _made(what, interp) for path, what in root.items()}


def _made(what: Content | Linked, interp: str) -> Content:
    if isinstance(what, Linked):
        return link(what)
    return real_loader(interp) if what == LOADER else what


def judged(listing: Listing, unasked: Collection[str]) -> Answer:
    """Return what the real loader does; some list themselves without being asked for."""
    refused = _REFUSED.search(listing.failed) or _REFUSED_BY_MUSL.search(listing.failed)
    if refused:
        return Answer((), frozenset(), refused[1])
    paths = tuple(path for path in listing.paths if path not in unasked)
    return Answer(paths, frozenset(listing.missing), None)


def ours(found: LoaderClosure, unasked: Collection[str], named: str | None) -> Answer:
    """Return what we say it does."""
    if found.errors:
        # We name the path of what is fatal and go on; the real one may name what was asked for.
        path = found.errors[0].path
        return Answer((), frozenset(), named if path.endswith(f"/{named}") else path)
    paths = tuple(each.path for each in found.objects[1:] if each.path not in unasked)
    return Answer(paths, frozenset(each.name for each in found.missing), None)


def agree(listing: Listing, found: LoaderClosure) -> None:
    """Assert that a real loader's listing has the same order and the same missing names."""
    paths = tuple(
        each.path
        for each in found.objects[1:]
        if each.rule != "interp" or each.path in listing.paths  # listed only if something needs it
    )

    assert listing.paths == paths
    assert set(listing.missing) == {each.name for each in found.missing}


@functools.cache
def real_loader(path: str) -> bytes:
    """Return the host's loader; skip what it cannot judge here."""
    content = loaders.host_loader(path)
    found = facts(memoryview(content))
    assert isinstance(found, Elf)
    assert found.loader is not None
    if found.loader.kind == "glibc" and "/lib/x86_64-linux-gnu" not in found.loader.system_dirs:
        pytest.skip("the roots are laid out for the loader of Debian on amd64")
    return content
