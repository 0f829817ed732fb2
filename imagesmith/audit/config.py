"""The image config: what a runtime gets to know of an image (OCI image-spec 1.1, config.md)."""

from __future__ import annotations

import re

import attrs

from imagesmith.audit.reading import Object, Reading, digest_or_none, is_strings, shown
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest

UNKNOWN = "unknown"
"""The platform of a config that does not say."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_IMPLIED = {("amd64", "v1"), ("arm64", "v8")}
"""Variants an architecture has anyway, as containerd normalises them."""


@attrs.frozen(kw_only=True)
class Config:
    """The parts of a config that can be checked."""

    platform: str
    """`os/architecture[/variant]`, or `unknown`."""
    diff_ids: tuple[Digest | None, ...]
    """One per layer; None for what is no digest."""


def read(reading: Reading, place: str, document: Object, *, layers: int) -> Config:
    """Check the config at `place`, which an image manifest with `layers` layers names."""
    named = platform(document)
    if not named:
        reading.problem(place, "config", "names no platform: architecture and os")
    _check_execution(reading, place, document.get("config"))
    _check_history(reading, place, document.get("history"), layers)
    return Config(platform=named or UNKNOWN, diff_ids=_diff_ids(reading, place, document))


def platform(described: Object) -> str:
    """Return `os/architecture[/variant]` of a config or platform object; empty if it has none."""
    os, architecture = described.get("os"), described.get("architecture")
    variant = described.get("variant")
    parts = (os, architecture) if variant in (None, "") else (os, architecture, variant)
    words = [part for part in parts if isinstance(part, str) and _WORD.fullmatch(part)]
    return "/".join(words) if len(words) == len(parts) else ""


def same_platform(first: str, second: str) -> bool:
    """Say whether two platforms are the same, implied variants left out."""
    return _normal(first) == _normal(second)


def _normal(named: str) -> str:
    os, _, rest = named.partition("/")
    architecture, _, variant = rest.partition("/")
    return f"{os}/{architecture}" if (architecture, variant) in _IMPLIED else named


def _diff_ids(reading: Reading, place: str, document: Object) -> tuple[Digest | None, ...]:
    rootfs = document.get("rootfs")
    if not isinstance(rootfs, dict):
        reading.problem(place, "config", f"rootfs: expected an object, got {shown(rootfs)}")
        return ()
    if rootfs.get("type") != "layers":
        text = f"rootfs.type: expected 'layers', got {shown(rootfs.get('type'))}"
        reading.problem(place, "config", text)
    listed = rootfs.get("diff_ids")
    if not isinstance(listed, list):
        reading.problem(place, "config", f"rootfs.diff_ids: expected a list, got {shown(listed)}")
        return ()
    diff_ids = tuple(digest_or_none(item) for item in listed)
    if None in diff_ids:
        position = diff_ids.index(None)
        text = f"rootfs.diff_ids[{position}]: expected a digest, got {shown(listed[position])}"
        reading.problem(place, "config", text)
    return diff_ids


def _check_history(reading: Reading, place: str, history: Json, layers: int) -> None:
    """Require, where there is a history, an entry for each layer."""
    if history is None:
        return
    if not isinstance(history, list) or not all(isinstance(item, dict) for item in history):
        reading.problem(place, "history", "expected a list of objects")
        return
    marks = [item.get("empty_layer", False) for item in history if isinstance(item, dict)]
    if not all(isinstance(mark, bool) for mark in marks):
        reading.problem(place, "history", "empty_layer: expected true or false")
    elif history and marks.count(False) != layers:
        text = f"{layers} layers, {marks.count(False)} in the history"
        reading.problem(place, "history", text)


def _check_execution(reading: Reading, place: str, parameters: Json) -> None:
    """Require execution parameters that every runtime can read."""
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        reading.problem(place, "config", f"config: expected an object, got {shown(parameters)}")
        return
    for key, wanted, fits in _PARAMETERS:
        value = parameters.get(key)
        if value is not None and not fits(value):
            text = f"config.{key}: expected {wanted}, got {shown(value)}"
            reading.problem(place, "config", text)


def _is_list(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_set(value: Json) -> bool:
    return isinstance(value, dict) and all(isinstance(item, dict) for item in value.values())


_PARAMETERS = (
    *((key, "a list of strings", _is_list) for key in ("Cmd", "Entrypoint", "Env")),
    *((key, "an object of objects", _is_set) for key in ("ExposedPorts", "Volumes")),
    *((key, "a string", _is_text) for key in ("StopSignal", "User", "WorkingDir")),
    ("Labels", "an object of strings", is_strings),
)
