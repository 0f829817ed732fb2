"""What libraries raise on hostile octets is a finding (openpgp.md S24, S26).

PGPy, cryptography and pysequoia raise what they like, down to the panics of Rust
code, which are no `Exception`.  Nothing of it crosses this guard: the signature or
key at hand is refused, and its neighbours are judged as if nothing had happened.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from imagesmith.trust.verdict import Reason, refuse


@contextmanager
def guard(reason: Reason, detail: str) -> Iterator[None]:
    """Refuse when the library raises; silence what it warns of, `imghdr` and old ciphers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        raise refuse(reason, detail) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise  # the user's Ctrl-C, or the end of the process
        raise refuse(reason, detail) from error
