"""Runtime rules on the command line: `rules`, `trace --suspects`, `why`, `lock`."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.archive import Binary
from builders.elf import make_elf, make_glibc
from builders.roots import Content, write_tree
from builders.scenes import DIRECTORY, glibc, importing, with_strings
from builders.symbols import Symbol, make_object
from builders.tar import Files
from builders.world import LOADERS, World, base_files, binary, certificates

from imagesmith.model.arch import ARCHES
from imagesmith.model.tree import File
from imagesmith.trace.rules.catalogue import RULES

ROOT: dict[str, Content] = {
    **glibc("libgcc_s.so.1"),
    "/bin/p": importing("pthread_exit", "dlopen", "system", strings=["libx.so.1", "libgone.so"]),
    f"{DIRECTORY}/libgcc_s.so.1": make_elf(),
    f"{DIRECTORY}/libx.so.1": make_elf(),
}


@pytest.fixture
def root(tmp_path: Path) -> str:
    """Return a directory with a program that opens and starts things."""
    write_tree(ROOT, tmp_path / "root")
    return str(tmp_path / "root")


def system(program: bytes) -> list[Binary]:
    """Return packages of a libc, a program, and what it may want."""
    library = f"/usr/lib/{ARCHES['amd64'].triplet}"
    defined = make_object([Symbol("pthread_exit"), Symbol("system")], soname="libc.so.6")
    files: Files = {
        LOADERS["amd64"]: File.of(make_glibc(), mode=0o755),
        f"{library}/libc.so.6": File.of(defined + with_strings("libgcc_s.so.1"), mode=0o755),
        "/usr/share/doc/libc6/copyright": "LGPL\n",
    }
    unwinder: Files = {
        f"{library}/libgcc_s.so.1": File.of(make_elf(needed=["libc.so.6"])),
        "/usr/share/doc/libgcc-s1/copyright": "GPL\n",
    }
    ours: Files = {
        "/usr/bin/hello": File.of(program, mode=0o755),
        "/usr/lib/tools/one": File.of(importing(), mode=0o755),
        "/usr/lib/tools/note": "text\n",
        "/usr/share/doc/hello/copyright": "GPL\n",
    }
    return [
        base_files(),
        certificates(),
        binary("libc6", "2.36-9", "amd64", files),
        binary("libgcc-s1", "12", "amd64", unwinder),
        binary("hello", "1.0-1", "amd64", ours, depends="libc6, libgcc-s1"),
    ]


def test_rules_are_listed_a_line_each() -> None:
    """Name, first rule set, mode and title; as JSON under these names."""
    world = World(Path("/nonexistent"))
    lines = world.ok("rules").out.splitlines()
    document = world.ok("rules", "--json").json

    assert [line.split()[:3] for line in lines] == [
        [rule.name, str(rule.since), rule.mode] for rule in RULES
    ]
    assert document[0] == {
        "rule": "dlopen",
        "since": 1,
        "mode": "default",
        "title": "libraries that a note in the file says it opens by name",
    }


def test_suspects_follow_the_objects(root: str) -> None:
    """What rules would add by themselves is none."""
    said = World(Path("/nonexistent")).ok("trace", "/bin/p", "--root", root, "--suspects")
    objects, _, suspects = said.out.partition("\n\n")

    assert "suspect" not in objects
    assert [line.split() for line in suspects.splitlines()] == [
        ["suspected:"],
        ["/bin/sh", "children", "absent", "/bin/p", "system"],
        [f"{DIRECTORY}/libx.so.1", "dlopen-strings", "present", "/bin/p", "dlopen"],
        ["libgone.so", "dlopen-strings", "absent", "/bin/p", "dlopen"],
    ]


def test_suspects_are_a_key_of_the_document_if_asked_for(root: str) -> None:
    """Otherwise the document is what it always was."""
    world = World(Path("/nonexistent"))
    plain = world.ok("trace", "/bin/p", "--root", root, "--json").json
    asked = world.ok("trace", "/bin/p", "--root", root, "--json", "--suspects").json

    assert "suspects" not in plain
    assert {**plain, "suspects": asked["suspects"]} == asked
    assert asked["suspects"][-1] == {
        "rule": "dlopen-strings",
        "what": "libgone.so",
        "needed_by": "/bin/p",
        "detail": "dlopen",
        "present": False,
    }


def test_nothing_suspected_is_an_empty_list(root: str) -> None:
    """And no line of text."""
    world = World(Path("/nonexistent"))
    call = ("trace", f"{DIRECTORY}/libx.so.1", "--root", root, "--suspects")

    assert world.ok(*call, "--json").json["suspects"] == []
    assert "suspected" not in world.ok(*call).out


def test_a_graph_has_no_suspects(root: str) -> None:
    """Nobody asked for them."""
    said = World(Path("/nonexistent")).run("trace", "/p", "--root", root, "--dot", "--suspects")

    assert said.status == 2
    assert "expected one of --dot and --suspects" in said.err


def test_a_directory_of_the_host_is_listed_where_a_rule_asks(tmp_path: Path) -> None:
    """As for Python, whose whole library a rule looks at."""
    files: dict[str, Content] = {
        **ROOT,
        "/usr/bin/python3.11": importing(),
        "/usr/lib/python3.11/os.py": b"import odd_module\n",
        "/usr/lib/python3.11/lib-dynload": None,
    }
    write_tree(files, tmp_path / "root")
    said = World(tmp_path).ok(
        "trace", "/usr/bin/python3.11", "--root", str(tmp_path / "root"), "--suspects"
    )

    assert "/usr/bin/python3.11" in said.out


def test_a_locked_image_has_what_rules_find(tmp_path: Path) -> None:
    """With the rule as the reason; `[runtime]` and excludes take it out again."""
    world = World.make(tmp_path, "amd64")
    world.publish(system(importing("pthread_exit")))
    unwinder = f"/usr/lib/{ARCHES['amd64'].triplet}/libgcc_s.so.1"
    world.ok("lock", str(world.image))
    why = world.ok("why", str(world.image), unwinder).out
    shipped = (world.image / "amd64.mtree").read_text()
    world.edit(world.recipe, "[rootfs]", '[runtime]\nwithout = ["libgcc"]\n\n[rootfs]')
    world.ok("lock", str(world.image))

    assert "libgcc_s.so.1 (libgcc-s1) [libgcc pthread_exit of /usr/bin/hello: " in why
    assert f".{unwinder} " in shipped
    assert f".{unwinder} " not in (world.image / "amd64.mtree").read_text()


def test_a_rule_that_does_not_exist_cannot_be_locked(tmp_path: Path) -> None:
    """The error names the key, and where rules are listed."""
    world = World.make(tmp_path, "amd64")
    world.edit(world.recipe, "[rootfs]", '[runtime]\nwith = ["pithon"]\n\n[rootfs]')
    said = world.run("lock", str(world.image))

    assert said.status == 9
    assert "runtime.with: no rule 'pithon' (imagesmith rules lists them)" in said.err


def test_the_runtime_section_of_a_manifest_counts_for_its_suspects(tmp_path: Path) -> None:
    """A rule that is named there suspects nothing."""
    world = World.make(tmp_path, "amd64")
    world.publish(system(importing("system", strings=["/usr/lib/tools"])))
    world.ok("lock", str(world.image))
    call = ("trace", "/usr/bin/hello", "--manifest", str(world.image), "--suspects", "--json")
    before = world.ok(*call).json["suspects"]
    world.edit(world.recipe, "[rootfs]", '[runtime]\nwith = ["children", "files"]\n\n[rootfs]')
    world.ok("lock", str(world.image))

    assert {each["what"] for each in before} == {"/bin/sh", "/usr/lib/tools"}
    assert world.ok(*call).json["suspects"] == []
