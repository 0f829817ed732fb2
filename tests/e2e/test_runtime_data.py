"""Data that runtime rules ship: programs of Debian find it, and do not without the rule.

One recipe declares a charset, a locale, a language, zones, a PAM service and a
terminal; the other one is the same without `[runtime]`, with every rule that
needs no declaration switched off.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.real import Image
from builders.sandbox import Sandbox
from builders.shell import Shell

pytestmark = pytest.mark.e2e
ARCHES = ("amd64", "arm64")
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
LOADERS = {"amd64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}
PACKAGES = (
    "libc-bin",
    "locales",
    "tzdata",
    "coreutils",
    "ncurses-bin",
    "ncurses-base",
    "openssl",
    "ca-certificates",
    "pamtester",
    "libpam-modules",
    "libpam-runtime",
)
SEEDS = (
    "/usr/bin/iconv",
    "/usr/bin/locale",
    "/bin/date",
    "/bin/cat",
    "/usr/bin/tput",
    "/usr/bin/openssl",
    "/usr/bin/pamtester",
)
RUNTIME = """
[runtime]
charsets = ["ISO-8859-1", "UTF-16"]
locales = ["C.UTF-8"]
languages = ["de"]
zones = ["Europe/Berlin"]
local-zone = "Asia/Tokyo"
pam = ["probe"]
terminals = ["xterm"]
"""
BARE = """
[runtime]
without = ["openssl", "ca", "terminfo"]
"""
SERVICE = """
[[rootfs.file]]
path = "/etc/pam.d/probe"
text = \"\"\"
account required pam_permit.so
session required pam_limits.so
\"\"\"
"""
CONFIGURATION = """
[[rootfs.file]]
path = "/etc/ssl/openssl.cnf"
replace = true
text = \"\"\"
openssl_conf = init
[init]
providers = provider_sect
[provider_sect]
default = on
legacy = on
[on]
activate = 1
\"\"\"
"""


def make(shell: Shell, name: str, more: str) -> Image:
    """Lock an image of all the programs, with this said about run time."""
    wanted = [option for each in PACKAGES for option in ("--package", each)]
    wanted += [option for each in SEEDS for option in ("--seed", each)]
    wanted += [option for each in ARCHES for option in ("--arch", each)]
    shell.ok("init", name, *wanted, "-C", shell.directory)
    recipe = shell.directory / name / "recipe.toml"
    text = recipe.read_text().replace("ca-bundle = false", "ca-bundle = true")
    recipe.write_text(text + more)
    return Image(recipe.parent, shell).acknowledge().lock()


@pytest.fixture(scope="module")
def image(shell: Shell) -> Image:
    """Return the image with everything declared."""
    return make(shell, "declared", RUNTIME + SERVICE + CONFIGURATION)


@pytest.fixture(scope="module")
def rootfs(image: Image) -> Path:
    """Return its root."""
    return image.rootfs(image.shell.directory / "declared-rootfs", "amd64")


@pytest.fixture(scope="module")
def bare(shell: Shell) -> Path:
    """Return the root of the image with nothing declared."""
    made = make(shell, "bare", BARE + SERVICE + CONFIGURATION)
    return made.rootfs(shell.directory / "bare-rootfs", "amd64")


@pytest.fixture(scope="module")
def foreign(image: Image) -> Path:
    """Return the root of the image with everything declared, for arm64."""
    return image.rootfs(image.shell.directory / "declared-foreign", "arm64")


def run(rootfs: Path, *command: str, **environment: str) -> tuple[int, str]:
    """Run a program of a root; return its status and what it printed."""
    ended = Sandbox(rootfs, environment=environment).run(*command)
    return ended.returncode, ended.stdout.strip()


def test_iconv_converts_declared_charsets(rootfs: Path, bare: Path) -> None:
    """Latin 1 to UTF-16, which is no built-in charset either."""
    command = ("/usr/bin/iconv", "-f", "LATIN1", "-t", "UTF-16LE", "/etc/pam.d/probe")

    assert run(rootfs, *command)[0] == 0
    assert run(bare, *command)[0] == 1
    assert run(bare, "/usr/bin/iconv", "-f", "ASCII", "-t", "UTF-8", "/etc/pam.d/probe")[0] == 0


def test_a_locale_is_known(rootfs: Path, bare: Path) -> None:
    """C.UTF-8 is a directory like any other in this glibc."""
    command = ("/usr/bin/locale", "charmap")

    assert run(rootfs, *command, LC_ALL="C.UTF-8") == (0, "UTF-8")
    assert run(bare, *command, LC_ALL="C.UTF-8") == (0, "ANSI_X3.4-1968")


def test_messages_are_translated(rootfs: Path) -> None:
    """By the C library's catalogue, in a locale that is there; LANGUAGE says the rest."""
    ended = Sandbox(rootfs, environment={"LC_ALL": "C.UTF-8", "LANGUAGE": "de"}).run(
        "/bin/cat", "/none"
    )

    assert "Datei oder Verzeichnis nicht gefunden" in ended.stderr


def test_zones_are_known(rootfs: Path, bare: Path) -> None:
    """The one in TZ, and the local one; without them it is UTC, under whatever name."""
    command = ("/bin/date", "-d", "2026-07-01T12:00:00Z", "+%H %Z")

    assert run(rootfs, *command, TZ="Europe/Berlin") == (0, "14 CEST")
    assert run(rootfs, *command) == (0, "21 JST")
    assert run(bare, *command, TZ="Europe/Berlin") == (0, "12 Europe")
    assert run(bare, *command) == (0, "12 UTC")


def test_a_terminal_is_known(rootfs: Path, bare: Path) -> None:
    """The declared one; another one is not."""
    assert run(rootfs, "/usr/bin/tput", "-T", "xterm", "colors") == (0, "8")
    assert run(rootfs, "/usr/bin/tput", "-T", "linux", "colors")[0] == 3
    assert run(bare, "/usr/bin/tput", "-T", "xterm", "colors")[0] == 3


def test_providers_that_are_activated_load(rootfs: Path, bare: Path) -> None:
    """Declared configuration is what the rule reads."""
    command = ("/usr/bin/openssl", "list", "-providers")

    assert "OpenSSL Legacy Provider" in run(rootfs, *command)[1]
    assert "OpenSSL Legacy Provider" not in run(bare, *command)[1]


def test_a_pam_client_finds_its_service(rootfs: Path, bare: Path) -> None:
    """Modules and what they read; what `other` includes is made, for no package has it."""
    command = ("/usr/bin/pamtester", "probe", "root", "acct_mgmt", "open_session")

    assert run(rootfs, *command)[0] == 0
    assert run(bare, *command)[0] == 1
    assert (rootfs / "etc/security/limits.conf").is_file()
    assert "pam_unix.so" in (rootfs / "etc/pam.d/common-auth").read_text()


def test_the_bundle_lies_where_openssl_looks(rootfs: Path) -> None:
    """The link that leads to it is shipped, too."""
    ended = Sandbox(rootfs).run("/usr/bin/openssl", "storeutl", "-noout", "/usr/lib/ssl/cert.pem")

    assert ended.returncode == 0
    assert int(ended.stdout.rpartition(":")[2]) > 100


def test_data_are_found_on_other_architectures(foreign: Path) -> None:
    """Modules and files lie where the programs of that architecture look."""
    environment = {"TZ": "Europe/Berlin", "LC_ALL": "C.UTF-8"}
    sandbox = Sandbox(foreign, "arm64", environment=environment)
    converted = sandbox.run("/usr/bin/iconv", "-f", "L1", "-t", "UTF-16LE", "/etc/pam.d/probe")
    date = sandbox.run("/bin/date", "-d", "2026-07-01T12:00:00Z", "+%H %Z")
    providers = sandbox.run("/usr/bin/openssl", "list", "-providers")

    assert (converted.returncode, date.stdout) == (0, "14 CEST\n")
    assert sandbox.run("/usr/bin/locale", "charmap").stdout == "UTF-8\n"
    assert sandbox.run("/usr/bin/tput", "-T", "xterm", "colors").stdout == "8\n"
    assert "OpenSSL Legacy Provider" in providers.stdout


def test_rules_find_the_same_on_every_architecture(image: Image) -> None:
    """Up to the triplet and the loader's name: no path is known to a rule."""
    paths = {arch: neutral(image, arch) for arch in ARCHES}

    assert paths["amd64"] == paths["arm64"]


def neutral(image: Image, arch: str) -> list[str]:
    """Return the paths of an image without what is an architecture's own."""
    listing = (image.directory / f"{arch}.mtree").read_text()
    found = [line.split(" ")[0] for line in listing.splitlines() if line.startswith("./")]
    found = [each.replace(TRIPLETS[arch], "T") for each in found]
    return sorted(each for each in found if "/lib64" not in each and LOADERS[arch] not in each)
