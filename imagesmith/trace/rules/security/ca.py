"""Certificate authorities: the bundle at the path compiled into whatever verifies.

Who verifies is seen by the functions it imports: OpenSSL's default paths lie
below the directory of libcrypto, GnuTLS has the system's bundle among its own
strings, as have libraries that name a bundle themselves (libcurl) and static
programs (Go's crypto/x509).  The bundle itself is usually made when the root
filesystem is; here it is only asked for, and symlinks on the way to it are
shipped though they lead nowhere yet, or made where the packages have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

from imagesmith.model.tree import Symlink
from imagesmith.trace.rules.libc.clibrary import static
from imagesmith.trace.rules.rule import Finding, Make, Rule, Ship, Warn
from imagesmith.trace.rules.scene import Scene
from imagesmith.trace.rules.security import openssl

_OPENSSL: Final = (
    "SSL_CTX_set_default_verify_paths",
    "SSL_CTX_set_default_verify_file",
    "X509_STORE_set_default_paths",
    "X509_STORE_set_default_paths_ex",
)
_GNUTLS: Final = (
    "gnutls_certificate_set_x509_system_trust",
    "gnutls_x509_trust_list_add_system_trust",
)
_NAMED: Final = (
    "SSL_CTX_load_verify_file",
    "SSL_CTX_load_verify_locations",
    "X509_STORE_load_locations",
    "gnutls_certificate_set_x509_trust_file",
    "mbedtls_x509_crt_parse_file",
)
"""Functions that get the path from their caller."""
_OPENSSL_LIBRARY: Final = re.compile(r"libssl\.so\..*")
"""It imports the function that it offers to others in its own words."""
_GNUTLS_LIBRARY: Final = re.compile(r"libgnutls\.so\..*")
_BUNDLE: Final = re.compile(
    rb"(/(?:[A-Za-z0-9._-]{1,32}/){1,6}?"
    rb"(?:(?:tls-)?ca-(?:bundle|certificates|root-nss)|cacert|cert)\.(?:crt|pem))"
)
"""File names of bundles.  Go's strings are not ended by NUL, but each starts with a slash."""


@attrs.frozen
class _Verifier:
    """Something that verifies certificates, and where it looks for the authorities."""

    path: str
    symbol: str
    places: tuple[str, ...]
    """The first that exists is what it uses."""


def _find(scene: Scene) -> Iterator[Finding]:
    warned = False
    for verifier in _verifiers(scene):
        findings = _bundle(scene, verifier)
        if findings is not None:
            yield from findings
        elif not warned:
            warned = True  # one bundle serves them all
            what = f"{verifier.path}: verifies certificates with {verifier.places[0]}"
            yield Warn(f"{what}, which is not in the image (rootfs.ca-bundle = true makes it)")


def _verifiers(scene: Scene) -> Iterator[_Verifier]:
    defaults = tuple(_defaults(scene))
    trust = [path for each in scene.named(_GNUTLS_LIBRARY) for path in scene.strings(each, _BUNDLE)]
    itself = {binary.path for binary in scene.named(_OPENSSL_LIBRARY)}
    found = [(binary, symbol, defaults) for binary, symbol in scene.importers(*_OPENSSL)]
    found = [each for each in found if each[0].path not in itself]
    found += [(binary, symbol, tuple(trust)) for binary, symbol in scene.importers(*_GNUTLS)]
    own = [*scene.importers(*_NAMED), *((binary, "compiled in") for binary in static(scene))]
    found += [(binary, symbol, scene.strings(binary, _BUNDLE)) for binary, symbol in own]
    for binary, symbol, places in found:
        if places:
            yield _Verifier(binary.path, symbol, places)


def _defaults(scene: Scene) -> Iterator[str]:
    """Yield where OpenSSL looks by default (SSL_CTX_set_default_verify_paths(3ossl))."""
    for library in openssl.libraries(scene):
        if above := openssl.directory(scene, library, "configuration"):
            yield f"{above}/cert.pem"
            yield f"{above}/certs"


def _bundle(scene: Scene, verifier: _Verifier) -> tuple[Finding, ...] | None:
    """Return what leads to the first place that has certificates, or will have them."""
    by, why = verifier.path, verifier.symbol
    bundles = [place for place in verifier.places if _is_bundle(place)]
    for place in verifier.places:
        if scene.exists(place) if place in bundles else scene.names(place):
            return (Ship(place, by, why, content=True),)
        links, end = _followed(scene, place)
        if end in scene.promised:
            return tuple(Make(at, link, by, why) for at, link in links)
    made = next((path for path in sorted(scene.promised) if _is_bundle(path)), None)
    if made is None or not bundles:
        return None
    return (Make(bundles[0], Symlink(target=made), by, why),)


def _is_bundle(path: str) -> bool:
    return _BUNDLE.fullmatch(path.encode("utf-8", "surrogateescape")) is not None


def _followed(scene: Scene, path: str) -> tuple[tuple[tuple[str, Symlink], ...], str]:
    """Return the symlinks from a path on, and where the last one leads; nothing need lie there."""
    links: dict[str, Symlink] = {}
    while True:
        above, _, name = path.rpartition("/")
        directory = scene.lookup(above or "/")
        at = path if directory is None else f"{directory.path.rstrip('/')}/{name}"
        entry = scene.root.filesystem.entry(at)
        if not isinstance(entry, Symlink) or at in links:
            return tuple(links.items()), at
        links[at] = entry
        path = (
            entry.target
            if entry.target.startswith("/")
            else f"{at.rpartition('/')[0]}/{entry.target}"
        )


CA: Final = Rule(
    name="ca",
    title="the bundle of certificate authorities, for whatever verifies with its compiled-in path",
    find=_find,
)
