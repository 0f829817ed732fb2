"""`imagesmith keys`: OpenPGP keys for signing manifests."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imagesmith.cli.session import Session, shared
from imagesmith.model.moment import rfc3339

if TYPE_CHECKING:
    from imagesmith.trust.describe import CertificateSummary, KeySummary, RefusedCertificate

YEAR = 365 * 24 * 3600


@click.group("keys", short_help="Generate and show OpenPGP keys.")
def command() -> None:
    """Generate and show OpenPGP keys."""


@command.command()
@click.argument("user_id", metavar="'NAME <MAIL>'")
@click.option("-o", "--output", required=True, help="Where the secret key goes; must not exist.")
@click.option("--passphrase-fd", type=int, help="Read the passphrase from this descriptor.")
@click.option(
    "--years", default=2, show_default=True, type=click.IntRange(0, 50), help="0: no expiry."
)
@shared
@click.pass_obj
def generate(
    session: Session, user_id: str, output: str, passphrase_fd: int | None, years: int
) -> None:
    """Write SECRET.asc and, beside it, SECRET.pub.asc.

    An Ed25519 primary key that certifies, and a signing subkey; without
    --passphrase-fd the secret key is not encrypted.
    """
    from imagesmith.cli import documents
    from imagesmith.cli.passphrase import from_descriptor
    from imagesmith.errors import UsageError
    from imagesmith.trust import generation

    secret = Path(output)
    public = secret.with_name(f"{secret.name.removesuffix('.asc')}.pub.asc")
    for path in (secret, public):
        if path.exists() or path.is_symlink():
            raise UsageError(problem=f"{path}: exists already", hint="keys are never overwritten")
    pair = generation.generate(
        user_id,
        created=int(time.time()),
        lifetime=years * YEAR or None,
        passphrase=from_descriptor(passphrase_fd) if passphrase_fd is not None else None,
    )
    documents.write(secret, pair.secret, mode=0o600)
    documents.write(public, pair.public)
    session.note(f"{secret}: keep it secret; {public}: give it to whoever verifies")
    session.result(
        pair.fingerprint,
        {"fingerprint": pair.fingerprint, "secret": str(secret), "public": str(public)},
    )


@command.command()
@click.argument("file")
@click.option("--policy", is_flag=True, help="Print a trust policy that names these keys.")
@shared
@click.pass_obj
def show(session: Session, file: str, *, policy: bool) -> None:
    """Show fingerprints, capabilities, expiry and revocations of the keys in FILE.

    With --policy, print a trust policy to start from; it belongs beside FILE.
    """
    from imagesmith.cli import documents
    from imagesmith.trust import describe, keyring

    octets = documents.read_start(Path(file), limit=keyring.MAX_OCTETS)
    with documents.about(Path(file)):
        found = describe.describe(octets, int(time.time()))
    render = _signer if policy else _certificate
    text = "\n\n".join("\n".join(render(each, Path(file))) for each in found)
    session.result(text, [_document(each) for each in found])


def _signer(found: CertificateSummary | RefusedCertificate, file: Path) -> list[str]:
    """Render one certificate as the signer of a trust policy."""
    from imagesmith.errors import UsageError
    from imagesmith.manifest import table as toml
    from imagesmith.trust.describe import RefusedCertificate

    if isinstance(found, RefusedCertificate):
        raise UsageError(problem=f"{file}: no signer can be made of it: {found.problem}")
    if found.has_secret:
        hint = "a policy names the public half, such as SECRET.pub.asc"
        raise UsageError(problem=f"{file}: a secret key", hint=hint)

    return [
        "[[signer]]",
        f"fingerprint = {toml.string(found.primary.fingerprint)}",
        f"certificate = {toml.string(file.name)}",
    ]


def _certificate(found: CertificateSummary | RefusedCertificate, _file: Path) -> list[str]:
    """Render one certificate for people."""
    from imagesmith.trust.describe import RefusedCertificate

    if isinstance(found, RefusedCertificate):
        return [found.fingerprint or "a key of another version", f"  refused: {found.problem}"]
    secret = " (with its secret key)" if found.has_secret else ""
    lines = [f"{found.primary.fingerprint}{secret}"]
    lines += [f"  user id: {user_id}" for user_id in found.user_ids]
    lines += [f"  user id, not certified by the key: {name}" for name in found.unproven_user_ids]
    lines += _key("primary", found.primary)
    for subkey in found.subkeys:
        lines += _key(f"subkey {subkey.fingerprint}", subkey)
    lines += [f"  designated revoker, not obeyed: {name}" for name in found.revokers]
    return lines + [f"  note: {note}" for note in found.notes]


def _key(label: str, key: KeySummary) -> list[str]:
    can = ", ".join(key.capabilities) or "nothing"
    lines = [f"  {label}: {key.algorithm}, can {can}, created {rfc3339(key.created)}"]
    lines[0] += f", expires {rfc3339(key.expires)}" if key.expires is not None else ", no expiry"
    if key.revoked:
        made = rfc3339(key.revoked.at)
        lines.append(
            f"    revoked for all time, at {made}"
            if key.revoked.hard
            else f"    revoked from {made} on"
        )
    if key.problem and not key.problem.startswith("KEY_NOT_SIGNING"):
        lines.append(f"    not usable for signing: {key.problem}")
    return lines


def _document(found: CertificateSummary | RefusedCertificate) -> dict[str, Any]:
    """Return one certificate for --json, the primary key's fingerprint first."""
    import attrs

    from imagesmith.trust.describe import CertificateSummary

    known = (
        {"fingerprint": found.primary.fingerprint} if isinstance(found, CertificateSummary) else {}
    )
    return {**known, **attrs.asdict(found)}
