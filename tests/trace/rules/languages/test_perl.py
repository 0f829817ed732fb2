"""Perl's modules: the few that Debian calls essential, or all, and why."""

from __future__ import annotations

import pytest
from builders.elf import make_elf
from builders.roots import Content
from builders.ruled import a_library, a_program, ruled, shipped, suspected, with_rules

ESSENTIAL = "/usr/lib/x86_64-linux-gnu/perl-base"
ARCHITECTURE = "/usr/lib/x86_64-linux-gnu/perl/5.36"
SHARED = "/usr/share/perl/5.36"
VENDOR = "/usr/share/perl5"
INC = ("/etc/perl", "/usr/local/share/perl/5.36.0", VENDOR, ESSENTIAL, ARCHITECTURE, SHARED)
SMALL: dict[str, Content] = {
    "/usr/bin/perl": a_program(*INC, "/usr/bin/perl", "/"),
    f"{ESSENTIAL}/Config.pm": b"",
    f"{ESSENTIAL}/strict.pm": b"",
    f"{ESSENTIAL}/auto/POSIX/POSIX.so": make_elf(needed=["libm.so.6"]),
    "/usr/lib/libm.so.6": a_library("libm.so.6"),
}
LARGE: dict[str, Content] = {
    **SMALL,
    "/etc/perl/Net/libnet.cfg": b"",
    ARCHITECTURE: "5.36.0",
    f"{ARCHITECTURE}.0/Config.pm": b"",
    f"{ARCHITECTURE}.0/CORE/perl.h": b"",
    f"{ARCHITECTURE}.0/Encode/encode.h": b"",
    f"{ARCHITECTURE}.0/POSIX.pod": b"",
    f"{ARCHITECTURE}.0/auto/B/B.so": make_elf(),
    SHARED: "5.36.0",
    f"{SHARED}.0/JSON/PP.pm": b"",
    f"{SHARED}.0/pod/perldiag.pod": b"",
    f"{SHARED}.0/strict.pm": b"",
    f"{VENDOR}/Error.pm": b"",
}
ALL = [
    f"{ESSENTIAL}/strict.pm",
    f"{ARCHITECTURE}.0/Config.pm",
    f"{ARCHITECTURE}.0/auto/B/B.so",
    f"{SHARED}.0/JSON/PP.pm",
    f"{SHARED}.0/pod/perldiag.pod",
    f"{SHARED}.0/strict.pm",
    "/etc/perl/Net/libnet.cfg",
]


def test_an_interpreter_gets_the_essential_modules() -> None:
    """They are enough for themselves, and their shared objects bring libraries."""
    found = ruled(LARGE, "/usr/bin/perl")

    assert shipped(found, "perl") == [
        ESSENTIAL,
        f"{ESSENTIAL}/Config.pm",
        f"{ESSENTIAL}/auto/POSIX/POSIX.so",
        f"{ESSENTIAL}/strict.pm",
    ]
    assert found.paths["/usr/lib/libm.so.6"].needed_by == f"{ESSENTIAL}/auto/POSIX/POSIX.so"
    assert found.paths[f"{ESSENTIAL}/strict.pm"].detail == "essential modules"


def test_the_other_directories_are_suspected() -> None:
    """Once each, not file by file; a rule of its own ships them."""
    assert suspected(ruled(LARGE, "/usr/bin/perl"), "perl-full") == [
        (f"{ARCHITECTURE}.0", "modules perl came with"),
        (f"{SHARED}.0", "modules perl came with"),
    ]


def test_the_whole_library_can_be_asked_for() -> None:
    """Without headers and manual pages, but for the one that is read; with the way there."""
    found = ruled(LARGE, "/usr/bin/perl", runtime=with_rules("perl-full"))

    assert {*ALL, ARCHITECTURE, SHARED} <= {*found.paths}
    assert not {path for path in found.paths if path.endswith((".h", "POSIX.pod", "Error.pm"))}
    assert suspected(found, "perl-full") == []


@pytest.mark.parametrize("line", ["use JSON::PP;", "  require JSON::PP", "use strict;\nuse B;"])
def test_a_script_that_uses_more_gets_all(line: str) -> None:
    """What else its modules use in turn is not followed."""
    extra: dict[str, Content] = {
        "/usr/bin/s": f"#!/usr/bin/perl -w\n{line}\n",
        f"{ARCHITECTURE}.0/B.pm": b"",
    }
    found = ruled({**LARGE, **extra}, "/usr/bin/s")

    assert {*ALL} <= {*found.paths}
    assert found.paths[f"{SHARED}.0/strict.pm"].detail in (
        "use JSON::PP in /usr/bin/s",
        "use B in /usr/bin/s",
    )


@pytest.mark.parametrize("line", ["use strict;", "use 5.010;", "require 'x.pl';", "# use B", "x"])
def test_a_script_that_uses_no_more_gets_no_more(line: str) -> None:
    """Nor does one that uses what nobody has: it may be optional."""
    extra: dict[str, Content] = {"/usr/bin/s": f"#!/usr/bin/perl\n{line}\nuse No::Such;\n"}
    found = ruled({**LARGE, **extra}, "/usr/bin/s")

    assert not [path for path in found.paths if path.startswith(f"{SHARED}.0")]


def test_modules_of_others_are_suspected_and_bring_all() -> None:
    """The script needs one that is not of perl; what that needs is not known."""
    extra: dict[str, Content] = {"/usr/bin/s": "#!/usr/bin/perl\nuse Error;\n"}
    found = ruled({**LARGE, **extra}, "/usr/bin/s")

    assert suspected(found, "perl") == [(f"{VENDOR}/Error.pm", "use Error")]
    assert {*ALL} <= {*found.paths}


def test_modules_that_are_included_are_no_suspects() -> None:
    """They are asked for what they use themselves."""
    extra: dict[str, Content] = {
        "/usr/bin/s": "#!/usr/bin/perl\nuse Error;\n",
        f"{VENDOR}/Error.pm": b"use Error::Simple;\n",
        f"{VENDOR}/Error/Simple.pm": b"use strict;\n",
    }
    found = ruled({**LARGE, **extra}, "/usr/bin/s", include=[f"{VENDOR}/Error.pm"])

    assert suspected(found, "perl") == [(f"{VENDOR}/Error/Simple.pm", "use Error::Simple")]


def test_a_program_that_embeds_perl_gets_all() -> None:
    """The directories are compiled into libperl."""
    extra: dict[str, Content] = {
        "/usr/bin/vim": a_program(needed=["libperl.so.5.36"]),
        "/usr/lib/libperl.so.5.36": a_library("libperl.so.5.36", *INC),
    }
    found = ruled({**LARGE, **extra}, "/usr/bin/vim")

    assert {*ALL} <= {*found.paths}
    assert found.paths[f"{SHARED}.0/strict.pm"].detail == "a program embeds perl"


def test_without_an_essential_directory_all_is_shipped() -> None:
    """As perl is laid out by default: one directory for every machine, one below for this."""
    content: dict[str, Content] = {
        "/usr/local/bin/perl5.38.0": a_program(
            "/usr/local/lib/perl5/5.38.0/x86_64-linux-gnu", "/usr/local/lib/perl5/5.38.0"
        ),
        "/usr/local/lib/perl5/5.38.0/strict.pm": b"",
        "/usr/local/lib/perl5/5.38.0/x86_64-linux-gnu/Config.pm": b"",
        "/usr/local/lib/perl5/site_perl/5.38.0/Mine.pm": b"",
    }

    assert [
        path
        for path in shipped(ruled(content, "/usr/local/bin/perl5.38.0"), "perl")
        if path.endswith(".pm")
    ] == [
        "/usr/local/lib/perl5/5.38.0/strict.pm",
        "/usr/local/lib/perl5/5.38.0/x86_64-linux-gnu/Config.pm",
    ]


def test_other_programs_get_nothing() -> None:
    """Modules may lie there; nobody runs them."""
    found = ruled({**LARGE, "/usr/bin/p": a_program(*INC)}, "/usr/bin/p")

    assert (shipped(found, "perl"), suspected(found, "perl-full")) == ([], [])


def test_an_essential_module_is_no_reason_for_the_others() -> None:
    """Though another directory has it as well, and its path comes first in Debian's perl."""
    changed: dict[str, Content] = {
        **LARGE,
        "/usr/bin/perl": a_program(SHARED, *INC),
        "/usr/bin/script": "#!/usr/bin/perl\nuse strict;\n",
    }
    found = ruled(changed, "/usr/bin/script")

    assert {found.paths[path].detail for path in shipped(found, "perl")} == {"essential modules"}
