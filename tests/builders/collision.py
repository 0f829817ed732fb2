"""Two real keys with one key id, found by fixtures/keyids/collide.c."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from builders.openpgp import Key, rsa_key

FOUND = Path(__file__).parents[2] / "fixtures" / "keyids" / "colliding-not-secret.txt"
KEY_ID = "69d92959b2cbf807"


@cache
def colliding_keys() -> tuple[Key, Key]:
    """Return two RSA keys whose fingerprints end in `KEY_ID`."""
    values = [line.split()[1] for line in FOUND.read_text().splitlines()]
    first, second = (_key(*values[start : start + 4]) for start in (0, 4))
    return first, second


def _key(created: str, exponent: str, *primes: str) -> Key:
    p, q = (int(prime, 16) for prime in primes)
    return rsa_key(p, q, int(exponent, 16), int(created))
