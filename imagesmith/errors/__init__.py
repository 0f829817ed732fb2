"""Everything that can go wrong, as one tree of frozen values.

Each leaf carries typed fields; its `message` names the document and key, the
artefact and member, or the path and requester.  `status` is the exit status of
the command line (DESIGN.md §4), `code` a stable machine-readable name, `hint`
what a person can do next.  Errors compare by value, so tests state the whole
error instead of matching prose.
"""

from __future__ import annotations

from imagesmith.errors.asked import (
    DocumentError,
    HostError,
    PackageConflict,
    PackageNotFound,
    PathNotFound,
    StaleManifest,
    UsageError,
)
from imagesmith.errors.received import (
    IntegrityError,
    MalformedArtefact,
    NetworkError,
    NotReproducible,
    OverlayConflict,
    SignatureError,
)
from imagesmith.errors.root import ImagesmithError
from imagesmith.errors.running import (
    CheckFailed,
    ClosureIncomplete,
    EffectsUnacknowledged,
    ProgramNotFound,
    ProgramRefused,
    ScriptEffects,
)

__all__ = [
    "CheckFailed",
    "ClosureIncomplete",
    "DocumentError",
    "EffectsUnacknowledged",
    "HostError",
    "ImagesmithError",
    "IntegrityError",
    "MalformedArtefact",
    "NetworkError",
    "NotReproducible",
    "OverlayConflict",
    "PackageConflict",
    "PackageNotFound",
    "PathNotFound",
    "ProgramNotFound",
    "ProgramRefused",
    "ScriptEffects",
    "SignatureError",
    "StaleManifest",
    "UsageError",
]
