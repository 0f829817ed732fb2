"""imagesmith as its users drive it: by its command line, with stores of our making."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import attrs

from bench.clock import Contender, Failed

PROGRAM = str(Path(sys.executable).with_name("imagesmith"))
"""The script beside this interpreter: no shim in between."""


@attrs.frozen(kw_only=True)
class Subject:
    """A signed manifest for one architecture, and where everything it needs lies."""

    directory: Path
    trust: Path
    store: Path
    """Has every artefact, index and result of it."""
    work: Path
    arch: str = "amd64"
    options: tuple[str, ...] = ("--offline",)

    @property
    def name(self) -> str:
        """Return the image's name."""
        return self.directory.name

    @property
    def output(self) -> Path:
        """Return where its archive is written."""
        return self.work / f"{self.name}.tar"

    def build(self, store: Path) -> tuple[str, ...]:
        """Return the command that builds it with a store."""
        return (
            *(PROGRAM, "--quiet", "--store", str(store), *self.options),
            *("build", str(self.directory), "--arch", self.arch),
            *("--trust", str(self.trust), "-o", str(self.output)),
        )

    def artefacts(self) -> tuple[str, ...]:
        """Return the hex digests of the packages it is made of."""
        manifest = tomllib.loads((self.directory / "manifest.toml").read_text())
        pins = (item.get("all") or item.get(self.arch) for item in manifest["artefact"])
        return tuple(sorted({pin["sha256"] for pin in pins if pin}))

    def debs(self) -> tuple[Path, ...]:
        """Return the packages in its store."""
        return tuple(_blob(self.store, digest) for digest in self.artefacts())


def cold(subject: Subject) -> Contender:
    """Build with a store that has the packages and nothing else."""
    store = subject.work / "cold-store"

    def prepare() -> None:
        shutil.rmtree(store, ignore_errors=True)
        for deb in subject.debs():
            link = _blob(store, deb.name)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.hardlink_to(deb)
        subject.output.unlink(missing_ok=True)

    return Contender(name="**imagesmith**", command=subject.build(store), prepare=prepare)


def warm(subject: Subject) -> Contender:
    """Build with every package indexed, but neither result nor layer nor archive there."""

    def prepare() -> None:
        forget(subject.store)
        subject.output.unlink(missing_ok=True)

    return Contender(name="**imagesmith**", command=subject.build(subject.store), prepare=prepare)


def again(subject: Subject) -> Contender:
    """Build what is there already."""
    prepare = partial(_ensure, subject)
    command = subject.build(subject.store)
    return Contender(name="imagesmith, nothing to do", command=command, prepare=prepare)


def _ensure(subject: Subject) -> None:
    if not subject.output.exists():
        tell(*subject.build(subject.store))


def forget(store: Path) -> None:
    """Remove every kept result and its layers from a store."""
    for pointer in (store / "derived" / "result").glob("*/*"):
        result = _blob(store, pointer.read_text().strip().removeprefix("sha256:"))
        layers = [layer["digest"] for layer in json.loads(result.read_bytes())["layers"]]
        for gone in (*(_blob(store, layer) for layer in layers), result, pointer):
            gone.unlink(missing_ok=True)


def _blob(store: Path, digest: str) -> Path:
    return store / "blobs" / "sha256" / digest[:2] / digest


def tell(*command: str) -> str:
    """Run a program that is not measured and return what it prints; Failed if it fails."""
    ended = subprocess.run(command, capture_output=True, check=False, text=True)
    if ended.returncode:
        raise Failed(f"{' '.join(command)}: exit status {ended.returncode}\n{ended.stderr}")
    return ended.stdout


def signer(folder: Path) -> tuple[Path, Path]:
    """Generate a throw-away key below `folder`; return it and a policy that trusts it."""
    key, policy = folder / "key.asc", folder / "trust.toml"
    if not policy.exists():
        folder.mkdir(parents=True, exist_ok=True)
        tell(PROGRAM, "keys", "generate", "Benchmark <bench@example.org>", "-o", str(key))
        shown = tell(PROGRAM, "--json", "keys", "show", str(folder / "key.pub.asc"))
        (certificate,) = json.loads(shown)
        fingerprint = certificate["fingerprint"]
        policy.write_text(
            f'[[signer]]\nfingerprint = "{fingerprint}"\ncertificate = "key.pub.asc"\n'
        )
    return key, policy


@attrs.frozen(kw_only=True)
class Wish:
    """What to write a recipe of."""

    name: str
    packages: tuple[str, ...]
    seeds: tuple[str, ...]
    include: tuple[str, ...] = ()


def begin(wish: Wish, work: Path) -> Path:
    """Write a recipe with `init` and return its directory."""
    directory = work / "images" / wish.name
    shutil.rmtree(directory, ignore_errors=True)
    wanted = [*_each("--package", wish.packages), *_each("--seed", wish.seeds)]
    store = ("--store", str(work / "store"))
    here = ("--arch", "amd64", "-C", str(directory.parent))
    tell(PROGRAM, "--quiet", *store, "init", wish.name, *wanted, *here)
    recipe = directory / "recipe.toml"
    include = f"[trace]\ninclude = {json.dumps(list(wish.include))}\n"
    recipe.write_text(recipe.read_text().replace("[trace]\n", include, 1))
    return directory


def adopt(recipe: Path, work: Path) -> Path:
    """Copy a recipe to where it can be locked and return its directory."""
    directory = work / "images" / recipe.parent.name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    shutil.copyfile(recipe, directory / recipe.name)
    return directory


def lock(directory: Path, work: Path, *options: str) -> Subject:
    """Lock a recipe, from the configured mirrors unless told otherwise, sign and build it."""
    key, policy = signer(work / "signer")
    store = work / "store"
    tell(PROGRAM, "--quiet", "--store", str(store), "lock", str(directory), *options)
    tell(PROGRAM, "--quiet", "sign", str(directory), "--key", str(key))
    subject = Subject(directory=directory, trust=policy, store=store, work=work)
    tell(*subject.build(store))
    return subject


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def shipped(subject: Subject) -> Path:
    """Extract the root filesystem of the archive that was built, and return where."""
    tree = subject.work / f"{subject.name}-tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    with tarfile.open(subject.output) as archive:
        listing = archive.extractfile("manifest.json")
        assert listing is not None
        (layer,) = json.load(listing)[0]["Layers"]
    unpack = f"tar -xOf {subject.output} {layer} | zstd -dc | tar -xpf - -C {tree} --numeric-owner"
    tell("bash", "-o", "pipefail", "-c", unpack)
    return tree
