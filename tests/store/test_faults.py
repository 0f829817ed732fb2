"""Whatever fails or dies in the middle, no name leads to wrong bytes.

System calls are made to fail, or to kill the process, with strace's fault
injection; where strace may not trace, these tests are skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builders.faults import injected

import imagesmith
from imagesmith.model.digest import Digest
from imagesmith.store import Blob, Store

CHUNKS = [bytes([n]) * 50_000 for n in range(8)]
CONTENT = b"".join(CHUNKS)
DIGEST = Digest.of(CONTENT)

CHILD = """
import sys
from pathlib import Path
from imagesmith.errors import ImagesmithError
from imagesmith.model.digest import Digest
from imagesmith.store import Store
chunks = [bytes([n]) * 50_000 for n in range(8)]
content = b"".join(chunks)
try:
    store = Store.open(Path(sys.argv[1]))
    if sys.argv[2] == "add":
        blob = store.add(chunks)
    else:
        blob = store.put(
            lambda offset: (content[n:][:50_000] for n in range(offset, len(content), 50_000)),
            digest=Digest.of(content), size=len(content), what="x",
        )
except ImagesmithError as error:
    print(f"{error.code}: {error.message}: {error.hint}")
    sys.exit(error.status)
print(blob.digest)
"""


def run(root: Path, verb: str, *prefix: str) -> subprocess.CompletedProcess[str]:
    """Put the content into the store at `root` in a process of its own."""
    command = [*prefix, sys.executable, "-B", "-c", CHILD, str(root), verb]
    package = str(Path(imagesmith.__file__).parents[1])
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONPATH": package}
    )


def sound(root: Path) -> bool:
    """Say whether every name in the store leads to its bytes, and no draft lives on."""
    store = Store.open(root)
    return not list(store.verify()) and not list((root / "tmp").iterdir())


def repeat(root: Path, verb: str) -> Blob:
    """Do what the child did, without any fault."""
    store = Store.open(root)
    if verb == "add":
        return store.add(CHUNKS)
    return store.put(lambda n: [CONTENT[n:]], digest=DIGEST, size=len(CONTENT), what="x")


@pytest.mark.parametrize("verb", ["add", "put"])
@pytest.mark.parametrize(
    ("call", "error", "problem"),
    [
        ("write", "ENOSPC:when=1+", "no space left on device"),
        ("write", "ENOSPC:when=5", "no space left on device"),
        ("write", "EIO:when=3", "input/output error"),
        ("write", "EDQUOT:when=2", "disk quota exceeded"),
        ("fsync", "EIO:when=1", "input/output error"),
        ("fsync", "ENOSPC:when=2", "no space left on device"),
        ("rename", "EACCES:when=1", "permission denied"),
        ("fchmod", "EROFS:when=2", "read-only file system"),
        ("flock", "ENOLCK:when=1", "no locks available"),
    ],
)
def test_a_fault_of_the_disk_is_an_error_and_nothing_else(
    tmp_path: Path, verb: str, call: str, error: str, problem: str
) -> None:
    """It is reported with the path, and the next run succeeds."""
    root = tmp_path / "store"
    Store.open(root)
    done = run(root, verb, *injected(call, f"error={error}"))
    whole = sound(root)
    again = repeat(root, verb)

    if error != "ENOSPC:when=1+":  # the child cannot say so then
        assert done.returncode == 2
        assert done.stdout.startswith(f"host: {root}/")
        assert problem in done.stdout
    assert whole
    assert Blob(DIGEST, len(CONTENT)) == again
    assert sound(root)


@pytest.mark.parametrize("verb", ["add", "put"])
@pytest.mark.parametrize(
    ("call", "when"),
    [
        ("write", 1),
        ("write", 8),
        ("fsync", 1),
        ("fsync", 2),
        ("rename", 1),
        ("mkdir", 1),
        ("fchmod", 1),
        ("fchmod", 2),
        ("flock", 1),
    ],
)
def test_death_leaves_nothing_that_is_wrong(
    tmp_path: Path, verb: str, call: str, when: int
) -> None:
    """Killed at any of these calls: whole or absent, and the next run succeeds."""
    root = tmp_path / "store"
    Store.open(root)
    done = run(root, verb, *injected(call, f"signal=KILL:when={when}"))
    whole = sound(root)
    again = repeat(root, verb)

    assert done.returncode != 0
    assert whole
    assert Blob(DIGEST, len(CONTENT)) == again
    assert Store.open(root).read(DIGEST) == CONTENT


def test_an_interrupted_download_goes_on_after_death(tmp_path: Path) -> None:
    """What was written before is not fetched again."""
    root = tmp_path / "store"
    run(root, "put", *injected("write", "signal=KILL:when=4"))
    offsets: list[int] = []

    def fetch(offset: int) -> list[bytes]:
        offsets.append(offset)
        return [CONTENT[offset:]]

    Store.open(root).put(fetch, digest=DIGEST, size=len(CONTENT), what="x")
    assert offsets == [150_000]


@pytest.mark.parametrize("verb", ["add", "put"])
def test_short_writes_are_completed(tmp_path: Path, verb: str) -> None:
    """A limit on file sizes cuts one short before it refuses the next."""
    root = tmp_path / "store"
    limited = ("prlimit", "--fsize=120000", "--")
    if shutil.which("prlimit") is None:
        pytest.skip("no prlimit on this host")
    done = run(root, verb, *limited)
    sizes = [path.stat().st_size for path in (root / "partial").iterdir()]

    assert done.returncode == 2
    assert "file too large: raise the limit on file sizes (ulimit -f)" in done.stdout
    assert ([120_000] if verb == "put" else []) == sizes
    assert sound(root)


def test_processes_that_put_one_blob_all_have_it(tmp_path: Path) -> None:
    """Eight at a time, in a store that none of them has found."""
    root = tmp_path / "store"
    package = str(Path(imagesmith.__file__).parents[1])
    processes = [
        subprocess.Popen(
            [sys.executable, "-B", "-c", CHILD, str(root), verb],
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": package},
        )
        for verb in ["put", "add"] * 4
    ]
    outputs = [process.communicate()[0] for process in processes]

    assert [f"{DIGEST}\n"] * 8 == outputs
    assert sound(root)
    assert list((root / "partial").iterdir()) == []
