"""A host directory looks like a tree, and like nothing outside of itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imagesmith.errors import HostError
from imagesmith.model.facts import Facts, MalformedElf, Script
from imagesmith.model.resolve import Found, NotFound, resolve
from imagesmith.model.tree import Directory, File, Span, Symlink
from imagesmith.unpack import directory
from imagesmith.unpack.directory import UNREAD, HostRoot
from imagesmith.unpack.script import script_facts


def descriptors() -> set[str]:
    """Return the descriptors this process has open."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be somebody whom permissions concern."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Return a small root with a secret beside it."""
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/hello").write_bytes(b"#!/bin/sh\n")
    (root / "usr/bin/hello").chmod(0o4755)
    (root / "usr/bin/hallo").hardlink_to(root / "usr/bin/hello")
    (root / "bin").symlink_to("usr/bin")
    (root / "out").symlink_to(tmp_path)
    (root / "up").symlink_to("../secret")
    (root / "empty").touch()
    (tmp_path / "secret").write_text("secret")
    return root


@pytest.fixture
def filesystem(host: Path) -> Iterator[HostRoot]:
    """Return the root as a filesystem."""
    with HostRoot(str(host), facts=script_facts) as opened:
        yield opened


def test_entries_are_what_lies_there(filesystem: HostRoot, host: Path) -> None:
    """Files with facts and without content, directories, links as they stand."""
    owner = (host.stat().st_uid, host.stat().st_gid)
    hello = filesystem.entry("/usr/bin/hello")

    assert (
        File(
            mode=0o4755,
            uid=owner[0],
            gid=owner[1],
            size=10,
            digest=UNREAD,
            content=Span(UNREAD, 0),
            facts=Script("/bin/sh"),
        )
        == hello
    )
    assert isinstance(filesystem.entry("/usr"), Directory)
    assert isinstance(filesystem.entry("/"), Directory)
    link = filesystem.entry("/bin")
    assert isinstance(link, Symlink)
    assert link.target == "usr/bin"
    empty = filesystem.entry("/empty")
    assert isinstance(empty, File)
    assert (empty.size, empty.facts) == (0, None)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/nothing/below",
        "/empty/below",
        "/bin/hello",
        "/out/secret",
        "/..",
        "/../secret",
        "/usr/../usr",
        "/usr/.",
        "/usr/",
        "/usr//bin",
        "//usr",
        "/a\0b",
        "/" + "n" * 300,
        "/" + "n/" * 3000,
    ],
)
def test_only_image_paths_have_entries(filesystem: HostRoot, path: str) -> None:
    """Nothing is followed, nothing normalised, nothing outside found."""
    assert None is filesystem.entry(path)


def test_links_are_resolved_inside(filesystem: HostRoot, host: Path) -> None:
    """The model's resolver does it, and the root is its world."""
    found = resolve(filesystem, "/bin/hello")

    assert isinstance(found, Found)
    assert (found.path, found.links) == ("/usr/bin/hello", ("/bin",))
    assert isinstance(resolve(filesystem, "/up"), NotFound)
    assert NotFound("ENOENT", f"/{host.parts[1]}") == resolve(filesystem, "/out/secret")


def test_a_directory_is_listed_in_order(filesystem: HostRoot) -> None:
    """A link to one, and what is no directory, lists nothing."""
    assert filesystem.names("/usr/bin") == ("hallo", "hello")
    assert (filesystem.names("/bin"), filesystem.names("/empty")) == ((), ())


def test_hard_links_share_an_identity(filesystem: HostRoot) -> None:
    """As the loader sees it, by device and inode."""
    assert filesystem.identity("/usr/bin/hello") == filesystem.identity("/usr/bin/hallo")
    assert filesystem.identity("/usr/bin/hello") != filesystem.identity("/empty")
    assert filesystem.identity("/nothing") == "/nothing"


def test_files_are_read(filesystem: HostRoot) -> None:
    """For what is no ELF file: caches and lists of paths."""
    assert filesystem.read("/usr/bin/hello") == b"#!/bin/sh\n"


@pytest.mark.parametrize("path", ["/usr", "/bin", "/nothing", "/out/secret"])
def test_only_files_are_read(filesystem: HostRoot, host: Path, path: str) -> None:
    """Never through a link."""
    with pytest.raises(HostError) as caught:
        filesystem.read(path)

    assert HostError(path=f"{host}{path}", problem="not a regular file") == caught.value


def test_files_are_lent_without_copying_them(filesystem: HostRoot) -> None:
    """For large ones of which little is looked at; an empty one has no bytes."""
    with filesystem.lend("/usr/bin/hello") as view, filesystem.lend("/empty") as nothing:
        assert (bytes(view), bytes(nothing)) == (b"#!/bin/sh\n", b"")


@pytest.mark.parametrize("path", ["/usr", "/bin", "/nothing", "/out/secret"])
def test_only_files_are_lent(filesystem: HostRoot, host: Path, path: str) -> None:
    """Never through a link."""
    with pytest.raises(HostError) as caught, filesystem.lend(path):
        pass

    assert HostError(path=f"{host}{path}", problem="not a regular file") == caught.value


def test_a_file_that_went_away_is_not_lent(filesystem: HostRoot, host: Path) -> None:
    """Its content cannot be made up."""
    filesystem.entry("/empty")
    (host / "empty").unlink()

    with pytest.raises(HostError, match="no such file or directory"), filesystem.lend("/empty"):
        pass


def test_sockets_and_pipes_are_not_there(filesystem: HostRoot, host: Path) -> None:
    """No image has them, and opening one could block."""
    os.mkfifo(host / "fifo")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(host / "socket"))

    assert None is filesystem.entry("/fifo")
    assert None is filesystem.entry("/socket")


def test_what_was_seen_stays(filesystem: HostRoot, host: Path) -> None:
    """One trace sees one state, as far as it looked."""
    before = filesystem.entry("/usr/bin/hello")
    (host / "usr/bin/hello").unlink()
    (host / "usr/bin/new").touch()

    assert before == filesystem.entry("/usr/bin/hello")
    assert None is filesystem.entry("/usr/bin/new")


def test_a_file_that_goes_away_meanwhile_is_an_error(filesystem: HostRoot, host: Path) -> None:
    """Its content cannot be made up."""
    filesystem.entry("/empty")
    (host / "empty").unlink()

    with pytest.raises(HostError, match="no such file or directory"):
        filesystem.read("/empty")


def test_a_file_replaced_by_something_else_is_not_opened(filesystem: HostRoot, host: Path) -> None:
    """Neither a link out of the root nor a pipe that would block."""
    filesystem.entry("/empty")
    (host / "empty").unlink()
    os.mkfifo(host / "empty")

    with pytest.raises(HostError):
        filesystem.read("/empty")


def test_names_are_bytes(filesystem: HostRoot, host: Path) -> None:
    """Those that are no UTF-8 included."""
    Path(os.fsdecode(os.fsencode(host) + b"/\xff")).touch()

    assert isinstance(filesystem.entry("/\udcff"), File)


def test_few_directories_stay_open(
    filesystem: HostRoot, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are visited."""
    monkeypatch.setattr(directory, "_KEPT", 3)
    for number in range(5):
        (host / f"{number}/a/b").mkdir(parents=True)
        (host / f"{number}/a/b/f").touch()
    before = descriptors()

    for _ in range(2):
        for number in range(5):
            assert isinstance(filesystem.entry(f"/{number}/a/b/f"), File)
            assert None is filesystem.entry(f"/{number}/a/b/g")
    assert len(descriptors() - before) <= 3


def test_nothing_stays_open_afterwards(host: Path) -> None:
    """Neither directories nor files."""
    before = descriptors()
    with HostRoot(str(host), facts=script_facts) as filesystem:
        filesystem.entry("/usr/bin/hello")

    assert before == descriptors()


@pytest.mark.parametrize("name", ["absent", "secret"])
def test_a_root_must_be_a_directory(tmp_path: Path, host: Path, name: str) -> None:
    """A link to one will do: the operator named it."""
    (tmp_path / "link").symlink_to(host)
    with HostRoot(str(tmp_path / "link"), facts=script_facts) as filesystem:
        assert filesystem.entry("/usr") is not None

    with pytest.raises(HostError):
        HostRoot(str(tmp_path / name), facts=script_facts)


def test_what_cannot_be_read_says_so(filesystem: HostRoot, host: Path) -> None:
    """A file without read permission is there, and its facts are the reason."""
    (host / "usr/bin/hello").chmod(0)

    with unprivileged():
        entry = filesystem.entry("/usr/bin/hello")

    assert isinstance(entry, File)
    assert MalformedElf("cannot be read: Permission denied") == entry.facts


def test_a_directory_that_cannot_be_listed_is_still_searched(
    filesystem: HostRoot, host: Path
) -> None:
    """As the kernel would: x without r."""
    (host / "usr/bin").chmod(0o111)

    with unprivileged():
        assert isinstance(filesystem.entry("/usr/bin/hello"), File)
        assert None is filesystem.entry("/usr/bin/absent")


def test_what_cannot_be_searched_is_not_there(filesystem: HostRoot, host: Path) -> None:
    """A loader without permission goes on to its next directory, too."""
    (host / "usr/bin").chmod(0o644)

    with unprivileged():
        assert None is filesystem.entry("/usr/bin/hello")


def test_a_failing_disk_is_an_error(filesystem: HostRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not look like a missing library."""

    def fail(*_arguments: object, **_options: object) -> os.stat_result:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "stat", fail)
    with pytest.raises(HostError, match="/usr: input/output error"):
        filesystem.entry("/usr")


def test_facts_do_not_keep_the_file(host: Path) -> None:
    """The view is gone once the facts are known."""
    views: list[memoryview] = []

    def keep(view: memoryview) -> Facts | None:
        views.append(view)
        return None

    with HostRoot(str(host), facts=keep) as filesystem:
        filesystem.entry("/usr/bin/hello")

    with pytest.raises(ValueError, match="released"):
        bytes(views[0])
