"""The record of what programs used: one spelling, strict reading, merging."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import DocumentError
from imagesmith.manifest import record
from imagesmith.manifest.record import KINDS, Command, Record
from imagesmith.model.arch import ARCHES

TEXT = """\
# What programs were seen to use of the packages, besides what is traced anyway.
# Written by `imagesmith record`, read by `imagesmith lock`.  Review it: a path that is
# deleted here does not enter the image for this reason.

record = 1
arch = "arm64"

[[command]]
command = ["/usr/bin/git", "clone", "https://example.org/a\\u000Ab"]
env = ["A", "B"]
network = true

[[command]]
command = ["/usr/bin/git"]

[paths]
executed = [
    "/usr/lib/git-core/git-remote-http",
]
opened = [
    "/usr/share/a",
    "/usr/share/ä",
]
links = [
    "/usr/lib/git-core/git-remote-https",
]
"""
RECORD = Record(
    arch=ARCHES["arm64"],
    commands=(
        Command(
            command=("/usr/bin/git", "clone", "https://example.org/a\nb"),
            env=("A", "B"),
            network=True,
        ),
        Command(command=("/usr/bin/git",)),
    ),
    uses={
        "/usr/share/ä": "opened",
        "/usr/lib/git-core/git-remote-https": "links",
        "/usr/lib/git-core/git-remote-http": "executed",
        "/usr/share/a": "opened",
    },
)

PATHS = st.lists(st.text('ab.ä"\\ ', min_size=1), min_size=1).map(
    lambda names: "/" + "/".join(names)
)
RECORDS = st.builds(
    Record,
    arch=st.sampled_from(sorted(ARCHES.values(), key=str)),
    commands=st.lists(
        st.builds(
            Command,
            command=st.lists(st.text(string.printable), min_size=1).map(tuple),
            env=st.sets(st.text(string.ascii_letters, min_size=1)).map(sorted).map(tuple),
            network=st.booleans(),
        )
    ).map(tuple),
    uses=st.dictionaries(PATHS.filter(record.is_spelled), st.sampled_from(KINDS)),
)


def test_a_record_has_one_spelling() -> None:
    """Sorted, a path a line, with nothing that changes from run to run."""
    assert record.to_bytes(RECORD).decode() == TEXT
    assert record.parse(TEXT.encode(), document="record.arm64.toml") == RECORD


@settings(deadline=None, max_examples=60)
@given(RECORDS)
def test_a_record_is_read_as_it_was_written(written: Record) -> None:
    """Whatever commands and paths hold."""
    assert record.parse(record.to_bytes(written), document="record.toml") == written


@settings(deadline=None, max_examples=60)
@given(RECORDS, RECORDS)
def test_merging_has_everything_of_both(first: Record, second: Record) -> None:
    """With the use that counts more; once more changes nothing, nor does the order of paths."""
    both = record.merged(first, second)

    assert set(both.paths) == {*first.paths, *second.paths}
    assert {*both.commands} == {*first.commands, *second.commands}
    assert both.uses == record.merged(second, first).uses
    assert record.merged(both, second) == record.merged(both, both)


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        ("record = 1", "record = 2", "record", "this version reads records of format 1, got 2"),
        ('"arm64"', '"vax"', "arch", "unknown architecture"),
        ("network = true", "net = true", "command[0].net", "unknown key"),
        ("opened =", "read =", "paths.read", "unknown key"),
        ('"/usr/share/a"', '"usr/share/a"', "paths.opened[0]", "expected an absolute path"),
        ('"/usr/share/a"', '"/usr/../a"', "paths.opened[0]", "expected an absolute path"),
        ('"/usr/share/a"', '"/usr/share/ä"', "paths.opened[1]", "is listed twice"),
        (
            "git-remote-https",
            "git-remote-http",
            "paths.links",
            "/usr/lib/git-core/git-remote-http is listed twice, in executed as well",
        ),
        ("\ncommand =", "\nargs =", "command[0].command", "missing"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, place: str, problem: str) -> None:
    """People edit records: they delete lines."""
    with pytest.raises(DocumentError) as caught:
        record.parse(TEXT.replace(old, new, 1).encode(), document="record.arm64.toml")

    assert caught.value.place == place
    assert problem in caught.value.problem


@pytest.mark.parametrize("path", ["/a\nb", "/\udcff", "/", "/a//b"])
def test_a_path_that_no_document_can_hold_is_known(path: str) -> None:
    """Control characters, bytes outside of UTF-8, and what is no path below the root."""
    assert not record.is_spelled(path)


def test_other_paths_are_held() -> None:
    """Quotes and backslashes are written as escapes."""
    assert record.is_spelled('/a "b" \\ c/ü')
