"""Plugins of real programs: what is said to load does load, and what is not does not."""

from __future__ import annotations

import pytest
from builders.real import Image
from builders.sandbox import Sandbox

pytestmark = pytest.mark.e2e
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
PLUGINS = "/usr/lib/python3.11/lib-dynload"
LOAD = f"""
import importlib.machinery, importlib.util, pathlib
for path in sorted(pathlib.Path("{PLUGINS}").glob("*.so")):
    name = path.name.partition(".")[0]
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    print(path)
"""


@pytest.mark.parametrize(
    ("arch", "root"), [("amd64", "python_rootfs"), ("arm64", "python_rootfs_arm64")]
)
def test_every_plugin_of_a_locked_python_loads(
    arch: str, root: str, request: pytest.FixtureRequest
) -> None:
    """Locking found nothing wrong with them, and the interpreter agrees."""
    rootfs = request.getfixturevalue(root)
    plugins = sorted(str(path) for path in (rootfs / PLUGINS[1:]).glob("*.so"))
    loaded = Sandbox(rootfs, arch).run("/usr/bin/python3", "-c", LOAD)

    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.split() == [f"/{path.removeprefix(f'{rootfs}/')}" for path in plugins]


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_a_plugin_belongs_to_its_program(arch: str, python: Image) -> None:
    """Alone its program is named; with its program it is complete."""
    plugin = f"{PLUGINS}/_ssl.cpython-311-{TRIPLETS[arch]}.so"
    options = ("--manifest", python.directory, "--arch", arch, "--symbols", "--json")
    alone = python.shell.ok("trace", plugin, *options).json
    hosted = python.shell.ok("trace", plugin, *options, "--host-of", "/usr/bin/python3").json

    assert [text.rpartition(": ")[2] for text in alone["warnings"]] == [
        "/usr/bin/python3.11 defines them"
    ]
    assert (hosted["errors"], hosted["warnings"]) == ([], [])
