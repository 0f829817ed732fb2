"""Synthetic dependency graphs: packages of two suites, from a seed."""

from __future__ import annotations

from random import Random

from builders.archive import Binary, packages_bytes

from imagesmith.sources.debian.packages import Index

VIRTUAL = ("v0", "v1", "v2")


def index_of(*packages: Binary, source: str = "debian", document: str = "Packages") -> Index:
    """Return the index of `packages`, in the order given."""
    return Index.scan(packages_bytes(packages), source=source, document=document)


def tangle(seed: int, *, conflicts: float = 0.0) -> tuple[list[Binary], list[Binary]]:
    """Return two suites full of alternatives, constraints, loops and virtual packages.

    `conflicts` is how likely a package has a Conflicts or Breaks field.
    """
    random = Random(seed)  # noqa: S311 - a seed to repeat, not a secret
    names = [f"p{number}" for number in range(random.randint(5, 14))]
    first = [_binary(random, names, name, random.choice("123"), conflicts) for name in names]
    again = [name for name in names if random.random() < 0.25]
    second = [
        _binary(random, names, name, random.choice("123") + ".1", conflicts) for name in again
    ]
    return first, second


def _binary(random: Random, names: list[str], name: str, version: str, conflicts: float) -> Binary:
    likely = {"Depends": 0.7, "Pre-Depends": 0.12}
    fields = {
        field: ", ".join(_clause(random, names) for _ in range(random.randint(1, 3)))
        for field, chance in likely.items()
        if random.random() < chance
    }
    if random.random() < 0.35:
        provided = random.sample(VIRTUAL, random.randint(1, 2))
        fields["Provides"] = ", ".join(_provided(random, virtual) for virtual in provided)
    for field in ("Conflicts", "Breaks"):
        if random.random() < conflicts:
            fields[field] = _relation(random, names)
    if random.random() < 0.3:
        known = ("required", "important", "standard", "optional", "extra")
        fields["Priority"] = random.choice(known)
    if random.random() < 0.07:
        fields["Essential"] = "yes"
    return Binary(name, version, random.choice(("amd64", "all")), fields=fields)


def _clause(random: Random, names: list[str]) -> str:
    return " | ".join(_relation(random, names) for _ in range(random.choice((1, 1, 1, 2, 3))))


def _relation(random: Random, names: list[str]) -> str:
    name = random.choice((*names, *VIRTUAL))
    if random.random() < 0.8:
        return name
    return f"{name} ({random.choice(('<<', '<=', '=', '>=', '>>'))} {random.choice('123')})"


def _provided(random: Random, virtual: str) -> str:
    return f"{virtual} (= {random.choice('123')})" if random.random() < 0.4 else virtual
