"""What turns an equivalent image into the identical one: the encoder of the manifest's bytes.

Manifests name the encoder, people install packages.  Releases of zstandard were looked
into for the libzstd they carry; deflate's own version stands for its libdeflate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagesmith import compression

if TYPE_CHECKING:
    from imagesmith.manifest.manifest import Manifest

_ZSTANDARD = {
    "1.5.2": "0.19.0",
    "1.5.4": "0.20.0",
    "1.5.5": "0.22.0",
    "1.5.6": "0.23.0",
    "1.5.7": "0.25.0",
}
"""The newest release of zstandard by the libzstd in its wheels."""


def advice(manifest: Manifest) -> str:
    """Say whose bytes the manifest expects, what is at hand, and how to get the first."""
    at_hand = compression.encoder(manifest.image.compression).implementation
    expected = f"the manifest's bytes are those of {manifest.encoder}"
    if at_hand == manifest.encoder:
        return f"{expected}, which is at hand: build the image again to get them"
    return f"{expected}, and {at_hand} is at hand; to get them: {_remedy(manifest.encoder)}"


def _remedy(implementation: str) -> str:
    """Return the command that installs an encoder, or what to look for."""
    library, _, version = implementation.partition(" ")
    match library:
        case "deflate":
            return f"pip install deflate=={version}"
        case "libzstd" if version in _ZSTANDARD:
            return f"pip install zstandard=={_ZSTANDARD[version]}"
        case _:
            return f"install a release of zstandard that carries {implementation}"
