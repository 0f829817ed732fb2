"""Certificate authorities: the bundle is asked for by whoever verifies."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from builders.carriers import carrier, libc
from builders.elf import GLIBC_INTERP, make_elf, make_glibc
from builders.roots import Content
from builders.scenes import Asked, importing

from imagesmith.model.tree import Symlink
from imagesmith.trace.rules.apply import Applied
from imagesmith.trace.rules.security.ca import CA

LIB = "/usr/lib/x86_64-linux-gnu"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PEM = "/usr/lib/ssl/cert.pem"
MADE = frozenset({BUNDLE})


@functools.cache
def system() -> Mapping[str, Content]:
    """Return a small system with three libraries for TLS, and programs that use them."""
    crypto = carrier("libcrypto.so.3", 'OPENSSLDIR: "/usr/lib/ssl"', PEM)
    load = "SSL_CTX_load_verify_locations"
    trust = "gnutls_certificate_set_x509_system_trust"
    return {
        GLIBC_INTERP: make_glibc(),
        "/lib": "usr/lib",
        f"{LIB}/libc.so.6": libc(),
        f"{LIB}/libcrypto.so.3": crypto,
        f"{LIB}/libgnutls.so.30": carrier("libgnutls.so.30", BUNDLE),
        f"{LIB}/libcurl.so.4": carrier("libcurl.so.4", "/etc/ssl/certs", BUNDLE, imports=[load]),
        "/bin/openssl": importing("SSL_CTX_set_default_verify_paths", needed=["libcrypto.so.3"]),
        f"{LIB}/libssl.so.3": carrier(
            "libssl.so.3", imports=["X509_STORE_set_default_paths"], needed=["libcrypto.so.3"]
        ),
        "/bin/links": importing(needed=["libssl.so.3"]),
        "/bin/gnutls": importing(trust, needed=["libgnutls.so.30"]),
        "/bin/curl": importing(needed=["libcurl.so.4"]),
        "/bin/named": importing(load),
        "/bin/go": make_elf(kind=2, dynamic=False)
        + b"/etc/ssl/certs/ca-certificates.crt/etc/pki/tls/certs/ca-bundle.crt/etc/ssl/cert.pem",
        "/bin/plain": importing(),
    }


def asked(
    seed: str, extra: Mapping[str, Content] | None = None, promised: frozenset[str] = frozenset()
) -> Applied:
    """Ask the rule about one program."""
    return Asked({**system(), **(extra or {})}, [seed], promised=promised).about(CA)


def shipped(applied: Applied) -> list[str]:
    """Return what the rule is the reason for."""
    paths = applied.shipping.reasons.paths
    return sorted(path for path, reason in paths.items() if reason.rule == "ca")


@pytest.mark.parametrize("seed", ["/bin/gnutls", "/bin/curl", "/bin/go"])
def test_a_bundle_that_packages_have_is_shipped(seed: str) -> None:
    """Wherever the strings say: GnuTLS's, a library's own, or a static program's."""
    assert shipped(asked(seed, {BUNDLE: b"PEM"})) == [BUNDLE]


@pytest.mark.parametrize("seed", ["/bin/gnutls", "/bin/curl", "/bin/go"])
def test_a_bundle_that_is_made_is_not_missed(seed: str) -> None:
    """The root filesystem gets it anyway."""
    applied = asked(seed, promised=MADE)

    assert shipped(applied) == []
    assert not applied.shipping.reasons.warnings


@pytest.mark.parametrize("seed", ["/bin/openssl", "/bin/gnutls", "/bin/curl", "/bin/go"])
def test_verifying_without_a_bundle_is_worth_a_warning(seed: str) -> None:
    """It names the program or library, the path, and what to do."""
    place = PEM if seed == "/bin/openssl" else BUNDLE
    (warning,) = asked(seed).shipping.reasons.warnings

    assert warning.endswith(
        f": verifies certificates with {place}, which is not in the image"
        " (rootfs.ca-bundle = true makes it)"
    )


@pytest.mark.parametrize("seed", ["/bin/plain", "/bin/named", "/bin/links"])
def test_who_does_not_ask_is_not_answered(seed: str) -> None:
    """A path from the command line is nobody's business here, nor what OpenSSL has for others."""
    applied = asked(seed)

    assert (shipped(applied), list(applied.shipping.reasons.warnings)) == ([], [])


def test_openssl_has_its_own_name_for_the_bundle() -> None:
    """A link to one that is made is shipped before it leads anywhere; without one it is made."""
    there: Content = f"certs/../certs/{BUNDLE.rpartition('/')[2]}"
    links = {PEM: "../../../etc/ssl/b", "/etc/ssl/b": there, "/etc/ssl/certs": None}
    linked = asked("/bin/openssl", links, MADE)
    bare = asked("/bin/openssl", promised=MADE)

    assert shipped(linked) == ["/etc/ssl/b", PEM]
    assert not linked.generated
    assert shipped(bare) == [PEM]
    assert bare.generated == {PEM: Symlink(target=BUNDLE)}


def test_single_certificates_do_as_well() -> None:
    """The hash directory counts if something is in it."""
    certs: dict[str, Content] = {
        "/usr/lib/ssl/certs": "/etc/ssl/certs",
        "/etc/ssl/certs/0a.0": b"PEM",
    }

    assert shipped(asked("/bin/openssl", certs)) == ["/etc/ssl/certs", "/etc/ssl/certs/0a.0"]
    assert shipped(asked("/bin/openssl", {**certs, PEM: b"PEM"})) == [PEM]


def test_a_bundle_is_one_of_several_promises() -> None:
    """The recipe declares other entries, too."""
    applied = asked("/bin/openssl", promised=frozenset({"/etc/a.conf", BUNDLE, "/srv/cert.pem"}))

    assert applied.generated == {PEM: Symlink(target=BUNDLE)}


def test_a_list_of_places_is_asked_to_its_end() -> None:
    """Before anything is made at its first one."""
    applied = asked("/bin/go", promised=frozenset({"/etc/pki/tls/certs/ca-bundle.crt"}))

    assert (shipped(applied), applied.generated) == ([], {})


def test_links_in_a_circle_lead_nowhere() -> None:
    """And end the search all the same."""
    assert asked("/bin/openssl", {PEM: "cert.pem"}).shipping.reasons.warnings
