"""Release files are read strictly and must answer the question."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from builders.archive import DATE, Binary, release_bytes, write_archive
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import DocumentError, SignatureError
from imagesmith.model.digest import Digest
from imagesmith.sources.debian import release
from imagesmith.sources.debian.release import IndexFile, Release

FILES = {
    "main/binary-amd64/Packages": b"plain",
    "main/binary-amd64/Packages.gz": b"gzip",
    "main/binary-amd64/Packages.xz": b"xz",
    "main/binary-arm64/Packages.gz": b"gzip",
}
FIELDS = {
    "Suite": "stable",
    "Codename": "bookworm",
    "Architectures": ("amd64", "arm64"),
    "Components": "main contrib",
}
DAY = "Tue, 14 Nov 2023"
UTC = f"{DAY} 22:13:20 UTC\nV".encode()
"""The date, and what follows it."""
TEXT = release_bytes(FILES, fields=FIELDS, valid_until=DATE + 604_800)


def read(text: bytes) -> Release:
    """Return the release file of `text`."""
    return release.parse(text, document="Release")


def test_every_field_is_read() -> None:
    """Names, dates, lists and the digests of files."""
    expected = Release(
        origin="Synthetic",
        label="Synthetic",
        suite="stable",
        codename="bookworm",
        date=DATE,
        valid_until=DATE + 604_800,
        architectures=("amd64", "arm64"),
        components=("main", "contrib"),
        by_hash=True,
        files={path: IndexFile(len(text), Digest.of(text)) for path, text in FILES.items()},
    )

    assert expected == read(TEXT)
    assert hash(expected) == hash(read(TEXT))


@pytest.mark.parametrize("name", ["Origin", "Label", "Suite", "Codename"])
def test_a_name_is_one_line(name: str) -> None:
    """People are shown it, and would take the second for something else."""
    text = release_bytes(FILES, fields={**FIELDS, name: "Debian\n hello: verified"})

    with pytest.raises(DocumentError) as e:
        read(text)
    assert e.value.message == f"Release: {name}: expected one line"


def test_only_sha256_is_looked_at() -> None:
    """Older digests may say what they want."""
    other = TEXT.replace(b"SHA256:\n", b"MD5Sum:\n zz 1 ../odd\nSHA256:\n")

    assert read(TEXT) == read(other)


def test_what_is_optional_may_be_missing() -> None:
    """A flat repository says little more than a date."""
    text = b"Date: Tue, 14 Nov 2023 22:13:20 UTC\nSHA256:\n " + b"a" * 64 + b" 0 Packages\n"

    found = read(text)

    assert (
        found.date,
        found.valid_until,
        found.components,
        found.by_hash,
        found.suite,
    ) == (DATE, None, (), False, "")


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        (b"Date: Tue,", b"Dated: Tue,", "Date", "missing"),
        (UTC, UTC.replace(b"UTC", b"CET"), "Date", f"not a date in UTC: '{DAY} 22:13:20 CET'"),
        (UTC, UTC.replace(b"22:", b"24:"), "Date", f"no such date: '{DAY} 24:13:20 UTC'"),
        (UTC, UTC.replace(b"14 ", b"31 "), "Date", "no such date: 'Tue, 31 Nov 2023 22:13:20 UTC'"),
        (b"Label: S", b"Origin: S", "Origin", "given twice"),
        (b"SHA256:\n", b"SHA256: odd\n", "SHA256", "expected a list of digest, size and path"),
        (b"SHA256:\n", b"SHA512:\n", "SHA256", "expected a list of digest, size and path"),
        (b"Label:", b"\nLabel:", "", "expected one stanza, got 2"),
    ],
)
def test_what_is_odd_is_an_error_with_its_place(
    old: bytes, new: bytes, place: str, problem: str
) -> None:
    """One change to a good file each."""
    assert TEXT.count(old) == 1
    with pytest.raises(DocumentError) as caught:
        read(TEXT.replace(old, new))

    assert DocumentError(document="Release", place=place, problem=problem) == caught.value


@pytest.mark.parametrize(
    "line",
    [
        "a 1 Packages",
        "A" * 64 + " 1 Packages",
        "a" * 64 + " -1 Packages",
        "a" * 64 + " 01 Packages",
        "a" * 64 + " 1e3 Packages",
        "a" * 64 + " 1",
        "a" * 64 + " 1 Packages more",
        "a" * 64 + " 1 ../Packages",
        "a" * 64 + " 1 main/../../Packages",
        "a" * 64 + " 1 main/./Packages",
        "a" * 64 + " 1 main/..",
        "a" * 64 + " 1 main/",
        "a" * 64 + " 1 /etc/passwd",
        "a" * 64 + " 1 main//Packages",
        "a" * 64 + " 1 main\\Packages",
    ],
)
def test_a_file_that_cannot_be_vouched_for_is_an_error(line: str) -> None:
    """Bad digests, bad sizes, and paths that leave the suite."""
    with pytest.raises(DocumentError) as caught:
        read(TEXT + f" {line}\n".encode())

    problem = f"not digest, size and path: {line!r}"
    assert DocumentError(document="Release", place="SHA256[4]", problem=problem) == caught.value


def test_dots_inside_of_names_are_names() -> None:
    """`..foo`, `foo..` and `.diff` are no way out."""
    names = ("..foo/Packages", "foo../Packages", ".diff/Index", "a/...")

    found = read(release_bytes(dict.fromkeys(names, b""), fields=FIELDS))

    assert sorted(names) == list(found.files)


def test_a_file_given_twice_is_an_error() -> None:
    """Even with the same digest: two readers might take different ones."""
    with pytest.raises(DocumentError) as caught:
        read(TEXT + b" " + b"a" * 64 + b" 1 main/binary-amd64/Packages\n")

    assert str(caught.value) == "Release: SHA256[4]: main/binary-amd64/Packages again"


@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(TEXT)), st.integers(0, 9), st.binary(max_size=6))
def test_any_damage_is_read_or_a_document_error(start: int, length: int, new: bytes) -> None:
    """Bytes replaced anywhere: a release or a DocumentError."""
    with contextlib.suppress(DocumentError):
        found = read(TEXT[:start] + new + TEXT[start + length :])
        assert all(not path.startswith("/") and ".." not in path.split("/") for path in found.files)


@pytest.mark.parametrize(
    ("suite", "now", "problem"),
    [
        ("stable", DATE, None),
        ("bookworm", DATE - release.SKEW, None),
        ("bookworm", DATE + 604_800, None),
        ("trixie", DATE, "expected suite trixie, got stable/bookworm"),
        ("bookworm", DATE - release.SKEW - 1, "dated 1801 seconds in the future"),
        ("bookworm", DATE + 604_801, "expired 1 seconds ago"),
    ],
)
def test_a_release_must_answer_for_this_suite_and_day(
    suite: str, now: int, problem: str | None
) -> None:
    """Suite or codename, not from the future, not expired; the limits included."""
    found = read(TEXT)
    if problem is None:
        release.check(found, suite=suite, now=now, document="Release")
        return

    with pytest.raises(SignatureError) as caught:
        release.check(found, suite=suite, now=now, document="Release")

    assert (caught.value.document, caught.value.problem) == ("Release", problem)
    assert (caught.value.hint is None) == ("suite" in problem)


def test_a_release_without_an_end_does_not_expire() -> None:
    """As those of stable releases."""
    found = read(release_bytes(FILES, fields=FIELDS))

    release.check(found, suite="stable", now=DATE * 2, document="Release")

    assert found.valid_until is None


def test_an_unnamed_release_answers_for_no_suite() -> None:
    """The message shows what is missing."""
    found = read(release_bytes(FILES, fields={"Suite": ""}))

    with pytest.raises(SignatureError, match="expected suite stable, got -/-"):
        release.check(found, suite="stable", now=DATE, document="Release")


def test_the_smallest_index_is_fetched_first() -> None:
    """xz, gzip, plain: those that are there."""
    found = read(TEXT)

    stem = "main/binary-amd64/Packages"
    assert (f"{stem}.xz", f"{stem}.gz", stem) == release.packages_path(found, "main", "amd64")
    assert release.packages_path(found, "main", "arm64") == ("main/binary-arm64/Packages.gz",)
    assert release.packages_path(found, "contrib", "amd64") == ()


def test_files_are_found_under_their_digest(tmp_path: Path) -> None:
    """The path by hash names the same bytes."""
    home = write_archive(tmp_path, [Binary("a")]) / "dists" / "bookworm"
    found = read((home / "Release").read_bytes())

    assert found.files
    for path, file in found.files.items():
        assert file.digest == Digest.of((home / path).read_bytes())
        assert file.digest == Digest.of(
            (home / release.by_hash_path(path, file.digest)).read_bytes()
        )
    digest = Digest.of(b"")
    assert release.by_hash_path("Packages", digest) == f"by-hash/SHA256/{digest.hex}"
