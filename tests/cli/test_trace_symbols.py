"""Versions and symbols on the command line: `trace --symbols`, `--host-of`, and every lock."""

from __future__ import annotations

from pathlib import Path

from builders.archive import Binary
from builders.elf import GLIBC_INTERP, make_elf, make_glibc
from builders.roots import Content, write_tree
from builders.symbols import Symbol, make_object, wanted
from builders.tar import Files
from builders.world import LOADERS, World, base_files, binary, certificates

from imagesmith.model.arch import ARCHES
from imagesmith.model.tree import File, Symlink

LIBRARY = f"/lib/{ARCHES['amd64'].triplet}"
LOADER = LOADERS["amd64"]
LIBC = make_object(
    [Symbol("puts", "GLIBC_2.2.5")], soname="libc.so.6", versions=["GLIBC_2.2.5", "GLIBC_2.36"]
)
SENTENCE = "GLIBC_2.38 wanted by /usr/bin/hello, libc.so.6 has up to 2.36"


def program(*symbols: Symbol, version: str = "GLIBC_2.2.5") -> bytes:
    """Return a program that wants a version of libc."""
    needs = {"libc.so.6": [version]}
    return make_object(symbols, interp=LOADER, needed=["libc.so.6"], needs=needs)


def packages(hello: bytes, plugin: bytes | None = None) -> list[Binary]:
    """Return a libc that has versions up to 2.36, and a program, perhaps with a plugin."""
    name = LOADER.rpartition("/")[2]
    files: Files = {
        f"{LIBRARY}/libc.so.6": File.of(LIBC, mode=0o755),
        f"{LIBRARY}/{name}": File.of(make_glibc(soname=name), mode=0o755),
        LOADER: Symlink(target=f"{LIBRARY}/{name}"),
        "/usr/share/doc/libc6/copyright": "LGPL\n",
    }
    ours: Files = {
        "/usr/bin/hello": File.of(hello, mode=0o755),
        "/usr/lib/hello/x.so": File.of(plugin or make_elf()),
        "/usr/share/doc/hello/copyright": "GPL\n",
    }
    return [
        base_files(),
        certificates(),
        binary("libc6", "2.36-9", "amd64", files),
        binary("hello", "1.0-1", "amd64", ours, depends="libc6"),
    ]


def world(root: Path, hello: bytes, plugin: bytes | None = None) -> World:
    """Return a world that offers them; its image includes the plugin."""
    made = World.make(root, "amd64")
    made.publish(packages(hello, plugin))
    include = 'include = ["/usr/lib/hello/x.so"]'
    made.edit(made.recipe, "seeds = ", f"{include}\nseeds = ")
    return made


def root(tmp_path: Path) -> str:
    """Lay out a directory with a program and a plugin."""
    content: dict[str, Content] = {
        GLIBC_INTERP: make_glibc(),
        "/lib/libc.so.6": LIBC,
        "/usr/bin/host": program(Symbol("api")),
        "/usr/bin/other": program(),
        "/usr/bin/old": program(version="GLIBC_2.38"),
        "/plugin.so": make_object([wanted("api")]),
    }
    write_tree(content, tmp_path)
    return str(tmp_path)


class TestLock:
    """A rootfs that would not load is not locked."""

    def test_a_version_that_libc_does_not_have_is_said_in_one_sentence(
        self, tmp_path: Path
    ) -> None:
        """Who wants what, and what there is; nothing is written."""
        made = world(tmp_path, program(version="GLIBC_2.38"))
        said = made.run("lock", str(made.image))

        assert said.status == 9
        assert SENTENCE in said.err
        assert "[closure]" in said.err
        assert not made.manifest.exists()

    def test_a_plugin_of_the_program_is_fine(self, tmp_path: Path) -> None:
        """It has its symbols from there."""
        plugin = make_object([wanted("api")], needed=["libc.so.6"])
        made = world(tmp_path, program(Symbol("api")), plugin)

        assert made.ok("lock", str(made.image), "-q").err == ""

    def test_a_plugin_of_nobody_is_not(self, tmp_path: Path) -> None:
        """Nothing in the image could load it."""
        made = world(tmp_path, program(), make_object([wanted("api")]))
        said = made.run("lock", str(made.image))

        assert said.status == 9
        assert "/usr/lib/hello/x.so: undefined symbols api" in said.err

    def test_a_function_that_may_never_be_called_is_a_warning(self, tmp_path: Path) -> None:
        """The image is locked."""
        made = world(tmp_path, program(wanted("later", use="call")))
        said = made.ok("lock", str(made.image))

        assert "/usr/bin/hello: undefined symbols later: calling one ends the program" in said.err

    def test_the_packages_can_be_asked_before(self, tmp_path: Path) -> None:
        """`trace --manifest --symbols` looks at all of them, and names the program."""
        plugin = make_object([wanted("api")], needed=["libc.so.6"])
        made = world(tmp_path, program(Symbol("api")), plugin)
        made.ok("lock", str(made.image))
        command = ("trace", "--manifest", str(made.image), "--symbols", "/usr/lib/hello/x.so")
        said = made.ok(*command, "--json").json

        assert said["warnings"] == [
            "/usr/lib/hello/x.so: undefined symbols api: /usr/bin/hello defines them"
        ]
        assert said["errors"] == []


class TestTrace:
    """`trace --symbols` in a directory."""

    def test_without_the_option_nothing_is_looked_at(self, tmp_path: Path) -> None:
        """Libraries are there, and that is all that was asked."""
        assert World(tmp_path).run("trace", "--root", root(tmp_path), "/usr/bin/old").status == 0

    def test_a_missing_version_is_an_error_row(self, tmp_path: Path) -> None:
        """The row names the library as found; exit status 9."""
        command = ("trace", "--root", root(tmp_path), "--symbols", "--json", "/usr/bin/old")
        said = World(tmp_path).run(*command)

        assert said.status == 9
        assert said.json["errors"] == [
            {
                "path": "/lib/libc.so.6",
                "problem": "GLIBC_2.38 wanted by /usr/bin/old, libc.so.6 has up to 2.36",
            }
        ]

    def test_a_script_is_judged_by_what_runs_it(self, tmp_path: Path) -> None:
        """Each process of it has a scope of its own."""
        directory = root(tmp_path)
        write_tree({"/s": "#!/usr/bin/old\n"}, tmp_path)
        said = World(tmp_path).run("trace", "--root", directory, "--symbols", "/s")

        assert said.status == 9
        assert "GLIBC_2.38 wanted by /usr/bin/old" in said.out

    def test_a_plugin_alone_names_its_program(self, tmp_path: Path) -> None:
        """That is a warning."""
        command = ("trace", "--root", root(tmp_path), "--symbols", "--json", "/plugin.so")
        said = World(tmp_path).ok(*command).json

        assert said["warnings"] == ["/plugin.so: undefined symbols api: /usr/bin/host defines them"]

    def test_a_plugin_is_judged_with_its_host(self, tmp_path: Path) -> None:
        """`--host-of` says which program loads it."""
        command = ("trace", "--root", root(tmp_path), "--symbols", "--json", "/plugin.so")
        made = World(tmp_path)
        good = made.run(*command, "--host-of", "/usr/bin/host")
        bad = made.run(*command, "--host-of", "/usr/bin/other")

        assert (good.status, good.json["errors"], good.json["warnings"]) == (0, [], [])
        assert (
            bad.status,
            bad.json["errors"],
        ) == (9, [{"path": "/plugin.so", "problem": "undefined symbol api"}])

    def test_a_host_must_be_a_program_that_starts(self, tmp_path: Path) -> None:
        """A usage error, with what to do."""
        command = ("trace", "--root", root(tmp_path), "--symbols", "/plugin.so")
        said = World(tmp_path).run(*command, "--host-of", "/nowhere")

        assert said.status == 2
        assert "--host-of /nowhere: it cannot load plugins" in said.err
        assert "trace /nowhere itself to see why" in said.err

    def test_a_host_goes_with_symbols(self, tmp_path: Path) -> None:
        """It would change nothing otherwise."""
        command = ("trace", "--root", root(tmp_path), "/plugin.so", "--host-of", "/usr/bin/host")
        said = World(tmp_path).run(*command)

        assert said.status == 2
        assert "--host-of goes with --symbols" in said.err
