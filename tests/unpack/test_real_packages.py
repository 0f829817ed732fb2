"""Real packages are read as dpkg-deb and Python's tarfile read them.

`IMAGESMITH_TEST_DEBS` names a directory of packages, all of which are then
compared; without it a few small ones of apt's cache are, if it has any.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Span, Symlink
from imagesmith.unpack import codec, deb, tar
from imagesmith.unpack.script import script_facts

LARGEST = 256 * 1024
COUNT = 12


def packages() -> list[Path]:
    """Return the packages to compare."""
    named = os.environ.get("IMAGESMITH_TEST_DEBS")
    if named:
        return sorted(Path(named).glob("*.deb"))
    cached = sorted(Path("/var/cache/apt/archives").glob("*.deb"))
    small = [path for path in cached if path.stat().st_size <= LARGEST]
    return small[:: len(small) // COUNT + 1]


def as_tarfile_sees_it(raw: bytes) -> dict[str, Entry]:
    """Return the entries of the archive `raw` except its root."""
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        entries = {f"/{member.name[2:]}": _entry(archive, member) for member in archive}
    entries.pop("/")
    return entries


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    if member.isdir():
        return Directory(mode=member.mode, uid=member.uid, gid=member.gid)
    if member.issym():
        return Symlink(target=member.linkname, uid=member.uid, gid=member.gid)
    if member.islnk():
        return Hardlink(target=member.linkname[1:])
    stream = archive.extractfile(member)
    assert stream is not None
    content = stream.read()
    return File(
        mode=member.mode,
        uid=member.uid,
        gid=member.gid,
        size=len(content),
        digest=Digest(hashlib.sha256(content).hexdigest()),
        content=Span(Digest.of(b""), member.offset_data),
        facts=script_facts(memoryview(content)),
    )


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_real_packages_are_read_alike() -> None:
    """Every path, mode, owner, target, size, digest and offset; and the index survives."""
    paths = packages()
    if not paths:
        pytest.skip("no packages on this machine")
    for path in paths:
        view = memoryview(path.read_bytes())
        opened = deb.open_deb(view, artefact=path.name)
        payload = b"".join(deb.payload(view, opened, artefact=path.name, limit=1 << 32))
        command = ["dpkg-deb", "--fsys-tarfile", str(path)]
        judged = subprocess.run(command, check=True, capture_output=True).stdout
        blob = Digest.of(b"")
        tree = tar.index(memoryview(payload), blob=blob, artefact=path.name, facts=script_facts)
        index = codec.PackageIndex(
            artefact=Digest.of(view),
            blob=blob,
            built=opened.built,
            control=deb.control(view, opened, artefact=path.name),
            tree=tree,
        )

        assert judged == payload
        assert as_tarfile_sees_it(judged) == {name: e for name, e in tree if name != "/"}, path
        assert index == codec.from_bytes(codec.to_bytes(index))
