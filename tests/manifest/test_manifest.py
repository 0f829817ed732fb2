"""The manifest: one value, one spelling."""

from __future__ import annotations

import string

import attrs
import pytest
from builders.documents import MANIFEST, digest, pin
from hypothesis import given
from hypothesis import strategies as st

from imagesmith.errors import DocumentError
from imagesmith.manifest import manifest as manifests
from imagesmith.manifest.manifest import Manifest
from imagesmith.manifest.pins import Artefact
from imagesmith.model import arch

TEXT = manifests.to_bytes(MANIFEST)
NAMES = st.text(string.ascii_lowercase + string.digits, min_size=2, max_size=9).filter(
    lambda name: name[0].isalnum()
)
VERSIONS = st.text(string.ascii_letters + string.digits + ".+~:-", min_size=1, max_size=9)


def parse(text: bytes) -> Manifest:
    """Parse a manifest called m.toml."""
    return manifests.parse(text, document="m.toml")


@st.composite
def manifests_of_any_shape(draw: st.DrawFn) -> Manifest:
    """Draw manifests that differ in artefacts, pins, architectures and numbers."""
    arches = draw(st.lists(st.sampled_from(sorted(arch.ARCHES)), min_size=1, unique=True))
    names = sorted(draw(st.sets(NAMES, max_size=4)))
    some_pin = st.builds(
        lambda name, size, version: pin(name, size=size, version=version),
        NAMES,
        st.integers(1, 2**40),
        st.none() | VERSIONS,
    )
    artefacts = tuple(
        Artefact(
            name=name,
            version=draw(VERSIONS),
            source="debian",
            pins=tuple((each, draw(some_pin)) for each in sorted(arches)),
        )
        for name in names
    )
    one = MANIFEST.expect[0][1]
    return attrs.evolve(
        MANIFEST,
        architectures=tuple(arch.parse(each) for each in sorted(arches)),
        serial=draw(st.integers(1, 10**6)),
        expires=draw(st.none() | st.integers(0, 250_000_000_000)),
        epoch=draw(st.integers(0, 2**40)),
        artefacts=artefacts,
        expect=tuple((each, one) for each in sorted(arches)),
        expect_index=digest("index") if len(arches) > 1 else None,
    )


@given(manifests_of_any_shape())
def test_writing_and_parsing_are_inverse(manifest: Manifest) -> None:
    """What is written is read back, and written again in the same bytes."""
    text = manifests.to_bytes(manifest)

    assert parse(text) == manifest
    assert manifests.to_bytes(parse(text)) == text


def test_a_release_file_may_have_a_signature_of_its_own() -> None:
    """Release.gpg has a key, and InRelease has none; names may be empty or odd."""
    (name, evidence), *others = MANIFEST.sources
    detached = attrs.evolve(
        evidence, release_signature=digest("Release.gpg"), origin='\u202e"Örigin\n', codename=""
    )
    found = attrs.evolve(MANIFEST, sources=((name, detached), *others))
    text = manifests.to_bytes(found)

    assert parse(text) == found
    assert b'release-signature = "sha256:' in text
    assert b'origin = "\\u202E\\"' in text
    assert b"release-signature" not in TEXT


def test_every_fact_has_a_line_of_its_own() -> None:
    """A new version of one package changes the lines of that package only."""
    bumped = attrs.evolve(MANIFEST.artefacts[0], version="20240203")
    other = attrs.evolve(MANIFEST, artefacts=(bumped, *MANIFEST.artefacts[1:]))
    before, after = TEXT.splitlines(), manifests.to_bytes(other).splitlines()
    changed = [line for line, twin in zip(before, after, strict=True) if line != twin]

    assert changed == [b'version = "20230311"']


def test_the_end_of_its_life_has_a_line_where_it_has_one() -> None:
    """It is over at that second."""
    found = attrs.evolve(MANIFEST, expires=1_801_353_600)

    assert b"\nserial = 3\nexpires = 2027-01-31T00:00:00Z\nepoch = " in manifests.to_bytes(found)
    assert [found.is_expired(1_801_353_600 + more) for more in (-1, 0, 1)] == [False, True, True]
    assert not MANIFEST.is_expired(2**60)


def test_the_pins_of_an_architecture_include_those_for_all() -> None:
    """`all` stands for each architecture, a version of its own beats the common one."""
    certificates, curl = MANIFEST.artefacts
    arm64 = arch.parse("arm64")

    assert certificates.pin(arm64) == certificates.pins[0][1]
    assert curl.version_for(arm64) == "7.88.1-9"
    assert curl.version_for(arch.parse("amd64")) == "7.88.1-10+deb12u12"
    assert curl.pin(arch.parse("s390x")) is None


def test_the_reference_defaults_to_the_name() -> None:
    """An image without a reference loads as NAME:latest."""
    image = attrs.evolve(MANIFEST.image, reference="registry.example.org/curl:8")

    assert MANIFEST.reference == "curl:latest"
    assert attrs.evolve(MANIFEST, image=image).reference == "registry.example.org/curl:8"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 2", "format: this version reads format 1, got 2"),
        ("serial = 3", "serial = 0", "serial: expected at least 1, got 0"),
        ("serial = 3", "serial = 3 # three", "line 3: not written as lock writes it"),
        ("serial = 3", "serial  = 3", "line 3: not written as lock writes it"),
        ("serial = 3", "serial = 3\nother = 1", "other: unknown key"),
        ("serial = 3", "serial = 3\nexpires = 1", "expires: expected a date-time, got 1"),
        (
            "serial = 3",
            "serial = 3\nexpires = 2027-01-31T00:00:00",
            "expires: expected a date-time with an offset",
        ),
        (
            "serial = 3",
            "serial = 3\nexpires = 2027-01-31T01:00:00+01:00",
            "line 4: not written as lock writes it",
        ),
        (
            "serial = 3",
            "serial = 3\nexpires = 2027-01-31T00:00:00.5Z",
            "line 4: not written as lock writes it",
        ),
        ('"deb"', '"rpm"', 'artefact[0].kind: expected "deb"'),
        ("origin = ", "origon = ", "source.debian.origin: missing; expected a string"),
        ('certificates = "sha256', 'certificates = "sha1', "source.debian.certificates: expected"),
        (
            "{ digest = ",
            "{ other = 1, digest = ",
            'source.debian.index."main/binary-amd64/Packages.xz".other: unknown key',
        ),
        (
            'stanzas = "sha256',
            'stanzas = "',
            'source.debian.index."main/binary-amd64/Packages.xz".stanzas: expected a digest',
        ),
        (
            'source = "debian"',
            'source = "debiam"',
            "artefact[0].source: there is no [source.debiam]",
        ),
        (
            'name = "ca-certificates"',
            'name = "zlib"',
            "artefact[1].name: curl after zlib: not sorted",
        ),
        (
            'source = "updates"',
            'source = "other"',
            "artefact[1].source: there is no [source.other]",
        ),
        ("all = {", "s390x = {", "artefact[0]: expected pins for some architectures"),
        ('path = "pool', 'path = "../pool', "artefact[0].all.path: expected a relative path"),
        ("size = 10", "size = 0", "artefact[0].all.size: expected at least 1, got 0"),
        ('sha256 = "', 'sha256 = "0', "artefact[0].all.sha256: not a sha256 in lower-case"),
        ('rootfs = "sha256', 'rootfs = "sha1', "expect.amd64.rootfs: expected a digest like"),
        ("[expect]\nindex", "[expect]\nindez", "expect.index: expected exactly if there are"),
        ('encoder = "libzstd', 'encoder = "LIB', "layer.encoder: expected an encoder and its"),
        ('version = "20230311"', 'version = "2 3"', "artefact[0].version: expected a version"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, message: str) -> None:
    """Nothing in a manifest is guessed or ignored."""
    text = TEXT.decode()
    assert old in text
    with pytest.raises(DocumentError) as e:
        parse(text.replace(old, new, 1).encode())

    assert e.value.message.startswith(f"m.toml: {message}")


@pytest.mark.parametrize("end", [b"\n", b"# comment\n", b"\r\n"])
def test_only_the_written_spelling_is_accepted(end: bytes) -> None:
    """A manifest with anything added is not the one that lock wrote."""
    with pytest.raises(DocumentError):
        parse(TEXT + end)
