"""Files no package ships."""

from __future__ import annotations

import subprocess
from pathlib import Path

import attrs
import pytest

from imagesmith.errors import PathNotFound
from imagesmith.manifest.sections import RootfsSection, User
from imagesmith.model.tree import Directory, Entry, File, Tree, describe
from imagesmith.rootfs.generated import accounts, ca_bundle, generate

SHIPPED = Tree([("/usr", Directory(mode=0o2755))])
APP = User(name="app", uid=65532, gid=65533, home="/home/app")


def read(file: File) -> bytes:
    """Return the content of a generated file."""
    assert isinstance(file.content, bytes)
    return file.content


def test_accounts_are_root_and_who_was_declared() -> None:
    """passwd(5) and group(5) have one line each."""
    made = accounts([APP])
    passwd, group = made["/etc/passwd"], made["/etc/group"]
    assert isinstance(passwd, File)
    assert isinstance(group, File)

    assert read(passwd).decode().splitlines() == [
        "root:x:0:0:root:/root:/usr/sbin/nologin",
        "app:x:65532:65533:app:/home/app:/usr/sbin/nologin",
    ]
    assert read(group).decode().splitlines() == ["root:x:0:", "app:x:65533:"]


@pytest.mark.parametrize(
    ("home", "made"),
    [
        ("/home/app", {"/home/app": Directory(uid=65532, gid=65533)}),
        ("/bin/app", {"/usr/bin/app": Directory(uid=65532, gid=65533)}),
        ("/", {}),
        ("/nonexistent", {}),
        ("/tmp", {}),
        ("/etc/passwd", {}),
        ("/usr", {}),
    ],
)
def test_a_home_is_made_where_nothing_lies(home: str, made: dict[str, Entry]) -> None:
    """What packages ship and what is generated stays as it is."""
    section = RootfsSection(users=(attrs.evolve(APP, home=home),))
    plain = generate(RootfsSection(), SHIPPED, read=read)
    found = generate(section, SHIPPED, read=read)

    assert {path: found[path] for path in found if path not in plain} == made
    assert all(found[path] == plain[path] for path in plain if not path.startswith("/etc"))


def test_getent_reads_the_accounts(tmp_path: Path) -> None:
    """The C library's own parser finds the user."""
    made = accounts([APP])
    (tmp_path / "passwd").write_bytes(read(made["/etc/passwd"]))  # type: ignore[arg-type]
    program = (
        "import ctypes, sys\n"
        "c = ctypes.CDLL(None)\n"
        "c.fopen.restype = ctypes.c_void_p\n"
        "c.fgetpwent.restype = ctypes.POINTER(ctypes.c_char_p)\n"
        "f = ctypes.c_void_p(c.fopen(sys.argv[1].encode(), b'r'))\n"
        "print(c.fgetpwent(f)[0].decode(), c.fgetpwent(f)[0].decode())\n"
    )
    said = subprocess.run(
        ["python3", "-c", program, str(tmp_path / "passwd")],
        capture_output=True,
        check=True,
        text=True,
    )

    assert said.stdout == "root app\n"


def test_the_bundle_holds_every_certificate_in_the_order_of_paths() -> None:
    """A certificate without a final newline does not run into the next one."""
    folder = "/usr/share/ca-certificates"
    tree = Tree(
        {
            f"{folder}/mozilla/b.crt": File.of(b"B"),
            f"{folder}/mozilla/a.crt": File.of(b"A\n"),
            f"{folder}/local/z.crt": File.of(b"Z"),
            f"{folder}/mozilla/README": File.of(b"no certificate"),
        }
    )

    assert ca_bundle(tree, read=read) == b"Z\nA\nB\n"


def test_a_bundle_without_certificates_is_an_error() -> None:
    """An empty bundle would break every connection at run time."""
    with pytest.raises(PathNotFound) as e:
        generate(RootfsSection(ca_bundle=True), Tree(), read=read)

    assert e.value.hint == "add ca-certificates to names"


def test_mount_points_and_a_sticky_tmp_are_always_there() -> None:
    """A read-only root can be mounted over; /tmp is everyone's."""
    made = generate(RootfsSection(), Tree(), read=read)

    assert {path: describe(entry) for path, entry in made.items() if path.count("/") == 1} == {
        "/dev": "dir 0755",
        "/proc": "dir 0755",
        "/run": "dir 0755",
        "/sys": "dir 0755",
        "/tmp": "dir 1777",
    }
