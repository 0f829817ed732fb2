"""Rule nss: users, groups, hosts and services, by the C library that looks them up."""

from __future__ import annotations

from typing import Final

import pytest
from builders.elf import MUSL_INTERP, make_elf
from builders.roots import Content
from builders.scenes import DIRECTORY, LIBC, Asked, added, glibc, importing, musl

from imagesmith.trace.closure import Reason
from imagesmith.trace.rules.libc.nss import NSS

NSSWITCH: Final = "/etc/nsswitch.conf"
CONFIGURED: Final = b"""\
# a comment
passwd:   files systemd  # another
group:    files [SUCCESS=merge] sys/tem
hosts:    files mdns4_minimal [NOTFOUND=return] dns
hosts:    twice
services  no colon
services: db files
"""
FILES: Final[dict[str, Content]] = {
    **glibc(),
    NSSWITCH: CONFIGURED,
    **{f"/etc/{name}": b"" for name in ("hosts", "host.conf", "gai.conf", "services", "protocols")},
    **{
        f"{DIRECTORY}/libnss_{name}.so.2": make_elf()
        for name in ("files", "dns", "systemd", "mdns4_minimal", "db", "twice", "compat")
    },
}


def found(symbol: str, files: dict[str, Content] = FILES) -> set[str]:
    """Return what a program that imports a symbol gets, modules by their service."""
    applied = Asked({**files, "/bin/p": importing(symbol)}, ["/bin/p"]).about(NSS)
    assert not applied.shipping.reasons.problems
    paths = added(applied, "nss")
    return {each.removeprefix(f"{DIRECTORY}/libnss_").removesuffix(".so.2") for each in paths}


@pytest.mark.parametrize(
    ("symbol", "paths"),
    [
        ("getpwuid_r", {NSSWITCH, "systemd"}),
        ("initgroups", {NSSWITCH}),
        ("getspnam", {NSSWITCH}),
        (
            "getaddrinfo",
            {NSSWITCH, "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "mdns4_minimal"},
        ),
        ("getservbyname", {NSSWITCH, "/etc/services", "db"}),
        ("getprotobynumber", {NSSWITCH, "/etc/protocols"}),
        ("printf", set()),
    ],
)
def test_a_program_gets_what_its_questions_need(symbol: str, paths: set[str]) -> None:
    """The files, and the modules that nsswitch.conf names and libc has not built in."""
    assert found(symbol) == paths


def test_before_2_34_files_and_dns_are_modules() -> None:
    """libnss_files and libnss_dns are stubs since."""
    old = {**FILES, **glibc(version="2.33")}

    assert {"files", "dns", "mdns4_minimal"} < found("getaddrinfo", old)
    assert {"files", "systemd"} < found("getpwnam", old)
    assert "files" not in found("getpwnam", {**FILES, **glibc(version="2.34")})


@pytest.mark.parametrize(
    ("symbol", "modules"),
    [("gethostbyname", {"files", "dns"}), ("getpwnam", {"files"}), ("getgrouplist", {"files"})],
)
def test_without_nsswitch_conf_the_defaults_of_glibc_hold(symbol: str, modules: set[str]) -> None:
    """They show in an old glibc, where they are modules."""
    bare = {path: content for path, content in FILES.items() if not path.startswith("/etc")}

    assert found(symbol, {**bare, **glibc(version="2.31")}) == modules


def test_a_service_that_nobody_packaged_is_skipped() -> None:
    """As glibc does."""
    files = {path: content for path, content in FILES.items() if "mdns" not in path}

    assert "mdns4_minimal" not in found("getaddrinfo", files)


def test_reasons_name_who_asks() -> None:
    """The file is the asker's, the module libc's."""
    applied = Asked({**FILES, "/bin/p": importing("getpwnam")}, ["/bin/p"]).about(NSS)
    paths = applied.shipping.reasons.paths

    assert paths[NSSWITCH] == Reason("nss", "/bin/p", "getpwnam")
    assert paths[f"{DIRECTORY}/libnss_systemd.so.2"] == Reason(
        "nss", LIBC, "getpwnam of /bin/p, passwd: libnss_systemd.so.2 by default"
    )


@pytest.mark.parametrize(
    ("symbol", "paths"),
    [
        ("getaddrinfo", ["/etc/hosts"]),
        ("getservbyname", ["/etc/services"]),
        ("getpwnam", []),
        ("getprotobyname", []),
    ],
)
def test_musl_reads_its_files_itself(symbol: str, paths: list[str]) -> None:
    """No nsswitch.conf, no modules; its protocols are compiled in."""
    program = importing(symbol, interp=MUSL_INTERP, needed=[])
    applied = Asked({**FILES, **musl(), "/bin/p": program}, ["/bin/p"]).about(NSS)

    assert list(added(applied, "nss")) == paths


def test_a_static_program_says_nothing() -> None:
    """Its symbols are gone; docs/runtime-rules.md says what to declare."""
    files = {**FILES, "/bin/p": make_elf(kind=2, dynamic=False)}

    assert added(Asked(files, ["/bin/p"]).about(NSS), "nss") == {}


def test_actions_without_an_end_are_passed_over_at_once() -> None:
    """However many begin."""
    changed: dict[str, Content] = {**FILES, NSSWITCH: b"passwd: " + b"[" * 500_000 + b" systemd\n"}

    assert found("getpwnam", changed) == {NSSWITCH, "systemd"}
