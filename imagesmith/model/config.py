"""What a container runtime is told about an image (OCI image-spec, config.md)."""

from __future__ import annotations

import attrs

Pairs = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""


@attrs.frozen(kw_only=True)
class ImageConfig:
    """The execution parameters of an image; an empty value is left out of the config."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Pairs = ()
    user: str = ""
    working_dir: str = ""
    labels: Pairs = ()
    exposed_ports: tuple[str, ...] = ()
    """As `80/tcp`, sorted."""
    volumes: tuple[str, ...] = ()
    """Image paths, sorted."""
    stop_signal: str = ""
