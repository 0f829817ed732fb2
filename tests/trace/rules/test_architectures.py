"""No rule knows a triplet: what it finds for one architecture it finds for every other."""

from __future__ import annotations

from collections.abc import Mapping

from builders.elf import make_elf
from builders.roots import Content
from builders.ruled import ruled
from builders.scenes import importing, with_strings
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.manifest.sections import RuntimeSection

TRIPLET = "x86_64-linux-gnu"
MODULES = "/etc/pkcs11/modules"
RUNTIME = RuntimeSection(
    charsets=("latin1",),
    locales=("C.UTF-8",),
    zones=("UTC",),
    pam=("svc",),
    with_rules=("kerberos", "sasl", "p11-kit"),
)


def library(soname: str, *strings: str) -> bytes:
    """Return a library with these strings."""
    return make_elf(soname=soname) + with_strings(*strings)


def system(triplet: str) -> Mapping[str, Content]:
    """Return a system whose libraries have this triplet in their paths; the loader has its own."""
    own, lib = f"/lib/{TRIPLET}", f"/usr/lib/{triplet}"
    needed = ("libc.so.6", "libcrypto.so.3", "libpam.so.0", "libkrb5.so.3", "libsasl2.so.2")
    libc = (f"{lib}/gconv", "/usr/lib/locale/locale-archive", "/usr/share/zoneinfo")
    crypto = ('OPENSSLDIR: "/usr/lib/ssl"', f'MODULESDIR: "{lib}/ossl-modules"')
    cnf = b"openssl_conf = i\n[i]\nproviders = p\n[p]\nlegacy = l\n[l]\nactivate = 1\n"
    return {
        "/usr/bin/p": importing("pam_start", "iconv_open", needed=(*needed, "libp11-kit.so.0")),
        f"{own}/libc.so.6": library("libc.so.6", *libc),
        f"{own}/libcrypto.so.3": library("libcrypto.so.3", *crypto),
        f"{own}/libpam.so.0": library("libpam.so.0", "/etc/pam.d/%s", f"/lib/{triplet}/security/"),
        f"{own}/libkrb5.so.3": library("libkrb5.so.3", f"{lib}/krb5/plugins"),
        f"{own}/libsasl2.so.2": library("libsasl2.so.2", f"/etc/sasl2:{lib}/sasl2"),
        f"{own}/libp11-kit.so.0": library(
            "libp11-kit.so.0", f"{lib}/pkcs11", "/etc/pkcs11/modules"
        ),
        f"{lib}/gconv/gconv-modules": b"alias LATIN1// L1//\nmodule L1// INTERNAL L1 1\n",
        f"{lib}/gconv/L1.so": make_elf(),
        f"{lib}/ossl-modules/legacy.so": make_elf(),
        f"{lib}/krb5/plugins/preauth/otp.so": make_elf(),
        f"{lib}/sasl2/libplain.so": make_elf(),
        f"{lib}/pkcs11/trust.so": make_elf(),
        f"/lib/{triplet}/security/pam_x.so": make_elf(),
        f"{MODULES}/trust.module": b"module: trust.so\n",
        "/etc/pam.d/svc": b"auth required pam_x.so\n",
        "/usr/lib/ssl/openssl.cnf": cnf,
        "/usr/lib/locale/C.utf8/LC_CTYPE": b"",
        "/usr/share/zoneinfo/UTC": b"TZif",
    }


def found(triplet: str) -> set[tuple[str, str]]:
    """Return what rules ship, each path with its rule, and T for the triplet."""
    paths = ruled(system(triplet), "/usr/bin/p", runtime=RUNTIME).paths.items()
    return {
        (path.replace(triplet, "T"), reason.rule)
        for path, reason in paths
        if reason.rule not in ("seed", "interp", "needed", "symlink")
    }


@settings(deadline=None, max_examples=6)
@given(st.from_regex(r"[a-z][a-z0-9_]{1,9}-linux-(gnu|musl)[a-z0-9]{0,4}", fullmatch=True))
def test_rules_find_the_same_up_to_the_triplet(triplet: str) -> None:
    """Paths come from strings, whatever is in them."""
    plain = found("i386-linux-gnu")

    assert found(triplet) == plain
    assert {rule for _, rule in plain} >= {"gconv", "openssl", "pam", "kerberos", "sasl", "p11-kit"}
