"""The root filesystem: chosen paths, their parents, and nothing else."""

from __future__ import annotations

import pytest

from imagesmith.errors import OverlayConflict
from imagesmith.model.tree import Directory, Entry, File, Hardlink, Symlink, Tree, describe
from imagesmith.rootfs.assemble import assemble
from imagesmith.rootfs.overlay import overlay

FILE = File.of(b"x")
SHIPPED: dict[str, Entry] = {
    "/usr": Directory(),
    "/usr/share": Directory(mode=0o2755, gid=50),
    "/usr/share/left-out": FILE,
    "/usr/share/x": FILE,
    "/usr/a": Hardlink(target="/usr/m"),
    "/usr/m": File.of(b"linked", mode=0o755),
    "/usr/z": Hardlink(target="/usr/m"),
    "/lib/l": Symlink(target="m"),
}
WHOLE = overlay([("p", Tree(SHIPPED))])


def listing(*paths: str, **generated: Entry) -> dict[str, str]:
    """Assemble and list in one-line notation; keywords are names in /etc."""
    made = {f"/etc/{name}": entry for name, entry in generated.items()}
    return {path: describe(entry) for path, entry in assemble(WHOLE, paths, made)}


def test_only_what_was_chosen_and_its_parents_are_there() -> None:
    """Parents keep the mode their package gave them."""
    assert listing("/usr/share/x") == {
        "/usr": "dir 0755",
        "/usr/share": "dir 2755 0:50",
        "/usr/share/x": describe(FILE),
    }


def test_generated_entries_get_parents_too() -> None:
    """A directory no package ships is root's, 0755."""
    assert listing(passwd=FILE) == {"/etc": "dir 0755", "/etc/passwd": describe(FILE)}


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (("/usr/m",), {"/usr/m": "file"}),
        (("/usr/z",), {"/usr/z": "file"}),
        (("/usr/m", "/usr/z"), {"/usr/m": "file", "/usr/z": "hardlink /usr/m"}),
        (("/usr/z", "/usr/a"), {"/usr/a": "file", "/usr/z": "hardlink /usr/a"}),
        (
            ("/usr/a", "/usr/m", "/usr/z"),
            {"/usr/a": "file", "/usr/m": "hardlink /usr/a", "/usr/z": "hardlink /usr/a"},
        ),
    ],
)
def test_the_first_chosen_name_of_a_link_group_is_the_file(
    chosen: tuple[str, ...], expected: dict[str, str]
) -> None:
    """Links come after their target, whichever names were chosen."""
    found = listing(*chosen)
    del found["/usr"]

    assert found == {
        path: describe(File.of(b"linked", mode=0o755)) if line == "file" else line
        for path, line in expected.items()
    }


def test_a_generated_entry_may_repeat_what_a_package_ships() -> None:
    """Equal entries do not conflict."""
    found = assemble(WHOLE, ["/usr/share/x"], {"/usr/share/x": FILE})

    assert found.entry("/usr/share/x") == FILE


def test_nothing_is_generated_below_a_file() -> None:
    """A home below a file is a mistake of the recipe."""
    with pytest.raises(OverlayConflict) as e:
        assemble(WHOLE, ["/usr/share/x"], {"/usr/share/x/home": Directory()})

    assert (e.value.path, e.value.first) == ("/usr/share/x", "p")


def test_a_generated_entry_never_replaces_what_a_package_ships() -> None:
    """The conflict names the package."""
    with pytest.raises(OverlayConflict) as e:
        assemble(WHOLE, ["/usr/share/x"], {"/usr/share/x": File.of(b"other")})

    assert (e.value.path, e.value.first, e.value.second) == ("/usr/share/x", "p", "generated")
