"""The smaller commands, and what all of them have in common."""

from __future__ import annotations

import importlib
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest
from builders.world import World

from imagesmith import __version__
from imagesmith.cli.app import COMMANDS, app, shown
from imagesmith.trust import generation


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world that is locked and signed."""
    return World.built(tmp_path)


class TestHelp:
    """Help costs nothing and is complete."""

    def test_lists_every_command_without_importing_one(self) -> None:
        """Only click is loaded; attrs and every room stay out."""
        program = (
            "import sys\nfrom imagesmith.cli import main\nsys.argv = ['imagesmith', '--help']\n"
            "try: main()\nexcept SystemExit: pass\n"
            "print(sorted(m for m in sys.modules if m.startswith(('imagesmith', 'attr'))),"
            " file=sys.stderr)"
        )
        said = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )

        assert said.stderr.strip() == "['imagesmith', 'imagesmith.cli', 'imagesmith.cli.app']"
        assert all(name in said.stdout for name in COMMANDS)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_a_command_has_the_summary_of_the_list(self, name: str) -> None:
        """The list is written by hand so that it need not import; it says the same."""
        module = importlib.import_module(f"imagesmith.cli.commands.{name.replace('-', '_')}")

        assert module.command.name == name
        assert module.command.get_short_help_str(200) == COMMANDS[name]

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_command_has_help(self, name: str, world: World) -> None:
        """Usage, options, exit 0."""
        assert world.ok(name, "--help").out.startswith(f"Usage: imagesmith {name}")

    def test_the_version_is_the_packages(self, world: World) -> None:
        """One number."""
        assert world.ok("--version").out == f"imagesmith, version {__version__}\n"


class TestUsage:
    """Mistakes on the command line."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["frobnicate"], "no such command 'frobnicate'"),
            (["build"], "missing argument 'DIRECTORY'"),
            (["--jobs", "0", "store", "path"], "invalid value for '-j' / '--jobs'"),
            (["trace", "/bin/sh"], "expected either --manifest DIR or --root ROOTDIR"),
            (["trace", "/bin/sh", "--root", "/nonexistent"], "/nonexistent"),
            (["sign", "{image}"], "expected either --key FILE or --gpg KEYID"),
            (["build", "{image}", "--arch", "s390x"], "--arch s390x: hello is not locked for it"),
            (["why", "{image}", "/x", "--arch", "s390x"], "--arch s390x: hello is not locked"),
            (["lock", "{image}", "--update", "nothing"], "--update nothing: no such artefact"),
            (["--config", "/nonexistent", "store", "list"], "no such configuration file"),
            (["init", "Not A Name"], "expected a name like curl or team/curl"),
            (["verify-signature", "/nonexistent", "/nonexistent"], "no such file or directory"),
            (["keys", "show", "/nonexistent"], "/nonexistent: no such file or directory"),
        ],
    )
    def test_is_one_line_and_exit_2(self, arguments: list[str], message: str, world: World) -> None:
        """`error:` and what is wrong."""
        said = world.run("--quiet", *(each.format(image=world.image) for each in arguments))

        assert said.status == 2
        assert said.err.startswith("error: ")
        assert message in said.err
        assert said.out == ""

    def test_an_option_of_all_commands_is_told_its_place(self, world: World) -> None:
        """It stands before the command; of an unknown one the command's help is named."""
        known, unknown = world.run("verify", "x", "--offline"), world.run("verify", "x", "--on")

        assert "hint: --offline stands before the command: imagesmith --help\n" in known.err
        assert "hint: imagesmith verify --help\n" in unknown.err


class TestKeys:
    """Keys of one's own."""

    def test_generated_keys_are_private_and_never_overwritten(self, tmp_path: Path) -> None:
        """The secret file is the owner's alone; a second run refuses."""
        world = World(tmp_path)
        (tmp_path / "config.toml").write_text("")
        said = world.ok("keys", "generate", "Me <me@example.org>", "-o", str(tmp_path / "me.asc"))
        again = world.run("keys", "generate", "Me", "-o", str(tmp_path / "me.asc"))

        assert stat.S_IMODE((tmp_path / "me.asc").stat().st_mode) == 0o600
        assert (tmp_path / "me.pub.asc").exists()
        assert len(said.out.strip()) == 40
        assert again.status == 2
        assert "exists already" in again.err

    def test_a_protected_key_signs_with_its_passphrase_only(self, world: World) -> None:
        """From a descriptor; a wrong one is refused."""
        secret = world.root / "locked.asc"

        def with_passphrase(text: bytes, *arguments: str) -> int:
            reader, writer = os.pipe()
            os.write(writer, text)
            os.close(writer)
            try:
                return world.run(*arguments, "--passphrase-fd", str(reader)).status
            finally:
                os.close(reader)

        made = with_passphrase(b"sesame\n", "keys", "generate", "Me", "-o", str(secret))
        signing = ("sign", str(world.image), "--key", str(secret))

        assert made == 0
        assert with_passphrase(b"wrong\n", *signing) != 0
        assert with_passphrase(b"sesame\n", *signing) == 0
        assert world.run(*signing, "--passphrase-fd", "777").status == 2

    def test_an_empty_passphrase_is_refused(self, world: World) -> None:
        """A password manager that failed must not leave a key open."""
        with Path(os.devnull).open("rb") as nothing:
            said = world.run(
                *("keys", "generate", "Me", "-o", str(world.root / "x.asc")),
                *("--passphrase-fd", str(nothing.fileno())),
            )

        assert (said.status, "an empty passphrase" in said.err) == (2, True)

    def test_nobody_is_asked_where_nobody_is(self, world: World) -> None:
        """Without a terminal the error says how to pass a passphrase."""
        pair = generation.generate("A", created=1_700_000_000, lifetime=None, passphrase="x")
        (world.root / "locked.asc").write_bytes(pair.secret)
        key = str(world.root / "locked.asc")
        said = world.run("sign", str(world.image), "--key", key)

        assert said.status == 2
        assert "hint: pass it with --passphrase-fd N" in said.err

    def test_a_policy_names_no_secret_key(self, world: World) -> None:
        """Its certificate is the public half."""
        said = world.run("keys", "show", "--policy", str(world.root / "signer.asc"))

        assert (said.status, "a secret key" in said.err) == (2, True)

    def test_show_lists_fingerprints_and_capabilities(self, world: World) -> None:
        """For people and as a document."""
        text = world.ok("keys", "show", str(world.root / "signer.pub.asc")).out
        document = world.ok("keys", "show", "--json", str(world.root / "signer.asc")).json

        assert "user id: Signer <signer@example.org>" in text
        assert "can certify" in text
        assert "can sign" in text
        assert text.startswith(document[0]["fingerprint"])

    def test_show_writes_a_policy_to_start_from(self, world: World) -> None:
        """Build accepts what that key signed."""
        said = world.ok("keys", "show", "--policy", str(world.root / "signer.pub.asc"))
        (world.root / "trust.toml").write_text(said.out)

        assert world.build().status == 0


class TestStore:
    """Looking after the store."""

    def test_path_list_verify_and_gc(self, world: World) -> None:
        """What was built can be listed, is sound, and can be thrown away."""
        world.build()
        listed = world.ok("store", "list")

        assert world.ok("store", "path").out == f"{world.root}/store\n"
        assert len(listed.out.splitlines()) == len(world.ok("store", "list", "--json").json)
        assert world.ok("store", "verify", "--json").json == {"sound": True, "problems": []}
        assert world.ok("store", "gc", "--json").json["count"] == 0
        removed = world.ok("store", "gc", "--unused-for", "0", "--json").json
        assert removed["count"] >= len(listed.out.splitlines())
        assert world.ok("store", "list").out == ""
        assert world.build().status == 0


class TestConfiguration:
    """config.toml, environment and options."""

    def test_unknown_keys_are_refused(self, world: World) -> None:
        """With the place."""
        config = world.root / "config.toml"
        config.write_text("colour = 1\n")

        assert f"{config}: colour: unknown key" in world.run("store", "path").err

    def test_options_beat_the_environment_which_beats_the_file(self, world: World) -> None:
        """In rising precedence."""
        environment = {"IMAGESMITH_STORE": "/from/environment"}

        assert world.ok("store", "path").out == f"{world.root}/store\n"
        assert world.run("store", "path", env=environment).out == "/from/environment\n"
        said = world.run("--store", "/from/option", "store", "path", env=environment)
        assert said.out == "/from/option\n"

    def test_without_any_the_users_directories_are_used(self, tmp_path: Path) -> None:
        """XDG base directories."""
        world = World(tmp_path)
        said = world.run(
            "store",
            "path",
            env={"IMAGESMITH_CONFIG": "", "HOME": str(tmp_path), "XDG_CACHE_HOME": "/cache"},
        )

        assert said.out == "/cache/imagesmith/store\n"

    def test_the_hosts_apt_knows_mirrors(self, tmp_path: Path) -> None:
        """One-line and deb822 files, in the order apt reads them."""
        from imagesmith.cli.configuration import host_mirrors

        parts = tmp_path / "sources.list.d"
        parts.mkdir()
        (tmp_path / "sources.list").write_text("deb https://a.example/debian bookworm main\n")
        (parts / "b.sources").write_text(
            "Types: deb\nURIs: https://b.example/debian\nSuites: bookworm\nComponents: main\n"
        )
        (parts / "c.list").write_text("deb https://c.example/debian bookworm main\n")
        (parts / "ignored.save").write_text("deb https://d.example/debian bookworm main\n")

        assert host_mirrors("bookworm", tmp_path) == (
            "https://a.example/debian",
            "https://b.example/debian",
            "https://c.example/debian",
        )

    def test_a_mirror_may_be_a_directory_beside_the_configuration(self, world: World) -> None:
        """Relative paths are relative to config.toml, as its other paths are."""
        world.edit(world.root / "config.toml", f'"{world.root}/mirror"', '"mirror"')
        said = world.run(
            "--store", str(world.root / "fresh"), "verify", str(world.image), "--rebuild"
        )

        assert said.status == 0, said.err

    def test_the_hosts_keyrings_are_used_unless_some_are_named(
        self, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Every keyring of the host that can be read; a named one must exist."""
        from imagesmith.cli import configuration

        rings = tmp_path / "rings"
        rings.mkdir()
        (rings / "b.asc").write_bytes(b"b")
        (rings / "a.gpg").write_bytes(b"a")
        (rings / "twin.gpg").write_bytes(b"a")
        (rings / "large.gpg").write_bytes(b"x" * (configuration.MAX_KEYRING + 1))
        (rings / "folder.gpg").mkdir()
        (rings / "notes.txt").write_bytes(b"no keyring")
        monkeypatch.setattr(configuration, "KEYRINGS", (rings, tmp_path / "none"))
        missing = world.run("lock", str(world.image), "--keyring", str(tmp_path / "none.gpg"))
        large = world.run("lock", str(world.image), "--keyring", str(rings / "large.gpg"))

        assert configuration.keyrings(()) == (b"a", b"b")
        assert configuration.keyrings((rings / "b.asc",)) == (b"b",)
        assert "none.gpg: no such file or directory" in missing.err
        assert (missing.status, large.status) == (2, 2)

    def test_a_configuration_nobody_can_read_is_no_configuration(self, tmp_path: Path) -> None:
        """In its default place; one that was named must be readable."""
        world = World(tmp_path)
        (tmp_path / "imagesmith").write_text("a file where a directory would be")
        env = {"IMAGESMITH_CONFIG": "", "XDG_CONFIG_HOME": str(tmp_path)}

        assert world.run("store", "path", env=env).status == 0
        (tmp_path / "folder").mkdir()
        assert world.run("--config", str(tmp_path / "folder"), "store", "path").status == 2

    def test_a_passphrase_must_be_text(self, world: World) -> None:
        """In UTF-8."""
        reader, writer = os.pipe()
        os.write(writer, b"\xff\n")
        os.close(writer)
        said = world.run(
            *("keys", "generate", "Me", "-o", str(world.root / "x.asc")),
            *("--passphrase-fd", str(reader)),
        )
        os.close(reader)

        assert (said.status, "not UTF-8" in said.err) == (2, True)

    def test_no_mirror_is_an_error_that_says_how_to_set_one(self, world: World) -> None:
        """For a suite nobody knows."""
        world.edit(world.root / "config.toml", '"*" =', '"other" =')
        world.edit(world.recipe, '"bookworm"', '"no-such-suite"')
        said = world.run("lock", str(world.image))

        assert said.status == 7
        assert "no mirror is known for the suite no-such-suite" in said.err
        assert "hint: set one: [mirrors] no-such-suite" in said.err


class TestTerminal:
    """What a person sees."""

    def test_progress_can_be_plain(self, world: World) -> None:
        """A line a stage, on stderr."""
        said = world.run(
            "--progress",
            "plain",
            "--store",
            str(world.root / "fresh"),
            "build",
            str(world.image),
            "-o",
            str(world.tar),
        )

        assert "fetch: 5/5\n" in said.err
        assert "index: 5/5\n" in said.err

    def test_quiet_leaves_the_result_alone(self, world: World) -> None:
        """One digest and not a word."""
        said = world.build("-q")

        assert said.err == ""
        assert said.out.startswith("sha256:")

    @pytest.mark.parametrize("closed", ["1>&-", "2>&-"])
    def test_closed_streams_do_no_harm(self, closed: str, world: World) -> None:
        """Results and messages nobody wants are dropped."""
        world.build()
        ended = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m imagesmith inspect {world.tar} {closed}"],
            capture_output=True,
            text=True,
            check=False,
        )

        assert (ended.returncode, ended.stderr) == (0, "")

    @pytest.mark.parametrize(("when", "coloured"), [("always", True), ("never", False)])
    def test_the_option_beats_the_terminal(
        self, when: str, *, coloured: bool, tmp_path: Path
    ) -> None:
        """For errors as well, which come after the command is over."""
        said = subprocess.run(
            [
                *(sys.executable, "-m", "imagesmith", "--color", when),
                *("lock", str(tmp_path / "none")),
            ],
            capture_output=True,
            check=False,
        )

        assert (b"\x1b[31m" in said.stderr) is coloured

    @pytest.mark.parametrize(
        ("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, True)]
    )
    def test_errors_are_coloured_on_a_terminal(
        self, env: dict[str, str], *, coloured: bool, tmp_path: Path
    ) -> None:
        """NO_COLOR is honoured."""
        master, terminal = pty.openpty()
        environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
        subprocess.run(
            [sys.executable, "-m", "imagesmith", "lock", str(tmp_path / "none")],
            stderr=terminal,
            env={**environment, **env},
            check=False,
        )
        os.close(terminal)
        said = os.read(master, 4096)
        os.close(master)

        assert (b"\x1b[31m" in said) is coloured

    def test_a_live_line_is_gone_in_the_end(self, world: World) -> None:
        """On a terminal, progress rewrites one line and clears it."""
        master, terminal = pty.openpty()
        subprocess.run(
            [
                *(sys.executable, "-m", "imagesmith", "--config", str(world.root / "config.toml")),
                *("--store", str(world.root / "fresh"), "-q", "--progress", "auto"),
                *("build", str(world.image), "-o", str(world.tar)),
            ],
            stderr=terminal,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        quiet = os.fstat(master)
        subprocess.run(
            [
                *(sys.executable, "-m", "imagesmith", "--config", str(world.root / "config.toml")),
                *("--store", str(world.root / "fresh2")),
                *("build", str(world.image), "-o", str(world.tar)),
            ],
            stderr=terminal,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        os.close(terminal)
        said = os.read(master, 65536)
        os.close(master)

        assert quiet
        assert b"fetch: 1/5" in said
        assert said.index(b"\r\x1b[K", said.index(b"fetch: 4/5") + 1)

    def test_nothing_printed_moves_the_cursor(self) -> None:
        """Names come from strangers; line breaks of our own stay."""
        assert shown("a\n\x1b[31mred") == "a\n\\x1b[31mred"

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion_is_a_script(self, shell: str, world: World) -> None:
        """For each shell click knows."""
        assert "_IMAGESMITH_COMPLETE" in world.ok("completion", shell).out


def test_the_module_runs_as_the_script_does() -> None:
    """`python -m imagesmith` is the same program."""
    said = subprocess.run(
        [sys.executable, "-m", "imagesmith", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == f"imagesmith, version {__version__}\n"
    assert isinstance(app, click.Group)
