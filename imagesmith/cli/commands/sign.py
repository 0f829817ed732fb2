"""`imagesmith sign`: add a signature to a manifest."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import click

from imagesmith.cli.session import Session, shared


@click.command("sign", short_help="Add a signature to a manifest.")
@click.argument("directory")
@click.option("--key", help="Armoured secret key to sign with.")
@click.option("--gpg", "keyid", help="Key of gpg's agent or smart card to sign with.")
@click.option("--passphrase-fd", type=int, help="Read the passphrase from this descriptor.")
@shared
@click.pass_obj
def command(
    session: Session, directory: str, key: str | None, keyid: str | None, passphrase_fd: int | None
) -> None:
    """Sign DIRECTORY/manifest.toml; signatures of others are kept.

    What was written is read back and verified with the signer's own certificate
    before it is saved.
    """
    from imagesmith.cli import documents, trusting
    from imagesmith.errors import UsageError
    from imagesmith.manifest import manifest as manifests
    from imagesmith.trust import detached, signing

    if (key is None) == (keyid is None):
        raise UsageError(problem="expected either --key FILE or --gpg KEYID")
    image = documents.at(directory)
    raw = documents.read(image.manifest, hint=f"write it: imagesmith lock {image.path}")
    manifest = manifests.parse(raw, document=str(image.manifest))
    now = int(time.time())
    for doubt in trusting.doubts(image, manifest, now):
        session.warn(doubt)
    if key is not None:
        made = _signature(raw, key, now, passphrase_fd)
    else:
        made = signing.gpg_signature(raw, str(keyid), run=_run)
    with documents.locked(image):
        if documents.read(image.manifest) != raw:
            raise UsageError(problem=f"{image.manifest}: changed while it was signed")
        present = documents.read_signatures(image.signatures)
        with documents.about(image.signatures):
            merged = detached.merge(present, made)
        documents.write(image.signatures, merged)
    session.note(f"{image.signatures}: signed serial {manifest.serial} of {manifest.name}")
    session.result(str(image.signatures), {"signatures": str(image.signatures)})


def _signature(raw: bytes, key: str, now: int, passphrase_fd: int | None) -> bytes:
    """Sign with the key in a file, which errors about the key name."""
    from imagesmith.cli import documents
    from imagesmith.cli.passphrase import asking
    from imagesmith.trust import signing

    secret = documents.read(Path(key))
    with documents.about(Path(key)):
        return signing.sign(raw, secret, created=now, passphrase=asking(key, passphrase_fd))


def _run(arguments: list[str], document: bytes) -> bytes:
    from imagesmith.errors import HostError, UsageError

    try:
        ended = subprocess.run(  # noqa: S603 - gpg with our own arguments
            arguments, input=document, capture_output=True, check=False, env=dict(os.environ)
        )
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        raise HostError(path=arguments[0], problem=problem, hint="install gpg") from None
    if ended.returncode:
        lines = ended.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(problem=f"gpg could not sign: {lines[-1] if lines else 'no reason given'}")
    return ended.stdout
