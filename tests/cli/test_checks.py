"""Checks of a recipe, as somebody meets them who locks and builds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builders.checked import GREETING, including, world
from builders.sandbox import bubblewrap, program
from builders.shell import Shell
from builders.world import World

GREETS = f"""
[[check]]
name = "greets"
args = ["show", "{GREETING}"]
output = "hello, world\\n"
"""
SERVES = """
[[check]]
name = "serves"
[[check.step]]
args = ["listen", "4711"]
background = true
port = 4711
[[check.step]]
command = ["/usr/bin/client", "connect", "4711"]
tree = "full"
"""


@pytest.fixture
def greeter(tmp_path: Path) -> World:
    """Return a world whose check passes once the greeting is included."""
    return world(tmp_path, GREETS + SERVES)


def test_what_passes_is_locked_and_built(greeter: World) -> None:
    """The manifest repeats the checks; `build --check` runs them again."""
    including(greeter, GREETING)
    locked = greeter.ok("lock", str(greeter.image), "--json")
    greeter.ok("sign", str(greeter.image), "--key", str(greeter.root / "signer.asc"))
    built = greeter.build("--check", "--json")
    plain = greeter.build("--json")
    passed = [
        {"architecture": "amd64", "check": name, "status": "passed"}
        for name in ("greets", "serves")
    ]

    assert (locked.json["checks"], built.json["checks"], plain.json["checks"]) == (
        passed,
        passed,
        [],
    )
    assert "2 checks of amd64 passed\n" in locked.err
    assert 'output = """\nhello, world\n"""\n' in greeter.manifest.read_text()
    assert greeter.ok("lock", str(greeter.image), "--check").out.endswith(": current\n")


def test_what_fails_is_not_locked(greeter: World) -> None:
    """What was looked for in vain is named, with the line that includes it."""
    said = greeter.run("lock", str(greeter.image))

    assert (said.status, said.out, greeter.manifest.exists()) == (1, "", False)
    assert said.err == (
        f"error: {greeter.recipe}: 1 check failed\n"
        "  greets (amd64): exit status 2, expected 0\n"
        "    looked for in vain, though the packages have it:\n"
        f'      include = ["{GREETING}"]  # opened; of hello [check-failed]\n'
        "hint: [trace] include of the recipe adds files; see Smoke tests in docs/how-to.md\n"
    )
    including(greeter, GREETING)
    greeter.ok("lock", str(greeter.image))


def test_a_failure_is_a_row_of_the_json(greeter: World) -> None:
    """With everything that the message has; the others have theirs."""
    said = greeter.run("lock", str(greeter.image), "--json")

    assert said.status == 1
    assert said.json == {
        "checks": [
            {
                "architecture": "amd64",
                "check": "greets",
                "status": "failed",
                "step": 1,
                "problem": "exit status 2, expected 0",
                "tail": [],
                "absent": [{"path": GREETING, "how": "opened", "packages": ["hello"]}],
            },
            {"architecture": "amd64", "check": "serves", "status": "passed"},
        ]
    }


def test_an_image_that_fails_is_not_written(greeter: World) -> None:
    """Locked by somebody who did not look; who builds may."""
    locked = greeter.ok("lock", str(greeter.image), "--no-checks")
    greeter.ok("sign", str(greeter.image), "--key", str(greeter.root / "signer.asc"))
    refused = greeter.build("--check")
    is_written = greeter.tar.exists()
    built = greeter.build()

    assert f"warning: {greeter.recipe}: checks not run, as --no-checks asks" in locked.err
    assert (refused.status, is_written, built.status) == (1, False, 0)
    assert f"error: {greeter.manifest}: 1 check failed\n" in refused.err


def test_failures_of_all_checks_are_told(tmp_path: Path) -> None:
    """Step by step, with what was printed, and what was looked for by whichever process."""
    made = world(
        tmp_path,
        '[[check]]\nname = "one"\n[[check.step]]\nargs = ["words"]\n'
        '[[check.step]]\nargs = ["echo"]\nstdin = "a\\nb"\nstatus = 1\n'
        '[[check]]\nname = "two"\ntree = "full"\ncommand = ["/usr/bin/client", "show", "/none"]\n'
        '[[check]]\nname = "three"\ncommand = ["/usr/bin/client"]\n',
    )
    said = made.run("lock", str(made.image))

    assert said.status == 1
    assert said.err.splitlines()[1:8] == [
        "  one (amd64), step 2 of 2: exit status 0, expected 1",
        "    | a",
        "    | b",
        "  two (amd64): exit status 2, expected 0",
        "  three (amd64): /usr/bin/client: no such program in the image",
        "    looked for in vain, though the packages have it:",
        '      include = ["/usr/bin/client"]  # executed; of client [check-failed]',
    ]


def test_an_include_is_good_for_every_architecture(tmp_path: Path) -> None:
    """A directory that is named after one has another name on another."""
    path = "/usr/lib/x86_64-linux-gnu/hello/plugin"
    check = f'[[check]]\nname = "x"\narchitectures = ["amd64"]\nargs = ["show", "{path}"]\n'
    one, two = world(tmp_path / "one", check), world(tmp_path / "two", check, "amd64", "arm64")
    said = [made.run("lock", str(made.image)).err for made in (one, two)]
    including(two, "/usr/lib/*/hello/plugin")
    two.ok("lock", str(two.image))

    assert f'include = ["{path}"]  # opened; of hello' in said[0]
    assert 'include = ["/usr/lib/*/hello/plugin"]  # opened; of hello' in said[1]


def test_an_include_names_something_on_every_architecture(tmp_path: Path) -> None:
    """The error says on which it does not; `[trace.ARCH]` is for single ones."""
    made = world(tmp_path, "", "amd64", "arm64")
    path = "/usr/lib/x86_64-linux-gnu/hello/plugin"
    including(made, path)
    said = made.run("lock", str(made.image))

    assert said.status == 2
    assert f"trace.include: include {path}: no such path in the packages for arm64" in said.err


def test_many_paths_are_cut(tmp_path: Path) -> None:
    """People read a few; programs get all."""
    steps = "".join(f'"/usr/share/hello/many/{name}",' for name in range(15))
    made = world(tmp_path, f'[[check]]\nname = "x"\nargs = ["each", {steps}]\n')
    said = made.run("lock", str(made.image))

    assert said.err.count("include = ") == 12
    assert "      and 3 more, which --json lists [check-failed]\n" in said.err


def test_a_host_without_sandboxes_is_warned_about(
    greeter: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`lock` goes on; who asks for checks with `build --check` gets an error."""
    monkeypatch.setenv("PATH", str(tmp_path))
    locked = greeter.ok("lock", str(greeter.image), "--json")
    greeter.ok("sign", str(greeter.image), "--key", str(greeter.root / "signer.asc"))
    refused = greeter.build("--check")

    assert locked.err.splitlines()[0] == (
        "warning: checks of amd64 not run: bwrap: is not installed; apt-get install bubblewrap"
    )
    assert [row["status"] for row in locked.json["checks"]] == ["skipped", "skipped"]
    assert (refused.status, refused.err.splitlines()[-2:]) == (
        2,
        ["error: bwrap: is not installed [host]", "hint: apt-get install bubblewrap"],
    )


@pytest.mark.parametrize(
    ("lacking", "advice"),
    [
        ("nsenter", "nsenter: is not installed; apt-get install util-linux"),
        ("cat", "cat: is not installed; apt-get install coreutils"),
    ],
)
def test_a_host_without_what_checks_share_is_warned_about_too(
    lacking: str, advice: str, greeter: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one without bubblewrap is, before any check is run."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, package in (("bwrap", "bubblewrap"), ("nsenter", "util-linux"), ("cat", "coreutils")):
        if name != lacking:
            (folder / name).symlink_to(program(name, package))
    monkeypatch.setenv("PATH", str(folder))
    locked = greeter.ok("lock", str(greeter.image))

    assert locked.err.splitlines()[0] == f"warning: checks of amd64 not run: {advice}"


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_an_interrupted_check_leaves_nothing(number: int, status: int, tmp_path: Path) -> None:
    """No process, no file, no manifest."""
    bubblewrap()
    made = world(
        tmp_path / "world",
        '[[check]]\nname = "x"\n[[check.step]]\nargs = ["listen", "4711"]\nbackground = true\n'
        'port = 4711\n[[check.step]]\nargs = ["make", "/tmp/' + tmp_path.name + '"]\n'
        '[[check.step]]\nargs = ["wait"]\n',
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    shell = Shell(tmp_path, made.root / "store")
    settings = {"IMAGESMITH_CONFIG": str(made.root / "config.toml"), "TMPDIR": str(temporary)}
    with subprocess.Popen(
        (sys.executable, "-m", "imagesmith", "lock", str(made.image)),
        env={**shell.environment, **settings},
        stderr=subprocess.DEVNULL,
        preexec_fn=_listening,  # noqa: PLW1509 - pytest has one thread here
    ) as started:
        while not (waiting := _probes(made.root.parent.name)):
            time.sleep(0.02)
        os.kill(started.pid, number)
        assert started.wait(60) == status

    assert waiting
    while number == signal.SIGKILL and _probes(made.root.parent.name):
        time.sleep(0.02)  # the kernel kills one after the other
    assert _probes(made.root.parent.name) == []
    assert list(temporary.iterdir()) == []
    assert not made.manifest.exists()


def _listening() -> None:
    """Ignore nothing: a shell's background jobs ignore SIGINT."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _probes(name: str) -> list[str]:
    """Return the waiting programs in whose /tmp there is a file with a name."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            if words[1:2] == [b"wait"] and (place / "root/tmp" / name).exists():
                found.append(place.name)
        except OSError:
            continue
    return found
