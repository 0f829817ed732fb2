"""Perl: the modules that an interpreter comes with.

Where it looks for them, @INC, is compiled in; a standard directory has `strict.pm`
(privlib) or `Config.pm` (archlib), a vendor's has neither.  Debian splits them:
one directory, perl-base, has both and is enough for whatever uses nothing else;
it is what `/usr/bin/perl` gets.  The whole library is shipped where there is no
such directory, for programs that embed libperl, and where a Perl file of the
image uses a module that the small directory does not have.  Rule `perl-full`
ships it at once.

Headers and manual pages among the modules are left out, except the one page that
the module diagnostics reads.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from imagesmith.model.tree import Directory
from imagesmith.trace.rules.languages import language
from imagesmith.trace.rules.rule import Finding, Rule, Ship, Suspect
from imagesmith.trace.rules.scene import Binary, Scene

_LIBRARY: Final = re.compile(r"libperl\.so.*")
_PROGRAM: Final = re.compile(r"perl(?:5[\w.+-]*)?")
_PATH: Final = re.compile(rb"\0(/[!-~]{1,255})(?=\0)")
_LANDMARKS: Final = ("strict.pm", "Config.pm")
"""Of what perl runs everywhere, and of what was built for this machine."""
_LEFT_OUT: Final = re.compile(
    r"(?:.*/)?CORE/.*|.*\.h|(?!pod/perldiag\.pod).*\.pod|(?:site|vendor)_perl/.*"
)
_USE: Final = re.compile(
    rb"(?m)^[ \t]{0,64}(?:use|require)[ \t]{1,8}([A-Za-z_]\w{0,63}(?:::\w{1,63}){0,16})"
)
_CONFIGURATION: Final = "Net/libnet.cfg"
"""Net::Config looks it up in @INC; Debian keeps it in /etc/perl."""
_FULL: Final = "perl-full"


@attrs.frozen
class _Installation:
    """One interpreter's @INC, as far as it exists."""

    binary: Binary
    inc: Mapping[str, str]
    """Real paths of directories, each with the path that is compiled in."""
    standard: tuple[str, ...]
    """The directories perl came with."""
    essential: tuple[str, ...]
    """Those that are enough for themselves."""

    def home(self, scene: Scene, module: str) -> str | None:
        """Return the directory that a module is taken from.

        The strings of a program have no order: @INC has the essential modules before the others.
        """
        name = _file(module)
        places = (*self.essential, *self.inc)
        return next((each for each in places if scene.exists(f"{each}/{name}")), None)


def _find(scene: Scene) -> Iterator[Finding]:
    """Find the essential modules, or the whole library where there is a reason for it."""
    for of in _installations(scene):
        uses = tuple(_uses(scene, of))
        reason = _reason_for_all(of, uses)
        if reason is None:
            yield from _modules(scene, of, of.essential, "essential modules")
        else:
            yield from _modules(scene, of, of.standard, reason)
        for text, module, home in uses:
            path = f"{home}/{_file(module)}"
            if home not in of.standard and path not in scene.paths:
                yield Suspect(path, text, f"use {module}", present=True)


def _find_all(scene: Scene) -> Iterator[Finding]:
    """Find the whole library; where nobody asked for it, its directories stand for the files."""
    is_wanted = _FULL in scene.runtime.with_rules
    for of in _installations(scene):
        if is_wanted:
            yield from _modules(scene, of, of.standard, "all modules")
            continue
        for directory in of.standard:
            if not any(path.startswith(f"{directory}/") for path in scene.paths):
                yield Suspect(directory, of.binary.path, "modules perl came with", present=True)


def _installations(scene: Scene) -> Iterator[_Installation]:
    for binary in scene.binaries:
        name = posixpath.basename(binary.path)
        is_program = binary.is_main and _PROGRAM.fullmatch(name)
        if is_program or _LIBRARY.fullmatch(binary.elf.soname or ""):
            yield _installation(scene, binary)


def _installation(scene: Scene, binary: Binary) -> _Installation:
    inc: dict[str, str] = {}
    for path in scene.strings(binary, _PATH):
        found = scene.lookup(path) if "perl" in path else None
        if found is not None and isinstance(found.entry, Directory):
            inc.setdefault(found.path, path)
    marks = {
        path: tuple(scene.exists(f"{path}/{landmark}") for landmark in _LANDMARKS) for path in inc
    }
    return _Installation(
        binary=binary,
        inc=inc,
        standard=tuple(path for path in inc if any(marks[path])),
        essential=tuple(path for path in inc if all(marks[path])),
    )


def _uses(scene: Scene, of: _Installation) -> Iterator[tuple[str, str, str]]:
    """Yield what the Perl files of the image use: the file, the module, the directory it is in.

    Files of the library itself are not asked; a module that nobody has may be optional.
    """
    own = tuple(f"{each}/" for each in of.standard)
    for text in language.written_in(scene, "perl", ".pl", ".pm"):
        if not text.startswith(own):
            for module in scene.knowledge.strings(text, _USE):
                home = of.home(scene, module)
                if home is not None:
                    yield text, module, home


def _reason_for_all(of: _Installation, uses: Iterable[tuple[str, str, str]]) -> str | None:
    """Say why the essential modules are not enough, or that they are."""
    if not of.essential:
        return "modules perl came with"
    if _LIBRARY.fullmatch(of.binary.elf.soname or ""):
        return "a program embeds perl"
    further = (f"use {module} in {text}" for text, module, home in uses if home not in of.essential)
    return next(further, None)


def _modules(
    scene: Scene, of: _Installation, directories: Iterable[str], reason: str
) -> Iterator[Finding]:
    """Yield the files of some directories, and the way that is compiled in for each."""
    for directory in directories:
        yield Ship(of.inc[directory], of.binary.path, reason)
        for path in language.files_below(scene, directory):
            if not _LEFT_OUT.fullmatch(path.removeprefix(f"{directory}/")):
                yield language.wanted(scene, path, of.binary.path, reason)
    if directories != of.essential:
        for directory in of.inc:
            yield Ship(f"{directory}/{_CONFIGURATION}", of.binary.path, reason)


def _file(module: str) -> str:
    return f"{module.replace('::', '/')}.pm"


PERL: Final = Rule(
    name="perl",
    title="the modules a Perl interpreter comes with: perl-base where that is enough",
    find=_find,
)
PERL_FULL: Final = Rule(
    name=_FULL,
    title="all modules a Perl interpreter comes with, even where perl-base may do",
    find=_find_all,
    mode="listed",
)
