"""Python's standard library: found by its landmark, shipped but for what nobody runs."""

from __future__ import annotations

import pytest
from builders.elf import make_elf
from builders.roots import Content
from builders.ruled import a_library, a_program, ruled, shipped, suspected
from hypothesis import given, settings
from hypothesis import strategies as st

LIBRARY = "/usr/lib/python3.11"
SYSTEM: dict[str, Content] = {
    "/usr/bin/python3": "python3.11",
    "/usr/bin/python3.11": a_program(),
    f"{LIBRARY}/os.py": b"",
    f"{LIBRARY}/json/__init__.py": b"",
}


def below(*names: str) -> dict[str, Content]:
    """Put files into the standard library."""
    return {f"{LIBRARY}/{name}": b"" for name in names}


def test_the_library_above_the_interpreter_is_shipped() -> None:
    """The way of os.py from /usr/bin: the seed is a link, its target counts."""
    found = ruled(SYSTEM, "/usr/bin/python3")

    assert shipped(found, "python") == [f"{LIBRARY}/json/__init__.py", f"{LIBRARY}/os.py"]
    assert found.paths[f"{LIBRARY}/os.py"].needed_by == "/usr/bin/python3.11"
    assert found.paths[f"{LIBRARY}/os.py"].detail == "standard library of Python 3.11"


@pytest.mark.parametrize(
    "name",
    [
        "__pycache__/os.cpython-311.pyc",
        "json/__pycache__/__init__.cpython-311.pyc",
        "test/support/__init__.py",
        "unittest/test/test_case.py",
        "distutils/tests/__init__.py",
        "idlelib/idle.py",
        "idlelib/idle_test/test_run.py",
        "tkinter/__init__.py",
        "turtle.py",
        "turtledemo/__main__.py",
        "ensurepip/_bundled/pip-23.whl",
        "config-3.11-x86_64-linux-gnu/Makefile",
        "site-packages/six.py",
        "dist-packages/six.py",
        "lib-dynload/_tkinter.cpython-311-x86_64-linux-gnu.so",
        "lib-dynload/_testcapi.cpython-311-x86_64-linux-gnu.so",
        "lib-dynload/_ctypes_test.cpython-311-x86_64-linux-gnu.so",
        "lib-dynload/xxlimited_35.cpython-311-x86_64-linux-gnu.so",
    ],
)
def test_what_nobody_runs_is_left_out(name: str) -> None:
    """Compiled files, tests, Tk, pip's wheels, headers; and packages, which are the program's."""
    found = ruled({**SYSTEM, **below(name)}, "/usr/bin/python3")

    assert f"{LIBRARY}/{name}" not in found.paths


@pytest.mark.parametrize(
    "name",
    [
        "_sysconfigdata__x86_64-linux-gnu.py",
        "encodings/utf_8.py",
        "pydoc_data/topics.py",
        "test.py",
        "testing/__init__.py",
        "legacy.pyc",
        "lib-dynload/_json.cpython-311-x86_64-linux-gnu.so",
        "xml/config-x/y.py",
    ],
)
def test_everything_else_is_shipped(name: str) -> None:
    """Names that only look alike are kept, and a .pyc that stands for its source."""
    assert f"{LIBRARY}/{name}" in ruled({**SYSTEM, **below(name)}, "/usr/bin/python3").paths


@given(
    st.sets(
        st.lists(
            st.sampled_from(["a", "test", "tests", "__pycache__", "tkinter", "idlelib"]),
            min_size=1,
            max_size=3,
        ).map("/".join),
        max_size=6,
    )
)
@settings(deadline=None, max_examples=25)
def test_what_is_shipped_is_the_library_without_the_left_out(directories: set[str]) -> None:
    """Tests and compiled files at any depth, whole packages only at the top."""
    names = [f"{each}/x.py" for each in directories]
    anywhere, on_top = {"test", "tests", "__pycache__"}, {"tkinter", "idlelib"}
    kept = {
        f"{LIBRARY}/{name}"
        for name in names
        if not anywhere & {*name.split("/")} and name.split("/")[0] not in on_top
    }
    found = ruled({**SYSTEM, **below(*names)}, "/usr/bin/python3")

    assert {*shipped(found, "python")} == kept | {
        *shipped(ruled(SYSTEM, "/usr/bin/python3"), "python")
    }


def test_extension_modules_come_with_their_libraries() -> None:
    """Each is opened in the process of the interpreter."""
    module = f"{LIBRARY}/lib-dynload/_ssl.so"
    extra: dict[str, Content] = {
        module: make_elf(needed=["libssl.so.3"]),
        "/usr/lib/libssl.so.3": a_library("libssl.so.3"),
    }
    found = ruled({**SYSTEM, **extra}, "/usr/bin/python3")

    assert found.paths[module].rule == "python"
    assert found.paths["/usr/lib/libssl.so.3"].needed_by == module


def test_an_extension_module_that_cannot_load_is_left_out() -> None:
    """Its library is not in the packages, so importing it would fail anyway; a warning says so."""
    module = f"{LIBRARY}/lib-dynload/_gdbm.so"
    found = ruled({**SYSTEM, module: make_elf(needed=["libgdbm.so.6"])}, "/usr/bin/python3")

    assert module not in found.paths
    assert found.warnings == (f"{module}: left out: libgdbm.so.6 cannot be found",)


def test_links_out_of_the_library_are_followed() -> None:
    """Debian's sitecustomize.py is configuration."""
    extra: dict[str, Content] = {
        f"{LIBRARY}/sitecustomize.py": "/etc/python3.11/sitecustomize.py",
        "/etc/python3.11/sitecustomize.py": b"",
    }
    found = ruled({**SYSTEM, **extra}, "/usr/bin/python3")

    assert "/etc/python3.11/sitecustomize.py" in found.paths


def test_the_nearest_landmark_counts() -> None:
    """An interpreter of its own prefix does not use the system's library."""
    extra: dict[str, Content] = {
        "/opt/py/bin/python3.11": a_program(),
        "/opt/py/lib/python3.11/os.py": b"",
    }
    found = ruled({**SYSTEM, **extra}, "/opt/py/bin/python3.11")

    assert shipped(found, "python") == ["/opt/py/lib/python3.11/os.py"]


def test_the_library_may_lie_in_lib64() -> None:
    """As sys.platlibdir says on Fedora."""
    content: dict[str, Content] = {
        "/usr/bin/python3.12": a_program(),
        "/usr/lib64/python3.12/os.pyc": b"",
    }
    found = ruled(content, "/usr/bin/python3.12")

    assert shipped(found, "python") == ["/usr/lib64/python3.12/os.pyc"]


@pytest.mark.parametrize("directory", ["/usr/lib/x86_64-linux-gnu", "/opt/app/lib"])
def test_programs_that_embed_python_get_its_library(directory: str) -> None:
    """It is looked for above libpython, then below the usual prefixes."""
    extra: dict[str, Content] = {
        "/usr/bin/vim": a_program(needed=["libpython3.11.so.1.0"], rpath=directory),
        f"{directory}/libpython3.11.so.1.0": a_library("libpython3.11.so.1.0"),
    }
    found = ruled({**SYSTEM, **extra}, "/usr/bin/vim")

    assert f"{LIBRARY}/os.py" in shipped(found, "python")


def test_a_program_with_python_linked_in_gets_the_only_library_there_is() -> None:
    """Its name says no version, the directory does."""
    extra: dict[str, Content] = {"/usr/bin/app": a_program("Py_BytesMain")}
    found = ruled({**SYSTEM, **extra}, "/usr/bin/app")

    assert f"{LIBRARY}/os.py" in shipped(found, "python")


def test_of_two_versions_none_is_guessed() -> None:
    """Whoever includes one of them by name knows better."""
    extra: dict[str, Content] = {
        "/usr/bin/app": a_program("Py_BytesMain"),
        "/usr/lib/python3.12/os.py": b"",
    }

    assert shipped(ruled({**SYSTEM, **extra}, "/usr/bin/app"), "python") == []


def test_other_programs_get_nothing() -> None:
    """The rule says nothing of a closure without Python."""
    found = ruled({**SYSTEM, "/usr/bin/p": a_program()}, "/usr/bin/p")

    assert (shipped(found, "python"), suspected(found, "python")) == ([], [])


@pytest.mark.parametrize("line", ["#!/usr/bin/python3", "#!/usr/bin/env python3"])
def test_a_script_brings_the_library_of_its_interpreter(line: str) -> None:
    """Like the interpreter itself."""
    extra: dict[str, Content] = {"/usr/bin/app": f"{line}\n", "/usr/bin/env": a_program()}
    found = ruled({**SYSTEM, **extra}, "/usr/bin/app")

    assert f"{LIBRARY}/os.py" in shipped(found, "python")


@pytest.mark.parametrize("place", ["/opt/venv/pyvenv.cfg", "/opt/venv/bin/pyvenv.cfg"])
def test_a_virtual_environment_keeps_its_configuration(place: str) -> None:
    """It lies beside the link to the interpreter or above."""
    extra: dict[str, Content] = {"/opt/venv/bin/python": "/usr/bin/python3", place: b"home = /usr"}
    found = ruled({**SYSTEM, **extra}, "/opt/venv/bin/python")

    assert found.paths[place].detail == "environment of /opt/venv/bin/python"
    assert f"{LIBRARY}/os.py" in found.paths


def test_an_environment_of_a_copied_interpreter_says_where_its_library_is() -> None:
    """`home` is the directory of the interpreter that was copied."""
    extra: dict[str, Content] = {
        "/opt/py/lib/python3.11/os.py": b"",
        "/srv/venv/bin/python3.11": a_program(),
        "/srv/venv/pyvenv.cfg": b"version = 3.11.2\nHome=/opt/py/bin\nprompt\n",
    }
    found = ruled({**SYSTEM, **extra}, "/srv/venv/bin/python3.11")

    assert shipped(found, "python") == ["/opt/py/lib/python3.11/os.py", "/srv/venv/pyvenv.cfg"]


def test_the_build_without_a_global_lock_has_its_own_library() -> None:
    """Its version ends in t."""
    extra: dict[str, Content] = {
        "/usr/bin/python3.13t": a_program(),
        "/usr/lib/python3.13/os.py": b"",
        "/usr/lib/python3.13t/os.py": b"",
    }
    found = ruled(extra, "/usr/bin/python3.13t")

    assert shipped(found, "python") == ["/usr/lib/python3.13t/os.py"]


def test_an_interpreter_without_its_library_is_warned_of() -> None:
    """It would not start."""
    found = ruled({"/usr/bin/python3.11": a_program()}, "/usr/bin/python3.11")

    assert found.warnings == (
        "/usr/bin/python3.11: there is no lib/python3.11/os.py for it in the packages",
    )


PACKAGES: dict[str, Content] = {
    "/usr/bin/app": "#!/usr/bin/python3\nimport json, six\n  from yaml import x\nimport gone\n",
    "/usr/lib/python3/dist-packages/six.py": b"",
    "/usr/lib/python3/dist-packages/yaml/__init__.py": b"import _yaml\n",
    "/usr/lib/python3/dist-packages/_yaml.cpython-311-x86_64-linux-gnu.so": make_elf(),
    "/usr/lib/python3/dist-packages/yaml-6.0.egg-info": b"",
}


def test_what_a_script_imports_beside_the_library_is_suspected() -> None:
    """The first name of each line, unless the library has it; what is nowhere may be optional."""
    found = ruled(
        {**SYSTEM, **PACKAGES, "/usr/lib/python3/dist-packages/json.py": b""}, "/usr/bin/app"
    )

    assert suspected(found, "python") == [
        ("/usr/lib/python3/dist-packages/yaml", "import yaml"),
    ]


def test_what_is_included_is_asked_in_turn() -> None:
    """A package is no suspect any more, what it imports is."""
    included = ["/usr/lib/python3/dist-packages/yaml/**"]
    found = ruled({**SYSTEM, **PACKAGES}, "/usr/bin/app", include=included)

    assert suspected(found, "python") == [
        (
            "/usr/lib/python3/dist-packages/_yaml.cpython-311-x86_64-linux-gnu.so",
            "import _yaml",
        ),
    ]


def test_the_types_of_files_are_suspected() -> None:
    """The module mimetypes reads them if they are there."""
    found = ruled({**SYSTEM, "/etc/mime.types": b""}, "/usr/bin/python3")

    assert suspected(found, "python") == [("/etc/mime.types", "read by the module mimetypes")]
