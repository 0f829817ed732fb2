"""Nothing of curl's closure is there in vain: without any one file a check of it fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders.examples import Example, built, made
from builders.sandbox import bubblewrap
from builders.shell import Shell

from imagesmith.build import exporting
from imagesmith.model import arch as arches
from imagesmith.sandbox.checks import checking, expect
from imagesmith.sandbox.checks.checking import Failure, Stage
from imagesmith.sandbox.starting import launch

pytestmark = pytest.mark.e2e
CURL = Example("curl")
AMD64 = arches.parse("amd64")
ELF = b"\x7fELF"


@pytest.fixture(scope="module")
def stage(examples: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a copy of curl's root that may be damaged, with the full tree beside it."""
    bubblewrap()
    directory = tmp_path_factory.mktemp("necessity")
    built(examples, CURL, directory / "image.tar", "--arch", "amd64")
    with made(CURL, AMD64, examples.store) as found:
        full = exporting.full(found.plan, found.rootfs.packages, found.contents)
        store = found.effects.store
        with (
            exporting.lent(found.rootfs.tree, found.plan, store) as image,
            exporting.lent(full, found.plan, store) as whole,
        ):
            root = shutil.copytree(image.root, directory / "root", symlinks=True)
            yield Stage(
                image=image._replace(root=str(root)),
                full=whole,
                stop=expect.stop_signal(""),
                host=launch.here(os.environ),
            )


@contextmanager
def without(path: Path) -> Iterator[None]:
    """Take a file away for a while."""
    hidden = path.with_name(f"{path.name}.hidden")
    path.rename(hidden)
    yield
    hidden.rename(path)


def failure(stage: Stage) -> Failure | None:
    """Return how the first check that fails does so."""
    failures = (checking.run(check, stage) for check in CURL.manifest.checks)
    return next((each for each in failures if each is not None), None)


def loaded(root: Path) -> list[Path]:
    """Return every ELF file, and every link with the name of a library."""
    found = (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
    return sorted(path for path in found if _is_library_link(path) or _is_elf(path))


def _is_library_link(path: Path) -> bool:
    return path.is_symlink() and ".so" in path.suffixes


def _is_elf(path: Path) -> bool:
    return not path.is_symlink() and path.read_bytes()[:4] == ELF


def test_the_whole_root_passes(stage: Stage) -> None:
    """The copy is as good as the image."""
    assert failure(stage) is None


def test_without_any_one_file_of_the_closure_a_check_fails(stage: Stage) -> None:
    """Programs, libraries, the loader, and every link on the way to them."""
    root = Path(stage.image.root)
    needless = []
    for path in loaded(root):
        with without(path):
            if failure(stage) is None:
                needless.append(path.relative_to(root))

    assert len(loaded(root)) > 50
    assert needless == []
