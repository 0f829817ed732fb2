"""What it takes to start the program of an image that is there already."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.clock import Contender, take_turns
from bench.product import PROGRAM, Subject, tell
from bench.table import Section, Target

IMAGE = "curl:latest"
WORDS = ("--version",)

_ENGINE = ("--rm", "--network=none")


def section(subject: Subject, socket: Path | None, rounds: int) -> Section:
    """Measure `curl --version`: exported, unpacked or loaded before, whichever each one needs."""
    archive = subject.work / "run.tar"
    trust = ("--trust", str(subject.trust), "--arch", "amd64", "--compression", "gzip")
    store = ("--store", str(subject.store))
    tell(PROGRAM, "--quiet", *store, "build", str(subject.directory), *trust, "-o", str(archive))
    home = subject.work / "run-store"
    shutil.rmtree(home, ignore_errors=True)
    ours = contender("**imagesmith** run", home, archive)
    tell(*ours.command)
    (exported,) = (home / "rootfs").iterdir()
    bwrap = bubblewrap(exported)
    settings = contender("imagesmith run, with options", home, archive, "--user", "app")
    engines = podman(archive, subject.work), docker(archive, socket)
    return Section(
        title="Running",
        explains=(
            "`curl --version` from an image with the network off. imagesmith has exported it and "
            "run it before, the engines have loaded it; bubblewrap is given the same sandbox on "
            "its command line. With options, imagesmith's command line is parsed in full. Python "
            "starts for about half of the time of the first row."
        ),
        timings=take_turns((ours, settings, bwrap, *engines), rounds),
        targets=(
            Target(against=bwrap.name, most=3.0),
            *(Target(against=engine.name, most=1.0) for engine in engines),
        ),
    )


def contender(name: str, store: Path, archive: Path, *options: str) -> Contender:
    """Return a run of the image, from a store and with the configuration of nobody."""
    command = (*_env(store), PROGRAM, "run", *options, str(archive), "--", *WORDS)
    return Contender(name=name, command=command, needs=("bwrap",))


def _env(store: Path) -> tuple[str, ...]:
    """Return what goes before a command; before bubblewrap too, as env(1) takes its time."""
    return ("env", f"IMAGESMITH_STORE={store}", f"XDG_CONFIG_HOME={store}")


def bubblewrap(exported: Path) -> Contender:
    """Return bubblewrap with what the image's start remembers, as its own arguments."""
    from imagesmith.sandbox.starting.bubblewrap import ISOLATION

    words = (exported / "start").read_text().split("\0")[4:]
    options = words[1 : int(words[0]) + 1]
    sandbox = ("bwrap", *map(os.fsdecode, ISOLATION), *options)
    command = (*_env(exported.parents[1]), *sandbox, "--", "/usr/bin/curl", *WORDS)
    return Contender(name="bubblewrap", command=command, needs=("bwrap",))


def podman(archive: Path, work: Path) -> Contender:
    """Return podman with the image loaded; without limits that sandboxed hosts refuse."""
    storage = ("--root", str(work / "podman-run"), "--runroot", str(work / "podman-runroot"))
    program = ("podman", *storage, "--storage-driver=vfs", "--cgroup-manager=cgroupfs")
    if shutil.which("podman"):
        tell(*program, "load", "-q", "-i", str(archive))
    limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
    command = (*program, "--runtime", "runc", "run", *_ENGINE, *limits, IMAGE, *WORDS)
    return Contender(name="podman run", command=command, needs=("podman", "runc"))


def docker(archive: Path, socket: Path | None) -> Contender:
    """Return Docker's engine at `socket` with the image loaded."""
    program: Sequence[str] = ("docker", "-H", f"unix://{shlex.quote(str(socket))}")
    if socket:
        tell(*program, "load", "-q", "-i", str(archive))
    needs = ("docker",) if socket else ("dockerd that runs",)
    command = (*program, "run", *_ENGINE, IMAGE, *WORDS)
    return Contender(name="docker run", command=command, needs=needs, served=True)
