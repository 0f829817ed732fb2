"""PAM's configuration: modules and includes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.trace.rules.security.pam_conf import Module, Stack, read


def test_lines_name_modules() -> None:
    """Required ones, and those that may be missing: by their control, or a leading dash."""
    assert read(
        [
            "auth required pam_unix.so nullok",
            "-session\toptional\tpam_systemd.so",
            "Session SUFFICIENT /opt/pam_own.so file=/etc/own.conf [motd=/run/motd]",
            "account [success=1 default=ignore] pam_unix.so",
            "password requisite pam_deny.so",
            "-auth required pam_maybe.so /etc/maybe",
        ]
    ).modules == (
        Module("pam_unix.so", is_optional=False),
        Module("pam_systemd.so", is_optional=True),
        Module("/opt/pam_own.so", is_optional=True, paths=("/etc/own.conf", "/run/motd")),
        Module("pam_unix.so", is_optional=True),
        Module("pam_deny.so", is_optional=False),
        Module("pam_maybe.so", is_optional=True, paths=("/etc/maybe",)),
    )


def test_lines_name_files() -> None:
    """As a control, in a jump of its own, or as Debian writes it."""
    lines = ["@include common-auth", "auth include system", "auth substack /etc/pam.d/sub"]

    assert read(lines) == Stack((), ("common-auth", "system", "/etc/pam.d/sub"))


def test_a_line_may_go_on() -> None:
    """Its end is where no backslash is; the last line ends anyway."""
    assert read(["auth required \\", "pam_a.so", "auth required pam_b.so \\"]).modules == (
        Module("pam_a.so", is_optional=False),
        Module("pam_b.so", is_optional=False),
    )


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(alphabet="auth [=]@include\t/-\\")))
def test_any_lines_can_be_read(lines: list[str]) -> None:
    """What is none is passed over, as PAM does after it has complained."""
    assert isinstance(read(lines), Stack)
