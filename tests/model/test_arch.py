"""Architectures and their spellings."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from imagesmith.model import arch


def test_arches_are_sorted_by_debian_name() -> None:
    """The table is in the order that everything else is in."""
    assert list(arch.ARCHES) == sorted(arch.ARCHES)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    """Spellings of other systems are not guessed."""
    with pytest.raises(ValueError, match=r"unknown architecture 'x86_64'; known: amd64, arm64"):
        arch.parse("x86_64")


@pytest.mark.skipif(not shutil.which("dpkg-architecture"), reason="needs dpkg-dev")
@pytest.mark.parametrize("name", sorted(set(arch.ARCHES) - {"loong64"}))
def test_dpkg_agrees(name: str) -> None:
    """dpkg-architecture gives the same triplet, word size and byte order."""
    ended = subprocess.run(
        ["dpkg-architecture", "-f", "-a", name], capture_output=True, check=True, text=True
    )
    said = dict(line.split("=", 1) for line in ended.stdout.splitlines())
    ours = arch.parse(name)

    assert said["DEB_HOST_MULTIARCH"] == ours.triplet
    assert said["DEB_HOST_ARCH_BITS"] == str(ours.bits)
    assert said["DEB_HOST_ARCH_ENDIAN"] == ours.endian
