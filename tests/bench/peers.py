"""Other builders, on the same packages or on the same tree."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import floors
from bench.clock import Contender
from bench.product import tell


def unpack_each(debs: Sequence[Path], work: Path) -> Contender:
    """`dpkg-deb -x` of every package, and the pipeline of the floor over all of it."""
    tree = work / "unpacked"
    steps = [f"dpkg-deb -x {shlex.quote(str(deb))} {shlex.quote(str(tree))}" for deb in debs]
    return Contender(
        name="`dpkg-deb -x` of each, tar, hash, zstd, hash",
        command=floors.shell(*steps, floors.emission(tree, work / "unpacked.tar.zst")),
        prepare=lambda: _fresh(tree),
        needs=("dpkg-deb",),
    )


def mmdebstrap(debs: Sequence[Path], work: Path) -> Contender:
    """mmdebstrap, which only extracts, from a local repository of the packages."""
    name, needs = "mmdebstrap --variant=extract, hash, zstd, hash", ("mmdebstrap", "apt-get")
    if not all(map(shutil.which, needs)):
        return Contender(name=name, command=(), needs=needs)
    folder = work / "repository"
    names = repository(debs, folder)
    mode = "root" if os.geteuid() == 0 else "unshare"
    source = f"deb [trusted=yes] copy://{folder} ./"
    extract = ["mmdebstrap", "--quiet", f"--mode={mode}", "--variant=extract", "--format=tar"]
    extract += [f"--include={','.join(names)}", "bookworm", "-", source]
    packed = " | tee >(openssl sha256 >/dev/null) | zstd -q -3 -T2 -c | openssl sha256"
    return Contender(name=name, command=floors.shell(shlex.join(extract) + packed), needs=needs)


def repository(debs: Sequence[Path], folder: Path) -> list[str]:
    """Make a flat repository of packages that are named by their sha256; return their names."""
    _fresh(folder)
    names, stanzas = [], []
    for deb in debs:
        copy = folder / f"{deb.name}.deb"
        shutil.copyfile(deb, copy)
        stanza = tell("dpkg-deb", "-f", str(copy))
        place = f"Filename: ./{copy.name}\nSize: {copy.stat().st_size}\nSHA256: {deb.name}\n"
        stanzas.append(f"{stanza}{place}\n")
        names.append(stanza.partition("Package: ")[2].partition("\n")[0])
    (folder / "Packages").write_text("".join(stanzas))
    return names


def umoci(tree: Path, work: Path) -> Contender:
    """Put a tree as one layer into an empty image."""
    layout = shlex.quote(str(work / "umoci"))
    return Contender(
        name="umoci init, new, insert (gzip)",
        command=floors.shell(
            f"umoci init --layout {layout}",
            f"umoci new --image {layout}:bench",
            f"umoci insert --image {layout}:bench {shlex.quote(str(tree))} /",
        ),
        prepare=lambda: shutil.rmtree(work / "umoci", ignore_errors=True),
        needs=("umoci",),
    )


def cached(tree: Path, work: Path, name: str, socket: Path | None) -> tuple[Contender, ...]:
    """Build `FROM scratch, COPY . /` with everything cached, and the same with saving it.

    By Docker's engine at `socket`, or else by podman.
    """
    dockerfile = work / "Dockerfile"
    dockerfile.write_text("FROM scratch\nCOPY . /\n")
    if socket:
        program, needs = f"docker -H unix://{shlex.quote(str(socket))}", ("docker",)
        save = "save -o"
    else:
        storage = shlex.quote(str(work / "podman"))
        program = f"podman --root {storage} --runroot {storage}-run --storage-driver=vfs"
        needs, save = ("podman",), "save --format oci-archive -o"
    build = f"{program} build -q -t bench-{name} -f {shlex.quote(str(dockerfile))} {tree}"
    output = work / f"{needs[0]}.tar"

    def without_output() -> None:
        output.unlink(missing_ok=True)

    saved = f"{program} {save} {shlex.quote(str(output))} bench-{name}"
    if shutil.which(needs[0]):
        tell(*floors.shell(build))
    return (
        Contender(
            name=f"{needs[0]} build, everything cached",
            command=floors.shell(build),
            needs=needs,
            served=socket is not None,
        ),
        Contender(
            name=f"{needs[0]} build, everything cached, and save",
            command=floors.shell(build, saved),
            prepare=without_output,
            needs=needs,
            served=socket is not None,
        ),
    )


@contextmanager
def engine(work: Path) -> Iterator[Path | None]:
    """Run a Docker engine of our own below `work`; None where it cannot run."""
    home = work / "docker"
    _fresh(home)
    socket = home / "sock"
    command = [
        *("dockerd", "--data-root", str(home / "root"), "--exec-root", str(home / "exec")),
        *("-p", str(home / "pid"), "-H", f"unix://{socket}", "-s", "vfs"),
        *("--iptables=false", "--ip6tables=false", "--bridge=none"),
    ]
    if not (shutil.which("dockerd") and shutil.which("docker") and os.geteuid() == 0):
        yield None
        return
    with (home / "log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield socket if _answers(socket, daemon) else None
    finally:
        daemon.terminate()
        daemon.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def _answers(socket: Path, daemon: subprocess.Popen[bytes]) -> bool:
    for _ in range(100):
        ended = subprocess.run(
            ["docker", "-H", f"unix://{socket}", "version"], capture_output=True, check=False
        )
        if ended.returncode == 0:
            return True
        if daemon.poll() is not None:
            return False
        time.sleep(0.2)
    return False


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
