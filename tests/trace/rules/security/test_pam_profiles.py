"""What pam-auth-update(8) makes of templates and profiles, and that the real one makes the same."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from builders.sandbox import program

from imagesmith.trace.rules.security.pam_profiles import enabled, filled, profile

UNIX = """\
Name: Unix authentication
Default: yes
Priority: 256
Auth-Type: Primary
Auth:
\t[success=end default=ignore]\tpam_unix.so nullok try_first_pass
Auth-Initial:
\t[success=end default=ignore]\tpam_unix.so nullok
Session-Type: Additional
Session:
\trequired\tpam_unix.so
"""
REALM = """\
Name: A realm of its own
Default: yes
Priority: 704
Conflicts: other
Auth-Type: Primary
Auth-Final:
\t[success=end default=ignore]\tpam_krb5.so   minimum_uid=1000
\toptional\tpam_realm.so
Session-Type: Additional
Session-Interactive-Only: yes
Session:
\toptional pam_krb5.so
"""
OTHER = """\
Name: Another
Default: {default}
Priority: 8
Auth-Type: Primary
Auth:
\trequired {module}
"""
OTHERS = {
    "other": OTHER.format(default="yes", module="pam_ruled_out.so"),
    "off": OTHER.format(default="no", module="pam_off.so"),
    "tally": OTHER.format(default="yes", module="pam_tally2.so"),
}
PROFILES = {"unix": UNIX, "realm": REALM, **OTHERS}
TEMPLATE = """\
# comment
# here are the per-package modules (the "Primary" block)
$auth_primary
# here's the fallback if no module succeeds
{kind}\trequisite\t\t\tpam_deny.so
# and here are more per-package modules (the "Additional" block)
$auth_additional
# end of pam-auth-update config
"""
DEBCONF = """\
Config: answers
Templates: templates

Name: answers
Driver: File
Filename: {directory}/answers.dat

Name: templates
Driver: File
Filename: {directory}/templates.dat
"""
"""A database of answers (debconf.conf(5)) that is not the host's."""


def made(name: str, profiles: Mapping[str, str]) -> list[str]:
    """Return the lines of a file that are no comments."""
    chosen = enabled({each: profile(text) for each, text in profiles.items()})
    text = filled(TEMPLATE.format(kind=name.split("-")[1]), name, chosen)
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_profiles_stand_by_priority() -> None:
    """`end` counts the lines left; options of the first are those of -Initial."""
    assert made("common-auth", PROFILES) == [
        "auth\t[success=3 default=ignore]\tpam_krb5.so minimum_uid=1000",
        "auth\toptional\tpam_realm.so ",
        "auth\t[success=1 default=ignore]\tpam_unix.so nullok try_first_pass",
        "auth\trequisite\t\t\tpam_deny.so",
    ]
    assert made("common-auth", {"unix": UNIX})[0].endswith("pam_unix.so nullok")


def test_sessions_without_a_user_have_modules_of_their_own() -> None:
    """Those of sessions, but for the profiles that want an interactive one."""
    assert made("common-session", PROFILES)[2:] == [
        "session\toptional pam_krb5.so ",
        "session\trequired\tpam_unix.so ",
    ]
    assert made("common-session-noninteractive", PROFILES)[2:] == [
        "session\trequired\tpam_unix.so "
    ]


def test_an_empty_block_keeps_the_stack_intact() -> None:
    """As the tool does: a line to jump over what denies."""
    assert made("common-session", PROFILES)[0] == "session\t[default=1]\t\t\tpam_permit.so"


def test_a_line_that_names_no_module_is_left_out() -> None:
    """Where the tool would write rubbish."""
    odd = "Default: yes\nAuth-Type: Primary\nAuth:\n\tnonsense\n\trequired pam_a.so\n"

    assert made("common-auth", {"odd": odd})[0] == "auth\trequired pam_a.so "


def test_profiles_that_do_not_count() -> None:
    """Not by default, ruled out, or naming a module that is gone; a bad priority is none."""
    assert profile(OTHERS["tally"]) == {}
    assert enabled({"off": profile(OTHERS["off"])}) == ()
    assert "Auth" not in profile(f"stray line\n{UNIX}".replace("Auth", "Other"))
    odd = profile(UNIX.replace("256", "high"))
    assert enabled({"odd": odd, "realm": profile(REALM)})[1] == odd


def test_the_real_tool_makes_the_same(tmp_path: Path) -> None:
    """Byte for byte, from the host's templates and these profiles."""
    tool = program("pam-auth-update", "libpam-runtime")
    templates = sorted(Path("/usr/share/pam").glob("common-*[a-z]"))
    templates = [each for each in templates if each.suffix != ".md5sums"]
    for folder in ("etc/pam.d", "usr/share/pam-configs", "var/lib/pam"):
        (tmp_path / folder).mkdir(parents=True)
    for name, text in PROFILES.items():
        (tmp_path / "usr/share/pam-configs" / name).write_text(text)
    (tmp_path / "debconf.conf").write_text(DEBCONF.format(directory=tmp_path))
    environment = {
        **os.environ,
        "DEBCONF_SYSTEMRC": str(tmp_path / "debconf.conf"),
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBCONF_NOWARNINGS": "yes",
    }
    command = (tool, "--root", tmp_path, "--package", "--force")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or not templates:
        pytest.skip(f"pam-auth-update does not run here: {done.stderr.strip()}")
    chosen = enabled({each: profile(text) for each, text in PROFILES.items()})

    for template in templates:
        real = (tmp_path / "etc/pam.d" / template.name).read_text()
        assert filled(template.read_text(), template.name, chosen) == real


def test_a_long_profile_is_read_line_by_line() -> None:
    """Not by going over all of them for each."""
    assert len(profile("Auth:\n" + "x\n" * 300_000)["Auth"]) == 599_999
