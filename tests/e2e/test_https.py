"""HTTPS from inside an image: the certificates that its packages ship are the ones it believes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from builders.archive import Binary, write_archive
from builders.authority import Authority
from builders.deb import make_deb
from builders.mirror import Mirror
from builders.openpgp import certificate, cleartext, make_key
from builders.real import REPOSITORY, Image
from builders.sandbox import Sandbox, bubblewrap
from builders.shell import Shell

from imagesmith.cli import configuration

pytestmark = pytest.mark.e2e
LOCAL_KEY = make_key("local archive")
BODY = b"fetched over TLS\n"
NO_ROUTE = 7
"""curl's exit status where nobody answers (curl(1), EXIT CODES)."""
NO_TRUST = 60
"""The same for a certificate it cannot verify."""
SOURCE = f"""\
[source.local]
kind = "debian"
suite = "local"
components = ["main"]
signed-by = ["{LOCAL_KEY.fingerprint}"]

[[package]]
source = "local"
names = ["test-ca"]

[trace]
"""


@attrs.frozen
class Site:
    """A server, and the image whose certificate bundle holds the server's authority."""

    server: Mirror
    image: Image
    roots: dict[str, Path]


def local_archive(directory: Path, authority: Authority) -> Path:
    """Write a signed archive with one package: the authority's certificate.

    Each authority has an archive of its own; stores remember what one has said.
    """
    files = {"/usr/share/ca-certificates/local/test-ca.crt": authority.pem}
    package = Binary("test-ca", "1.0", "all", deb=make_deb("test-ca", "1.0", "all", files))
    return write_archive(
        directory,
        [package],
        suite="local",
        architectures=("amd64", "arm64"),
        sign_cleartext=lambda text: cleartext(text, LOCAL_KEY),
        more={"Origin": f"Local {hashlib.sha256(authority.pem).hexdigest()[:8]}"},
    )


def keyring_options(local: Path) -> list[str | Path]:
    """Return options that name the host's keyrings and the local archive's."""
    local.write_bytes(certificate(LOCAL_KEY))
    options: list[str | Path] = ["--keyring", local]
    for number, keyring in enumerate(configuration.keyrings(())):
        copy = local.with_name(f"keyring-{number}.pgp")
        copy.write_bytes(keyring)
        options += ["--keyring", copy]
    return options


@pytest.fixture(scope="module")
def site(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Lock, sign and build curl with the authority's package, and serve a page."""
    home = tmp_path_factory.mktemp("https")
    authority = Authority.make()
    archive = local_archive(home / "archive", authority)
    recipe = (REPOSITORY / "manifests" / "curl" / "recipe.toml").read_text()
    directory = home / "curl"
    directory.mkdir()
    (directory / "recipe.toml").write_text(recipe.replace("[trace]\n", SOURCE))
    mirror = ("--mirror", f"local={archive}")
    image = Image(directory, shell).lock(*mirror, *keyring_options(home / "local.pgp"))
    roots = {arch: image.rootfs(home / arch, arch, *mirror) for arch in ("amd64", "arm64")}
    with Mirror({"/page": BODY}, tls=authority.server(home)) as server:
        yield Site(server, image, roots)


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_curl_fetches_from_a_server_whose_authority_is_in_the_bundle(arch: str, site: Site) -> None:
    """A package with a certificate is all it takes; no option of curl names the authority."""
    sandbox = Sandbox(site.roots[arch], arch, network=True)
    ended = sandbox.run("/usr/bin/curl", "-sS", f"{site.server.url}/page")

    assert (0, BODY.decode()) == (ended.returncode, ended.stdout), ended.stderr


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_run_reaches_the_server_only_if_it_may(arch: str, site: Site) -> None:
    """The network of this machine is asked for by name."""
    bubblewrap()
    words = (site.roots[arch].with_suffix(".tar"), "--", "-sS", f"{site.server.url}/page")
    met = site.image.shell.imagesmith("run", "--network", *words)
    alone = site.image.shell.imagesmith("run", *words)

    assert (met.status, met.out) == (0, BODY.decode()), met.err
    assert (alone.status, alone.out) == (NO_ROUTE, "")


@pytest.mark.parametrize(
    ("arch", "root"), [("amd64", "curl_rootfs"), ("arm64", "curl_rootfs_arm64")]
)
def test_curl_refuses_the_server_without_that_authority(
    arch: str, root: str, site: Site, request: pytest.FixtureRequest
) -> None:
    """The image with only Debian's certificates does not believe the server."""
    sandbox = Sandbox(request.getfixturevalue(root), arch, network=True)
    ended = sandbox.run("/usr/bin/curl", "-sS", f"{site.server.url}/page")

    assert ended.returncode == NO_TRUST, ended.stderr
    assert ended.stdout == ""


def test_the_bundle_is_the_union_of_what_the_packages_ship(site: Site, curl_rootfs: Path) -> None:
    """One certificate more than in the image without the local package."""
    bundle = "etc/ssl/certs/ca-certificates.crt"
    count = [
        (root / bundle).read_bytes().count(b"-----BEGIN CERTIFICATE-----")
        for root in (site.roots["amd64"], curl_rootfs)
    ]

    assert count[0] == count[1] + 1
