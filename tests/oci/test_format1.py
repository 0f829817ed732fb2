"""Format 1 keeps its bytes: a golden corpus, read by others, with the first difference named."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from builders import bytewise, corpus, trees
from builders.corpus import CASES, HUGE, Case
from builders.format1 import Blob
from builders.golden import differences
from builders.unpacked import by_tarfile, expected, on_disk

from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree
from imagesmith.oci import tar
from imagesmith.oci.layer import MEDIA_TYPES

GOLDEN = Path(__file__).parent / "golden" / "format1"
SMALL = tuple(case for case in CASES if case.name not in ("many", "contents"))
ADVERSARIAL, CONTENTS = (case for case in CASES if case.name in ("adversarial", "contents"))
UNPACKED = tuple(case for case in CASES if case.name not in ("many", "attributes", "epoch-far"))
"""What a disk can hold: attributes in `user.` and times of other centuries often are not."""
BY_UMOCI = tuple(case for case in UNPACKED if case.name in ("names", "owners", "links"))
"""It starts slowly, and unpacks the adversarial tree elsewhere."""


def whole(blob: Blob) -> bytes:
    """Return all bytes of a blob."""
    return b"".join(blob.pieces())


def changed(case: Case, parts: Mapping[str, Blob], folder: Path = GOLDEN) -> str:
    """Return what differs from the golden file of a case, the first place named; or nothing."""
    path = folder / f"{case.name}.expected"
    before = path.read_text() if path.exists() else ""
    found = differences(path, corpus.golden(parts, before))
    return found and f"{found}{case.name}: {corpus.explain(case, parts)}"


class TestGolden:
    """Digests of everything that a tree becomes."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_the_corpus_keeps_its_bytes(self, case: Case) -> None:
        """Tar, layers, config, image manifest, index and archives, for each compression."""
        assert changed(case, dict(corpus.program(case))) == ""

    @pytest.mark.e2e
    def test_a_file_of_more_than_eight_gibibytes_keeps_its_bytes(self) -> None:
        """Streamed: nothing of that size lies on a disk or in memory."""
        assert changed(HUGE, dict(corpus.program(HUGE))) == ""

    def test_there_is_a_golden_file_for_each_tree_and_no_other(self) -> None:
        """A case that is taken out takes its file along."""
        names = {f"{case.name}.expected" for case in (*CASES, HUGE)}

        assert names == {path.name for path in GOLDEN.iterdir()}

    def test_another_encoder_leaves_its_lines_alone(self) -> None:
        """Bytes of libzstd 1.0.0 are compared with nothing that another version writes."""
        parts = dict(corpus.program(ADVERSARIAL))
        now = corpus.golden(parts, "")
        before = f"{'zstd layer':24}sha256:{'0' * 64}           1 libzstd 1.0.0"

        assert before not in now
        assert before in corpus.golden(parts, before)
        assert len(now.splitlines()) == len(corpus.golden(parts, before).splitlines())


Change = Callable[[dict[str, Entry]], object]
PLAIN, ZSTD = (json.dumps(MEDIA_TYPES[kind]) for kind in ("none", "zstd"))


def evolved(path: str, **fields: Any) -> Change:  # noqa: ANN401 - of any entry
    """Return a change of one entry."""

    def change(entries: dict[str, Entry]) -> None:
        entry: Any = entries[path]
        entries[path] = attrs.evolve(entry, **fields)

    return change


def planted(change: Change) -> Case:
    """Return the adversarial case with a change in its tree."""
    entries = dict(trees.adversarial())
    change(entries)
    return attrs.evolve(ADVERSARIAL, tree=lambda: Tree(entries))


class TestFirstDifference:
    """A mismatch names the part, the member and the field."""

    def test_is_told_below_the_digests(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Which digests are others, and why: the tree first, as all else follows from it."""
        monkeypatch.delenv("IMAGESMITH_UPDATE_GOLDEN", raising=False)
        shutil.copy(GOLDEN / "adversarial.expected", tmp_path)
        parts = dict(corpus.program(planted(evolved("/sticky", uid=1))))
        *diff, place = changed(ADVERSARIAL, parts, tmp_path).splitlines()

        assert {line[1:25].rstrip() for line in diff[3:] if line[0] == "+"} == set(parts)
        assert place == "adversarial: tar: sticky/: uid: expected '0000000', got '0000001'"

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (
                evolved("/usr/bin/sudo", mode=0o755),
                "usr/bin/sudo: mode: expected '0006755', got '00",
            ),
            (evolved("/sticky", uid=1), "sticky/: uid: expected '0000000', got '0000001'"),
            (evolved("/usr/bin", gid=51), "usr/bin/: gid: expected '0000062', got '0000063'"),
            (
                evolved("/nobody", uid=2**21 + 1),
                "nobody: record uid: expected '2097152', got '2097153'",
            ),
            (evolved("/nobody", uid=0), "nobody: record uid: expected '2097152', got none"),
            (evolved("/loop", target="lop"), "loop: linkname: expected 'loop', got 'lop'"),
            (
                evolved("/usr/bin/ping", xattrs=()),
                "usr/bin/ping: extended header's name: expected '././@PaxHeader', got none",
            ),
            (
                evolved("/usr/bin/ping", xattrs=(("security.capability", b""),)),
                "usr/bin/ping: record SCHILY.xattr.security.capability: expected ",
            ),
            (
                lambda entries: entries.update({"/etc/empty": File.of(b"x")}),
                "etc/empty: size: expected '00000000000', got '00000000001'",
            ),
            (
                lambda entries: entries.update({"/sizes/100000": File.of(b"s" * 99_999 + b"t")}),
                "sizes/100000: content: byte 99999: expected 73, got 74",
            ),
            (
                lambda entries: entries.update({"/lib": Directory()}),
                "member 16: expected lib, got lib/",
            ),
            (
                lambda entries: entries.update({"/zzz": Directory()}),
                "zzz/: not expected",
            ),
            (
                lambda entries: entries.pop(list(Tree(entries).entries)[-1]),
                "usr/bin/sudo: missing",
            ),
            (
                lambda entries: entries.update({"/etc/\udcff\udcfe": Symlink(target="x")}),
                "etc/\\udcff\\udcfe: mode: expected '0000644', got '0000777'",
            ),
        ],
    )
    def test_of_a_planted_change_in_the_tree(self, change: Change, named: str) -> None:
        """Owner, mode, link, attribute, size, content, order, a member more or less."""
        parts = dict(corpus.program(planted(change)))

        assert corpus.explain(ADVERSARIAL, parts).startswith(f"tar: {named}")

    def test_of_another_epoch(self) -> None:
        """The first member's time."""
        parts = dict(corpus.program(attrs.evolve(ADVERSARIAL, epoch=corpus.EPOCH + 1)))
        named = "tar: deep/: mtime: expected '14524770400', got '14524770401'"

        assert named == corpus.explain(ADVERSARIAL, parts)

    @pytest.mark.parametrize(
        ("offset", "value", "named"),
        [
            (257, b"USTAR", "etc/: magic: expected 'ustar', got 'USTAR'"),
            (265, b"root", "etc/: uname: expected '', got 'root'"),
            (148, b"012345", "etc/: chksum: expected '007760\\x00 ', got '012345\\x00 '"),
            (124, b"9999", "etc/: size: expected '00000000000', got '99990000000'"),
            (500, b"tar\0", "etc/: padding: expected '', got 'tar'"),
            (512 * 3 - 1, b"x", "etc/f: content: not padded with NUL"),
            (512 * 3, b"", "end of the archive: expected 1024 zero bytes, got 1536"),
        ],
    )
    def test_of_planted_bytes(self, offset: int, value: bytes, named: str) -> None:
        """Whatever a tree cannot say: constants, sums, padding, the end."""
        tree = trees.whole({"/etc/f": File.of(b"f")})
        stream = b"".join(tar.stream(tree, read=corpus.unread, epoch=0))
        other = stream[:offset] + value + stream[offset + len(value) :] if value else stream
        other += b"" if value else bytes(512)

        assert named == bytewise.tars([stream], [other])
        assert bytewise.tars([stream], [stream[:700], stream[700:]]) == ""

    @pytest.mark.parametrize(
        ("part", "old", "new", "named"),
        [
            (
                "none config",
                b'"created_by":"imagesmith"',
                b'"created_by":"x"',
                'none config: history[0].created_by: expected "imagesmith", got "x"',
            ),
            (
                "zstd image manifest",
                b".v1.tar+zstd",
                b".v1.tar",
                f"zstd image manifest: layers[0].mediaType: expected {ZSTD}, got {PLAIN}",
            ),
            (
                "zstd index",
                b'"variant":"v7"',
                b'"variant":"v6"',
                'zstd index: manifests[1].platform.variant: expected "v7", got "v6"',
            ),
            (
                "zstd config of armhf",
                b',"os"',
                b', "os"',
                "zstd config of armhf: the same values, written otherwise from byte ",
            ),
            ("gzip layer", b"\x1f\x8b", b"\x1f\x8c", "gzip layer: segment 0: byte 1: expected 8b"),
            (
                "none archive",
                b'"RepoTags"',
                b'"Repotags"',
                "none archive: manifest.json: content: byte ",
            ),
        ],
    )
    def test_of_a_planted_change_in_another_part(
        self, part: str, old: bytes, new: bytes, named: str
    ) -> None:
        """Documents by key, layers by segment, archives by member."""
        parts = dict(corpus.program(ADVERSARIAL))
        before = whole(parts[part])
        parts[part] = Blob.holding(before.replace(old, new))

        assert old in before
        assert corpus.explain(ADVERSARIAL, parts).startswith(named)

    def test_of_a_later_segment_and_of_bytes_too_many(self) -> None:
        """Segments are counted from 0."""
        pieces = [b"one", b"two", b"three"]

        assert bytewise.segments(pieces, [b"onetwothrEe"]) == (
            "segment 2: byte 3: expected 65, got 45"
        )
        assert bytewise.segments(pieces, [b"onetwothr"]) == (
            "segment 2: byte 3: expected 65, got the end"
        )
        assert bytewise.segments(pieces, [b"onetwothree", b"!"]) == "bytes after the last segment"

    def test_where_writers_agree_something_else_changed(self) -> None:
        """A golden file that is out of date is told from a writer that drifted."""
        found = corpus.explain(ADVERSARIAL, dict(corpus.program(ADVERSARIAL)))

        assert found.startswith("the second writer has these bytes, too")


class TestOtherReaders:
    """Programs that are not ours read the corpus as it is meant."""

    @pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
    def test_python_reads_every_entry(self, case: Case) -> None:
        """Names, types, modes, owners, links, attributes, times and contents."""
        stream = b"".join(tar.stream(case.tree(), read=case.read, epoch=case.epoch))

        assert expected(case.tree(), epoch=case.epoch) == by_tarfile(stream)

    @pytest.mark.parametrize("case", [*SMALL, CONTENTS], ids=lambda case: case.name)
    @pytest.mark.parametrize("program", ["tar", "bsdtar"])
    def test_they_list_types_owners_and_sizes(
        self, case: Case, program: str, tmp_path: Path
    ) -> None:
        """GNU tar and bsdtar, a line an entry."""
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
        tree = case.tree()
        with (tmp_path / "layer.tar").open("wb") as file:
            file.writelines(tar.stream(tree, read=case.read, epoch=case.epoch))
        lines = listing(program, tmp_path / "layer.tar")

        assert [row(tree, path) for path, _ in tree] == lines

    @pytest.mark.skipif(os.geteuid() != 0, reason="owners and capabilities need root")
    @pytest.mark.parametrize("case", UNPACKED, ids=lambda case: case.name)
    @pytest.mark.parametrize(
        "program", [("tar", "--xattrs", "--xattrs-include=*"), ("bsdtar", "--xattrs")]
    )
    def test_they_unpack_the_tree(
        self, case: Case, program: tuple[str, ...], tmp_path: Path
    ) -> None:
        """On disk lies what the tree says."""
        if not shutil.which(program[0]):
            pytest.skip(f"{program[0]} is not installed")
        tree = case.tree()
        subprocess.run(
            [*program, "--numeric-owner", "-xpf", "-", "-C", str(tmp_path)],
            input=b"".join(tar.stream(tree, read=case.read, epoch=case.epoch)),
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            check=True,
        )

        assert expected(tree, epoch=case.epoch) == on_disk(tmp_path)

    @pytest.mark.parametrize("kind", ["gzip", "zstd"])
    def test_gzip_and_zstd_find_their_layers_sound(self, kind: str) -> None:
        """`gzip -t`, `zstd -t`: every member and frame is whole."""
        if not shutil.which(kind):
            pytest.skip(f"{kind} is not installed")
        for case in (*SMALL, CONTENTS):
            layer = whole(dict(corpus.program(case))[f"{kind} layer"])
            subprocess.run([kind, "-qt"], input=layer, check=True)

    @pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")
    def test_skopeo_copies_every_image(self, tmp_path: Path) -> None:
        """Config, image manifest and layer arrive with the digests they have."""
        for case in SMALL:
            parts = dict(corpus.program(case))
            archive, copy = tmp_path / f"{case.name}.tar", tmp_path / case.name
            archive.write_bytes(whole(parts["zstd archive"]))
            source = f"oci-archive:{archive}:{corpus.REFERENCE}"
            policy = ("--insecure-policy", f"--tmpdir={tmp_path}")
            command = ("skopeo", *policy, "copy", "--preserve-digests", "-q", source, f"oci:{copy}")
            subprocess.run(command, check=True)
            blobs = {f"sha256:{path.name}" for path in (copy / "blobs" / "sha256").iterdir()}

            assert {
                parts[f"zstd {part}"].digest for part in ("layer", "config", "image manifest")
            } == blobs

    @pytest.mark.skipif(not shutil.which("umoci"), reason="umoci is not installed")
    @pytest.mark.skipif(os.geteuid() != 0, reason="owners and capabilities need root")
    @pytest.mark.parametrize("case", BY_UMOCI, ids=lambda case: case.name)
    def test_umoci_unpacks_the_tree(self, case: Case, tmp_path: Path) -> None:
        """Members of a gzip layer are one stream to it."""
        layout, unpacked = tmp_path / "layout", tmp_path / "bundle"
        stream = whole(dict(corpus.program(case))["gzip archive"])
        with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
            archive.extractall(layout, filter="data")
        image = f"{layout}:{corpus.REFERENCE}"
        subprocess.run(["umoci", "unpack", "--image", image, str(unpacked)], check=True)

        assert expected(case.tree(), epoch=case.epoch) == on_disk(unpacked / "rootfs")

    def test_the_layers_are_the_tar(self) -> None:
        """Compression changes nothing else."""
        parts = dict(corpus.program(CONTENTS))

        assert whole(parts["tar"]) == whole(parts["none layer"])
        assert whole(parts["tar"]) == gzip.decompress(whole(parts["gzip layer"]))


def listing(program: str, archive: Path) -> list[tuple[str, str, str]]:
    """Return type and permissions, owners, and size of each member, as a program lists them."""
    command = [program, "-tvf", str(archive), "--numeric-owner"]
    env = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    done = subprocess.run(command, env=env, capture_output=True, check=True)
    rows = [line.split() for line in done.stdout.decode(errors="surrogateescape").splitlines()]
    if program == "tar":
        return [(fields[0], fields[1], fields[2]) for fields in rows]
    return [(fields[0], f"{fields[2]}/{fields[3]}", fields[4]) for fields in rows]


def row(tree: Tree, path: str) -> tuple[str, str, str]:
    """Return what a listing must say of an entry."""
    entry = tree.entries[path]
    of = tree.file(path) or entry
    assert not isinstance(of, Hardlink)
    letter = {File: "-", Directory: "d", Symlink: "l", Hardlink: "h"}[type(entry)]
    mode = 0o777 if isinstance(of, Symlink) else of.mode
    size = entry.size if isinstance(entry, File) else 0
    return f"{letter}{permissions(mode)}", f"{of.uid}/{of.gid}", str(size)


def permissions(mode: int) -> str:
    """Spell a mode as ls(1) does."""
    letters = ["rwx"[n % 3] if mode >> (8 - n) & 1 else "-" for n in range(9)]
    for bit, place, letter in ((0o4000, 2, "s"), (0o2000, 5, "s"), (0o1000, 8, "t")):
        if mode & bit:
            letters[place] = letter if letters[place] == "x" else letter.upper()
    return "".join(letters)
