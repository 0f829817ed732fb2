"""What signatures cost: a manifest's, in a process of its own, and what hostile files can do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.clock import Contender, Failed, take_turns
from bench.product import tell
from bench.table import Costs, Reading, Section, Target


def verifying(manifests: Path, rounds: int) -> Section:
    """Measure the verification of an example's manifest, signed as it is."""
    ours = _verifying("verify", "**imagesmith**, verifying and parsing", manifests)
    pgpy = Contender(name="python -c 'import pgpy'", command=(sys.executable, "-c", "import pgpy"))
    contenders = (
        ours,
        _verifying("confirm", "imagesmith, confirmed by pysequoia", manifests),
        _verifying("parse", "imagesmith, parsing alone", manifests),
        pgpy,
        Contender(name="python -c ''", command=(sys.executable, "-c", "")),
    )
    return Section(
        title="Verifying a manifest",
        explains=(
            "The signed manifest of the example curl, as a process of its own: the signature "
            "verified, the signer's certificate evaluated, the manifest parsed. What a build would "
            "do anyway is *parsing alone*; PGPy, of which verifying needs nothing, is the measure."
        ),
        timings=take_turns(contenders, rounds * 4),
        targets=(Target(against=pgpy.name, most=1.5),),
    )


def hostility(rounds: int) -> Costs:
    """Measure every hostile megabyte."""
    rows = json.loads(tell(sys.executable, "-m", "bench.hostility", str(rounds)))
    if accepted := [row["name"] for row in rows if not row["refused"]]:
        raise Failed(f"not refused: {', '.join(accepted)}")
    return Costs(
        title="Hostile megabytes",
        explains=(
            "Files of a megabyte made to be slow or large to read, each until it is refused. The "
            "floor is one SHA-256 and one base64 of the same octets; memory is what is allocated "
            "for it at most."
        ),
        floor="SHA-256 and base64",
        readings=tuple(
            Reading(
                name=row["name"],
                octets=row["octets"],
                seconds=row["seconds"],
                floor=row["floor"],
                peak=row["peak"],
            )
            for row in rows
        ),
        seconds=0.2,
        megabytes=50,
    )


def _verifying(what: str, name: str, manifests: Path) -> Contender:
    arguments = (what, str(manifests / "curl"), str(manifests / "trust.toml"))
    return Contender(name=name, command=(sys.executable, "-m", "bench.verifying", *arguments))
