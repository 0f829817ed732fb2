"""Time zones: declared ones, where the C library looks."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from builders.carriers import libc
from builders.elf import MUSL_INTERP, make_elf, make_musl
from builders.roots import Content
from builders.ruled import ruled, shipped, suspected
from builders.scenes import importing, with_strings

from imagesmith.errors import ClosureIncomplete
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.model.tree import Symlink
from imagesmith.trace.closure import Reason

ZONES = "/usr/share/zoneinfo"
LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6"


@functools.cache
def system() -> Mapping[str, Content]:
    """Return a small system, made once."""
    return {
        "/lib": "usr/lib",
        "/usr/bin/p": importing("localtime"),
        LIBC: libc(),
        f"{ZONES}/Europe/Berlin": b"TZif",
        f"{ZONES}/Europe/London": b"TZif",
        f"{ZONES}/GB": "Europe/London",
    }


def test_no_zone_unless_declared() -> None:
    """Who asks for the local time is told how to."""
    found = ruled(system(), "/usr/bin/p")

    assert shipped(found, "zones") == []
    assert suspected(found, "zones") == [(ZONES, "localtime: runtime.zones says which")]


def test_links_between_zones_are_followed() -> None:
    """Each with the file it leads to."""
    found = ruled(system(), "/usr/bin/p", runtime=RuntimeSection(zones=("GB",)))

    assert found.paths[f"{ZONES}/Europe/London"] == Reason("zones", LIBC, "GB")
    assert f"{ZONES}/GB" in found.paths
    assert f"{ZONES}/Europe/Berlin" not in found.paths


def test_the_local_zone_is_a_link() -> None:
    """To the file, which is shipped with it."""
    found = ruled(system(), "/usr/bin/p", runtime=RuntimeSection(local_zone="Europe/Berlin"))

    assert found.generated == {"/etc/localtime": Symlink(target=f"{ZONES}/Europe/Berlin")}
    assert shipped(found, "zones") == ["/etc/localtime", f"{ZONES}/Europe/Berlin"]


def test_musl_has_several_directories() -> None:
    """The first that the packages have counts."""
    zones = "/share/zoneinfo"
    other: dict[str, Content] = {
        "/p": make_elf(interp=MUSL_INTERP),
        MUSL_INTERP: make_musl() + with_strings("/usr/share/zoneinfo/", f"{zones}/"),
        f"{zones}/UTC": b"TZif",
    }
    found = ruled(other, "/p", runtime=RuntimeSection(zones=("UTC",)))

    assert found.paths[f"{zones}/UTC"].needed_by == MUSL_INTERP


def test_programs_that_say_nothing_look_where_everybody_does() -> None:
    """Nobody of the closure asks for it then."""
    changed = {**system(), "/usr/bin/p": importing(needed=())}
    found = ruled(changed, "/usr/bin/p", runtime=RuntimeSection(zones=("Europe/Berlin",)))

    assert found.paths[f"{ZONES}/Europe/Berlin"] == Reason("zones", None, "Europe/Berlin")


def test_a_zone_that_is_not_there_is_an_error() -> None:
    """What may have been meant, or which package has zones."""
    wrong = RuntimeSection(zones=("Europe/Berlim", "UCT"), local_zone="Europe/Londn")
    with pytest.raises(ClosureIncomplete) as raised:
        ruled(system(), "/usr/bin/p", runtime=wrong)

    meant = "did you mean Europe/London or Europe/Berlin"
    assert raised.value.problems == (
        "runtime.zones: Europe/Berlim is not in the packages (did you mean Europe/Berlin)",
        "runtime.zones: UCT is not in the packages (there is Europe, GB)",
        f"runtime.local-zone: Europe/Londn is not in the packages ({meant})",
    )
    with pytest.raises(ClosureIncomplete, match="add tzdata to the packages"):
        ruled({"/p": importing(needed=())}, "/p", runtime=wrong)


def test_a_region_is_no_zone() -> None:
    """Its directory is there, and nothing that tzset could read; its zones are named."""
    wrong = RuntimeSection(zones=("Europe",), local_zone="Europe")
    with pytest.raises(ClosureIncomplete) as raised:
        ruled(system(), "/usr/bin/p", runtime=wrong)

    hint = "is not in the packages (did you mean Europe/London or Europe/Berlin)"
    assert f"runtime.zones: Europe {hint}" in raised.value.problems
    assert f"runtime.local-zone: Europe {hint}" in raised.value.problems


def test_a_static_program_has_the_directory_itself() -> None:
    """As those of Go do."""
    static = make_elf(kind=2, dynamic=False) + with_strings("/opt/zoneinfo/")
    found = ruled(
        {"/p": static, "/opt/zoneinfo/UTC": b"TZif"}, "/p", runtime=RuntimeSection(zones=("UTC",))
    )

    assert found.paths["/opt/zoneinfo/UTC"] == Reason("zones", "/p", "UTC")
