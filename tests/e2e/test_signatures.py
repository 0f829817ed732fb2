"""The signatures of the real archive: every key that gpgv finds is found, and pinned ones verify.

Judged at the time of the newest signature, so that no key expires under the test.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import attrs
import pytest
from builders.sandbox import program
from builders.shell import Shell

from imagesmith.cli import configuration
from imagesmith.errors import ImagesmithError, SignatureError
from imagesmith.fetch import Fetcher, Options
from imagesmith.trust import archive, cleartext, detached
from imagesmith.trust.archive import Anchors, ReleaseFile
from imagesmith.trust.signature import Signature
from imagesmith.trust.verdict import Reason

pytestmark = pytest.mark.e2e
SUITES = ("bookworm", "bookworm-updates", "bookworm-security", "trixie")
KEYRINGS = tuple(sorted(Path("/usr/share/keyrings").glob("debian-archive-*.gpg")))
_HASTY = Options(timeout_connect=5, timeout_read=20, timeout_total=60, retries=1)
_VALID = re.compile(r"^\[GNUPG:\] VALIDSIG .* (?P<primary>[0-9A-F]{40})$", re.MULTILINE)


@attrs.frozen
class Release:
    """An InRelease file as a mirror serves it."""

    octets: bytes = attrs.field(repr=False)
    signed: int
    """When the newest signature was made, in Unix seconds."""


@pytest.fixture(params=SUITES)
def release(request: pytest.FixtureRequest) -> Release:
    """Fetch the file from the host's mirrors; skip where none has this suite."""
    suite = str(request.param)
    reasons = []
    with Fetcher(_HASTY, environ=os.environ) as fetcher:
        for number, mirror in enumerate(configuration.host_mirrors(suite), start=1):
            address = f"{mirror.rstrip('/')}/dists/{suite}/InRelease"
            try:
                octets = b"".join(fetcher.stream(address, size=None, limit=2**22))
            except ImagesmithError as error:
                reasons.append(f"mirror {number}: {error}")
                continue
            found = detached.read(cleartext.split(octets).signature)
            return Release(octets, max(e.created for e in found if isinstance(e, Signature)))
    pytest.skip(f"no mirror of this host serves {suite}: {'; '.join(reasons)}")


@pytest.fixture(scope="module")
def certificates() -> tuple[bytes, ...]:
    """Return the archive's keyrings of this host; skip without them."""
    if not KEYRINGS:
        pytest.skip("no archive keyrings: apt-get install debian-archive-keyring")
    return tuple(file.read_bytes() for file in KEYRINGS)


def verified(release: Release, certificates: tuple[bytes, ...], *pinned: str) -> set[str]:
    """Return the primary keys among `pinned` that signed."""
    anchors = Anchors(certificates=certificates, fingerprints=pinned, now=release.signed)
    found = archive.verify(ReleaseFile(release.octets), anchors, document="InRelease")
    return {each.primary for each in found.signers}


def test_finds_the_signers_that_gpgv_finds(
    release: Release, certificates: tuple[bytes, ...], tmp_path: Path
) -> None:
    """The same primary keys, by both implementations."""
    program("gpgv", "gpgv")
    (tmp_path / "InRelease").write_bytes(release.octets)
    keyrings = [f"--keyring={file}" for file in KEYRINGS]
    shell = Shell(tmp_path, tmp_path / "store")
    said = shell.run("gpgv", "--homedir", ".", "--status-fd", "1", *keyrings, "InRelease").out
    by_gpgv = {each["primary"].lower() for each in _VALID.finditer(said)}

    signers = archive.signers_of(ReleaseFile(release.octets), certificates, now=release.signed)

    assert by_gpgv
    assert {each.primary for each in signers} == by_gpgv


def test_every_signer_verifies_the_release_alone(
    release: Release, certificates: tuple[bytes, ...]
) -> None:
    """Pinned by themselves or together, and nobody else does."""
    signers = archive.signers_of(ReleaseFile(release.octets), certificates, now=release.signed)
    primaries = {each.primary for each in signers}

    assert verified(release, certificates, *primaries) == primaries
    assert all(verified(release, certificates, each) == {each} for each in primaries)
    with pytest.raises(SignatureError):
        verified(release, certificates, "0" * 40)


def test_a_changed_release_is_by_nobody(release: Release, certificates: tuple[bytes, ...]) -> None:
    """One letter of the signed text spoils every signature."""
    signers = archive.signers_of(ReleaseFile(release.octets), certificates, now=release.signed)
    changed = attrs.evolve(release, octets=release.octets.replace(b"Origin: D", b"Origin: d", 1))

    with pytest.raises(SignatureError) as e:
        verified(changed, certificates, *(each.primary for each in signers))

    assert any(str(reason).startswith(Reason.SIG_BAD) for reason in e.value.reasons)
