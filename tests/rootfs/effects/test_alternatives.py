"""Alternatives, held against the tool that makes them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from builders.maintained import package, read, walked
from builders.tar import Files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagesmith.model.tree import File, Symlink

PROGRAMS = ("/usr/bin/a", "/usr/bin/b", "/usr/bin/c")
TOOL = shutil.which("update-alternatives")
judged = pytest.mark.skipif(TOOL is None, reason="no update-alternatives to judge by")

_SLAVES = st.lists(
    st.tuples(st.sampled_from(["one", "two"]), st.sampled_from([*PROGRAMS, "/usr/bin/none"])),
    max_size=2,
    unique_by=lambda drawn: drawn[0],
)
_CALLS = st.one_of(
    st.builds(
        lambda path, priority, slaves: [
            *("--install", "/usr/bin/x", "x", path, str(priority)),
            *(
                word
                for name, target in slaves
                for word in ("--slave", f"/usr/share/{name}", name, target)
            ),
        ],
        st.sampled_from([*PROGRAMS, "/usr/bin/none"]),
        st.integers(-1, 2),
        _SLAVES,
    ),
    st.sampled_from(PROGRAMS).map(lambda path: ["--set", "x", path]),
    st.sampled_from(PROGRAMS).map(lambda path: ["--remove", "x", path]),
    st.sampled_from([["--auto", "x"], ["--remove-all", "x"]]),
)


def real(root: Path, calls: list[list[str]]) -> dict[str, str]:
    """Return the links that the tool itself leaves behind."""
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("etc/alternatives", "usr/bin", "usr/share", "var/lib/dpkg/alternatives"):
        (root / folder).mkdir(parents=True)
    for path in PROGRAMS:
        (root / path[1:]).touch()
    for call in calls:
        subprocess.run(
            [str(TOOL), "--quiet", "--root", str(root), "--log", "/dev/null", *call],
            capture_output=True,
            check=False,
        )
    links = (path for path in root.rglob("*") if path.is_symlink())
    return {f"/{path.relative_to(root)}": str(path.readlink()) for path in links}


@judged
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls=st.lists(_CALLS, max_size=5))
def test_histories_end_as_the_tool_ends_them(calls: list[list[str]], tmp_path: Path) -> None:
    """Whatever is installed, set, removed; in any order, with slaves or without."""
    files: Files = {path: File.of(b"", mode=0o755) for path in PROGRAMS}
    script = "\n".join(" ".join(["update-alternatives", *call, "|| true"]) for call in calls)
    found = walked(script, {**files, "/usr/share/keep": ""}).configured.overlay.tree

    links = {path: entry.target for path, entry in found if isinstance(entry, Symlink)}
    links.pop("/bin", None)
    assert links == real(tmp_path / "root", calls)


def test_the_best_of_several_packages_is_linked() -> None:
    """Of equal ones the first by its path; the links are the package's that made them last."""
    found = read(
        package("nc-a", postinst="update-alternatives --install /bin/nc nc /bin/nc.a 10"),
        package("nc-b", postinst="update-alternatives --install /bin/nc nc /bin/nc.b 50"),
        package("nc-c", postinst="update-alternatives --install /bin/nc nc /bin/nc.c 50"),
        files={
            f"nc-{name}": {f"/bin/nc.{name}": File.of(name.encode(), mode=0o755)} for name in "abc"
        },
    )

    assert found.made == {
        "/etc": "dir 0755",
        "/etc/alternatives": "dir 0755",
        "/etc/alternatives/nc": "symlink /bin/nc.b",
        "/usr/bin/nc": "symlink /etc/alternatives/nc",
    }
    assert found.configured.overlay.owners["/etc/alternatives/nc"] == ("nc-b",)


def test_a_choice_without_its_file_is_refused() -> None:
    """As the tool refuses it; so are odd arguments."""
    script = """
update-alternatives --install /bin/x x /bin/none 10 || echo refused > /refused
update-alternatives --install /bin/x x /bin/a ten || echo refused > /number
update-alternatives --install /none/x x /bin/a 1 || echo refused > /directory
update-alternatives --config x
update-alternatives --install /bin/x x /bin/a 1 --slave /bin/y
update-alternatives --set x /bin/a || echo refused > /set
"""
    found = walked(script, {"/bin/a": ""})

    assert sorted(found.made) == ["/directory", "/number", "/refused", "/set"]
    assert [line for line, _ in found.skipped] == [6, 7]


def test_a_file_is_not_replaced_with_a_link() -> None:
    """Whoever ships the name itself keeps it."""
    found = walked(
        "update-alternatives --install /bin/x x /bin/a 1",
        {"/bin/a": "a", "/bin/x": "x", "/etc/alternatives/README": ""},
    )

    assert found.made == {"/etc/alternatives/x": "symlink /bin/a"}


def test_choices_are_set_taken_back_and_removed() -> None:
    """Links follow, those of slaves as well; at last there are none."""
    script = """
update-alternatives --install /bin/x x /bin/a 5 --slave /bin/y y /bin/b
update-alternatives --install /bin/x x /bin/b 1
update-alternatives --set x /bin/b; cp -d /etc/alternatives/x /set; [ -L /bin/y ] || touch /no-y
update-alternatives --auto x; cp -d /etc/alternatives/y /auto
update-alternatives --set x /bin/b; update-alternatives --remove x /bin/b
cp -d /etc/alternatives/x /removed; update-alternatives --remove x /bin/none
update-alternatives --remove-all x; update-alternatives --remove-all x
"""
    found = walked(script, {"/bin/a": "a", "/bin/b": "b"})

    assert {path: line for path, line in found.made.items() if not path.startswith("/etc")} == {
        "/auto": "symlink /bin/b",
        "/no-y": found.made["/no-y"],
        "/removed": "symlink /bin/a",
        "/set": "symlink /bin/b",
    }


def test_what_there_is_can_be_asked() -> None:
    """Choices are listed; a group that is not there is an error."""
    script = """
update-alternatives --list x || update-alternatives --install /bin/x x /bin/a 1
update-alternatives --list x > /list
update-alternatives --query x > /dev/null && mkdir /there
"""
    found = walked(script, {"/bin/a": ""})

    assert found.text("/list") == "/bin/a\n"
    assert found.made["/there"] == "dir 0755"
