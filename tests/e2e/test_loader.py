"""Closures of real programs, judged by the loaders that ship with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builders.real import Image
from builders.sandbox import Sandbox

pytestmark = pytest.mark.e2e
_LINE = re.compile(r"\t(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)")


@pytest.mark.parametrize(
    ("arch", "loader", "root"),
    [
        ("amd64", "/lib64/ld-linux-x86-64.so.2", "curl_rootfs"),
        ("arm64", "/lib/ld-linux-aarch64.so.1", "curl_rootfs_arm64"),
    ],
)
def test_trace_lists_what_the_loader_lists_in_its_order(
    arch: str, loader: str, root: str, curl: Image, request: pytest.FixtureRequest
) -> None:
    """`ld.so --list` in the finished root and the static trace of the packages agree."""
    listed = Sandbox(request.getfixturevalue(root), arch).run(loader, "--list", "/usr/bin/curl")
    named = ("--manifest", curl.directory, "--arch", arch)
    traced = curl.shell.ok("trace", "/usr/bin/curl", *named, "--json").json

    assert listed.returncode == 0, listed.stderr
    assert _LINE.findall(listed.stdout) == [item["path"] for item in traced["objects"][1:]]
    assert traced["missing"] == []


def test_trace_of_the_extracted_root_finds_the_same_objects(curl: Image, curl_rootfs: Path) -> None:
    """The image holds every object that the packages gave, and at the same real path."""
    named = ("--manifest", curl.directory, "--arch", "amd64")
    in_packages = curl.shell.ok("trace", "/usr/bin/curl", *named, "--json").json
    in_root = curl.shell.ok("trace", "/usr/bin/curl", "--root", curl_rootfs, "--json").json

    assert in_packages["objects"] == in_root["objects"]
