"""`imagesmith run` on real images: both architectures of curl, from one archive."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.real import Image
from builders.sandbox import bubblewrap, program

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("options", "machine"), [((), "x86_64"), (("--arch", "arm64"), "aarch64")], ids=str
)
def test_curl_of_each_architecture_runs(
    options: tuple[str, ...], machine: str, all_arches: Path, curl: Image
) -> None:
    """Loader, libraries and configuration of the image are all it needs; twice."""
    bubblewrap()
    if options:
        program("qemu-aarch64-static", "qemu-user-static")
    runs = [curl.shell.ok("run", all_arches, *options, "--", "--version") for _ in range(2)]

    assert runs[0].out.startswith("curl ")
    assert machine in runs[0].out
    assert [(each.out, each.err) for each in runs] == [(runs[0].out, "")] * 2
    assert curl.shell.imagesmith("run", all_arches, *options, "--", "--nonsense").status == 2


def test_the_user_of_the_recipe_runs_it(single: Path, curl: Image) -> None:
    """As every runtime does it; files are read as that user."""
    bubblewrap()
    shown = curl.shell.ok("run", single, "--", "-s", "file:///proc/self/status").out
    refused = curl.shell.imagesmith("run", single, "--", "-s", "-o", "/new", "file:///etc/passwd")

    assert "\nUid:\t65532\t" in shown
    assert refused.status == 23  # curl(1): a write error


def test_what_is_exported_is_the_recorded_mtree(single: Path, curl: Image) -> None:
    """The store compares them."""
    bubblewrap()
    curl.shell.ok("run", single, "--", "--version")
    lent = [path.parent for path in (curl.shell.store / "rootfs").glob("*/image.json")]

    assert (curl.directory / "amd64.mtree").read_bytes() in [
        (path / "mtree").read_bytes() for path in lent
    ]
    assert curl.shell.ok("store", "verify").out == ""
