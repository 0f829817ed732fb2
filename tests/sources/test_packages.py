"""A Packages index is found by name and read strictly."""

from __future__ import annotations

import contextlib
import time

import pytest
from builders.archive import Binary, packages_bytes
from builders.debian import index_of
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import DocumentError
from imagesmith.model.digest import Digest
from imagesmith.sources.debian.packages import Index, Package, parse
from imagesmith.sources.debian.relations import Relation

CURL = Binary(
    "curl",
    "1:7.88-10+b1",
    deb=b"deb",
    fields={
        "Source": "curl-src (7.88)",
        "Depends": "libc6 (>= 2.34), libcurl4:any | virtual",
        "Pre-Depends": "dpkg",
        "Conflicts": "wget",
        "Breaks": "old (<< 2)",
        "Provides": "fetcher, http-client (= 2)",
        "Essential": "yes",
        "Protected": "yes",
        "Priority": "optional",
        "Multi-Arch": "foreign",
        "Unknown-Field": "means nothing here",
    },
)


def test_every_field_is_read() -> None:
    """One package, with all it can say."""
    package = parse(CURL.stanza(), source="debian", document="Packages")

    assert package == Package(
        name="curl",
        version="1:7.88-10+b1",
        architecture="amd64",
        filename="pool/main/c/curl/curl_7.88-10+b1_amd64.deb",
        size=3,
        digest=Digest.of(b"deb"),
        depends=(
            (Relation("libc6", "", ">=", "2.34"),),
            (Relation("libcurl4", "any"), Relation("virtual")),
        ),
        pre_depends=((Relation("dpkg"),),),
        conflicts=((Relation("wget"),),),
        breaks=((Relation("old", "", "<<", "2"),),),
        provides=(Relation("fetcher"), Relation("http-client", "", "=", "2")),
        essential=True,
        important=True,
        priority="optional",
        multi_arch="foreign",
        source="curl-src (7.88)",
        source_id="debian",
        stanza=CURL.stanza(),
    )
    assert str(package) == "curl 1:7.88-10+b1"


def test_a_bare_stanza_asks_for_nothing() -> None:
    """Fields that are not there have no effect."""
    package = parse(Binary("a").stanza(), source="debian", document="Packages")

    empty = (package.depends, package.pre_depends, package.conflicts, package.provides)
    assert empty == ((), (), (), ())
    assert (
        package.essential,
        package.important,
        package.priority,
        package.multi_arch,
    ) == (False, False, "", "no")


def test_packages_are_found_by_name_and_by_what_they_provide() -> None:
    """In the order of the index; a real package does not provide its own name."""
    index = index_of(
        Binary("a", "2"), CURL, Binary("a", "1"), Binary("b", fields={"Provides": "a, fetcher"})
    )

    assert list(index.names) == ["a", "curl", "b"]
    assert [f"{p}.0" for p in index.named("a")] == ["a 2.0", "a 1.0"]
    assert [str(p) for p in index.providing("a")] == ["b 1.0"]
    assert [p.name for p in index.providing("fetcher")] == ["curl", "b"]
    assert (index.named("fetch"), index.providing("fetch")) == ((), ())


def test_a_stanza_keeps_its_exact_bytes() -> None:
    """First, middle and last, with and without a newline at the end of the file."""
    packages = [Binary("a"), Binary("b"), Binary("c")]
    text = packages_bytes(packages).rstrip(b"\n")
    index = Index.scan(text, source="debian", document="Packages")

    expected = [packages[0].stanza(), packages[1].stanza(), packages[2].stanza().rstrip(b"\n")]
    assert expected == [index.named(name)[0].stanza for name in "abc"]


def test_an_excerpt_is_an_index_of_its_own() -> None:
    """In the index's order, whatever order the packages are named in, and only its own."""
    index = index_of(Binary("b", "1"), Binary("a"), Binary("b", "2"), Binary("c"))
    other = index_of(Binary("c", "3"))
    b, a = index.named("b")[1], index.named("a")[0]
    excerpt = index.excerpt([b, other.named("c")[0], a])

    assert excerpt == Binary("a").stanza() + b"\n" + Binary("b", "2").stanza()
    again = Index.scan(excerpt, source="debian", document="Packages")
    assert [again.named("a"), again.named("b")] == [(a,), (b,)]
    assert index.excerpt([]) == b""


def test_a_package_is_read_once() -> None:
    """Asking again gives the same value."""
    index = index_of(CURL)

    assert index.named("curl")[0] is index.providing("fetcher")[0]


def test_folded_provides_are_found() -> None:
    """A Provides field may go on over lines."""
    index = index_of(Binary("a", fields={"Provides": "x,\n y (= 1),\n z"}))

    assert [index.providing(name)[0].name for name in "xyz"] == ["a"] * 3


def test_an_empty_index_offers_nothing() -> None:
    """Updates of a fresh suite are empty files."""
    index = Index.scan(b"", source="debian", document="Packages")

    assert (list(index.names), index.named("a"), index.providing("a")) == ([], (), ())


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("Package", "a b", "not valid: 'a b'"),
        ("Package", "../a", "not valid: '../a'"),
        ("Version", "", "not a version: ''"),
        ("Version", "1_2", "not a version: '1_2'"),
        ("Architecture", "AMD64", "not valid: 'AMD64'"),
        ("Filename", "", "not a relative path inside the archive: ''"),
        ("Filename", "/etc/passwd", "not a relative path inside the archive: '/etc/passwd'"),
        ("Filename", "pool/../a.deb", "not a relative path inside the archive: 'pool/../a.deb'"),
        ("Filename", "pool//a.deb", "not a relative path inside the archive: 'pool//a.deb'"),
        ("Filename", "pool/a b.deb", "not a relative path inside the archive: 'pool/a b.deb'"),
        ("Size", "-1", "not valid: '-1'"),
        ("Size", "01", "not valid: '01'"),
        ("Size", "1" * 16, "not valid: '1111111111111111'"),
        ("Size", "\u0661", "not valid: '\u0661'"),
        ("SHA256", "ab", "not a sha256 in lower-case hexadecimal: 'ab'"),
        ("Depends", "a [amd64]", "not a relation: 'a [amd64]'"),
        ("Provides", "a | b", "cannot be provided: 'a | b'"),
        ("Essential", "maybe", "expected one of no, yes, got 'maybe'"),
        ("Multi-Arch", "all", "expected one of no, same, foreign, allowed, got 'all'"),
    ],
)
def test_a_malformed_stanza_is_an_error_where_it_is_asked_for(
    field: str, value: str, problem: str
) -> None:
    """The error names document, package and field; other packages do not suffer."""
    index = index_of(Binary("good"), Binary("bad", fields={field: value}), document="main/Packages")
    asked = value.split(maxsplit=1)[0] if field == "Package" else "bad"

    with pytest.raises(DocumentError) as caught:
        index.named(asked)

    place = f"{asked}.{field}"
    assert DocumentError(document="main/Packages", place=place, problem=problem) == caught.value
    assert index.named("good")[0].name == "good"


def test_a_missing_field_is_named() -> None:
    """A stanza without a Size cannot be fetched safely."""
    stanza = b"".join(
        line for line in Binary("a").stanza().splitlines(keepends=True) if b"Size" not in line
    )

    with pytest.raises(DocumentError) as caught:
        parse(stanza, source="debian", document="Packages")

    assert DocumentError(document="Packages", place="a.Size", problem="missing") == caught.value


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_any_damage_is_read_or_a_document_error(draw: st.DataObject) -> None:
    """Bytes flipped, cut or doubled anywhere: a package or a DocumentError."""
    text = bytearray(packages_bytes((CURL, Binary("a", fields={"Provides": "x"}))))
    for _ in range(draw.draw(st.integers(1, 4))):
        start = draw.draw(st.integers(0, len(text)))
        end = draw.draw(st.integers(start, min(len(text), start + 9)))
        text[start:end] = draw.draw(st.binary(max_size=6) | st.just(b"\nPackage: a\n\n"))
    index = Index.scan(bytes(text), source="debian", document="Packages")

    for name in [*index.names, "x", "fetcher"]:
        with contextlib.suppress(DocumentError):
            found = [*index.named(name), *index.providing(name)]
            assert all(package.stanza for package in found)


def test_a_large_index_is_scanned_faster_than_it_could_be_decompressed() -> None:
    """Thirty thousand stanzas in well under a second, reading none of them."""
    text = packages_bytes([Binary("a")]).replace(b"synthetic", b"x" * 500)
    large = b"".join(text.replace(b"Package: a", b"Package: a%d" % n) for n in range(30_000))
    start = time.process_time()

    index = Index.scan(large, source="debian", document="Packages")

    assert len(index.named("a17")) == 1
    assert time.process_time() - start < 1
