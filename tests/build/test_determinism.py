"""The same bytes from every machine: each thing that may vary, varied alone (hostile-inputs J)."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from builders.sandbox import bubblewrap
from builders.world import World

import imagesmith

PROGRAM = (sys.executable, "-m", "imagesmith")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a world that is locked and signed."""
    return World.built(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def golden(world: World) -> str:
    """Return the digest of the archive built plainly."""
    return build(world, world.root / "golden")


def build(
    world: World,
    scratch: Path,
    *options: str,
    env: Mapping[str, str | None] | None = None,
    program: tuple[str, ...] = PROGRAM,
    umask: int = 0o022,
    cwd: Path | None = None,
) -> str:
    """Build with a fresh store in a process of its own; return the archive's sha256."""
    scratch.mkdir(parents=True, exist_ok=True)
    output = scratch / "image.tar"
    environment = {**os.environ, "IMAGESMITH_CONFIG": str(world.root / "config.toml")}
    for name, value in (env or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    ended = subprocess.run(
        [
            *program,
            "--store",
            str(scratch / "store"),
            *(word for word in options if word != "--check"),
            "build",
            str(world.image),
            "-o",
            str(output),
            *(word for word in options if word == "--check"),
        ],
        env=environment,
        cwd=cwd,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert ended.returncode == 0, ended.stderr
    return hashlib.sha256(output.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "env",
    [
        {"TZ": "Pacific/Kiritimati"},
        {"TZ": "right/UTC", "LC_ALL": "C"},
        {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "4242"},
        {"HOME": "/nonexistent"},
        {"HOME": None, "XDG_CACHE_HOME": None, "USER": None},
        {"TMPDIR": "/nonexistent"},
        {"SOURCE_DATE_EPOCH": "1", "JUNK": "x" * 10_000},
        {"LD_LIBRARY_PATH": "/lib", "PATH": "/usr/bin:/bin"},
        {"COLUMNS": "1", "TERM": "dumb", "NO_COLOR": "1", "CI": "true"},
        {"PYTHONOPTIMIZE": "2"},
    ],
    ids=",".join,
)
def test_the_environment_does_not_matter(
    env: Mapping[str, str | None], world: World, golden: str, tmp_path: Path
) -> None:
    """Time zone, locale, hash seed, home, user and junk variables change nothing."""
    assert build(world, tmp_path, env=env) == golden


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_the_umask_does_not_matter(umask: int, world: World, golden: str, tmp_path: Path) -> None:
    """Modes in the image are the packages'."""
    scratch = tmp_path / "scratch"
    (scratch / "store").mkdir(parents=True, mode=0o755)
    if umask == 0o777 and os.geteuid() != 0:
        pytest.skip("only root can use what it makes under this umask")
    assert build(world, scratch, umask=umask) == golden


@pytest.mark.parametrize("jobs", [1, 2, 16])
def test_the_number_of_jobs_does_not_matter(
    jobs: int, world: World, golden: str, tmp_path: Path
) -> None:
    """Threads only change how long it takes."""
    assert build(world, tmp_path, "-j", str(jobs)) == golden


@pytest.mark.parametrize("name", ["a", "a b c", "ünïcödé", "x" * 120])
def test_the_place_does_not_matter(name: str, world: World, golden: str, tmp_path: Path) -> None:
    """Neither the directory built in nor its name, nor a link on the way to it."""
    (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / name)

    assert build(world, tmp_path / "link" / "scratch", cwd=tmp_path / name) == golden


def test_the_state_of_the_store_does_not_matter(world: World, golden: str, tmp_path: Path) -> None:
    """Cold, warm, and with only some of it left."""
    assert build(world, tmp_path) == golden
    (tmp_path / "image.tar").unlink()
    assert build(world, tmp_path) == golden
    kept = sorted(path for path in (tmp_path / "store").rglob("*") if path.is_file())
    for path in random.Random(7).sample(kept, len(kept) // 2):  # noqa: S311 - reproducible, not secret
        path.unlink()
    (tmp_path / "image.tar").unlink()
    assert build(world, tmp_path) == golden


def test_the_order_and_times_of_the_mirrors_files_do_not_matter(
    world: World, golden: str, tmp_path: Path
) -> None:
    """A mirror that was copied in another order at another time gives the same image."""
    files = [path for path in (world.root / "mirror").rglob("*") if path.is_file()]
    random.Random(3).shuffle(files)  # noqa: S311 - reproducible, not secret
    for number, path in enumerate(files):
        target = tmp_path / "mirror" / path.relative_to(world.root / "mirror")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        os.utime(target, (number, number))
    config = tmp_path / "config.toml"
    text = (world.root / "config.toml").read_text()
    config.write_text(
        text.replace(f"{world.root}/mirror", str(tmp_path / "mirror")).replace(
            '"trust.toml"', f'"{world.root}/trust.toml"'
        )
    )

    assert build(world, tmp_path, env={"IMAGESMITH_CONFIG": str(config)}) == golden


@pytest.mark.skipif(not shutil.which("faketime"), reason="needs faketime")
@pytest.mark.parametrize(
    "when", ["2033-12-31 23:59:59", "2037-01-19 03:14:08", "2038-01-20 03:14:08"]
)
def test_the_clock_does_not_matter(when: str, world: World, golden: str, tmp_path: Path) -> None:
    """Any time after the signature gives the same image."""
    program = ("faketime", "-f", when, *PROGRAM)

    assert build(world, tmp_path, program=program) == golden


@pytest.mark.parametrize("user", ["0", "4242"])
def test_the_user_does_not_matter(user: str, world: World, golden: str, tmp_path: Path) -> None:
    """A build of root, and of somebody whom no file knows."""
    mapped = ("--unshare-user", "--uid", user, "--gid", user, "--cap-drop", "ALL")
    program = (bubblewrap(), "--dev-bind", "/", "/", *mapped, "--", *PROGRAM)

    assert build(world, tmp_path, program=program) == golden


def test_the_order_of_directories_does_not_matter(
    world: World, golden: str, tmp_path: Path
) -> None:
    """Every directory is listed backwards; a disk might do so as well."""
    turn = "from imagesmith.sandbox.elsewhere import backwards; backwards.turn(); import runpy; "
    start = "runpy.run_module('imagesmith', run_name='__main__', alter_sys=True)"
    program = (sys.executable, "-c", turn + start)

    assert build(world, tmp_path, program=program) == golden


@pytest.mark.skipif(not shutil.which("taskset"), reason="needs taskset (util-linux)")
def test_the_number_of_processors_does_not_matter(
    world: World, golden: str, tmp_path: Path
) -> None:
    """One that may be used is as good as all of them."""
    processor = min(os.sched_getaffinity(0))
    program = ("taskset", "--cpu-list", str(processor), *PROGRAM)

    assert build(world, tmp_path, program=program) == golden


@pytest.mark.skipif(not shutil.which("setarch"), reason="needs setarch (util-linux)")
@pytest.mark.parametrize("personality", [("-R",), ("--uname-2.6",)])
def test_the_kernels_personality_does_not_matter(
    personality: tuple[str, ...], world: World, golden: str, tmp_path: Path
) -> None:
    """Address space layout and what uname says change nothing."""
    assert build(world, tmp_path, program=("setarch", *personality, *PROGRAM)) == golden


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare (util-linux)"
)
def test_the_host_name_and_the_network_do_not_matter(
    world: World, golden: str, tmp_path: Path
) -> None:
    """In namespaces of its own, without any interface, a build from a directory works."""
    script = 'hostname elsewhere; exec "$@"'
    program = ("unshare", "--uts", "--net", "sh", "-c", script, "sh", *PROGRAM)

    assert build(world, tmp_path, program=program) == golden


def interpreter(version: str) -> str:
    """Return another Python that has the dependencies; skip where there is none.

    The one that the environment names, or whatever python3.N means at a shell or to pyenv.
    """
    named = os.environ.get(f"IMAGESMITH_TEST_PYTHON_{version.replace('.', '_')}")
    found = named or shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    candidates = [found] if found else []
    if not named:
        candidates += map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))
    needed = "import click, attrs, deflate, elftools, pgpy, urllib3, zstandard"
    for candidate in candidates:
        trial = subprocess.run((candidate, "-c", needed), capture_output=True, check=False)
        if not trial.returncode:
            return candidate
    pytest.skip(f"no Python {version} with the dependencies is installed")


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_version_of_python_does_not_matter(
    version: str, world: World, golden: str, tmp_path: Path
) -> None:
    """Where there is another interpreter with the dependencies; it proves it to itself as well."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        pytest.skip("runs the tests")
    program = (interpreter(version), "-m", "imagesmith")
    env = {"PYTHONPATH": str(Path(imagesmith.__file__).parent.parent)}

    assert build(world, tmp_path, "--check", program=program, env=env) == golden


def test_locking_is_deterministic(world: World, tmp_path: Path) -> None:
    """Another store, hash seed and umask give the same manifest and mtrees."""
    copies = []
    for seed, umask in (("1", 0o022), ("2", 0o077)):
        image = tmp_path / seed / "hello"
        image.mkdir(parents=True)
        shutil.copyfile(world.recipe, image / "recipe.toml")
        subprocess.run(
            [*PROGRAM, "--store", str(tmp_path / seed / "store"), "lock", str(image)],
            env={
                **os.environ,
                "IMAGESMITH_CONFIG": str(world.root / "config.toml"),
                "PYTHONHASHSEED": seed,
            },
            umask=umask,
            capture_output=True,
            check=True,
        )
        copies.append({path.name: path.read_bytes() for path in sorted(image.iterdir())})

    assert copies[0] == copies[1]
    assert copies[0]["manifest.toml"] == world.manifest.read_bytes()


def test_many_builds_on_one_store_at_once(world: World, golden: str, tmp_path: Path) -> None:
    """Each of them succeeds with the same archive, on one output path and on several."""
    builds = [
        subprocess.Popen(
            [
                *PROGRAM,
                "--store",
                str(tmp_path / "store"),
                "build",
                str(world.image),
                "-o",
                str(tmp_path / f"image-{number % 3}.tar"),
            ],
            env={**os.environ, "IMAGESMITH_CONFIG": str(world.root / "config.toml")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for number in range(6)
    ]
    for each in builds:
        _, errors = each.communicate(timeout=120)
        assert each.returncode == 0, errors.decode()

    archives = sorted(tmp_path.glob("*.tar"))
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in archives] == [golden] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "image-0.tar",
        "image-1.tar",
        "image-2.tar",
        "store",
    ]


@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
@pytest.mark.parametrize("after", [0.15, 0.3])
def test_an_interrupted_build_leaves_a_whole_archive_or_none(
    sent: signal.Signals, status: int, after: float, world: World, golden: str, tmp_path: Path
) -> None:
    """Ctrl-C is 130, SIGTERM 143; the next build is as good as any."""
    output = tmp_path / "image.tar"
    running = subprocess.Popen(
        [
            *PROGRAM,
            "--store",
            str(tmp_path / "store"),
            "build",
            str(world.image),
            "-o",
            str(output),
        ],
        env={**os.environ, "IMAGESMITH_CONFIG": str(world.root / "config.toml")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    time.sleep(after)
    running.send_signal(sent)
    _, errors = running.communicate(timeout=60)

    assert running.returncode in (0, status, -sent)
    assert b"Traceback" not in errors
    if output.exists():  # it had just been finished
        assert hashlib.sha256(output.read_bytes()).hexdigest() == golden
    assert build(world, tmp_path) == golden
