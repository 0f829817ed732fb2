"""`imagesmith inspect`: what is in an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imagesmith.cli import wording
from imagesmith.cli.session import Session, shared

if TYPE_CHECKING:
    from imagesmith.audit.contents import LayersFound
    from imagesmith.audit.layout import ImageFound

_LINE = 90
"""Characters shown of what a history says of a layer."""


@click.command("inspect", short_help="Show an image's config, layers and largest files.")
@click.argument("image")
@click.option("--files", is_flag=True, help="List every path, not only the largest files.")
@click.option(
    "--largest", default=10, show_default=True, type=click.IntRange(0), help="How many files."
)
@shared
@click.pass_obj
def command(session: Session, image: str, files: bool, largest: int) -> None:  # noqa: FBT001 - a flag
    """Show config, layers, totals and the largest files of an IMAGE archive."""
    from imagesmith.audit import contents
    from imagesmith.cli import auditing
    from imagesmith.errors import MalformedArtefact

    found = auditing.read(Path(image))
    if not found.images:
        problem = found.problems[0] if found.problems else "no images"
        raise MalformedArtefact(artefact=image, member="", problem=str(problem))
    layers = list(contents.read_all(found.images))
    described = [
        _described(each, read, files=files, largest=largest)
        for each, read in zip(found.images, layers, strict=True)
    ]
    digest = str(found.digest) if found.digest else None
    document = {"reference": found.reference, "digest": digest, "images": described}
    for problem in sorted({*found.problems, *(p for each in layers for p in each.problems)}):
        session.note(f"warning: {problem}")
    text = "\n".join([f"{found.reference} {digest}", *(_text(each) for each in described)])
    session.result(text, document)


def _described(
    image: ImageFound, layers: LayersFound, *, files: bool, largest: int
) -> dict[str, Any]:
    from imagesmith.model.tree import File, describe, sort_key

    regular = [(path, entry) for path, entry in layers.tree if isinstance(entry, File)]
    big = sorted(regular, key=lambda item: (-item[1].size, sort_key(item[0])))[:largest]
    described = {
        "platform": image.platform,
        "digest": str(image.digest),
        "config": image.config.get("config", {}),
        "created": image.config.get("created"),
        "layers": [
            {
                "digest": str(layer.digest),
                "diff-id": str(layer.diff_id) if layer.diff_id else None,
                "size": len(layer.content),
                "media-type": layer.media_type,
                "created-by": told,
            }
            for layer, told in zip(image.layers, _told(image), strict=True)
        ],
        "files": len(regular),
        "entries": len(layers.tree),
        "size": sum(entry.size for _, entry in regular),
        "largest": [{"path": path, "size": entry.size} for path, entry in big],
    }
    if files:
        described["paths"] = {path: describe(entry) for path, entry in layers.tree}
    return described


def _told(image: ImageFound) -> list[str]:
    """Return what the history says of each layer; nothing if it does not tell of all of them."""
    history = image.config.get("history")
    steps = (
        [each for each in history if isinstance(each, dict)] if isinstance(history, list) else []
    )
    told = [each.get("created_by") for each in steps if not each.get("empty_layer")]
    if len(told) != len(image.layers):
        return ["" for _ in image.layers]
    return [text if isinstance(text, str) else "" for text in told]


def _shortened(told: str) -> str:
    """Return the start of a history's entry, on one line."""
    import textwrap

    from imagesmith.model.text import printable

    return textwrap.shorten(printable(told), _LINE, placeholder=" …")


def _text(image: dict[str, Any]) -> str:
    """Render one image for people."""
    lines = ["", f"{image['platform']} {image['digest']}"]
    lines += [f"  {key}: {value}" for key, value in sorted(image["config"].items())]
    lines.append(f"  created: {image['created']}")
    several = len(image["layers"]) > 1
    for layer in image["layers"]:
        line = f"  layer {layer['digest']} {wording.size(layer['size'])} {layer['media-type']}"
        lines.append(line)
        if several and layer["created-by"]:
            lines.append(f"    {_shortened(layer['created-by'])}")
    lines.append(
        f"  {image['files']} files, {image['entries']} entries, {wording.size(image['size'])}"
    )
    lines += [f"  {wording.size(item['size']):>10}  {item['path']}" for item in image["largest"]]
    lines += [f"  {path}: {line}" for path, line in image.get("paths", {}).items()]
    return "\n".join(lines)
