"""What GnuPG makes, as vectors: keys, subkeys, revocations and signatures in a home of its own.

Times are faked by gpg itself, so the verdicts are as fixed as those of the other
vectors, though the keys are new each time.  RSA-4096 alone comes from
`builders.openpgp`: finding such primes takes gpg seconds.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import attrs
from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.openpgp_vectors.cast import DOCUMENT, SIGNED, Vector

from imagesmith.trust.packets import frame

_PATH = "/usr/local/bin:/usr/bin:/bin"
_NO_PASSPHRASE = ("--pinentry-mode", "loopback", "--passphrase", "")
_REASONS = {"none": "0", "compromised": "1", "superseded": "2", "retired": "3"}
"""The choices of gpg's menu."""


def present() -> bool:
    """Say whether gpg is installed."""
    return shutil.which("gpg", path=_PATH) is not None


@attrs.frozen
class Home:
    """A home directory of gpg's."""

    folder: Path

    def gpg(
        self, *arguments: str, at: int | None = T0, stdin: bytes = b"", batch: bool = True
    ) -> bytes:
        """Run gpg at a time of our choice, or at the real one, and return what it prints."""
        command = ["gpg", "--quiet", "--no-tty", *(["--batch"] if batch else []), "--yes"]
        moment = [] if at is None else [f"--faked-system-time={at}!"]
        ended = subprocess.run(
            [*command, *moment, *_NO_PASSPHRASE, *arguments],
            input=stdin,
            env={**self.environment, "PATH": _PATH, "LC_ALL": "C"},
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout

    @property
    def environment(self) -> dict[str, str]:
        """What others need to run gpg here."""
        return {"GNUPGHOME": str(self.folder)}

    def key(self, name: str, algorithm: str = "ed25519", use: str = "sign", life: str = "0") -> str:
        """Make a key and return its fingerprint."""
        self.gpg("--quick-generate-key", name, algorithm, use, life)
        return self.fingerprint(name)

    def fingerprint(self, name: str) -> str:
        """Return the fingerprint of the primary key with a user id."""
        listed = self.gpg("--with-colons", "--list-keys", name).decode()
        return next(
            line.split(":")[9].lower() for line in listed.splitlines() if line.startswith("fpr:")
        )

    def signature(self, *options: str, by: str, at: int = SIGNED) -> bytes:
        """Sign the document."""
        return self.gpg(*options, f"--local-user={by}", "--detach-sign", at=at, stdin=DOCUMENT)

    def certificate(self, fingerprint: str, *options: str) -> bytes:
        """Export a certificate."""
        return self.gpg(*options, "--export", fingerprint)

    def answer(self, *arguments: str, answers: str, at: int) -> bytes:
        """Run a command that asks questions."""
        asked = ("--command-fd", "0", "--status-fd", "2", *arguments)
        return self.gpg(*asked, stdin=answers.encode(), at=at, batch=False)


@cache
def vectors() -> tuple[Vector, ...]:
    """Have gpg make everything, once."""
    rows: tuple[Callable[[Home], Iterator[Vector]], ...] = (
        _algorithms,
        _options,
        _subkeys,
        _expired,
        _revoked,
        _user_ids,
    )
    with new_home() as home:
        return tuple(vector for row in rows for vector in row(home))


@contextmanager
def new_home() -> Iterator[Home]:
    """Have a home directory, and stop the agent that comes with it."""
    with tempfile.TemporaryDirectory() as folder:
        # The fewest rounds there are: calibrating and using more takes seconds.
        (Path(folder) / "gpg-agent.conf").write_text("s2k-count 65536\n")
        yield Home(Path(folder))
        stop = {"GNUPGHOME": folder, "PATH": _PATH}
        subprocess.run(["gpgconf", "--kill", "all"], env=stop, check=False)


def _algorithms(home: Home) -> Iterator[Vector]:
    others = "S11: RSA, ECDSA on NIST curves and EdDSA on Ed25519 alone"
    for algorithm, reason, stricter in (
        ("rsa3072", None, ""),
        ("nistp256", None, ""),
        ("nistp384", None, ""),
        ("nistp521", None, ""),
        ("ed25519", None, ""),
        ("dsa2048", "KEY_ALGORITHM", others),
        ("brainpoolP256r1", "KEY_ALGORITHM", ""),
    ):
        key = home.key(algorithm, algorithm)
        yield _vector(home, f"gpg: {algorithm}", key, reason, stricter=stricter)
    large = pgp.make_key("alice", "rsa4096")
    home.gpg(
        "--import",
        stdin=frame(5, large.secret_body) + pgp.user_id() + pgp.certify(large),
    )
    yield _vector(home, "gpg: rsa4096", large.fingerprint, None)


def _vector(
    home: Home,
    name: str,
    key: str,
    reason: str | None,
    *options: str,
    stricter: str = "",
) -> Vector:
    """Sign with these options and export the certificate as it is now."""
    made = home.signature(*options, by=key)
    return Vector(name, made, home.certificate(key), reason, primary=key, stricter=stricter)


def _options(home: Home) -> Iterator[Vector]:
    """Yield one key's signatures in every form."""
    key = home.key("options")
    weak = "--allow-weak-digest-algos"
    strong = "S11: SHA-256, SHA-384 and SHA-512 alone"
    text = "S10: one text signature fits two documents"
    for name, options, reason, stricter in (
        ("armour with comments", ("--armor", "--comment", "a: b", "--emit-version"), None, ""),
        ("text mode", ("--textmode",), "SIG_TYPE", text),
        ("notation", ("--sig-notation", "a@example.org=b"), None, ""),
        ("critical notation", ("--sig-notation", "!a@example.org=b"), "SIG_CRITICAL_NOTATION", ""),
        ("critical policy", ("--sig-policy-url", "!https://example.org/"), None, ""),
        ("brief signature", ("--default-sig-expire", "1d"), "SIG_EXPIRED", ""),
        ("SHA-256", ("--digest-algo", "SHA256"), None, ""),
        ("SHA-1", ("--digest-algo", "SHA1", weak), "SIG_HASH_WEAK", ""),
        ("RIPEMD-160", ("--digest-algo", "RIPEMD160", weak), "SIG_HASH_WEAK", ""),
        ("SHA-224", ("--digest-algo", "SHA224"), "SIG_HASH_WEAK", strong),
    ):
        yield _vector(home, f"gpg: {name}", key, reason, *options, stricter=stricter)
    own = home.certificate(key)
    for name, options, reason in (
        ("clear-signed", ("--clear-sign",), "ARMOUR"),
        ("message that signs itself", ("--sign", "--compress-algo", "none"), "NOT_DETACHED"),
        ("compressed message", ("--sign", "--compress-algo", "zlib"), "FRAMING"),
    ):
        made = home.gpg(f"--local-user={key}", *options, at=SIGNED, stdin=DOCUMENT)
        yield Vector(f"gpg: {name}", made, own, reason, primary=key)
    other = home.key("other")
    made = home.signature(f"--local-user={other}", by=key)
    yield Vector("gpg: two signers", made, own, None, primary=key)


def _subkeys(home: Home) -> Iterator[Vector]:
    key = home.key("subkeys", use="cert")
    home.gpg("--quick-add-key", key, "cv25519", "encr")
    home.gpg("--quick-add-key", key, "ed25519", "sign")
    yield _vector(home, "gpg: signing subkey", key, None)
    armoured = home.certificate(key, "--armor", "--comment", "mine")
    made = home.signature(by=key)
    yield Vector("gpg: certificate armoured", made, armoured, None, primary=key)
    other = home.key("certifier")
    home.gpg(f"--local-user={other}", "--quick-sign-key", key)
    yield _vector(home, "gpg: certified by another", key, None)
    sha1 = home.key("SHA-1 self-signature")
    weak = ("--cert-digest-algo", "SHA1", "--allow-weak-digest-algos")
    home.gpg(*weak, "--quick-set-expire", sha1, "2y", at=T0 + 1)
    yield _vector(home, "gpg: SHA-1 self-signature", sha1, "CERT_SELF_SIGNATURE_REFUSED")


def _expired(home: Home) -> Iterator[Vector]:
    now = "S18: good now as well, not only when it signed"
    key = home.key("expired", life="10d")
    yield _vector(home, "gpg: expired, signed before", key, "KEY_EXPIRED", stricter=now)
    early, late = (home.signature(by=key, at=at) for at in (SIGNED, T0 + 9 * DAY))
    home.gpg("--quick-set-expire", key, "10y", at=T0 + 5 * DAY)
    own = home.certificate(key)
    # gpg keeps the newest self-signature only, so nothing says what held before.
    gone = "CERT_NO_SELF_SIGNATURE"
    yield Vector("gpg: certified anew later", early, own, gone, primary=key)
    yield Vector("gpg: extended before it expired", late, own, None, primary=key)
    key = home.key("expired subkey", use="cert")
    home.gpg("--quick-add-key", key, "ed25519", "sign", "10d")
    yield _vector(home, "gpg: subkey expired, signed before", key, "KEY_EXPIRED", stricter=now)


def _revoked(home: Home) -> Iterator[Vector]:
    """Yield keys and subkeys revoked a month after they signed, for every reason gpg knows."""
    then = T0 + 30 * DAY
    for word, choice in _REASONS.items():
        soft = word in {"superseded", "retired"}
        reason = "KEY_REVOKED_SOFT" if soft else "KEY_REVOKED_HARD"
        stricter = "S18: good now as well, not only when it signed" if soft else ""
        key = home.key(f"revoked {word}", use="cert")
        home.gpg("--quick-add-key", key, "ed25519", "sign")
        made = home.signature(by=key)
        answers = f"key 1\nrevkey\ny\n{choice}\n\ny\nsave\n"
        home.answer("--edit-key", key, answers=answers, at=then)
        own = home.certificate(key)
        name = f"gpg: subkey revoked ({word})"
        yield Vector(name, made, own, reason, primary=key, stricter=stricter)
        key = home.key(f"primary revoked {word}")
        made = home.signature(by=key)
        asked = ("--gen-revoke", key)
        revocation = home.answer(*asked, answers=f"y\n{choice}\n\ny\n", at=then)
        home.gpg("--import", stdin=revocation)
        own = home.certificate(key)
        name = f"gpg: primary revoked ({word})"
        yield Vector(name, made, own, reason, primary=key, stricter=stricter)


def _user_ids(home: Home) -> Iterator[Vector]:
    key = home.key("kept")
    home.gpg("--quick-add-uid", key, "dropped", at=T0 + 1)
    home.gpg("--quick-revoke-uid", key, "dropped", at=T0 + 2)
    yield _vector(home, "gpg: one of two user ids revoked", key, None)
