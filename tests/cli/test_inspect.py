"""`inspect` tells what each layer is of, as far as an image's history does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders.layout import Document, Layer, make, put
from builders.tar import make_tar
from click.testing import CliRunner

from imagesmith.cli.app import app

TWO = [Layer(), Layer(tar=make_tar({"/b": b"2"}))]


def inspected(path: Path, history: Document, *options: str) -> str:
    """Return what is printed about an image with this history."""
    archive = path / "image.tar"
    archive.write_bytes(make({"config": put("history", to=history)}, layers=TWO).content)
    ended = CliRunner().invoke(app, ["inspect", str(archive), *options])
    assert ended.exit_code == 0, ended.stderr
    return ended.stdout


def told(path: Path, history: Document) -> list[str]:
    """Return what is said of each layer."""
    (image,) = json.loads(inspected(path, history, "--json"))["images"]
    return [layer["created-by"] for layer in image["layers"]]


def test_steps_without_a_layer_are_passed_over(tmp_path: Path) -> None:
    """They changed the config only."""
    history = [{"created_by": "a"}, {"created_by": "env", "empty_layer": True}, {"created_by": "b"}]

    assert told(tmp_path, history) == ["a", "b"]


@pytest.mark.parametrize(
    "history",
    [None, [], {}, "x", [{"created_by": "a"}], [{}, {}], ["a", "b"], [{"created_by": 1}] * 2],
)
def test_a_history_that_tells_nothing_is_no_problem(tmp_path: Path, history: Document) -> None:
    """Of other tools' images, or of somebody who tries what happens."""
    assert told(tmp_path, history) == ["", ""]


def test_people_see_one_short_line(tmp_path: Path) -> None:
    """Whatever a stranger's history has in it."""
    history = [{"created_by": "imagesmith: a"}, {"created_by": f"RUN \x1b[31m\n{'word ' * 99}"}]
    lines = inspected(tmp_path, history).splitlines()

    assert "    imagesmith: a" in lines
    (shown,) = [line for line in lines if line.startswith("    RUN")]
    assert "\\x1b[31m\\n" in shown
    assert len(shown) < 100
    assert shown.endswith(" …")
