"""`[image]`: how the image is packed and what a runtime is told."""

from __future__ import annotations

import re
from typing import Literal

import attrs

from imagesmith.manifest import table as toml
from imagesmith.manifest.sections.words import CONTROL, choice, image_path, image_paths
from imagesmith.manifest.table import Table
from imagesmith.model.config import ImageConfig, Pairs
from imagesmith.model.reference import REFERENCE

Compression = Literal["zstd", "gzip", "none"]
COMPRESSIONS: tuple[Compression, ...] = ("zstd", "gzip", "none")
MAX_LAYERS = 125
"""What docker stacks at most, the layers of an image made from this one included."""

_PORT = re.compile(r"([1-9][0-9]{0,4})/(tcp|udp|sctp)\Z")
_SIGNAL = re.compile(r"(?:SIG)?[A-Z][A-Z0-9+-]{0,15}\Z|[0-9]{1,3}\Z")


@attrs.frozen(kw_only=True)
class LayerBudget:
    """How many layers there may be, and how small, where packages have layers of their own."""

    max_layers: int = 64
    """At least 2: half of what engines take, so that images can be made from this one."""
    min_layer_size: int = 64 * 1024
    """Bytes of files below which packages share a layer."""


@attrs.frozen(kw_only=True)
class ImageSection:
    """How the image is packed and what a runtime is told."""

    config: ImageConfig = ImageConfig()
    compression: Compression = "zstd"
    layers: LayerBudget | None = None
    """How packages are spread over layers; None puts everything into one."""
    reference: str = ""
    """Name and tag that loading gives the image; empty means `NAME:latest`."""


def read_image(table: Table) -> ImageSection:
    """Read `[image]`."""
    compression = choice(table, "compression", COMPRESSIONS)
    reference = table.string("reference", "")
    if reference and not REFERENCE.fullmatch(reference):
        raise table.error("reference", f"not an image reference: {reference!r}")
    section = ImageSection(
        config=_read_config(table),
        compression=compression,
        layers=_read_layers(table),
        reference=reference,
    )
    table.end()
    return section


def _read_layers(table: Table) -> LayerBudget | None:
    if choice(table, "layers", ("one", "package")) == "one":
        for key in ("max-layers", "min-layer-size"):
            if table.has(key):
                raise table.error(key, 'of use only with layers = "package"')
        return None
    default = LayerBudget()
    budget = LayerBudget(
        max_layers=table.integer("max-layers", default.max_layers, minimum=2),
        min_layer_size=table.integer("min-layer-size", default.min_layer_size),
    )
    if budget.max_layers > MAX_LAYERS:
        raise table.error("max-layers", f"expected at most {MAX_LAYERS}, got {budget.max_layers}")
    return budget


def _read_config(table: Table) -> ImageConfig:
    ports = table.convert_all("ports", table.strings("ports", ()), _port)
    working_dir = table.string("working-dir", "")
    return ImageConfig(
        entrypoint=table.words("entrypoint", ()),
        cmd=table.words("cmd", ()),
        env=read_pairs(table, "env"),
        user=table.string("user", ""),
        working_dir=working_dir and table.convert("working-dir", working_dir, _working_dir),
        labels=read_pairs(table, "labels"),
        exposed_ports=tuple(sorted(ports)),
        volumes=tuple(sorted(image_paths(table, "volumes"))),
        stop_signal=_signal(table),
    )


def _working_dir(text: str) -> str:
    return text if text == "/" else image_path(text)


def _signal(table: Table) -> str:
    text = table.string("stop-signal", "")
    if text and not _SIGNAL.match(text):
        raise table.error("stop-signal", f"expected a signal like SIGTERM, got {text!r}")
    return text


def _port(text: str) -> str:
    match = _PORT.match(text)
    if not match or int(match[1]) > 65535:  # noqa: PLR2004 - a port is 16 bits wide
        raise ValueError(f"expected a port like 8080/tcp, got {text!r}")
    return text


def read_pairs(table: Table, key: str) -> Pairs:
    """Return a table of strings that name variables or labels, sorted; none by default."""
    inner = table.table(key, optional=True)
    pairs = tuple((name, inner.string(name)) for name in sorted(inner.names()))
    for name, value in pairs:
        if "\0" in value:
            raise inner.error(name, "a NUL cannot be passed on")
        if not name or "=" in name or CONTROL.search(name):
            raise inner.error(name, "not a name for a variable or label")
    return pairs


def write_image(section: ImageSection) -> list[str]:
    """Write `[image]`, leaving out what is empty."""
    config = section.config
    lines = ["", "[image]", f"compression = {toml.string(section.compression)}"]
    if section.layers:
        lines += [
            'layers = "package"',
            f"max-layers = {section.layers.max_layers}",
            f"min-layer-size = {section.layers.min_layer_size}",
        ]
    if section.reference:
        lines.append(f"reference = {toml.string(section.reference)}")
    arrays = {
        "entrypoint": config.entrypoint,
        "cmd": config.cmd,
        "ports": config.exposed_ports,
        "volumes": config.volumes,
    }
    lines += [f"{key} = {toml.array(values)}" for key, values in arrays.items() if values]
    texts = {
        "user": config.user,
        "working-dir": config.working_dir,
        "stop-signal": config.stop_signal,
    }
    lines += [f"{key} = {toml.string(value)}" for key, value in texts.items() if value]
    for name, pairs in (("env", config.env), ("labels", config.labels)):
        if pairs:
            lines += ["", f"[image.{name}]"]
            lines += [f"{toml.key(key)} = {toml.string(value)}" for key, value in pairs]
    return lines
