"""What is measured: each function prepares one workload and yields its sections."""

from __future__ import annotations

import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from bench import floors, peers, product, running, signatures, synthetic, tracing
from bench.clock import Contender, take_turns
from bench.product import PROGRAM, Subject, Wish, tell
from bench.table import Part, Section, Target

ROOT = Path(__file__).parents[2]
FLOOR = "floor: "
PYTHON = Wish(
    name="python3",
    packages=("python3",),
    seeds=("/usr/bin/python3.11",),
    include=("/usr/lib/python3.11/**",),
)
FFMPEG = Wish(
    name="ffmpeg-postgresql",
    packages=("ffmpeg", "postgresql-15"),
    # ffmpeg itself needs libblas.so.3, which is there by update-alternatives only.
    seeds=("/usr/lib/postgresql/15/bin/postgres",),
    include=("/usr/lib/postgresql/15/**", "/usr/share/**"),
)


@attrs.frozen(kw_only=True)
class Bench:
    """Where and how often to measure."""

    work: Path
    rounds: int
    socket: Path | None
    """Of a Docker engine, if one runs."""


def startup(bench: Bench) -> Iterator[Section]:
    """Measure what starting costs."""
    ours = Contender(name="**imagesmith** --help", command=(PROGRAM, "--help"))
    click = Contender(
        name="python -c 'import click'", command=(sys.executable, "-c", "import click")
    )
    bare = Contender(name="python -c ''", command=(sys.executable, "-c", ""))
    yield Section(
        title="Start-up",
        explains="The console script, against the interpreter and the one library it needs then.",
        timings=take_turns((ours, click, bare), bench.rounds * 4),
        targets=(Target(against=click.name, most=1.5),),
    )


def trust(bench: Bench) -> Iterator[Part]:
    """Measure what signatures cost."""
    yield signatures.verifying(ROOT / "manifests", bench.rounds)
    yield signatures.hostility(bench.rounds)


def tracer(bench: Bench) -> Iterator[Part]:
    """Measure what the loaders' work costs without running it."""
    yield from tracing.programs(bench.work, bench.rounds)


def ffmpeg(bench: Bench) -> Iterator[Part]:
    """Measure a program with more than 200 libraries; 100 MB are fetched for it."""
    yield from tracing.ffmpeg(bench.work, bench.rounds)


def curl(bench: Bench) -> Iterator[Section]:
    """Measure the example recipe, cold, warm and locking it."""
    recipe = ROOT / "manifests" / "curl" / "recipe.toml"
    subject = product.lock(product.adopt(recipe, bench.work), bench.work)
    yield _cold(bench, subject)
    yield _warm(bench, subject)
    yield _locking(bench, subject)


def run(bench: Bench) -> Iterator[Section]:
    """Measure what running an image costs that is there already."""
    recipe = ROOT / "manifests" / "curl" / "recipe.toml"
    subject = product.lock(product.adopt(recipe, bench.work), bench.work)
    yield running.section(subject, bench.socket, bench.rounds * 3)


def python3(bench: Bench) -> Iterator[Section]:
    """Measure an interpreter with its whole standard library."""
    subject = product.lock(product.begin(PYTHON, bench.work), bench.work)
    yield _cold(bench, subject)
    yield _warm(bench, subject)


def closure(bench: Bench) -> Iterator[Section]:
    """Measure a large closure of applications; 206 MB are fetched for it."""
    subject = product.lock(product.begin(FFMPEG, bench.work), bench.work)
    yield _cold(bench, subject)
    yield _warm(bench, subject)


def small(bench: Bench) -> Iterator[Section]:
    """Measure many small files."""
    number = f"{synthetic.SMALL:,} small files"
    yield _synthetic(bench, "small", number)


def large(bench: Bench) -> Iterator[Section]:
    """Measure few large files."""
    yield _synthetic(bench, "large", "1 GiB in large files")


GROUPS: dict[str, Callable[[Bench], Iterator[Part]]] = {
    "startup": startup,
    "trust": trust,
    "tracing": tracer,
    "ffmpeg": ffmpeg,
    "curl": curl,
    "run": run,
    "python3": python3,
    "closure": closure,
    "small": small,
    "large": large,
}
"""By the names `--only` takes."""
LARGE = frozenset({"closure", "ffmpeg"})
"""Groups that are measured only if asked for: they fetch much."""


def _cold(bench: Bench, subject: Subject) -> Section:
    debs, tree = subject.debs(), product.shipped(subject)
    members = floors.data_members(debs, bench.work / f"{subject.name}-members")
    pipeline = floors.emission(tree, bench.work / "floor.tar.zst")
    floor = Contender(
        name=f"{FLOOR}decompress all packages; tar, hash, zstd, hash",
        command=floors.shell(floors.decompression(members), pipeline),
    )
    contenders = (
        product.cold(subject),
        floor,
        peers.unpack_each(debs, bench.work),
        peers.mmdebstrap(debs, bench.work),
    )
    megabytes = sum(deb.stat().st_size for deb in debs) / 1e6
    return Section(
        title=f"{subject.name}, cold",
        explains=(
            f"From {len(debs)} fetched packages ({megabytes:.1f} MB) to an archive, with nothing "
            "else in the store. The floor packs the root filesystem that imagesmith found; the "
            "peers cannot find it and pack everything in the packages."
        ),
        timings=take_turns(contenders, bench.rounds),
        targets=(Target(against=floor.name, most=2.0),),
    )


def _warm(bench: Bench, subject: Subject) -> Section:
    tree = product.shipped(subject)
    floor = Contender(
        name=f"{FLOOR}tar, hash, zstd, hash",
        command=floors.shell(floors.emission(tree, bench.work / "floor.tar.zst")),
    )
    cached = peers.cached(tree, bench.work, subject.name, bench.socket)
    contenders = (
        product.warm(subject),
        product.again(subject),
        floor,
        *cached,
        peers.umoci(tree, bench.work),
    )
    return Section(
        title=f"{subject.name}, warm",
        explains=(
            "Building again: every package is indexed, but the result, its layer and the archive "
            "are gone. *Nothing to do* has all three and checks them. The others pack the same "
            f"root filesystem ({_megabytes(tree)} MB), already unpacked; with everything cached, a "
            "builder has even the image."
        ),
        timings=take_turns(contenders, bench.rounds),
        targets=(Target(against=cached[0].name, most=0.3),),
    )


def _megabytes(tree: Path) -> str:
    return f"{sum(path.lstat().st_size for path in tree.rglob('*')) / 1e6:.1f}"


def _locking(bench: Bench, subject: Subject) -> Section:
    manifest = tomllib.loads((subject.directory / "manifest.toml").read_text())
    digests = [
        index["digest"].removeprefix("sha256:")
        for source in manifest["source"].values()
        for index in source["index"].values()
    ]
    indices = [str(subject.store / "blobs" / "sha256" / name[:2] / name) for name in digests]
    decompress = floors.shell(*(f"xz -dc < {shlex.quote(index)} > /dev/null" for index in indices))
    resolve = (sys.executable, "-m", "bench.resolving", str(subject.directory), str(subject.store))
    floor = Contender(name=f"{FLOOR}xz -dc of both package indices", command=decompress)
    contenders = (
        Contender(name="**imagesmith**, resolving", command=resolve),
        floor,
    )
    return Section(
        title="Locking",
        explains=(
            "Resolving curl for two architectures from package indices in the store, the release "
            "file verified, as a process of its own; decompressing these indices is what a "
            "resolver that keeps nothing does first."
        ),
        timings=take_turns(contenders, bench.rounds),
        targets=(Target(against=floor.name, most=1.0),),
    )


def _synthetic(bench: Bench, kind: str, title: str) -> Section:
    folder = bench.work / f"{kind}-synthetic"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tell(sys.executable, "-m", "bench.synthetic", kind, str(folder))
    archive = ("--mirror", str(folder / "archive"), "--keyring", str(folder / "archive.pgp"))
    subject = product.lock(folder / kind, bench.work, *archive)
    floor = Contender(
        name=f"{FLOOR}tar, hash, zstd, hash",
        command=floors.shell(floors.emission(folder / "tree", bench.work / "floor.tar.zst")),
    )
    contenders = (product.warm(subject), floor, peers.umoci(folder / "tree", bench.work))
    return Section(
        title=title,
        explains=(
            "A synthetic package in a signed archive of our own, locked, signed and built as any "
            "other; measured is a warm build. The others read the same files from a directory."
        ),
        timings=take_turns(contenders, bench.rounds),
    )
