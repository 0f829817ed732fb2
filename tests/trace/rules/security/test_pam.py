"""PAM services: configuration, includes, modules, and what modules read."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from builders.carriers import carrier, libc
from builders.roots import Content
from builders.ruled import ruled, shipped, suspected
from builders.scenes import importing

from imagesmith.errors import ClosureIncomplete
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.model.tree import File

LIB = "/usr/lib/x86_64-linux-gnu"
MODULES = f"{LIB}/security"
REST = b"auth include svc\nauth required pam_unix.so\n-auth required pam_gone.so\n"
TEMPLATE = b"""\
# here are the per-package modules (the "Primary" block)
# here's the fallback if no module succeeds
auth\trequisite\tpam_deny.so
# and here are more per-package modules (the "Additional" block)
# end of pam-auth-update config
"""
PROFILE = b"""\
Default: yes
Priority: 1
Auth-Type: Primary
Auth:
	[success=end default=ignore] pam_unix.so
"""


@functools.cache
def system() -> Mapping[str, Content]:
    """Return a small system with PAM as Debian has it, and two services."""
    module = functools.partial(carrier, needed=("libpam.so.0",))
    return {
        "/lib": "usr/lib",
        "/usr/bin/p": importing("pam_start", needed=("libpam.so.0",)),
        f"{LIB}/libc.so.6": libc(),
        f"{LIB}/libpam.so.0": carrier(
            "libpam.so.0",
            "/etc/pam.d/%s",
            "/usr/lib/pam.d/%s",
            "/lib/security",
            "/lib/x86_64-linux-gnu/security/",
        ),
        f"{MODULES}/pam_deny.so": module("pam_deny.so"),
        f"{MODULES}/pam_unix.so": module("pam_unix.so", needed=("libpam.so.0", "libcrypt.so.1")),
        f"{MODULES}/pam_limits.so": module(
            "pam_limits.so",
            "/etc/security/limits.conf",
            "/etc/security/limits.d/*.conf",
            "/etc/passwd",
        ),
        f"{LIB}/libcrypt.so.1": carrier("libcrypt.so.1"),
        "/etc/pam.d/svc": b"@include rest\nsession required pam_limits.so conf=/etc/own\n",
        "/usr/lib/pam.d/rest": REST,
        "/etc/pam.d/other": b"auth required pam_deny.so\n",
        "/etc/own": b"",
        "/etc/passwd": b"",
        "/etc/security/limits.conf": b"",
        "/etc/security/limits.d/a.conf": b"",
    }


def services(*names: str) -> RuntimeSection:
    """Declare services."""
    return RuntimeSection(pam=names)


def test_a_service_brings_all_it_leads_to() -> None:
    """Files in either directory, modules with their libraries, their configuration, and `other`."""
    found = ruled(system(), "/usr/bin/p", runtime=services("svc"))

    assert shipped(found, "pam") == [
        "/etc/own",
        "/etc/pam.d/other",
        "/etc/pam.d/svc",
        "/etc/security/limits.conf",
        "/etc/security/limits.d",
        "/etc/security/limits.d/a.conf",
        "/usr/lib/pam.d/rest",
        f"{MODULES}/pam_deny.so",
        f"{MODULES}/pam_limits.so",
        f"{MODULES}/pam_unix.so",
    ]
    assert found.paths[f"{LIB}/libcrypt.so.1"].needed_by == f"{MODULES}/pam_unix.so"
    assert found.paths[f"{MODULES}/pam_unix.so"].detail == "pam_unix.so of /usr/lib/pam.d/rest"


def test_no_service_is_guessed() -> None:
    """Its name is an argument of a call."""
    found = ruled(system(), "/usr/bin/p")

    assert shipped(found, "pam") == []
    assert suspected(found, "pam") == [("/etc/pam.d", "pam_start: runtime.pam says which")]


def test_what_is_missing_is_an_error() -> None:
    """A service, a file it includes, and a module that it requires."""
    broken = {
        **system(),
        "/etc/pam.d/a": b"auth required pam_none.so\n@include gone\n",
        "/etc/pam.d/b": b"auth required /opt/pam_b.so\n",
    }
    with pytest.raises(ClosureIncomplete) as raised:
        ruled(broken, "/usr/bin/p", runtime=services("a", "b", "svz"))

    missing = "/lib/x86_64-linux-gnu/security/pam_none.so"
    assert raised.value.problems == (
        f"runtime.pam: {missing} is not in the packages (/etc/pam.d/a requires it)",
        "runtime.pam: gone is not in the packages (/etc/pam.d/a includes it)",
        "runtime.pam: /opt/pam_b.so is not in the packages (/etc/pam.d/b requires it)",
        "runtime.pam: svz is not in the packages (did you mean svc)",
    )


def test_what_pam_auth_update_would_make_is_made() -> None:
    """From the template of that name and the profiles there are; its modules are shipped too."""
    debian = {
        **system(),
        "/etc/pam.d/svc": b"@include common-auth\n",
        "/usr/share/pam/common-auth": TEMPLATE,
        "/usr/share/pam-configs/unix": PROFILE,
        "/usr/share/pam-configs/unix~": b"",
    }
    found = ruled(debian, "/usr/bin/p", runtime=services("svc"))
    made = found.generated["/etc/pam.d/common-auth"]

    assert isinstance(made, File)
    assert isinstance(made.content, bytes)
    assert b"auth\t[success=1 default=ignore] pam_unix.so \n" in made.content
    assert found.paths["/etc/pam.d/common-auth"].detail == "as pam-auth-update makes it"
    assert f"{MODULES}/pam_unix.so" in found.paths


def test_without_profiles_nothing_is_made() -> None:
    """A stack without a module that asks would let everybody in."""
    debian = {
        **system(),
        "/etc/pam.d/svc": b"@include common-auth\n",
        "/usr/share/pam/common-auth": TEMPLATE,
    }
    with pytest.raises(ClosureIncomplete, match="common-auth is not in the packages"):
        ruled(debian, "/usr/bin/p", runtime=services("svc"))


def test_without_libpam_services_are_of_no_use() -> None:
    """A warning says so; a libpam without directories finds nothing."""
    found = ruled({"/p": importing(needed=())}, "/p", runtime=services("svc"))
    assert "runtime.pam: nothing in the image uses PAM" in found.warnings

    silent = {**system(), f"{LIB}/libpam.so.0": carrier("libpam.so.0")}
    with pytest.raises(ClosureIncomplete, match=r"runtime\.pam: svc is not in the packages"):
        ruled(silent, "/usr/bin/p", runtime=services("svc"))


def test_a_file_is_followed_once_by_whatever_names() -> None:
    """One that includes itself by five hundred names."""
    names = "".join(f"@include {'./' * number}svc\n" for number in range(1, 500)).encode()
    changed = {**system(), "/etc/pam.d/svc": names + b"session required pam_limits.so\n"}

    assert f"{MODULES}/pam_limits.so" in shipped(
        ruled(changed, "/usr/bin/p", runtime=RuntimeSection(pam=("svc",))), "pam"
    )


def test_templates_are_named_and_not_reached() -> None:
    """A file to be made has no way through other directories: it would not lie where it says."""
    changed: dict[str, Content] = {
        **system(),
        "/etc/pam.d/svc": b"@include ../pam/common-auth\n",
        "/usr/share/pam/common-auth": TEMPLATE,
        "/usr/share/pam-configs/unix": PROFILE,
    }

    with pytest.raises(ClosureIncomplete, match=r"\.\./pam/common-auth is not in the packages"):
        ruled(changed, "/usr/bin/p", runtime=RuntimeSection(pam=("svc",)))
