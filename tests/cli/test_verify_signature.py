"""`verify-signature`: any file, any signature file, and what cannot be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import attrs
import pytest
from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.world import Said, World

DOCUMENT = b"document\n" * 1000
ALICE, SIGNER = map(pgp.make_key, ("alice", "alice's subkey"))
LATER = "2023-12-01T00:00:00Z"


@attrs.frozen
class Desk:
    """A directory with a file, its signature, and a policy that names who signed."""

    root: Path

    @property
    def file(self) -> Path:
        """What is signed."""
        return self.root / "file"

    @property
    def signature(self) -> Path:
        """By alice."""
        return self.root / "file.sig"

    @property
    def certificate(self) -> Path:
        """Alice's."""
        return self.root / "alice.pgp"

    @property
    def trust(self) -> Path:
        """One signer: alice."""
        return self.root / "trust.toml"

    def judge(self, *options: str, file: str | None = None) -> Said:
        """Run the command, with --json unless told otherwise."""
        arguments = (file or str(self.file), str(self.signature), "--trust", str(self.trust))
        return World(self.root).run("verify-signature", *arguments, *(options or ("--json",)))

    def command(self, *options: str) -> list[str]:
        """Return the command line for a process of its own that reads standard input."""
        judge = [sys.executable, "-m", "imagesmith", "verify-signature", "-", str(self.signature)]
        return [*judge, "--trust", str(self.trust), *options]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a desk on which everything is in order."""
    found = Desk(tmp_path)
    (tmp_path / "config.toml").write_text("")
    found.file.write_bytes(DOCUMENT)
    found.signature.write_bytes(pgp.detached(DOCUMENT, ALICE))
    found.certificate.write_bytes(pgp.certificate(ALICE))
    write_policy(found)
    return found


def write_policy(desk: Desk, head: str = "", fingerprint: str = ALICE.fingerprint) -> None:
    """Name a signer."""
    desk.trust.write_text(
        f'{head}\n[[signer]]\nfingerprint = "{fingerprint}"\ncertificate = "alice.pgp"\n'
    )


def codes(said: Said) -> list[str]:
    """Return the reasons of a refusal that came with its JSON, and without a traceback."""
    assert said.status == 4, said.err
    assert "Traceback" not in said.err
    document: dict[str, Any] = json.loads(said.out)
    assert document["valid"] is False
    return [each["reason"] for each in document["rejected"]]


def spoil(path: Path, how: str) -> None:
    """Put something at `path` that is not what it should be."""
    path.unlink()
    match how:
        case "empty":
            path.write_bytes(b"")
        case "garbage":
            path.write_bytes(b"\xff" * 100)
        case "huge":
            with path.open("wb") as file:
                file.truncate(1 << 34)
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "endless":
            path.symlink_to("/dev/zero")
        case "loop":
            path.symlink_to(path)
        case _:
            assert how == "missing"


class TestFile:
    """What is signed."""

    def test_may_be_larger_than_a_manifest(self, desk: Desk) -> None:
        """Hashed as it is read: there is no limit."""
        with desk.file.open("wb") as file:
            file.truncate(20 << 20)
        desk.signature.write_bytes(pgp.detached(bytes(20 << 20), ALICE))

        assert desk.judge().status == 0

    @pytest.mark.parametrize("how", ["missing", "directory", "loop"])
    def test_that_cannot_be_read_is_exit_2(self, desk: Desk, how: str) -> None:
        """Nothing is judged; the file is named."""
        spoil(desk.file, how)
        said = desk.judge()

        assert (said.status, said.out) == (2, "")
        assert f"error: {desk.file}: " in said.err

    def test_that_fails_to_be_read_is_exit_2(self, desk: Desk) -> None:
        """A disk that gives up in the middle; this file gives up at once."""
        said = desk.judge(file="/proc/self/mem")

        assert (said.status, said.out) == (2, "")
        assert "error: /proc/self/mem: " in said.err

    def test_may_be_a_pipe(self, desk: Desk) -> None:
        """A FIFO is read once, and copied for the second opinion."""
        desk.file.unlink()
        os.mkfifo(desk.file)
        writer = threading.Thread(target=desk.file.write_bytes, args=(DOCUMENT,))
        writer.start()
        said = desk.judge()
        writer.join()

        assert said.status == 0

    def test_may_be_standard_input(self, desk: Desk) -> None:
        """As a pipe, or as a file that somebody has begun to read."""
        piped = subprocess.run(desk.command(), input=DOCUMENT, check=False)
        begun = desk.root / "begun"
        begun.write_bytes(b"header" + DOCUMENT)
        with begun.open("rb") as file:
            os.lseek(file.fileno(), len(b"header"), os.SEEK_SET)
            rest = subprocess.run(desk.command("-q"), stdin=file, check=False)
        wrong = subprocess.run(desk.command("--json"), input=b"x", capture_output=True, check=False)

        assert (piped.returncode, rest.returncode, wrong.returncode) == (0, 0, 4)
        assert json.loads(wrong.stdout)["rejected"][0]["reason"] == "SIG_BAD"


class TestSignature:
    """What is said to be a signature."""

    @pytest.mark.parametrize(
        ("how", "code"),
        [
            ("missing", "UNREADABLE"),
            ("directory", "UNREADABLE"),
            ("loop", "UNREADABLE"),
            ("empty", "SIG_MISSING"),
            ("fifo", "SIG_MISSING"),
            ("garbage", "FRAMING"),
            ("huge", "LIMIT"),
            ("endless", "LIMIT"),
        ],
    )
    def test_that_cannot_be_used_is_exit_4(self, desk: Desk, how: str, code: str) -> None:
        """With its JSON; nobody waits, and nothing large is read."""
        spoil(desk.signature, how)

        assert codes(desk.judge()) == [code]


class TestCertificate:
    """What the policy names."""

    @pytest.mark.parametrize(
        ("how", "code"),
        [
            ("missing", "UNREADABLE"),
            ("directory", "UNREADABLE"),
            ("loop", "UNREADABLE"),
            ("empty", "ARMOUR"),
            ("fifo", "ARMOUR"),
            ("garbage", "FRAMING"),
            ("huge", "LIMIT"),
            ("endless", "LIMIT"),
        ],
    )
    def test_that_cannot_be_used_is_exit_4(self, desk: Desk, how: str, code: str) -> None:
        """The signer is named with the cause, and nobody signed."""
        spoil(desk.certificate, how)

        assert codes(desk.judge()) == [code, "SIGNER_UNKNOWN"]


class TestPolicy:
    """Who may sign."""

    @pytest.mark.parametrize(
        "how", ["missing", "directory", "loop", "empty", "fifo", "garbage", "huge"]
    )
    def test_that_cannot_be_read_is_exit_2(self, desk: Desk, how: str) -> None:
        """It is a document like any other."""
        spoil(desk.trust, how)
        said = desk.judge()

        assert (said.status, said.out) == (2, "")
        assert f"error: {desk.trust}" in said.err

    def test_may_pin_one_key(self, desk: Desk) -> None:
        """The primary key's signature is not the subkey's."""
        desk.certificate.write_bytes(
            pgp.certificate(ALICE, pgp.subkey(SIGNER), pgp.bind(ALICE, SIGNER))
        )
        write_policy(desk, fingerprint=f"{SIGNER.fingerprint}!")

        assert codes(desk.judge()) == ["SIGNER_KEY"]
        desk.signature.write_bytes(pgp.detached(DOCUMENT, SIGNER))
        assert desk.judge().status == 0

    def test_may_want_everything_good(self, desk: Desk) -> None:
        """One bad signature beside a good one."""
        bad = pgp.detached(b"other", ALICE, created=T0 + 2 * DAY)
        desk.signature.write_bytes(desk.signature.read_bytes() + bad)

        assert desk.judge().status == 0
        write_policy(desk, "strict-all = true")
        assert codes(desk.judge()) == ["SIG_BAD"]


class TestWarnings:
    """What will not last."""

    @pytest.fixture
    def ending(self, desk: Desk) -> Desk:
        """Return a desk whose signer's key ends within the year."""
        until = pgp.flags(3) + pgp.key_lifetime(100 * DAY)
        own = pgp.primary(ALICE) + pgp.user_id() + pgp.certify(ALICE, more=until)
        desk.certificate.write_bytes(own)
        return desk

    def test_are_told_on_stderr_and_in_json(self, ending: Desk) -> None:
        """With code and date; the verdict stays."""
        said = ending.judge("--json", "--at", LATER)

        assert said.status == 0
        reasons = {each["reason"] for each in json.loads(said.out)["warnings"]}
        assert {"KEY_EXPIRED", "SECOND_OPINION"} >= reasons >= {"KEY_EXPIRED"}
        assert f"warning: {ending.file}: KEY_EXPIRED: key {ALICE.fingerprint} expires" in said.err

    def test_are_not_told_to_whoever_wants_quiet(self, ending: Desk) -> None:
        """The verdict alone."""
        said = ending.judge("-q", "--at", LATER)

        assert (said.status, said.err) == (0, "")

    def test_are_absent_where_there_is_nothing_to_warn_of(self, desk: Desk) -> None:
        """The documented keys, and none besides."""
        said = desk.judge()

        assert said.err == ""
        assert set(json.loads(said.out)) == {"accepted", "rejected", "threshold", "valid"}


class TestSecondOpinion:
    """pysequoia, which the tests have."""

    def test_is_named_to_whoever_asks_for_more(self, desk: Desk) -> None:
        """With its version; not without -v, not where nothing is confirmed."""
        assert "signatures confirmed by pysequoia 0." in desk.judge("-v").err
        assert "confirmed" not in desk.judge().err
        desk.file.write_bytes(b"other")
        assert "confirmed" not in desk.judge("-v").err

    def test_does_without(self, desk: Desk) -> None:
        """A process that cannot import it judges alone."""
        blocked = (
            "import sys; sys.modules['pysequoia'] = None; from imagesmith.cli import main; main()"
        )
        arguments = desk.command("-v")[3:]
        ended = subprocess.run(
            [sys.executable, "-c", blocked, *arguments],
            input=DOCUMENT,
            capture_output=True,
            check=False,
        )

        assert (ended.returncode, ended.stderr) == (0, b"")


def test_says_who_signed(desk: Desk) -> None:
    """A line per signature and the verdict."""
    assert desk.judge("-q").out == (
        f"accepted {ALICE.fingerprint} EdDSA SHA512\nvalid: 1 accepted, threshold 1\n"
    )
