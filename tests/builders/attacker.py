"""Whoever stands between the people who sign and a build: a signer or a mirror who misbehaves.

One method is one attack of the threat model, done to the files of a World as its
attacker would do it: with real packets, real keys and a real archive.  What must
come of it is left to the tests.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
from builders import openpgp as pgp
from builders.archive import DATE, Binary
from builders.collision import colliding_keys
from builders.openpgp import DAY, T0, Key
from builders.world import ARCHIVE_KEY, World, packages

from imagesmith.trust import armour
from imagesmith.trust.packets import frame

LATER = T0 + 2 * DAY
"""When these signers sign: after every key of theirs was made."""


@attrs.frozen
class CrookedSigner:
    """Somebody with keys of their own, who writes beside the manifest what they like."""

    world: World

    def pin(self, *pinned: tuple[Key, bytes], threshold: int = 1, **terms: Sequence[str]) -> None:
        """Let the policy name these primary keys, each with its certificate file."""
        rows = [f"threshold = {threshold}\n"]
        for number, (key, certificate) in enumerate(pinned):
            name = f"signer{number}.pgp"
            (self.world.root / name).write_bytes(certificate)
            rows.append(f'[[signer]]\nfingerprint = "{key.fingerprint}"\ncertificate = "{name}"\n')
            rows += [f"{term} = {list(values)}\n" for term, values in terms.items()]
        (self.world.root / "trust.toml").write_text("".join(rows))

    def sign(self, *keys: Key, kind: int = 0x00, created: int = LATER) -> None:
        """Put signatures by these keys beside the manifest, in place of what is there."""
        manifest = self.world.manifest.read_bytes()
        made = b"".join(pgp.detached(manifest, key, kind=kind, created=created) for key in keys)
        self._signature.write_bytes(armour.encode(made, armour.SIGNATURE))

    def sign_as_another_type(self, kind: int, key: Key) -> None:
        """Sign nothing but the type's own octets: a standalone or timestamp signature."""
        hashed = pgp.at(LATER) + pgp.issuer_fingerprint(key)
        body = pgp.signature(kind, key, (), hashed=hashed)
        self._signature.write_bytes(armour.encode(frame(2, body), armour.SIGNATURE))

    def collide(self) -> tuple[Key, Key, bytes]:
        """Return two keys with one key id, and a file with the certificates of both."""
        first, second = colliding_keys()
        both = b"".join(
            pgp.primary(key) + pgp.user_id() + pgp.certify(key, created=T0 + DAY)
            for key in (first, second)
        )
        return first, second, both

    def rename(self, name: str) -> None:
        """Give the manifest and its recipe another image's name."""
        self.world.edit(self.world.recipe, 'name = "hello"', f'name = "{name}"')
        self.world.ok("lock", str(self.world.image))

    def swap_after_reading(self, hidden: bytes) -> None:
        """Put `hidden` in the manifest's place while the first to open it still reads."""
        manifest, other = self.world.manifest, self.world.root / "hidden.toml"
        shown = manifest.read_bytes()
        other.write_bytes(hidden)
        manifest.unlink()
        os.mkfifo(manifest)
        pipe = os.open(manifest, os.O_RDWR)  # both ends: waits for nobody
        assert os.write(pipe, shown) == len(shown)

        def swap() -> None:
            while select.select([pipe], [], [], 0)[0]:  # until it was read to its last byte
                time.sleep(0.001)
            other.replace(manifest)
            os.close(pipe)

        threading.Thread(target=swap, daemon=True).start()

    @property
    def _signature(self) -> Path:
        return self.world.image / "manifest.toml.asc"


@attrs.frozen
class CrookedMirror:
    """Somebody who serves an archive they cannot sign, but have many signed days of."""

    world: World

    def publish(
        self,
        day: int,
        version: str,
        *,
        offered: Sequence[Binary] = (),
        valid_until: int | None = None,
    ) -> None:
        """Serve what the archive signed on a day; every day has packages of its own version."""
        chosen = list(offered) or packages("amd64", "arm64", version=version)
        self.world.publish(chosen, date=DATE + day * DAY, valid_until=valid_until)

    def keep(self) -> dict[str, bytes]:
        """Return the files of the suite as they are now, to be served again later."""
        home = self._suite
        return {
            str(path.relative_to(home)): path.read_bytes()
            for path in sorted(home.rglob("*"))
            if path.is_file()
        }

    def serve(self, kept: dict[str, bytes], *, only: str = "") -> None:
        """Serve files of an earlier day again: all, or those whose path starts with `only`."""
        for name, content in kept.items():
            if name.startswith(only):
                (self._suite / name).write_bytes(content)

    def without(self, name: str) -> None:
        """Pretend that a file of the suite does not exist."""
        (self._suite / name).unlink()

    def rewrite(self, change: Callable[[bytes], bytes]) -> None:
        """Change InRelease without being able to sign it."""
        path = self._suite / "InRelease"
        path.write_bytes(change(path.read_bytes()))

    def sign(self, key: Key) -> None:
        """Sign the archive with a key nobody pinned."""
        release = (self._suite / "Release").read_bytes()
        (self._suite / "InRelease").write_bytes(pgp.cleartext(release, key))

    def sign_detached(self, key: Key = ARCHIVE_KEY) -> None:
        """Serve Release and Release.gpg, as old archives do, and no InRelease."""
        release = (self._suite / "Release").read_bytes()
        packet = pgp.detached(release, key, digest=pgp.SHA256)
        (self._suite / "Release.gpg").write_bytes(armour.encode(packet, armour.SIGNATURE))
        self.without("InRelease")

    @property
    def _suite(self) -> Path:
        return self.world.root / "mirror" / "dists" / "bookworm"
