"""The JSON documents of an image: config, image manifest, image index, layout index.

All are canonical JSON, so equal images have equal digests.  Every document that
may carry `mediaType` does (CVE-2021-41190), and none carries an attestation or
a time other than the epoch.  OCI image-spec 1.1: config.md, manifest.md,
image-index.md, image-layout.md, annotations.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from imagesmith.errors import UsageError
from imagesmith.model.arch import Arch
from imagesmith.model.canonical import Json, to_bytes
from imagesmith.model.config import ImageConfig
from imagesmith.model.digest import Digest
from imagesmith.model.reference import REFERENCE
from imagesmith.oci.layer import Layer

CONFIG = "application/vnd.oci.image.config.v1+json"
IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX = "application/vnd.oci.image.index.v1+json"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen(kw_only=True)
class Image:
    """One image for one architecture: its documents, and descriptors of its layers."""

    arch: Arch
    config: bytes
    manifest: bytes
    layers: tuple[Layer, ...]

    @property
    def digest(self) -> Digest:
        """The digest people know the image by: that of its image manifest."""
        return Digest.of(self.manifest)

    @property
    def config_digest(self) -> Digest:
        """What docker and podman call the image id."""
        return Digest.of(self.config)


def image(
    *, arch: Arch, layers: Sequence[Layer], config: ImageConfig, epoch: int, created_by: str
) -> Image:
    """Describe `layers`, lowest first, as an image; `created_by` begins each one's history."""
    try:
        config_bytes = to_bytes(_config(arch, layers, config, _timestamp(epoch), created_by))
    except ValueError as error:
        raise UsageError(problem=f"image config: {error}") from None
    manifest: Json = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": descriptor(CONFIG, config_bytes),
        "layers": [
            {"mediaType": layer.media_type, "digest": str(layer.digest), "size": layer.size}
            for layer in layers
        ],
    }
    return Image(arch=arch, config=config_bytes, manifest=to_bytes(manifest), layers=tuple(layers))


def index(images: Sequence[Image]) -> bytes:
    """Return the image index over one image per architecture, sorted by Debian's names."""
    ordered = sorted(images, key=lambda each: each.arch.debian)
    names = [each.arch.debian for each in ordered]
    if not names or len(set(names)) < len(names):
        raise UsageError(problem=f"an index needs one image per architecture, got {names}")
    return to_bytes(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_INDEX,
            "manifests": [_platform_descriptor(each) for each in ordered],
        }
    )


def digest(images: Sequence[Image]) -> Digest:
    """Return the digest people know the result by: of the image manifest, or of the index."""
    return images[0].digest if len(images) == 1 else Digest.of(index(images))


def layout(root: Mapping[str, Json], *, reference: str) -> bytes:
    """Return `index.json`: exactly the descriptor `root`, which carries the reference."""
    tagged(reference)
    annotations = {
        "org.opencontainers.image.ref.name": reference,
        "io.containerd.image.name": reference,
    }
    manifests = [{**root, "annotations": annotations}]
    return to_bytes({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": manifests})


def tagged(reference: str) -> str:
    """Return `reference` with a tag, `latest` if it has none; UsageError if it is malformed."""
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise UsageError(
            problem=f"not an image reference: {reference!a}",
            hint="write it like registry.example.org/app:1.4.2",
        )
    return reference if match["tag"] else f"{reference}:latest"


def descriptor(media_type: str, document: bytes) -> dict[str, Json]:
    """Return the descriptor of a document."""
    return {
        "mediaType": media_type,
        "digest": str(Digest.of(document)),
        "size": len(document),
    }


def _platform_descriptor(image: Image) -> dict[str, Json]:
    return {**descriptor(IMAGE_MANIFEST, image.manifest), "platform": platform(image.arch)}


def platform(arch: Arch) -> dict[str, Json]:
    """Return the platform object of an architecture."""
    found: dict[str, Json] = {"architecture": arch.oci, "os": "linux"}
    if arch.variant is not None:
        found["variant"] = arch.variant
    return found


def _config(
    arch: Arch, layers: Sequence[Layer], config: ImageConfig, created: str, created_by: str
) -> dict[str, Json]:
    return {
        **platform(arch),
        "created": created,
        "config": execution(config),
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
        "history": [
            {
                "created": created,
                "created_by": f"{created_by}: {layer.holding}" if layer.holding else created_by,
            }
            for layer in layers
        ],
    }


def execution(config: ImageConfig) -> dict[str, Json]:
    """Spell the execution parameters as config.md does, empty ones left out."""
    parameters: dict[str, Json] = {
        "Cmd": config.cmd,
        "Entrypoint": config.entrypoint,
        "Env": [f"{name}={value}" for name, value in config.env],
        "ExposedPorts": {port: {} for port in config.exposed_ports},
        "Labels": dict(config.labels),
        "StopSignal": config.stop_signal,
        "User": config.user,
        "Volumes": {volume: {} for volume in config.volumes},
        "WorkingDir": config.working_dir,
    }
    return {key: value for key, value in parameters.items() if value}


def _timestamp(epoch: int) -> str:
    """Render RFC 3339 in UTC, by arithmetic: gmtime(3) counts leap seconds in some time zones."""
    try:
        moment = _EPOCH + timedelta(seconds=epoch)
    except OverflowError:
        raise UsageError(problem=f"not a time between the years 1 and 9999: {epoch}") from None
    return moment.isoformat().replace("+00:00", "Z")
