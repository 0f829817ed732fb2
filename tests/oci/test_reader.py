"""Archives are read strictly, and everything that is wrong with one is reported."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from builders.image import write_archive
from builders.trees import adversarial
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import MalformedArtefact
from imagesmith.model.digest import Digest
from imagesmith.model.tree import Directory, File, Tree
from imagesmith.oci import tar
from imagesmith.oci.reader import MAX_DOCUMENT, Archive, Problem, parse, read


def archive_of(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    """Return a tar with these members, however odd."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            name, content = member
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return file.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    """Return a member that is not a regular file."""
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, link
    return header


def reading(content: bytes) -> Archive:
    """Read an archive called `a.tar`."""
    return read(memoryview(content), name="a.tar")


def malformed(member: str, problem: str) -> MalformedArtefact:
    """Return an error about a member of `a.tar`."""
    return MalformedArtefact(artefact="a.tar", member=member, problem=problem)


class TestRead:
    """`read`: the members."""

    def test_our_own_archives_have_no_problems(self, tmp_path: Path) -> None:
        """Documents and blobs are found under their digests."""
        known = write_archive(tmp_path / "image.tar", {"amd64": adversarial()})
        archive = reading((tmp_path / "image.tar").read_bytes())
        (descriptor,) = json.loads(bytes(archive.members["index.json"]))["manifests"]
        blob = archive.blob(known)

        assert archive.problems == ()
        assert str(known) == descriptor["digest"]
        assert {"schemaVersion", "mediaType", "manifests"} == set(archive.document("index.json"))
        assert blob is not None
        assert known == Digest.of(blob)
        assert archive.blob(Digest("0" * 64)) is None
        assert archive.document("oci-layout") == {"imageLayoutVersion": "1.0.0"}

    def test_names_may_start_with_a_dot(self) -> None:
        """`tar -C layout -cf image.tar .` writes `./index.json`."""
        archive = reading(
            archive_of(special("./", tarfile.DIRTYPE), ("./index.json", b"{}"), ("./b", b""))
        )

        assert dict(archive.members) == {"index.json": b"{}", "b": b""}
        assert archive.problems == ()

    @pytest.mark.parametrize(
        ("member", "problem"),
        [
            (("../x", b"1"), Problem("../x", "path component '..'")),
            (("/x", b"1"), Problem("/x", "an absolute name")),
            (("a//b", b"1"), Problem("a//b", "path component ''")),
            (("./index.json", b"[]"), Problem("./index.json", "a second member with this name")),
            (special("l\n", tarfile.SYMTYPE, "/etc/passwd"), None),
            (special("h", tarfile.LNKTYPE, "index.json"), None),
            (special("c", tarfile.CHRTYPE), None),
            (special("p", tarfile.FIFOTYPE), None),
        ],
    )
    def test_unsafe_members_are_reported_and_left_out(
        self, member: tuple[str, bytes] | tarfile.TarInfo, problem: Problem | None
    ) -> None:
        """Names that escape, links, devices and second members; the first one stays."""
        archive = reading(archive_of(("index.json", b"{}"), member, ("z", b"")))
        if problem is None:
            assert isinstance(member, tarfile.TarInfo)
            text = f"neither a file nor a directory: type {member.type.decode()}"
            problem = Problem(member.name.replace("\n", "\\n"), text)

        assert (problem,) == archive.problems
        assert dict(archive.members) == {"index.json": b"{}", "z": b""}

    def test_problems_are_sorted_and_complete(self) -> None:
        """One pass finds them all."""
        archive = reading(archive_of(("z/../x", b""), ("/a", b""), ("ok", b"")))

        assert [problem.member for problem in archive.problems] == ["/a", "z/../x"]

    @pytest.mark.parametrize("content", [b"", b"x" * 512, archive_of(("a", b"1"))[:700]])
    def test_what_is_no_tar_is_an_error(self, content: bytes) -> None:
        """A file cut short, or not a tar at all."""
        with pytest.raises(MalformedArtefact):
            reading(content)

    @given(st.data())
    @settings(deadline=None, max_examples=150)
    def test_damaged_archives_raise_nothing_else(self, drawn: st.DataObject) -> None:
        """Whatever bytes change, there is an archive with problems or one error."""
        tree = Tree([("/blobs", Directory()), ("/index.json", File.of(b'{"manifests":[]}'))])
        content = bytearray(b"".join(tar.stream(tree, read=lambda _: (), epoch=1)))
        for position in drawn.draw(st.lists(st.integers(0, len(content) - 1), max_size=5)):
            content[position] = drawn.draw(st.integers(0, 255))
        try:
            archive = reading(bytes(content))
            document = archive.document("index.json")
        except MalformedArtefact:
            return

        assert isinstance(document, dict)


class TestDocument:
    """`parse` and `Archive.document`: JSON with one meaning."""

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b'{"a":1,"b":{"a":1,"a":2}}', "not JSON: key 'a' twice"),
            (b'{"a":NaN}', "not JSON: the constant NaN"),
            (b'{"a":-Infinity}', "not JSON: the constant -Infinity"),
            (b"[" * 100_000, "JSON nested too deeply"),
            (b"[]", "not a JSON object"),
            (b" " * (MAX_DOCUMENT + 1), f"a document of more than {MAX_DOCUMENT} bytes"),
        ],
    )
    def test_ambiguous_documents_are_refused(self, content: bytes, problem: str) -> None:
        """Two readers could understand them differently, or fall over them."""
        with pytest.raises(MalformedArtefact) as caught:
            reading(archive_of(("index.json", content))).document("index.json")

        assert malformed("index.json", problem) == caught.value

    @pytest.mark.parametrize("content", [b"", b"{", b"{} {}", b"\xff", b"\xef\xbb\xbf{}", b"'a'"])
    def test_what_is_no_json_is_refused(self, content: bytes) -> None:
        """The message says where the reader stopped."""
        with pytest.raises(MalformedArtefact, match="not JSON: "):
            parse(content, artefact="a.tar", member="m")

    def test_a_missing_document_is_named(self) -> None:
        """No default stands for it."""
        with pytest.raises(MalformedArtefact) as caught:
            reading(archive_of(("a", b""))).document("index.json")

        assert malformed("index.json", "missing") == caught.value
