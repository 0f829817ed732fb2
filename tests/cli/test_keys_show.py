"""`keys show`: what a person sees of a certificate, however hostile."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY
from builders.world import Said, World

ALICE, BOB, SIGNER = map(pgp.make_key, ("alice", "bob", "alice's subkey"))

MADE = "2023-11-14T22:13:20Z"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return an empty directory to work in."""
    (tmp_path / "config.toml").write_text("")
    return World(tmp_path)


def show(world: World, certificate: bytes, *options: str) -> Said:
    """Show a file that holds this."""
    (world.root / "c.pgp").write_bytes(certificate)
    return world.run("keys", "show", str(world.root / "c.pgp"), *options)


def test_shows_ends_and_revocations(world: World) -> None:
    """Dates as people write them; what is revoked, and since when."""
    until = pgp.flags(3) + pgp.key_lifetime(DAY)
    own = pgp.primary(ALICE) + pgp.user_id() + pgp.certify(ALICE, more=until)
    bound = pgp.subkey(SIGNER) + pgp.bind(ALICE, SIGNER)
    retired = pgp.bind(ALICE, SIGNER, kind=0x28, more=pgp.reason(3))
    lines = show(world, own + bound + retired).out.splitlines()

    assert lines == [
        ALICE.fingerprint,
        "  user id: Alice <alice@example.org>",
        f"  primary: EdDSA, can certify, sign, created {MADE}, expires 2023-11-15T22:13:20Z",
        f"    not usable for signing: {lines[3].partition('signing: ')[2]}",
        f"  subkey {SIGNER.fingerprint}: EdDSA, can sign, created {MADE}, no expiry",
        f"    revoked from {MADE} on",
        f"    not usable for signing: {lines[6].partition('signing: ')[2]}",
    ]
    assert "KEY_EXPIRED: " in lines[3]


def test_a_hard_revocation_is_for_all_time(world: World) -> None:
    """Whenever it was made."""
    said = show(world, pgp.certificate(ALICE, pgp.direct(ALICE, kind=0x20, more=pgp.reason(2))))

    assert "    revoked for all time, at 2023-11-14T22:13:20Z\n" in said.out
    assert "KEY_REVOKED_HARD" in said.out


def test_shows_designated_revokers(world: World) -> None:
    """And that nobody obeys them."""
    revoker = pgp.sub(12, b"\x80\x16" + bytes.fromhex(BOB.fingerprint))
    said = show(world, pgp.certificate(ALICE, pgp.direct(ALICE, more=pgp.flags(3) + revoker)))

    assert f"  designated revoker, not obeyed: {BOB.fingerprint}\n" in said.out


def test_shows_why_a_certificate_is_refused(world: World) -> None:
    """Among others that are not, in text and as JSON; no policy is made of it."""
    weak = pgp.make_key("weak", "rsa1024")
    both = pgp.certificate(weak) + pgp.certificate(ALICE)
    said = show(world, both)

    assert said.status == 0
    assert said.out.startswith(f"{weak.fingerprint}\n  refused: KEY_WEAK: ")
    assert [each["fingerprint"] for each in show(world, both, "--json").json] == [
        weak.fingerprint,
        ALICE.fingerprint,
    ]
    assert show(world, both, "--policy").status == 2


@pytest.mark.parametrize("certified", [True, False])
def test_a_hostile_user_id_moves_no_cursor(world: World, *, certified: bool) -> None:
    """Escapes, colours, line ends, directions and broken UTF-8 reach no terminal."""
    hostile = b"\x1b[2J\x07\r\nprimary: fake\xc2\x9b\xe2\x80\xae\xff"
    named = pgp.user_id(hostile) + (pgp.certify(ALICE, hostile) if certified else b"")
    for options in ((), ("--json",)):
        said = show(world, pgp.certificate(ALICE, named), *options)
        assert said.status == 0
        assert all(line.isprintable() for line in said.out.split("\n"))
        assert "\n  primary: fake" not in said.out
    assert (
        "not certified by the key: \\x1b" in show(world, pgp.certificate(ALICE, named)).out
    ) is (not certified)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"", "ARMOUR"),
        (b"\xff" * 9, "FRAMING"),
        (b"\xca\x03PGP", "CERT_MALFORMED"),
        (b"\x80" * (2 << 20), "LIMIT"),
    ],
)
def test_what_is_no_certificate_is_exit_4(world: World, octets: bytes, code: str) -> None:
    """With the file's name and the reason, on stderr alone."""
    said = show(world, octets)

    assert (said.status, said.out) == (4, "")
    assert code in said.err
    assert "OpenPGP" not in said.err
