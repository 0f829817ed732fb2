"""`[image]`: how packages are spread over layers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import DocumentError
from imagesmith.manifest import table as toml
from imagesmith.manifest.sections import ImageSection, LayerBudget
from imagesmith.manifest.sections.image import MAX_LAYERS, read_image, write_image


def read(text: str) -> ImageSection:
    """Read [image]."""
    return read_image(toml.parse(f"[image]\n{text}".encode(), document="r.toml").table("image"))


@pytest.mark.parametrize("text", ["", 'layers = "one"'])
def test_everything_is_in_one_layer_unless_asked(text: str) -> None:
    """And nothing of it is written, so that such manifests are what they were."""
    assert read(text) == ImageSection()
    assert write_image(ImageSection()) == ["", "[image]", 'compression = "zstd"']


def test_a_budget_has_defaults() -> None:
    """A manifest holds them all the same: they decide bytes."""
    section = read('layers = "package"')

    assert section.layers == LayerBudget(max_layers=64, min_layer_size=65536)
    assert write_image(section)[3:] == [
        'layers = "package"',
        "max-layers = 64",
        "min-layer-size = 65536",
    ]


@settings(deadline=None, max_examples=20)
@given(st.integers(2, MAX_LAYERS), st.integers(0, 10**12))
def test_what_is_written_is_read_back(most: int, least: int) -> None:
    """Any budget."""
    section = ImageSection(layers=LayerBudget(max_layers=most, min_layer_size=least))

    assert read("\n".join(write_image(section)[2:])) == section


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ('layers = "file"', "layers", "expected one of one, package"),
        ("max-layers = 9", "max-layers", 'of use only with layers = "package"'),
        ('layers = "one"\nmin-layer-size = 9', "min-layer-size", "of use only with"),
        ('layers = "package"\nmax-layers = 1', "max-layers", "expected at least 2, got 1"),
        ('layers = "package"\nmax-layers = 126', "max-layers", "expected at most 125, got 126"),
        ('layers = "package"\nmin-layer-size = -1', "min-layer-size", "expected at least 0"),
        ('layers = "package"\nmax-layer = 9', "max-layer", "unknown key"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, place: str, problem: str) -> None:
    """With its place."""
    with pytest.raises(DocumentError) as caught:
        read(text)

    assert caught.value.place == f"image.{place}"
    assert caught.value.problem.startswith(problem)
