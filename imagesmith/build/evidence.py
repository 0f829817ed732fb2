"""What a manifest recorded of one source: the blobs it names, and what is wrong with them.

They are in the store, or are fetched again.  Either way they have the digests the
manifest gives, so it does not matter which mirror they are from.  What they prove
is left to `upstream` and `stanzas`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from imagesmith.audit.problem import Problem
from imagesmith.build import acquire, indices, releases
from imagesmith.build.effects import Effects
from imagesmith.errors import ImagesmithError, IntegrityError, NetworkError
from imagesmith.manifest.pins import Evidence
from imagesmith.model.digest import Digest
from imagesmith.sources.debian.packages import Index
from imagesmith.sources.debian.release import Release
from imagesmith.trust import keyring
from imagesmith.trust.archive import ReleaseFile


@attrs.define
class Recorded:
    """One source of a manifest, and the findings on it so far."""

    name: str
    evidence: Evidence
    effects: Effects
    problems: list[Problem] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)
    """What is worth knowing and proves nothing wrong."""

    def wrong(self, key: str, code: str, problem: str) -> None:
        """Note what is wrong with a key of `[source.NAME]`."""
        self.problems.append(Problem(f"source.{self.name}.{key}", f"upstream-{code}", problem))

    @contextmanager
    def noting(self, key: str, code: str) -> Iterator[None]:
        """Turn an error into a problem; what nobody has is missing evidence whatever the `code`."""
        try:
            yield
        except NetworkError as error:
            self.wrong(key, "evidence", error.message)
        except ImagesmithError as error:
            self.wrong(key, code, error.message)

    def kept(self, digest: Digest, *, limit: int) -> bytes | None:
        """Return the bytes if the store has them, undamaged and not larger than `limit`."""
        return releases.kept(digest, self.effects.store, limit=limit)

    def release_file(self) -> ReleaseFile:
        """Return the release file; NetworkError or IntegrityError if nobody has it any more."""
        home, signature = f"dists/{self.evidence.source.suite}", self.evidence.release_signature
        release, most = self.evidence.release, releases.MAX_RELEASE
        if signature is None:
            return ReleaseFile(self._had(release, f"{home}/InRelease", most))
        return ReleaseFile(
            self._had(release, f"{home}/Release", most),
            self._had(signature, f"{home}/Release.gpg", releases.MAX_SIGNATURE),
        )

    def certificates(self) -> bytes | None:
        """Return the certificates of the signers, if they are kept."""
        return self.kept(self.evidence.certificates, limit=keyring.MAX_OCTETS)

    def index(self, listing: Release, path: str) -> Index:
        """Return an index that `listing` names, decompressed from the bytes it names.

        The plain form that `lock` may have kept is not asked: it was made here.
        """
        file, store = listing.files[path], self.effects.store
        if self.kept(file.digest, limit=file.size) is None:
            with _naming(file.digest):
                indices.fetch(self.evidence.source.suite, listing, path, self.effects)
        blob = store.find(file.digest)
        if blob is not None and blob.size != file.size:
            raise IntegrityError(what=path, expected=f"{file.size} bytes", got=f"{blob.size}")
        octets = b"".join(indices.decompressed(path, file.digest, store))
        return Index.scan(octets, source=self.name, document=path)

    def _had(self, digest: Digest, path: str, limit: int) -> bytes:
        """Return the bytes of `digest`, which lay at `path` of the mirrors when it was recorded."""
        found = self.kept(digest, limit=limit)
        if found is not None:
            return found

        def attempt(base: str) -> bytes:
            octets = releases.read(base, path, limit, self.effects)
            got = Digest.of(octets)
            if got != digest:
                raise IntegrityError(what=path, expected=str(digest), got=str(got))
            self.effects.store.add([octets])
            return octets

        with _naming(digest):
            return acquire.first_mirror(path, self.evidence.source.suite, attempt, self.effects)


@contextmanager
def _naming(digest: Digest) -> Iterator[None]:
    """Name the blob in errors about the network, which know only where it was looked for."""
    try:
        yield
    except NetworkError as error:
        raise attrs.evolve(error, problem=f"{error.problem} ({digest})") from error
