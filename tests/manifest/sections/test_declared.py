"""Declared entries: what a recipe may say of them, and how a manifest repeats it."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagesmith.errors import DocumentError
from imagesmith.manifest import table as toml
from imagesmith.manifest.sections import Declared, DirectoryEntry, FileEntry, SymlinkEntry
from imagesmith.manifest.sections.declared import MAX_CONTENT, read_declared, write_declared
from imagesmith.model import arch

USERS = {"root", "app"}


def read(text: str, *, locked: bool = False) -> Declared:
    """Read the entries under [rootfs] of a recipe, or of a manifest."""
    rootfs = toml.parse(text.encode(), document="r.toml").table("rootfs")
    found = read_declared(rootfs, USERS, locked=locked)
    rootfs.end()
    return found


def test_entries_have_root_as_owner_and_usual_modes_by_default() -> None:
    """Only what is unusual has to be said."""
    found = read(
        '[[rootfs.file]]\npath = "/b"\ntext = "x"\n[[rootfs.file]]\npath = "/a"\nfrom = "etc/a"\n'
        '[[rootfs.directory]]\npath = "/var/log/app"\nuser = "app"\ngroup = "7"\nmode = 0o700\n'
        '[[rootfs.symlink]]\npath = "/l"\ntarget = "../x"\nreplace = true\n'
    )

    assert found == Declared(
        files=(FileEntry(path="/a", beside="etc/a"), FileEntry(path="/b", content=b"x")),
        directories=(DirectoryEntry(path="/var/log/app", mode=0o700, user="app", group="7"),),
        symlinks=(SymlinkEntry(path="/l", target="../x", replace=True),),
    )


def test_a_manifest_shows_text_line_by_line() -> None:
    """A change of a line is a hunk of one line; what is no text is base64."""
    text = FileEntry(path="/a", content=b'one\n\t"two" \\ """\n')
    data = FileEntry(path="/b", content=bytes(range(256)))
    lines = write_declared(Declared(files=(text, data)))

    assert lines[3] == 'text = """\none\n\t"two" \\\\ \\"\\""\n"""'
    assert lines[7].startswith('base64 = """\nAAECAwQF')
    assert read("[rootfs]\n" + "\n".join(lines), locked=True).files == (text, data)


@given(st.text())
@example('"')
@example('\n"')
@example('""""\n""')
@example("\\\n")
@example("\r\n\x00\u202e\n")
def test_any_text_is_one_paragraph(text: str) -> None:
    """Whatever quotes, backslashes and control characters it holds."""
    written = f"x = {toml.paragraph(text)}\n"

    assert tomllib.loads(written) == {"x": text}
    assert toml.parse(written.encode(), document="d").string("x") == text


def test_an_architecture_has_its_own_entries() -> None:
    """One path may be declared differently for different architectures."""
    found = read(
        '[[rootfs.file]]\npath = "/a"\ntext = "1"\narchitectures = ["arm64", "amd64"]\n'
        '[[rootfs.file]]\npath = "/a"\ntext = "2"\narchitectures = ["s390x"]\n'
        '[[rootfs.directory]]\npath = "/d"\n'
    )
    here = {
        name: [each.path for each in found.on(arch.parse(name))] for name in ("amd64", "riscv64")
    }

    assert found.on(arch.parse("s390x")).files == (FileEntry(path="/a", content=b"2"),)
    assert here == {"amd64": ["/a", "/d"], "riscv64": ["/d"]}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('file]]\npath = "a"\ntext = ""', "file[0].path: expected an absolute path without"),
        ('file]]\npath = "/a"', "file[0]: expected one of text, base64, from"),
        ('file]]\npath = "/a"\ntext = ""\nfrom = "x"', "file[0]: expected one of text, base64"),
        ('file]]\npath = "/a"\nfrom = "../x"', "file[0].from: expected a file beside the recipe"),
        ('file]]\npath = "/a"\nfrom = "x/../y"', "file[0].from: expected a file beside the recipe"),
        ('file]]\npath = "/a"\nfrom = "/etc/x"', "file[0].from: expected a file beside the recipe"),
        ('file]]\npath = "/a"\nfrom = ""', "file[0].from: expected a file beside the recipe"),
        ('file]]\npath = "/a"\nbase64 = "?"', "file[0].base64: "),
        ('file]]\npath = "/a"\ntext = ""\nmode = 0o10000', "file[0].mode: expected at most 0o7777"),
        ('file]]\npath = "/a"\ntext = ""\nmode = 644', "file[0].mode: 644 is 0o1204 in octal"),
        ('directory]]\npath = "/a"\nmode = 755', "directory[0].mode: 755 is 0o1363 in octal"),
        ('file]]\npath = "/a"\ntext = ""\nuser = "4294967295"', "file[0].user: expected at most"),
        ('file]]\npath = "/a"\ntext = ""\nuser = "x"', "file[0].user: no such user: 'x'"),
        ('file]]\npath = "/a"\ntext = ""\nowner = "x"', "file[0].owner: unknown key"),
        (
            'file]]\npath = "/a"\ntext = ""\narchitectures = []',
            "file[0].architectures: expected a",
        ),
        ('symlink]]\npath = "/a"\ntarget = ""', "symlink[0].target: expected a path"),
        (
            'directory]]\npath = "/a"\n[[rootfs.symlink]]\npath = "/a"\ntarget = "b"',
            " /a is declared twice",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(entry: str, message: str) -> None:
    """As everywhere in documents."""
    with pytest.raises(DocumentError) as e:
        read(f"[[rootfs.{entry}\n")

    place = message if message.startswith(" ") else f".{message}"
    assert e.value.message.startswith(f"r.toml: rootfs{':' * place.startswith(' ')}{place}")


def test_no_mode_in_use_is_taken_for_a_decimal_one() -> None:
    """Those that people give to files and directories, set-id and sticky ones among them."""
    usual = [0o600, 0o640, 0o644, 0o660, 0o664, 0o666, 0o700, 0o710, 0o711, 0o750, 0o755, 0o770]
    special = [0o400, 0o440, 0o444, 0o500, 0o555, 0o775, 0o777, 0o1777, 0o2755, 0o2775, 0o4755]
    for mode in (0, *usual, *special):
        found = read(f'[[rootfs.directory]]\npath = "/a"\nmode = {mode:#o}\n')

        assert found.directories[0].mode == mode


def test_a_manifest_names_no_file_beside_it() -> None:
    """It holds everything that decides bytes."""
    with pytest.raises(DocumentError) as e:
        read('[[rootfs.file]]\npath = "/a"\nfrom = "x"\n', locked=True)

    assert e.value.message == "r.toml: rootfs.file[0]: expected one of text, base64"


def test_a_file_has_a_limit() -> None:
    """Documents stay documents."""
    with pytest.raises(DocumentError) as e:
        read(f'[[rootfs.file]]\npath = "/a"\ntext = "{"x" * (MAX_CONTENT + 1)}"\n')

    assert e.value.message == "r.toml: rootfs.file[0].text: larger than 1048576 bytes"
