"""The files of one image's directory, read and written whole.

A document is read once, bounded, into memory; whatever is decided about it is
decided about those bytes.  Writing is atomic: a reader sees the old file or the
new one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from imagesmith.errors import HostError, SignatureError, UsageError
from imagesmith.manifest.table import MAX_BYTES

MAX_SIGNATURES = 64 * 1024
"""openpgp.md S2."""


@attrs.frozen
class ImageDirectory:
    """`manifests/NAME`: recipe, manifest, signatures and mtrees of one image."""

    path: Path

    @property
    def recipe(self) -> Path:
        """Where the recipe lies."""
        return self.path / "recipe.toml"

    @property
    def manifest(self) -> Path:
        """Where the manifest lies."""
        return self.path / "manifest.toml"

    @property
    def signatures(self) -> Path:
        """Where the detached signatures over the manifest lie."""
        return self.path / "manifest.toml.asc"

    def record(self, arch: str) -> Path:
        """Where the record of an architecture lies."""
        return self.path / f"record.{arch}.toml"

    def mtree(self, arch: str) -> Path:
        """Where the mtree of an architecture lies."""
        return self.path / f"{arch}.mtree"

    def recorded(self, arch: str) -> bytes | None:
        """Return the mtree of an architecture, if it is there."""
        return read_if_present(self.mtree(arch))


def at(text: str) -> ImageDirectory:
    """Return the directory that a command line names, by itself or by one of its files."""
    path = Path(text)
    if path.name in ("recipe.toml", "manifest.toml") and not path.is_dir():
        path = path.parent
    if not path.is_dir():
        hint = "name a directory like manifests/curl; imagesmith init NAME makes one"
        raise UsageError(problem=f"{text}: no such directory", hint=hint)
    return ImageDirectory(path)


@contextmanager
def locked(image: ImageDirectory) -> Iterator[None]:
    """Keep other processes from changing the directory's documents meanwhile."""
    try:
        descriptor = os.open(image.path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise refused(image.path, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read(path: Path, *, limit: int = MAX_BYTES, hint: str | None = None) -> bytes:
    """Return a file's bytes; HostError if it cannot be read or is larger than `limit`."""
    content = read_start(path, limit=limit, hint=hint)
    if len(content) > limit:
        raise HostError(path=str(path), problem=f"larger than {limit} bytes")
    return content


def read_beside(image: ImageDirectory, name: str, *, limit: int) -> bytes:
    """Return the bytes of a regular file in an image's directory or below.

    HostError also for a link that leads out: what a recipe names enters the image, and
    who wrote it may not be who locks it.
    """
    path = image.path / name
    try:
        found, above = path.resolve(strict=True), image.path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # that is a loop of links
        number = error if isinstance(error, OSError) else OSError(errno.ELOOP, "too many links")
        raise refused(path, number) from None
    if not found.is_relative_to(above):
        hint = "put a copy of it there"
        raise HostError(path=str(path), problem=f"leads out of {image.path}", hint=hint)
    if not found.is_file():
        raise HostError(path=str(path), problem="is no regular file")
    return read(found, limit=limit)


def read_start(path: Path, *, limit: int, hint: str | None = None) -> bytes:
    """Return a file's bytes, but one more than `limit` at most: for whoever judges the size.

    A FIFO that nobody writes to is empty; nobody waits for a document.
    """
    try:
        with open(path, "rb", opener=_at_once) as file:
            return file.read(limit + 1)
    except OSError as error:
        raise refused(path, error, hint=hint) from None


def _at_once(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
    os.set_blocking(descriptor, True)
    return descriptor


def read_if_present(path: Path, *, limit: int = MAX_BYTES) -> bytes | None:
    """Return a file's bytes, or None if there is no such file."""
    return read(path, limit=limit) if is_present(path) else None


def read_signatures(path: Path) -> bytes | None:
    """Return the start of a file of signatures that is long enough to be judged, or None."""
    return read_start(path, limit=MAX_SIGNATURES) if is_present(path) else None


def is_present(path: Path) -> bool:
    """Say whether there is anything at `path`, be it a link to nowhere."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise refused(path, error) from None
    return True


def write(path: Path, content: bytes, *, mode: int = 0o644) -> bool:
    """Put `content` at `path` whole or not at all; return whether anything had to change."""
    if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
        return False
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise refused(path, error) from None
    return True


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Name the file in what is wrong with the signatures or keys in it."""
    try:
        yield
    except SignatureError as error:
        raise attrs.evolve(error, document=str(path)) from None


def refused(path: Path, error: OSError, *, hint: str | None = None) -> HostError:
    """Return what the host's refusal means for people."""
    return HostError(path=str(path), problem=(error.strerror or str(error)).lower(), hint=hint)
