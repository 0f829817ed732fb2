"""What is signed: octets, hashed in one pass for all the signatures over them.

A signature's digest is the hash over the content, then over what the signature
says of itself (RFC 9580 §5.2.4), so one state per hash algorithm, copied for each
signature, is all that is kept of a document.  It is read once, from whatever the
caller opened, and may be larger than memory (openpgp.md S1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs

from imagesmith.trust.signature import HASHES, Signature

if TYPE_CHECKING:
    from hashlib import _Hash


@attrs.define(eq=False)
class Content:
    """A document that signatures are about."""

    octets: bytes | None = attrs.field(repr=False)
    """The document where it is in memory."""
    path: str | None
    """Where the very same file can be read a second time, if it is not."""
    _chunks: Iterable[bytes] | None = attrs.field(repr=False)
    """None once a stream was read."""
    _states: dict[int, _Hash] = attrs.field(factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, octets: bytes) -> Content:
        """Return a document in memory."""
        return cls(octets, None, (octets,))

    @classmethod
    def stream(cls, chunks: Iterable[bytes], *, path: str | None = None) -> Content:
        """Return a document that is read once, when `expect` is called."""
        return cls(None, path, chunks)

    def expect(self, signatures: Iterable[Signature]) -> None:
        """Hash the document for these signatures, in one pass; errors of the stream pass through.

        What is in memory may be asked again; a stream has this one call.
        """
        wanted = {each.hash_algorithm for each in signatures} - self._states.keys()
        fresh = {each: state for each in wanted if (state := _new_state(each)) is not None}
        if not fresh:
            return
        if self._chunks is None:
            raise ValueError("the document was read already, for other signatures")
        for chunk in self._chunks:
            for state in fresh.values():
                state.update(chunk)
        self._states |= fresh
        if self.octets is None:
            self._chunks = None

    def digest(self, sig: Signature) -> bytes | None:
        """Return what `sig` must be the signature of; None if its hash cannot be computed here."""
        self.expect((sig,))
        state = self._states.get(sig.hash_algorithm)
        return None if state is None else _finish(state.copy(), sig)


def compute_digest(sig: Signature, parts: Iterable[bytes]) -> bytes | None:
    """Return what `sig` must be the signature of where the content is these parts in memory."""
    state = _new_state(sig.hash_algorithm)
    if state is None:
        return None
    for octets in parts:
        state.update(octets)
    return _finish(state, sig)


def _new_state(algorithm: int) -> _Hash | None:
    try:
        return hashlib.new(HASHES[algorithm], usedforsecurity=False)
    except (KeyError, ValueError):
        return None


def _finish(state: _Hash, sig: Signature) -> bytes:
    """Hash what the signature says of itself, and the trailer."""
    state.update(sig.signed_part)
    state.update(b"\x04\xff" + len(sig.signed_part).to_bytes(4, "big"))
    return state.digest()
