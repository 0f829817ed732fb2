"""What a loader's bytes say."""

from __future__ import annotations

import time

import pytest
from builders import loaders
from builders.elf import GLIBC_INTERP, MUSL_INTERP

from imagesmith.elf.loader import MUSL_DIRS, identify
from imagesmith.elf.object import facts
from imagesmith.model.facts import Elf, Loader


def say(text: bytes) -> Loader | None:
    """Identify one piece of bytes."""
    return identify([memoryview(text)])


GLIBC = b"\0/etc/ld.so.cache\0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", None),
        (b"\0/lib/\0/usr/lib/\0", None),
        (GLIBC, Loader("glibc", "", ())),
        (GLIBC + b"\1/lib64/\0/usr/lib64/\0", Loader("glibc", "", ("/lib64", "/usr/lib64"))),
        (
            GLIBC + b"\1/share/a/\0/etc/b/\0\0/lib/\0/usr/lib/\0",
            Loader("glibc", "", ("/lib", "/usr/lib")),
        ),
        (GLIBC + b"development release version 2.42.9000.", Loader("glibc", "2.42.9000", ())),
        (b"musl libc (armhf)\nVersion", Loader("musl", "", MUSL_DIRS)),
        (
            b"musl libc (x86_64)\n\0" + b"1.2.5-git-3\0\0/opt/lib:/lib/\0",
            Loader("musl", "1.2.5-git-3", ("/opt/lib", "/lib")),
        ),
    ],
)
def test_strings_decide(text: bytes, expected: Loader | None) -> None:
    """Marks name the kind; version and directories are read where they are."""
    assert expected == say(text)


def test_gcompat_is_musl() -> None:
    """Whatever the file is called, musl's own words win."""
    found = say(GLIBC + b"musl libc (x86_64)\n\0")

    assert found is not None
    assert found.kind == "musl"


@pytest.mark.parametrize("piece", [b"/lib", b"/", b"/lib/\0", b"/lib:", b"\0" + b"9." * 4])
def test_the_cost_is_linear_in_hostile_bytes(piece: bytes) -> None:
    """A megabyte of the worst repetition takes a fraction of a second."""
    text = GLIBC + piece * ((1 << 20) // len(piece))
    before = time.process_time()
    say(text)
    say(b"musl libc (x)" + text)

    assert time.process_time() - before < 1.5


@pytest.mark.parametrize(
    ("path", "kind"), [(GLIBC_INTERP, "glibc"), (MUSL_INTERP, "musl")], ids=["glibc", "musl"]
)
def test_the_loaders_of_the_host_are_recognised(path: str, kind: str) -> None:
    """Real bytes give a kind, a version and at least two directories."""
    found = facts(memoryview(loaders.host_loader(path)))

    assert isinstance(found, Elf)
    assert found.loader is not None
    assert kind == found.loader.kind
    assert found.loader.version
    assert len(found.loader.system_dirs) > 1
