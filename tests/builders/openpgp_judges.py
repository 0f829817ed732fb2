"""Independent implementations that judge signatures: pysequoia, sqv and gpgv.

Each says whether a file of detached signatures makes a document good, with one
primary key pinned.  Sequoia reads no more of a file than the first signature, or
the first armoured block, and stops at packets that mean nothing, so it is asked
for each signature.  gpgv is read as apt reads it:
by its status lines, because it ends with 0 for revoked and expired keys.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pysequoia

from imagesmith.errors import SignatureError
from imagesmith.trust import packets
from imagesmith.trust.packets import Tag

Judge = Callable[[bytes, bytes, bytes, str], bool]
"""Judges a document, its signatures and a certificate file with this pinned primary key."""

_BEGIN = b"-----BEGIN PGP SIGNATURE-----"
_MEANINGLESS = (Tag.MARKER, Tag.PADDING)
_PATH = "/usr/local/bin:/usr/bin:/bin"
_WORTHLESS = re.compile(r"^\[GNUPG:\] (?:EXPKEYSIG|EXPSIG|REVKEYSIG|ERRSIG|BADSIG) ", re.MULTILINE)
"""What apt takes no signature for (methods/gpgv.cc)."""
_VALID = re.compile(
    r"^\[GNUPG:\] VALIDSIG (?:\S+ ){7}(?P<hash>\d+) \S+ (?P<primary>\S+)$", re.MULTILINE
)
_GOOD = re.compile(r"^\[GNUPG:\] GOODSIG ", re.MULTILINE)
_WEAK_HASHES = {"1", "2", "3"}
"""MD5, SHA-1 and RIPEMD-160 by OpenPGP's numbers."""


def pysequoia_accepts(document: bytes, signature: bytes, certificate: bytes, primary: str) -> bool:
    """Ask Sequoia as a library."""
    return any(_is_valid(document, each, certificate, primary) for each in _signatures(signature))


def sqv_accepts(document: bytes, signature: bytes, certificate: bytes, primary: str) -> bool:
    """Ask Sequoia as a program, which prints the certificates whose signatures are good."""
    command = ["sqv", "--keyring", "certificate", "signature", "document"]
    answers = [_run(command, document, each, certificate) for each in _signatures(signature)]
    return any(
        ended.returncode == 0 and primary.upper() in ended.stdout.split() for ended in answers
    )


def gpgv_accepts(document: bytes, signature: bytes, certificate: bytes, primary: str) -> bool:
    """Ask GnuPG by its status lines."""
    home = ["--homedir", ".", "--keyring", "./certificate"]
    command = ["gpgv", "--status-fd", "1", *home, "signature", "document"]
    said = _run(command, document, signature, certificate).stdout
    return (
        bool(_GOOD.search(said))
        and not _WORTHLESS.search(said)
        and any(
            found["primary"] == primary.upper() and found["hash"] not in _WEAK_HASHES
            for found in _VALID.finditer(said)
        )
    )


def present(program: str) -> bool:
    """Say whether a judge is installed."""
    return shutil.which(program, path=_PATH) is not None


def _signatures(file: bytes) -> list[bytes]:
    """Return each armoured block and each packet of a file, or the whole if it is neither."""
    first, *others = file.split(_BEGIN)
    if others:
        blocks = [_BEGIN + each for each in others]
        return [first + blocks[0], *blocks[1:]]
    try:
        found = [each for each in packets.split(file) if each.tag not in _MEANINGLESS]
    except SignatureError:
        return [file]
    if any(each.tag != Tag.SIGNATURE for each in found):
        return [file]
    return [packets.frame(each.tag, each.body) for each in found]


def _is_valid(document: bytes, signature: bytes, certificate: bytes, primary: str) -> bool:
    try:
        known = pysequoia.Cert.split_bytes(certificate)
        found = pysequoia.verify(
            bytes=document,
            store=lambda _ids: known,
            signature=pysequoia.Sig.from_bytes(signature),
        )
    except Exception:  # noqa: BLE001 - every way of saying no
        return False
    return any(each.certificate == primary for each in found.valid_sigs)


def _run(
    command: list[str], document: bytes, signature: bytes, certificate: bytes
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as folder:
        files = {"document": document, "signature": signature, "certificate": certificate}
        for name, octets in files.items():
            (Path(folder) / name).write_bytes(octets)
        return subprocess.run(
            command,
            cwd=folder,
            env={"PATH": _PATH, "LC_ALL": "C", "HOME": folder},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=60,
        )
