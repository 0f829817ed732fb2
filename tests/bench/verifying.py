"""What signatures cost: `python -m bench.verifying parse|verify|confirm DIRECTORY TRUST`.

`parse` reads the manifest and verifies nothing, `verify` does what a build does, and
`confirm` asks pysequoia as well.  The clock is the signature's own, so that an
example never goes out of date.  Prints the name of the image.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from imagesmith.manifest import manifest
from imagesmith.manifest.manifest import Manifest


def parsed(directory: Path) -> Manifest:
    """Parse a manifest and verify nothing."""
    document = directory / "manifest.toml"
    return manifest.parse(document.read_bytes(), document=str(document))


def verified(directory: Path, trust: Path, *, confirm: bool) -> Manifest:
    """Verify a manifest under a policy, and have it confirmed if asked to."""
    from imagesmith.trust import detached, opinion, policy, trusted
    from imagesmith.trust.signature import Signature

    document = directory / "manifest.toml"
    signatures = document.with_suffix(".toml.asc").read_bytes()
    beside = trust.parent
    signers = policy.parse(
        trust.read_bytes(), document=str(trust), read=lambda name: (beside / name).read_bytes()
    )
    times = [each.created for each in detached.read(signatures) if isinstance(each, Signature)]
    second = opinion.sequoia(int(time.time())) if confirm else None
    if confirm and second is None:
        raise SystemExit("pysequoia is not installed")
    return trusted.verify(
        document.read_bytes(),
        signatures,
        signers,
        now=max(times),
        document=str(document),
        opinion=second,
    ).manifest


if __name__ == "__main__":
    what, folder, signed_by = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    is_parsed = what == "parse"
    found = parsed(folder) if is_parsed else verified(folder, signed_by, confirm=what == "confirm")
    sys.stdout.write(f"{found.name}\n")
