"""A small world: a signed archive with real packages, an image to make of it, keys, a policy.

Everything has its real format: .debs with ELF files in them, a signed InRelease,
xz-compressed indices, OpenPGP keys.  Attacks and accidents are done to its
files, as a mirror, a colleague or a disk would do them.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

import attrs
from builders.archive import DATE, Binary, write_archive
from builders.deb import BUILT, make_deb
from builders.elf import make_elf, make_glibc
from builders.openpgp import certificate, cleartext, make_key
from builders.tar import Files
from click.testing import CliRunner

from imagesmith.model.arch import Arch, parse
from imagesmith.model.tree import File, Symlink
from imagesmith.trust import generation

ARCHIVE_KEY = make_key("archive")
CERTIFICATES = "/usr/share/ca-certificates/test"
LOADERS = {
    "amd64": "/lib64/ld-linux-x86-64.so.2",
    "arm64": "/lib/ld-linux-aarch64.so.1",
    "s390x": "/lib/ld64.so.1",
}
RECIPE = """\
name = "hello"
architectures = ["amd64", "arm64"]

[source.debian]
kind = "debian"
suite = "bookworm"
components = ["main"]
signed-by = ["{key}"]

[[package]]
source = "debian"
names = ["hello", "ca-certificates", "base-files"]

[trace]
seeds = ["/usr/bin/hello"]

[rootfs]
ca-bundle = true
users = [{{ name = "app", uid = 65532 }}]

[image]
entrypoint = ["/usr/bin/hello"]
user = "app"
"""


def libc(arch: Arch, version: str = "2.36-9") -> Binary:
    """Return a libc6 with a loader whose directories are Debian's."""
    library, loader = f"/lib/{arch.triplet}", LOADERS[arch.debian]
    name = loader.rpartition("/")[2]
    interp = make_glibc(arch=arch, soname=name)
    files: Files = {
        f"{library}/libc.so.6": File.of(
            make_elf(arch=arch, soname="libc.so.6", needed=[name]), mode=0o755
        ),
        f"{library}/{name}": File.of(interp, mode=0o755),
        "/usr/share/doc/libc6/copyright": "LGPL\n",
    }
    if not loader.startswith("/lib/"):
        files = {**files, loader: Symlink(target=f"{library}/{name}")}
    else:
        files = {**files, loader: Symlink(target=f"{arch.triplet}/{name}")}
    return binary("libc6", version, arch.debian, files)


def greeting(
    arch: Arch, version: str = "1.0-1", text: str = "hello", *, built: int = BUILT
) -> tuple[Binary, Binary]:
    """Return a program, and the library it needs in a package of its own."""
    library = f"/usr/lib/{arch.triplet}"
    greet: Files = {
        f"{library}/libgreet.so.1.0": File.of(
            make_elf(arch=arch, soname="libgreet.so.1", needed=["libc.so.6"]), mode=0o644
        ),
        f"{library}/libgreet.so.1": Symlink(target="libgreet.so.1.0"),
        "/usr/share/doc/libgreet1": Symlink(target="hello"),
    }
    program = make_elf(
        arch=arch,
        interp=LOADERS[arch.debian],
        needed=["libgreet.so.1", "libc.so.6"],
        payload=text.encode(),
    )
    hello: Files = {
        "/usr/bin/hello": File.of(program, mode=0o755),
        "/usr/share/doc/hello/copyright": "GPL\n",
        "/usr/share/doc/hello/README": "not needed\n",
        "/etc/hello.conf": f"greeting={text}\n",
    }
    return (
        binary(
            "hello", version, arch.debian, hello, depends="libgreet1 (>= 1.0), libc6", built=built
        ),
        binary("libgreet1", version, arch.debian, greet, depends="libc6, hello", built=built),
    )


def base_files() -> Binary:
    """Return what says which distribution it is."""
    files: Files = {
        "/etc/debian_version": "12.15\n",
        "/etc/os-release": Symlink(target="../usr/lib/os-release"),
        "/usr/lib/os-release": "ID=debian\n",
        "/usr/share/doc/base-files/copyright": "GPL\n",
    }
    return binary("base-files", "12.4", "all", files)


def certificates() -> Binary:
    """Return two certificates, one without a final newline."""
    files: Files = {
        f"{CERTIFICATES}/b.crt": "-----B-----",
        f"{CERTIFICATES}/a.crt": "-----A-----\n",
        "/usr/share/doc/ca-certificates/copyright": "MPL\n",
    }
    return binary("ca-certificates", "20230311", "all", files)


def binary(
    name: str, version: str, arch: str, files: Files, *, depends: str = "", built: int = BUILT
) -> Binary:
    """Return a package of the archive with its .deb."""
    fields = {"Depends": depends} if depends else {}
    deb = make_deb(name, version, arch, files, depends=depends, built=built)
    return Binary(name, version, arch, deb=deb, fields=fields)


def packages(*arches: str, version: str = "1.0-1", text: str = "hello") -> list[Binary]:
    """Return everything the recipe needs, for some architectures."""
    found = [base_files(), certificates()]
    for name in arches:
        arch = parse(name)
        found += [libc(arch), *greeting(arch, version, text)]
    return found


@attrs.frozen(kw_only=True)
class Said:
    """What a command printed and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - any document
        """The one document on stdout."""
        return json.loads(self.out)


@cache
def _template(arches: tuple[str, ...]) -> Path:
    """Return a world that is locked and signed, to be copied."""
    folder = tempfile.mkdtemp(prefix="imagesmith-world-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    world = World.make(Path(folder), *arches)
    world.ok("lock", str(world.image))
    world.ok("sign", str(world.image), "--key", str(world.root / "signer.asc"))
    return world.root


@attrs.frozen
class World:
    """A directory with `mirror/`, `store/`, `manifests/hello/`, keys and a policy."""

    root: Path

    @classmethod
    def make(cls, root: Path, *arches: str) -> World:
        """Lay everything out; nothing is locked yet."""
        world = cls(root)
        world.publish(packages(*(arches or ("amd64", "arm64"))))
        world.image.mkdir(parents=True)
        recipe = RECIPE.format(key=ARCHIVE_KEY.fingerprint)
        if arches:
            recipe = recipe.replace('["amd64", "arm64"]', json.dumps(list(arches)))
        world.recipe.write_text(recipe)
        (root / "archive.pgp").write_bytes(certificate(ARCHIVE_KEY))
        pair = generation.generate(
            "Signer <signer@example.org>", created=1_700_000_000, lifetime=None, passphrase=None
        )
        (root / "signer.asc").write_bytes(pair.secret)
        (root / "signer.pub.asc").write_bytes(pair.public)
        (root / "trust.toml").write_text(
            f'[[signer]]\nfingerprint = "{pair.fingerprint}"\ncertificate = "signer.pub.asc"\n'
        )
        (root / "config.toml").write_text(
            'store = "store"\ntrust = "trust.toml"\nkeyrings = ["archive.pgp"]\n'
            f'[mirrors]\n"*" = ["{root}/mirror"]\n'
        )
        return world

    @classmethod
    def built(cls, root: Path, *arches: str) -> World:
        """Lay everything out, lock and sign; made once and copied."""
        template = _template(arches)
        shutil.copytree(template, root, dirs_exist_ok=True, symlinks=True)
        config = root / "config.toml"
        config.write_text(config.read_text().replace(str(template), str(root)))
        return cls(root)

    @property
    def image(self) -> Path:
        """The image's directory."""
        return self.root / "manifests" / "hello"

    @property
    def recipe(self) -> Path:
        """The recipe."""
        return self.image / "recipe.toml"

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.image / "manifest.toml"

    def publish(self, offered: list[Binary], **release: Any) -> None:  # noqa: ANN401 - as write_archive
        """Let the mirror offer these packages, in a newer release file than before.

        InRelease is signed by the archive's key, unless `release` says otherwise.
        """
        arches = sorted({b.architecture for b in offered} - {"all"}) or ["amd64"]
        release.setdefault("date", DATE if self.released is None else self.released + 1)
        release.setdefault("sign_cleartext", lambda text: cleartext(text, ARCHIVE_KEY))
        write_archive(self.root / "mirror", offered, architectures=arches, **release)

    @property
    def released(self) -> int | None:
        """The date of the release file that the mirror offers, seconds since 1970."""
        release = self.root / "mirror" / "dists" / "bookworm" / "Release"
        if not release.exists():
            return None
        date = release.read_text().partition("\nDate: ")[2].partition("\n")[0]
        return int(parsedate_to_datetime(date.replace("UTC", "GMT")).timestamp())

    def edit(self, path: Path, old: str, new: str) -> None:
        """Change a document as a person would."""
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Said:
        """Run a command with this world's configuration."""
        from imagesmith.cli.app import app

        settings = {"IMAGESMITH_CONFIG": str(self.root / "config.toml"), "HOME": str(self.root)}
        ended = CliRunner().invoke(
            app, arguments, env={**settings, **(env or {})}, prog_name="imagesmith"
        )
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Said(status=ended.exit_code, out=ended.stdout, err=ended.stderr)

    def ok(self, *arguments: str) -> Said:
        """Run a command that must end with 0."""
        said = self.run(*arguments)
        assert said.status == 0, said.err
        return said

    def build(self, *arguments: str) -> Said:
        """Build the image into image.tar."""
        return self.run("build", str(self.image), "-o", str(self.tar), *arguments)

    @property
    def tar(self) -> Path:
        """Where `build` puts the archive."""
        return self.root / "image.tar"

    def blob(self, digest: str) -> Path:
        """Return the file of a blob in the store."""
        return self.root / "store" / "blobs" / "sha256" / digest[:2] / digest
