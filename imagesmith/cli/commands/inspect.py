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
            }
            for layer in image.layers
        ],
        "files": len(regular),
        "entries": len(layers.tree),
        "size": sum(entry.size for _, entry in regular),
        "largest": [{"path": path, "size": entry.size} for path, entry in big],
    }
    if files:
        described["paths"] = {path: describe(entry) for path, entry in layers.tree}
    return described


def _text(image: dict[str, Any]) -> str:
    """Render one image for people."""
    lines = ["", f"{image['platform']} {image['digest']}"]
    lines += [f"  {key}: {value}" for key, value in sorted(image["config"].items())]
    lines.append(f"  created: {image['created']}")
    for layer in image["layers"]:
        lines.append(
            f"  layer {layer['digest']} {wording.size(layer['size'])} {layer['media-type']}"
        )
    lines.append(
        f"  {image['files']} files, {image['entries']} entries, {wording.size(image['size'])}"
    )
    lines += [f"  {wording.size(item['size']):>10}  {item['path']}" for item in image["largest"]]
    lines += [f"  {path}: {line}" for path, line in image.get("paths", {}).items()]
    return "\n".join(lines)
