"""Python: the standard library, with what its extension modules load.

The interpreter finds its library by a landmark (CPython's Modules/getpath.py):
upwards from its own directory, symlinks followed, the first directory with
`lib/pythonX.Y/os.py` is its prefix.  From there everything is shipped that a
program may import, except what only builds or tests Python, draws with Tk, or
installs packages.  Nothing compiled is: a `.pyc` in `__pycache__` holds the time
of its source, and is not used without it.

Packages beside the standard library belong to the program: they are included by
name.  What the Python files of the image import from there is suspected.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

import attrs

from imagesmith.model.tree import parent, parents
from imagesmith.trace.rules.languages import language
from imagesmith.trace.rules.rule import Finding, Rule, Ship, Suspect, Warn
from imagesmith.trace.rules.scene import Binary, Scene

_LANDMARKS: Final = ("os.py", "os.pyc")
_PLATFORM_DIRECTORIES: Final = ("lib", "lib64")
"""sys.platlibdir: lib64 on Fedora and its kin."""
_COMPILED_IN: Final = ("/usr/local", "/usr")
"""PREFIX of the usual builds, for programs that embed Python and lie elsewhere."""
_LIBRARY: Final = re.compile(r"libpython(\d+\.\d+t?)[a-z]*\.so.*")
_PROGRAM: Final = re.compile(r"python(\d+\.\d+t?)[\w-]*")
"""A `t` belongs to the version: the build without a global lock has a library of its own."""
_ENTRY: Final = re.compile(rb"\0(Py_BytesMain)\0")
_LEFT_OUT: Final = re.compile(
    r"""
    (?:.*/)?(?:__pycache__|tests?|idle_test)/.*               # compiled, and tests at any depth
    | (?:config-[^/]*|ensurepip|idlelib|tkinter|turtledemo)/.*  # headers, pip's wheels, Tk
    | turtle\.py
    | (?:dist|site)-packages/.*                               # the program's, not Python's
    | lib-dynload/(?:_tkinter|_test\w*|_ctypes_test|_xxtestfuzz|xxlimited\w*)\..*
    """,
    re.VERBOSE,
)
_IMPORT: Final = re.compile(rb"(?m)^[ \t]{0,64}(?:import|from)[ \t]{1,8}([A-Za-z_]\w{0,127})")
_MODULE: Final = re.compile(r"([A-Za-z_]\w*)(?:|\.py|\.[\w-]+\.so)")
"""What a name among packages is imported as: a package, a module, an extension."""
_MIME_TYPES: Final = "/etc/mime.types"


@attrs.frozen
class _Installation:
    """One interpreter's library."""

    binary: Binary
    version: str
    library: str
    """The directory of os.py."""

    def has_standard(self, path: str) -> bool:
        """Say whether a path is of the standard library, as far as it is shipped."""
        own = f"{self.library}/"
        return path.startswith(own) and not _LEFT_OUT.fullmatch(path.removeprefix(own))

    @property
    def packages(self) -> tuple[str, ...]:
        """Where packages lie that are not of the standard library."""
        beside = posixpath.join(parent(self.library), "python3", "dist-packages")
        inside = (f"{self.library}/dist-packages", f"{self.library}/site-packages")
        return (beside, *inside)


def _find(scene: Scene) -> Iterator[Finding]:
    """Find the library of every interpreter, the environments around it and what is beside it."""
    for binary, version in _interpreters(scene):
        library = _library(scene, binary, version)
        if library is None:
            text = f"{binary.path}: there is no lib/python{version}/os.py for it in the packages"
            yield Warn(text)
            continue
        installation = _Installation(binary, version, library)
        for path, way in _environments(scene, binary):
            yield Ship(path, binary.path, f"environment of {way}")
        yield from _standard_library(scene, installation)
        yield from _beside(scene, installation)


def _interpreters(scene: Scene) -> Iterator[tuple[Binary, str]]:
    """Yield interpreters and libpythons, with their version as in directories: 3.11."""
    for binary in scene.binaries:
        match = _LIBRARY.fullmatch(binary.elf.soname or "")
        if match is None and binary.is_main:
            match = _PROGRAM.fullmatch(posixpath.basename(binary.path))
        if match is not None:
            yield binary, match[1]
        elif binary.is_main and scene.strings(binary, _ENTRY):
            yield from ((binary, version) for version in _versions(scene, binary))


def _versions(scene: Scene, binary: Binary) -> tuple[str, ...]:
    """Return the only version that lies above a program with another name; none if unclear."""
    libraries = (
        posixpath.join(above, directory)
        for above in parents(binary.path)
        for directory in _PLATFORM_DIRECTORIES
    )
    matches = (_PROGRAM.fullmatch(name) for each in libraries for name in scene.names(each))
    versions = dict.fromkeys(match[1] for match in matches if match)
    return tuple(versions) if len(versions) == 1 else ()


def _library(scene: Scene, binary: Binary, version: str) -> str | None:
    """Return the first directory with the landmark."""
    for directory in _candidates(scene, binary, version):
        for landmark in _LANDMARKS:
            found = scene.lookup(f"{directory}/{landmark}")
            if found is not None:
                return parent(found.path)
    return None


def _candidates(scene: Scene, binary: Binary, version: str) -> Iterator[str]:
    """Yield where the library may be: upwards from where the interpreter is, or once was."""
    homes = (home for path, _ in _environments(scene, binary) for home in _homes(scene, path))
    starts = (*homes, parent(binary.path))
    upwards = (above for start in starts for above in (start, *parents(start), "/"))
    for prefix in (*upwards, *_COMPILED_IN):
        for directory in _PLATFORM_DIRECTORIES:
            yield posixpath.join(prefix, directory, f"python{version}")


def _environments(scene: Scene, binary: Binary) -> Iterator[tuple[str, str]]:
    """Yield each pyvenv.cfg of an interpreter: beside or above a way to it; and that way."""
    for way in (*language.links_to(scene, binary.path), binary.path):
        for directory in (parent(way), parent(parent(way))):
            found = scene.lookup(posixpath.join(directory, "pyvenv.cfg"))
            if found is not None:
                yield found.path, way


def _homes(scene: Scene, configuration: str) -> Iterator[str]:
    """Yield the directory of the interpreter that an environment was made with."""
    for line in scene.lines(configuration):
        key, _, value = line.partition("=")
        if key.strip().lower() == "home" and value.strip().startswith("/"):
            yield value.strip()


def _standard_library(scene: Scene, of: _Installation) -> Iterator[Finding]:
    detail = f"standard library of Python {of.version}"
    for path in language.files_below(scene, of.library):
        if of.has_standard(path):
            yield language.wanted(scene, path, of.binary.path, detail)


def _beside(scene: Scene, of: _Installation) -> Iterator[Finding]:
    """Suspect what programs often read besides, and what the Python files of the image import."""
    if scene.exists(_MIME_TYPES):
        yield Suspect(_MIME_TYPES, of.binary.path, "read by the module mimetypes", present=True)
    modules = _modules(scene, *reversed(of.packages))
    for name in _modules(scene, of.library, f"{of.library}/lib-dynload"):
        modules.pop(name, None)  # sys.path has the standard library first
    for text in language.written_in(scene, "python", ".py"):
        if not modules or of.has_standard(text):
            continue
        for name in scene.knowledge.strings(text, _IMPORT):
            path = modules.get(name, "")
            if path and path not in scene.paths and f"{path}/__init__.py" not in scene.paths:
                yield Suspect(path, text, f"import {name}", present=True)


def _modules(scene: Scene, *directories: str) -> dict[str, str]:
    """Return what can be imported from some directories, with its path; the last one counts."""
    return {
        match[1]: posixpath.join(directory, name)
        for directory in directories
        for name in scene.names(directory)
        if (match := _MODULE.fullmatch(name))
    }


PYTHON: Final = Rule(
    name="python",
    title="the standard library of a Python interpreter, without tests, Tk and compiled files",
    find=_find,
)
