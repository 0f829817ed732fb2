"""Versions sort as Debian says."""

from __future__ import annotations

import itertools
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from debian.debian_support import NativeVersion
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imagesmith.sources.debian import version

VERSIONS = st.builds(
    str.__add__, st.sampled_from(("0", "1", "a", "0:1", "1:1")), st.text("009aZ.+~-:", max_size=8)
)
LISTS = Path("/var/lib/apt/lists")


def is_version(text: str) -> bool:
    """Tell whether `text` is read as a version."""
    try:
        version.key(text)
    except ValueError:
        return False
    return True


def judge(a: str, b: str) -> int:
    """Compare as python-debian does."""
    left, right = NativeVersion(a), NativeVersion(b)
    return int(left > right) - int(left < right)


@settings(deadline=None, max_examples=300)
@given(VERSIONS, VERSIONS)
def test_order_is_that_of_python_debian(a: str, b: str) -> None:
    """Any two versions compare as its pure-Python implementation says."""
    assume(is_version(a) and is_version(b))

    assert judge(a, b) == version.compare(a, b)


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not there")
def test_order_is_that_of_dpkg() -> None:
    """A chain of versions, each against the next, as dpkg compares them."""
    chain = ["0~~", "0~", "0", "0.1~rc1-1", "0.1-1", "0.1-1+b1", "0.1-1.1", "0.1a", "0.1+", "0.1."]
    chain += ["0.9", "0.10", "1:0", "1:0-1", "2:0~a", "2:0"]

    for a, b in itertools.pairwise(chain):
        ran = subprocess.run(("dpkg", "--compare-versions", a, "lt", b), check=False)
        assert (ran.returncode, version.compare(a, b)) == (0, -1), (a, b)


@pytest.mark.parametrize(("a", "b"), [("1.0", "1.0-0"), ("0:1", "1"), ("1.", "1.0"), ("01", "1")])
def test_different_spellings_of_one_version_are_equal(a: str, b: str) -> None:
    """An absent epoch or revision is zero, and so is an absent number."""
    assert version.compare(a, b) == 0


@settings(deadline=None, max_examples=50)
@given(st.lists(VERSIONS.filter(is_version), max_size=12), st.randoms(use_true_random=False))
def test_sorting_does_not_depend_on_the_order_before(
    versions: list[str], shuffler: random.Random
) -> None:
    """The keys of any permutation sort alike."""
    shuffled = list(versions)
    shuffler.shuffle(shuffled)

    assert sorted(map(version.key, versions)) == sorted(map(version.key, shuffled))


@pytest.mark.parametrize(
    "text",
    [
        *("", ":1", "a:1", "1:", "-1", "1-", "1 2", "1\n", "~1", "1_2", "1-2:3", "1:2-3:4"),
        *("1" * 1025, "1234567890:1", "\u0661"),
    ],
)
def test_what_is_no_version_has_no_key(text: str) -> None:
    """Empty parts, foreign characters and endless text are refused."""
    with pytest.raises(ValueError, match="not a version"):
        version.key(text)


@pytest.mark.e2e
def test_every_version_of_the_real_index_sorts_as_the_judges_say() -> None:
    """All against python-debian, neighbour by neighbour; a sample against dpkg."""
    lists = sorted(LISTS.glob("*_Packages*"))
    if not lists:
        pytest.skip("no package lists in /var/lib/apt/lists; run apt-get update")
    found: set[str] = set()
    for path in lists:
        command = ("/usr/lib/apt/apt-helper", "cat-file", str(path))
        text = subprocess.run(command, check=True, capture_output=True).stdout
        found |= set(re.findall(r"^Version: (.*)$", text.decode(), re.MULTILINE))
    ordered = sorted(found, key=version.key)

    pairs = list(itertools.pairwise(ordered))
    assert [judge(a, b) for a, b in pairs] == [version.compare(a, b) for a, b in pairs]
    for a, b in pairs[:: len(pairs) // 200 + 1]:
        ran = subprocess.run(("dpkg", "--compare-versions", a, "le", b), check=False)
        assert ran.returncode == 0, (a, b)
