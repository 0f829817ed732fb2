"""Two image archives side by side: the first thing in which they differ, as deep as it lies.

Images are paired by platform, their layers by position, and what layers hold in the
order of their tars: a digest differs because of what is below it, so what is below is
looked at first.  Then come the documents, and the archive itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from imagesmith.audit import contents, layout, tars
from imagesmith.audit.layout import ImageFound, LayerFound, Layout
from imagesmith.audit.reading import shown
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.oci import reader
from imagesmith.oci.reader import Archive

_ABSENT = "missing"


@attrs.frozen(kw_only=True)
class Difference:
    """Where two archives part; its texts are safe to print."""

    member: str
    """Of the first archive; of the second where only that one has it."""
    platform: str = ""
    """Of the image, where it lies in one."""
    layer: int = 0
    """Which one of the image's, from 1; 0 where it lies in none."""
    path: str = ""
    """The image path, where it is about one."""
    field: str
    """What differs: of a member, what `tars.Parting` says; of a document, its key."""
    one: str
    other: str

    @property
    def place(self) -> str:
        """Return where it lies, from the outside to the inside."""
        layer = f"layer {self.layer}" if self.layer else ""
        inside = (self.platform, self.member, layer, self.path, self.field)
        return ": ".join(part for part in inside if part)


def first(one: memoryview, other: memoryview, *, name: str) -> Difference | None:
    """Return the first difference of two archives, None if they are the same bytes.

    `name` is what messages call both.  MalformedArtefact if one of them cannot be read.
    """
    if one == other:
        return None
    ours, theirs = (reader.read(view, name=name) for view in (one, other))
    here, there = layout.read(ours), layout.read(theirs)
    found = next(_in_images(here, there, ours, theirs), None)
    return found or _of_index(here, there, ours, theirs) or _of_archive(one, other, name)


def _in_images(here: Layout, there: Layout, ours: Archive, theirs: Archive) -> Iterator[Difference]:
    """Yield what differs in the images that both have, then which of them only one has."""
    others = {image.platform: image for image in there.images}
    for image in here.images:
        other = others.pop(image.platform, None)
        if other is None:
            yield _alone(image, is_first=True)
        else:
            yield from _of_layers(image, other)
            for member, twin in (
                (image.config_member, other.config_member),
                (image.member, other.member),
            ):
                yield from _of_documents(ours, theirs, member, twin, image.platform)
    for image in others.values():
        yield _alone(image, is_first=False)


def _alone(image: ImageFound, *, is_first: bool) -> Difference:
    one, other = ("present", _ABSENT) if is_first else (_ABSENT, "present")
    return Difference(
        member=image.member, platform=image.platform, field="image", one=one, other=other
    )


def _of_layers(image: ImageFound, other: ImageFound) -> Iterator[Difference]:
    for number, (here, there) in enumerate(zip(image.layers, other.layers, strict=False), start=1):
        if here.digest != there.digest:
            yield attrs.evolve(_of_layer(here, there), platform=image.platform, layer=number)
    counts = len(image.layers), len(other.layers)
    if counts[0] != counts[1]:
        one, two = map(str, counts)
        yield Difference(
            member=image.member, platform=image.platform, field="layers", one=one, other=two
        )


def _of_layer(here: LayerFound, there: LayerFound) -> Difference:
    """Return what differs in two layers: in their tars, or else in how these are compressed."""
    with contents.decompressed(here) as one, contents.decompressed(there) as other:
        found = tars.first(one, other, name=here.member)
    if found is None:
        at = tars.parting(here.content, there.content)
        one_size, other_size = len(here.content), len(there.content)
        said = tuple(f"{size} bytes, others from byte {at}" for size in (one_size, other_size))
        return Difference(member=here.member, field="compressed bytes", one=said[0], other=said[1])
    path = f"/{found.member.removeprefix('./').strip('/')}" if found.member else ""
    return Difference(
        member=here.member, path=path, field=found.field, one=found.one, other=found.other
    )


def _of_documents(
    ours: Archive, theirs: Archive, member: str, twin: str, platform: str = ""
) -> Iterator[Difference]:
    """Yield the keys in which two documents differ; their bytes, where it is none of these."""
    raw = ours.members.get(member, memoryview(b"")), theirs.members.get(twin, memoryview(b""))
    if raw[0] == raw[1]:
        return
    parsed = [
        reader.parse(each, artefact=archive.name, member=member)
        for each, archive in zip(raw, (ours, theirs), strict=True)
    ]
    for key, one, other in _keys("", *parsed):
        yield Difference(member=member, platform=platform, field=key, one=one, other=other)
    at = str(tars.parting(*raw))
    yield Difference(member=member, platform=platform, field="bytes", one=at, other=at)


def _keys(place: str, one: Json, other: Json) -> Iterator[tuple[str, str, str]]:
    """Yield the dotted keys in which two JSON values differ, with both values."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}):
            yield from _keys(f"{place}.{key}".lstrip("."), one.get(key), other.get(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from _keys(f"{place}[{number}]", *pair)
    elif one != other:
        yield place, shown(one), shown(other)


def _of_index(here: Layout, there: Layout, ours: Archive, theirs: Archive) -> Difference | None:
    """Return what differs in what `index.json` leads to, where that is no image by itself."""
    if here.digest is None or there.digest is None:
        return None
    return next(_of_documents(ours, theirs, _blob(here.digest), _blob(there.digest)), None)


def _of_archive(one: memoryview, other: memoryview, name: str) -> Difference:
    found = tars.first(one, other, name=name)
    assert found is not None, "other bytes are other tars"
    return Difference(member=found.member, field=found.field, one=found.one, other=found.other)


def _blob(digest: Digest) -> str:
    return f"blobs/sha256/{digest.hex}"
