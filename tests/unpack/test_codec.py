"""A package's index survives its trip through the store, and nothing else passes for one."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from builders import trees
from builders.deb import stanza
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.model.facts import (
    Dependency,
    DlopenNote,
    Elf,
    Facts,
    Loader,
    MalformedElf,
    Script,
    VersionNeed,
)
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Span, Symlink, Tree
from imagesmith.unpack import plain
from imagesmith.unpack.codec import PackageIndex, from_bytes, to_bytes
from imagesmith.unpack.control import Control

BLOB = Digest("b" * 64)
TEXTS = st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
NUMBERS = st.integers(0, 2**32)
VERSIONS = st.lists(TEXTS, max_size=2).map(tuple)
NEEDS = st.builds(VersionNeed, TEXTS, VERSIONS, VERSIONS)
LOADERS = st.builds(
    Loader, st.sampled_from(["glibc", "musl"]), TEXTS, st.lists(TEXTS, max_size=2).map(tuple)
)
DEPENDENCIES = st.builds(Dependency, st.sampled_from(["needed", "auxiliary", "filter"]), TEXTS)
NOTES = st.builds(
    DlopenNote,
    st.lists(TEXTS, max_size=2).map(tuple),
    st.sampled_from(["required", "recommended", "suggested"]),
    TEXTS,
)
FACTS: st.SearchStrategy[Facts | None] = st.one_of(
    st.none(),
    st.builds(Script, TEXTS),
    st.builds(MalformedElf, TEXTS),
    st.builds(
        Elf,
        bits=st.sampled_from([32, 64]),
        endian=st.sampled_from(["little", "big"]),
        osabi=NUMBERS,
        abiversion=NUMBERS,
        type=NUMBERS,
        machine=NUMBERS,
        flags=NUMBERS,
        interp=st.none() | TEXTS,
        dynamic=st.booleans(),
        soname=st.none() | TEXTS,
        dependencies=st.lists(DEPENDENCIES, max_size=3).map(tuple),
        rpath=st.none() | TEXTS,
        runpath=st.none() | TEXTS,
        flags_1=NUMBERS,
        audit=st.lists(TEXTS, max_size=2).map(tuple),
        verneed=st.lists(NEEDS, max_size=2).map(tuple),
        verdef=st.none() | VERSIONS,
        relr=st.booleans(),
        loader=st.none() | LOADERS,
        dlopen=st.lists(NOTES, max_size=2).map(tuple),
        odd_notes=st.lists(TEXTS, max_size=2).map(tuple),
    ),
)
ELF = Elf(bits=64, endian="little", type=3, machine=62, dependencies=(Dependency("needed", "x"),))
ENTRIES: dict[str, Entry] = {
    "/d": Directory(mode=0o1777, gid=2, xattrs=(("user.a", b"\0\xff"),)),
    "/d/f": File(mode=0o755, size=3, digest=BLOB, content=Span(BLOB, 7), facts=ELF),
    "/d/h": Hardlink(target="/d/f"),
    "/d/l": Symlink(target="\udcff", uid=1),
}
INDEX = PackageIndex(
    artefact=Digest("a" * 64),
    blob=BLOB,
    built=1_700_000_000,
    control=Control(
        stanza=stanza("hello", "1", "amd64"),
        conffiles=("/etc/x",),
        md5sums=b"\xff",
        scripts={"postinst": b"#!\xff"},
    ),
    tree=Tree(ENTRIES),
)


@st.composite
def indexes(draw: st.DrawFn) -> PackageIndex:
    """Draw the index of any package."""
    tree = draw(trees.trees())
    entries: dict[str, Entry] = {
        path: attrs.evolve(entry, content=Span(BLOB, draw(NUMBERS)), facts=draw(FACTS))
        if isinstance(entry, File)
        else entry
        for path, entry in tree
    }
    control = Control(
        stanza=stanza("hello", draw(st.sampled_from(["1", "2:3~4"])), "amd64"),
        conffiles=tuple(draw(st.lists(TEXTS, max_size=2))),
        md5sums=draw(st.none() | st.binary(max_size=20)),
        scripts=draw(st.dictionaries(st.sampled_from(["postinst", "preinst"]), st.binary())),
    )
    return attrs.evolve(INDEX, control=control, tree=Tree(entries), built=draw(NUMBERS))


@settings(deadline=None, max_examples=80)
@given(indexes())
def test_an_index_is_read_back(index: PackageIndex) -> None:
    """Every value, whatever its bytes."""
    assert index == from_bytes(to_bytes(index))


@settings(deadline=None, max_examples=30)
@given(indexes())
def test_an_index_has_one_spelling(index: PackageIndex) -> None:
    """Reading and writing gives the same bytes again."""
    raw = to_bytes(index)

    assert raw == to_bytes(from_bytes(raw))


def test_an_empty_package_has_an_index() -> None:
    """Some packages only depend on others."""
    index = attrs.evolve(INDEX, tree=Tree())

    assert index == from_bytes(to_bytes(index))


def test_every_field_of_an_elf_is_read_back() -> None:
    """A field added to `Elf` needs its line in the table."""
    assert {field.name for field in attrs.fields(Elf)} == plain.ELF_FIELDS.keys()


@pytest.mark.parametrize("content", [b"generated", Span(Digest("c" * 64), 0)])
def test_only_spans_of_the_blob_have_an_index(content: bytes | Span) -> None:
    """An index says where in one blob everything lies."""
    file = File(mode=0o644, size=9, digest=BLOB, content=content)

    with pytest.raises(ValueError, match="no span of the index's blob"):
        to_bytes(attrs.evolve(INDEX, tree=Tree({"/f": file})))


def edited(edit: Callable[[dict[str, Any]], object]) -> bytes:
    """Return an index whose document was changed by `edit`."""
    document = json.loads(to_bytes(INDEX))
    edit(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        edited(lambda document: document.update(format=1)),
        edited(lambda document: document.update(format="1")),
        edited(lambda document: document.pop("format")),
        edited(lambda document: document.pop("blob")),
        edited(lambda document: document.update(blob="B" * 64)),
        edited(lambda document: document.update(artefact=5)),
        edited(lambda document: document.update(built=-1)),
        edited(lambda document: document.update(built=True)),
        edited(lambda document: document.update(stanza="")),
        edited(lambda document: document.update(conffiles=[1])),
        edited(lambda document: document.update(scripts=[])),
        edited(lambda document: document["tree"].update(paths="/d")),
        edited(lambda document: document["tree"].update(paths="/d\0/d\0/d/h\0/d/l")),
        edited(lambda document: document["tree"].update(paths="/d/f\0/d\0/d/h\0/d/l")),
        edited(lambda document: document["tree"].update(paths="d\0d/f\0d/h\0d/l")),
        edited(lambda document: document["tree"].update(kinds="dfhx")),
        edited(lambda document: document["tree"].update(kinds="dfhh")),
        edited(lambda document: document["tree"].update(attributes=[0, 1])),
        edited(lambda document: document["tree"].update(attributes=[0, 1, 9])),
        edited(lambda document: document["tree"].update(table=[[0, 0, 0]] * 3)),
        edited(lambda document: document["tree"].update(table=[[0, 0, -1, []]] * 3)),
        edited(lambda document: document["tree"].update(table=[[0, 0, 0, [["a", "x"]]]] * 3)),
        edited(lambda document: document["tree"].update(sizes=[])),
        edited(lambda document: document["tree"].update(sizes=[1.5])),
        edited(lambda document: document["tree"].update(offsets=[1, 2])),
        edited(lambda document: document["tree"].update(digests="")),
        edited(lambda document: document["tree"].update(digests="X" * 64)),
        edited(lambda document: document["tree"].update(targets="")),
        edited(lambda document: document["tree"].update(facts=[[0, "odd", ""]])),
        edited(lambda document: document["tree"].update(facts=[[1, "script", ""]])),
        edited(lambda document: document["tree"].update(facts=[[0, "script", 1]])),
        edited(lambda document: document["tree"]["facts"][0][2].update(odd=1)),
        edited(lambda document: document["tree"]["facts"][0][2].update(bits=63)),
        edited(lambda document: document["tree"]["facts"][0][2].update(dynamic=1)),
        edited(lambda document: document["tree"]["facts"][0][2].update(soname=1)),
        edited(lambda document: document["tree"]["facts"][0][2].update(dependencies=[["x", "y"]])),
        edited(lambda document: document["tree"]["facts"][0][2].update(loader=["glibc", "2"])),
        edited(lambda document: document["tree"]["facts"][0][2].update(verneed=[["x", []]])),
        edited(lambda document: document["tree"]["facts"][0][2].update(verneed=[["x", [1], []]])),
        edited(lambda document: document["tree"]["facts"][0][2].update(verdef=[None])),
        edited(lambda document: document["tree"]["facts"][0][2].update(relr="yes")),
        edited(lambda document: document["tree"]["facts"][0][2].update(dlopen=[[["x"], "x", ""]])),
        edited(lambda document: document["tree"]["facts"][0][2].update(odd_notes=[1])),
        edited(lambda document: document["tree"]["facts"][0][2].pop("machine")),
    ],
)
def test_other_bytes_are_no_index(raw: bytes) -> None:
    """Whatever is wrong with them, there is one error to catch."""
    with pytest.raises(MalformedArtefact) as caught:
        from_bytes(raw)

    assert (
        MalformedArtefact(artefact="package index", member="", problem="not an index of format 3")
        == caught.value
    )


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_damage_escapes(data: st.DataObject) -> None:
    """A changed byte gives another index or that error."""
    raw = bytearray(to_bytes(INDEX))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))

    with contextlib.suppress(MalformedArtefact):
        assert isinstance(from_bytes(bytes(raw)), PackageIndex)
