"""The documents keep the rules of OCI image-spec 1.1, and the rules find what breaks them."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest
from builders import corpus, oci_rules
from builders.corpus import CASES, Case

LIGHT = tuple(case for case in CASES if case.name not in ("many", "contents"))
ADVERSARIAL = next(case for case in CASES if case.name == "adversarial")


def documents(case: Case) -> dict[str, bytes]:
    """Return every document of the images of a case, by a name that ends in its kind."""
    found: dict[str, bytes] = {}
    for name, blob in corpus.program(case):
        content = b"".join(blob.pieces())
        if "archive" in name:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for member in ("index.json", "manifest.json", "oci-layout"):
                    if member in archive.getnames():
                        read = archive.extractfile(member)
                        assert read is not None
                        found[f"{name}: {member}"] = read.read()
        elif not name.endswith(("tar", "layer")):
            found[name] = content
    return found


def kind_of(name: str) -> str:
    """Return the kind of a document by its name."""
    kinds = {"index.json": "index", "config of armhf": "config"}
    last = next((end for end in (*kinds, *oci_rules.RULES) if name.endswith(end)), name)
    return kinds.get(last, last)


@pytest.mark.parametrize("case", LIGHT, ids=lambda case: case.name)
def test_every_document_keeps_the_rules(case: Case) -> None:
    """Configs, image manifests, indices, layouts, of every compression."""
    found = documents(case)
    kinds = {kind_of(name) for name in found}

    assert kinds == set(oci_rules.RULES)
    assert {
        name: problems
        for name, document in found.items()
        if (problems := oci_rules.problems(kind_of(name), json.loads(document)))
    } == {}


@pytest.mark.parametrize(
    ("kind", "keys", "value", "problem"),
    [
        ("config", ("os",), None, "config.os: missing"),
        ("config", ("Os",), "linux", "config.Os: not known"),
        ("config", ("architecture",), 1, "config.architecture: 1 is not like [a-z0-9]+"),
        ("config", ("created",), "2023-11-14 22:13:20", "config.created: "),
        ("config", ("rootfs", "diff_ids"), [], "config.rootfs.diff_ids: no list of at least 1"),
        ("config", ("history",), [], "config.history: another number of layers"),
        ("config", ("config", "Env"), ["A"], "config.config.Env[0]: 'A' is not like"),
        ("config", ("config", "ExposedPorts"), {"80/x": {}}, "config.config.ExposedPorts, key"),
        ("config", ("config", "Volumes"), {"/a": None}, "config.config.Volumes./a: no object"),
        ("config", ("config", "Labels"), [], "config.config.Labels: no object"),
        ("image manifest", ("schemaVersion",), 2.0, "image manifest.schemaVersion: 2.0 is none"),
        ("image manifest", ("config", "size"), True, "image manifest.config.size: True is no"),
        ("image manifest", ("layers",), [{}], "image manifest.layers[0].digest: missing"),
        ("index", ("mediaType",), "x", "index.mediaType: 'x' is none of"),
        ("manifest.json", (0, "RepoTags"), ["app"], "manifest.json[0].RepoTags[0]: 'app' is not"),
    ],
)
def test_what_breaks_a_rule_is_found(
    kind: str,
    keys: tuple[str | int, ...],
    value: object,
    problem: str,
) -> None:
    """None takes a key away."""
    found = documents(ADVERSARIAL)
    document: Any = json.loads(next(found[name] for name in found if kind_of(name) == kind))
    *above, last = keys
    place = document
    for key in above:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value

    assert oci_rules.problems(kind, document)[0].startswith(problem)
