"""Interpreters of real packages: with what the rules ship, their libraries work as a whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builders.real import Image
from builders.sandbox import Sandbox
from builders.shell import Shell

pytestmark = pytest.mark.e2e
IMPORTS = """
import importlib, sys, warnings
warnings.simplefilter("ignore")
for name in sorted(sys.stdlib_module_names - {"antigravity", "this"}):
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name)
"""
ELSEWHERE = {"_msi", "_overlapped", "_scproxy", "_winapi", "msilib", "msvcrt", "nt", "winreg"}
ELSEWHERE |= {"winsound"}
"""Modules of other systems."""
LEFT_OUT = {"ensurepip", "idlelib", "turtle", "turtledemo"}
"""What the rule does not ship."""
APART = {"_gdbm", "_tkinter", "distutils", "lib2to3", "tkinter"}
"""What Debian has in packages of its own."""
USES = """
import asyncio, bz2, ctypes, decimal, hashlib, json, lzma, sqlite3, ssl, sys
database = sqlite3.connect(":memory:")
(total,) = database.execute("select 40 + 2").fetchone()
async def answer():
    return json.dumps({"total": total})
assert ctypes.CDLL(None).getpid() > 0
assert lzma.decompress(lzma.compress(b"x")) == bz2.decompress(bz2.compress(b"x"))
assert hashlib.new("sha256", b"").hexdigest().startswith("e3b0c442")
assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
print(asyncio.run(answer()), decimal.Decimal("0.1") * 3)
"""


def test_every_module_of_python_can_be_imported(python_rootfs: Path) -> None:
    """But for those of other systems and those that are left out on purpose."""
    ended = Sandbox(python_rootfs).run("/usr/bin/python3", "-c", IMPORTS)
    failed = set(ended.stdout.split())

    assert ended.returncode == 0, ended.stderr
    assert failed <= ELSEWHERE | LEFT_OUT | APART


@pytest.mark.parametrize(
    ("arch", "root"), [("amd64", "python_rootfs"), ("arm64", "python_rootfs_arm64")]
)
def test_python_does_its_work(arch: str, root: str, request: pytest.FixtureRequest) -> None:
    """Extension modules find their libraries on every architecture."""
    ended = Sandbox(request.getfixturevalue(root), arch).run("/usr/bin/python3", "-c", USES)

    assert (ended.returncode, ended.stdout) == (0, '{"total": 42} 0.3\n'), ended.stderr


def test_tools_of_the_standard_library_start(python_rootfs: Path) -> None:
    """As people call them."""
    for tool in ("ast", "calendar", "json.tool", "tarfile", "timeit", "venv", "zipfile"):
        ended = Sandbox(python_rootfs).run("/usr/bin/python3", "-m", tool, "-h")

        assert ended.returncode == 0, ended.stderr


def test_nothing_compiled_and_no_test_of_python_is_shipped(python_rootfs: Path) -> None:
    """Nor is anything but the standard library in its directory."""
    library = python_rootfs / "usr" / "lib" / "python3.11"
    names = {path.name for path in library.rglob("*")}

    assert not names & {"__pycache__", "test", "tests", "idlelib", "tkinter", "turtle.py"}
    assert not [name for name in names if name.startswith("_test")]


def test_both_architectures_get_the_same_files(python: Image) -> None:
    """But for their names in directories, loaders and extension modules."""
    first, second = (_paths(python.directory / f"{arch}.mtree") for arch in ("amd64", "arm64"))

    assert first == second


def _paths(listing: Path) -> set[str]:
    """Return the files of a rootfs without what names the machine; its loader is one of a kind."""
    entries = (line.split(" ") for line in listing.read_text().splitlines())
    files = (path for path, *words in entries if "type=file" in words and "/ld-linux-" not in path)
    return {re.sub("x86_64|aarch64", "", path) for path in files}


def test_every_file_of_python_has_its_reason(python: Image) -> None:
    """From the seed over the extension module to its library."""
    module = "/usr/lib/python3.11/lib-dynload/_sqlite3.cpython-311-x86_64-linux-gnu.so"
    library = "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0.8.6"
    told = python.shell.ok("why", python.directory, library, "--arch", "amd64").out

    assert [line.strip().partition(" ")[0] for line in told.splitlines()] == [
        "/usr/bin/python3.11",
        module,
        library,
    ]


def perl(shell: Shell, package: str, *lines: str) -> Sandbox:
    """Return a place to run the perl of a package; `lines` are added to the recipe."""
    wanted = ("--package", package, "--seed", "/usr/bin/perl", "--arch", "amd64")
    shell.ok("init", package, *wanted, "-C", shell.directory)
    recipe = shell.directory / package / "recipe.toml"
    recipe.write_text("\n".join((recipe.read_text(), *lines, "")))
    return Sandbox(Image(recipe.parent, shell).lock().rootfs(recipe.parent / "root", "amd64"))


def test_perl_runs_with_its_essential_modules(shell: Shell) -> None:
    """Shared objects among them."""
    sums = "print floor(2.5), ' ', inet_ntoa(INADDR_LOOPBACK)"
    ended = perl(shell, "perl-base").run("/usr/bin/perl", "-MPOSIX", "-MSocket", "-e", sums)

    assert (ended.returncode, ended.stdout) == (0, "2 127.0.0.1"), ended.stderr


def test_perl_runs_with_all_of_its_modules(shell: Shell) -> None:
    """If the recipe asks for them."""
    modules = ("-MJSON::PP", "-MEncode", "-MUnicode::Normalize", "-Mdiagnostics", "-MDB_File")
    ended = perl(shell, "perl", "[runtime]", 'with = ["perl-full"]').run(
        "/usr/bin/perl", *modules, "-e", "print encode_json([NFC(decode('UTF-8', 'x'))])"
    )

    assert (ended.returncode, ended.stdout) == (0, '["x"]'), ended.stderr
