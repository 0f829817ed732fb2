"""What tracing costs, against the tools that do it by running things and those that do not."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import product
from bench.clock import Contender, Timing, take_turns
from bench.product import PROGRAM, Subject, Wish, tell
from bench.table import Costs, Part, Reading, Section, Target

LOADER = "/lib64/ld-linux-x86-64.so.2"
MUTANTS = 10_000
PROGRAMS = Wish(
    name="programs",
    packages=(
        *("apt", "bash", "coreutils", "curl", "dpkg", "findutils", "git", "libc-bin", "openssl"),
        *("perl-base", "procps", "python3", "util-linux"),
    ),
    seeds=("/sbin/ldconfig",),
)
FFMPEG = Wish(
    name="ffmpeg",
    packages=("bash", "ffmpeg", "libc-bin"),
    # Locked with a static program: ffmpeg's libraries of two alternatives need a search path.
    seeds=("/sbin/ldconfig",),
)
ALTERNATIVES = ":".join(f"/usr/lib/x86_64-linux-gnu/{name}" for name in ("blas", "lapack"))
"""Where the libraries lie that a configured system finds by links of update-alternatives."""


def programs(work: Path, rounds: int) -> Iterator[Part]:
    """Measure a tree with many programs, its packages' indices, and damaged files."""
    subject = product.lock(product.begin(PROGRAMS, work), work)
    tree = unpacked(subject)
    found = executables(tree)
    files = sum(1 for path in tree.rglob("*") if path.is_file() and is_elf(path))
    script = 'for program; do /usr/bin/ldd "$program"; done'
    listing = f'for program; do {LOADER} --list "$program"; done'
    trace = (PROGRAM, "--json", "trace", "--root", str(tree), *found)
    ldd = inside(tree, "/bin/bash", "-c", script, "ldd", *found, name="`ldd`, one each")
    yield Section(
        title="Tracing all programs of a tree",
        explains=(
            f"All {len(found)} dynamic programs of a tree of {files} ELF files: one process of "
            "imagesmith, nothing known before, against one `ldd` for each, and the loader's own "
            "listing without ldd's shell, both in the tree itself."
        ),
        timings=take_turns(
            (
                Contender(name="**imagesmith** trace --root", command=trace),
                ldd,
                inside(tree, "/bin/bash", "-c", listing, "list", *found, name="`ld.so --list`"),
            ),
            rounds,
        ),
        targets=(Target(against=ldd.name, most=0.1),),
    )
    yield indexing(subject.debs(), rounds)
    yield damage()


def ffmpeg(work: Path, rounds: int) -> Iterator[Section]:
    """Measure one program with more than 200 libraries; 130 MB are fetched for it."""
    subject = product.lock(product.begin(FFMPEG, work), work)
    tree, path = unpacked(subject), "/usr/bin/ffmpeg"
    options = ("--arch", subject.arch, "--library-path", ALTERNATIVES, path)
    store = ("--offline", "--store", str(subject.store), "--json")
    trace = (PROGRAM, *store, "trace", "--manifest", str(subject.directory), *options)
    tree_tool = inside(tree, "/libtree", "-vvv", path, name="`libtree -vvv`", needs=("libtree",))
    if shutil.which("libtree"):
        shutil.copy(str(shutil.which("libtree")), tree / "libtree")
    table = lddtree(tree, path)
    ldd = inside(tree, "/bin/bash", "/usr/bin/ldd", path, name="`ldd`")
    listing = inside(tree, LOADER, "--list", path, name="`ld.so --list`")
    checking = inside(tree, "/bin/bash", "/usr/bin/ldd", "-r", path, name="`ldd -r`")
    ours = Contender(name="**imagesmith** trace --manifest", command=trace)
    timings = take_turns((ours, tree_tool, table, ldd, listing), rounds)
    yield Section(
        title="Tracing ffmpeg, from a warm index",
        explains=(
            f"The closure of Debian's ffmpeg in {len(subject.debs())} indexed packages, as a whole "
            "process. The others read the same packages, unpacked; ldd and the loader run what "
            "they list. libblas and liblapack are found by a search path, as nothing configured "
            "the alternatives."
        ),
        timings=timings,
        targets=(Target(against=tree_tool.name, most=0.2), Target(against=table.name, most=0.2)),
    )
    yield from inner(subject, path, rounds, take_turns((ldd, checking), rounds))


def inner(subject: Subject, path: str, rounds: int, peers: Sequence[Timing]) -> Iterator[Section]:
    """Measure the closure and its symbols in process, with the packages' union at hand."""
    ldd, checking = peers
    document = str(subject.directory / "manifest.toml")
    measured = loading("closure", rounds, document, str(subject.store), path, ALTERNATIVES)
    names = {"closure": "**imagesmith**, the closure", "symbols": "**imagesmith**, with symbols"}
    plain, checked = (Timing(name=names[key], seconds=measured[key]) for key in names)
    yield Section(
        title="Tracing ffmpeg, in process",
        explains="The closure alone, nothing kept from the round before; ldd is a whole process.",
        timings=(plain, ldd),
        targets=(Target(against=ldd.name, most=1.0),),
    )
    yield Section(
        title="Checking the symbols of ffmpeg",
        explains=(
            "The closure with every version and symbol checked, in process, against the loader "
            "that relocates everything (`ldd -r`)."
        ),
        timings=(checked, checking),
        targets=(Target(against=checking.name, most=10.0),),
    )


def indexing(debs: Sequence[Path], rounds: int) -> Section:
    """Measure what ELF facts, and all of an index, add to decompression, in one thread."""
    measured = loading("indexing", min(rounds, 3), *map(str, debs))
    names = {
        "facts": "**imagesmith**, ELF facts",
        "indexing": "imagesmith, the whole index",
        "decompressing": "decompressing the packages",
    }
    timings = tuple(Timing(name=name, seconds=measured[key]) for key, name in names.items())
    return Section(
        title="Indexing packages",
        explains=(
            f"Reading the ELF facts of every file in {len(debs)} packages, once in the life of a "
            "store, beside decompressing the same packages, in one thread. The whole index has "
            "every file's SHA-256 and every header of the archives as well."
        ),
        timings=timings,
        targets=(Target(against=names["decompressing"], most=0.1),),
    )


def damage() -> Costs:
    """Measure the slowest of many damaged ELF files."""
    rows = json.loads(tell(sys.executable, "-m", "bench.damage", str(MUTANTS)))
    return Costs(
        title="Damaged ELF files",
        explains=(
            f"The slowest of {MUTANTS:,} damaged copies of each of these files, until its facts or "
            "its problem are known. The floor is one SHA-256 of the file."
        ),
        floor="SHA-256",
        readings=tuple(Reading(**row) for row in rows),
        seconds=0.05,
        megabytes=10,
    )


def loading(what: str, rounds: int, *arguments: str) -> dict[str, tuple[float, ...]]:
    """Measure in a process of its own, so that its memory is not ours."""
    said = tell(sys.executable, "-m", "bench.loading", what, str(rounds), *arguments)
    return {name: tuple(seconds) for name, seconds in json.loads(said).items()}


def unpacked(subject: Subject) -> Path:
    """Unpack every package of a manifest and return where."""
    tree = subject.work / f"{subject.name}-unpacked"
    shutil.rmtree(tree, ignore_errors=True)
    for deb in subject.debs():
        tell("dpkg-deb", "-x", str(deb), str(tree))
    return tree


def executables(tree: Path) -> tuple[str, ...]:
    """Return the image paths of the dynamic programs in the directories of PATH."""
    folders = (tree / top / name for top in ("", "usr") for name in ("bin", "sbin"))
    files = (path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir()))
    real = (path for path in files if path.is_file() and not path.is_symlink() and is_elf(path))
    interp = LOADER.encode() + b"\0"
    return tuple(f"/{each.relative_to(tree)}" for each in real if interp in each.read_bytes())


def is_elf(path: Path) -> bool:
    """Say whether a file has the ELF magic."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def inside(tree: Path, *command: str, name: str, needs: tuple[str, ...] = ()) -> Contender:
    """Return a program that runs in the tree, with the search path of the alternatives."""
    enter = ("unshare", "--map-root-user", f"--root={tree}", "--wd=/")
    setting = f"LD_LIBRARY_PATH={ALTERNATIVES}"
    return Contender(name=name, command=("env", setting, *enter, *command), needs=needs)


def lddtree(tree: Path, path: str) -> Contender:
    """Return pax-utils' lddtree, run by our interpreter, which has the pyelftools it needs."""
    program = shutil.which("lddtree") or "lddtree"
    setting = f"LD_LIBRARY_PATH={ALTERNATIVES}"
    return Contender(
        name="`lddtree` (pax-utils)",
        command=("env", setting, sys.executable, program, "-R", str(tree), path),
        needs=("lddtree",),
    )
