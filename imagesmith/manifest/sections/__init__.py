"""What recipe and manifest say in the same words, a module for each section.

Each section is a frozen value with a reader and a writer, so that the manifest
repeats the recipe without a second model of it.
"""

from __future__ import annotations

from imagesmith.manifest.sections.checks import Check, Step
from imagesmith.manifest.sections.declared import Declared, DirectoryEntry, FileEntry, SymlinkEntry
from imagesmith.manifest.sections.image import COMPRESSIONS, Compression, ImageSection, LayerBudget
from imagesmith.manifest.sections.rootfs import LD_SO_CACHES, LdSoCache, RootfsSection, User
from imagesmith.manifest.sections.runtime import DLOPEN, Dlopen, RuntimeSection
from imagesmith.manifest.sections.script import Acknowledged
from imagesmith.manifest.sections.trace import Additions, TraceSection

__all__ = [
    "COMPRESSIONS",
    "DLOPEN",
    "LD_SO_CACHES",
    "Acknowledged",
    "Additions",
    "Check",
    "Compression",
    "Declared",
    "DirectoryEntry",
    "Dlopen",
    "FileEntry",
    "ImageSection",
    "LayerBudget",
    "LdSoCache",
    "RootfsSection",
    "RuntimeSection",
    "Step",
    "SymlinkEntry",
    "TraceSection",
    "User",
]
