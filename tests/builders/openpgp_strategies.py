"""Strategies for hypothesis: certificates that state anything, genuinely, and files rearranged.

`histories` writes certificates whose every signature is right and whose
statements are drawn: what is said when, by whom, on what.  `rearranged` takes the
packets of known certificates apart and together again, and `respelled` changes
what nobody signed: headers, lengths, unhashed subpackets.
"""

from __future__ import annotations

from collections.abc import Callable

from builders import openpgp as pgp
from builders.openpgp import DAY, T0
from builders.openpgp_vectors import (
    ALICE,
    BY_SUBKEY,
    DOCUMENT,
    GOOD,
    MALLORY,
    SIGNED,
    SIGNER,
    VECTORS,
    Vector,
)
from builders.openpgp_vectors.cast import NOTATION
from hypothesis import strategies as st

from imagesmith.trust import armour, packets
from imagesmith.trust.packets import Packet, Tag

MUTATIONS = st.lists(
    st.tuples(st.integers(0, 1000), st.binary(max_size=3), st.integers(0, 3)),
    min_size=1,
    max_size=3,
)

_TIMES = st.sampled_from(
    [T0] * 6 + [T0 - DAY, T0 + 1, SIGNED - 1, SIGNED, SIGNED + 1, T0 + 50 * DAY]
)
_SIGNED = st.sampled_from([SIGNED] * 3 + [T0, T0 + 9 * DAY, T0 + 60 * DAY])
_NAMES = st.sampled_from([b"Alice <alice@example.org>", b"Other"])
_DIGESTS = st.sampled_from([pgp.SHA512] * 20 + [pgp.SHA256, pgp.SHA384, pgp.SHA224, pgp.SHA1, 12])
_STATEMENTS = st.sampled_from(
    [
        *(pgp.flags(granted) for granted in (0x00, 0x01, 0x02, 0x03, 0x0C, 0x2F)),
        *(pgp.flags(0x03),) * 12,
        *(pgp.key_lifetime(life) for life in (0, 1, DAY, 10 * DAY, (1 << 32) - 1)),
        *(pgp.lifetime(life) for life in (0, 1, DAY, (1 << 32) - 1)),
        *(pgp.reason(code) for code in (0, 1, 2, 3, 32, 100)),
        pgp.sub(25, b"\x01"),
        pgp.sub(20, NOTATION),
        pgp.sub(20, NOTATION, critical=True),
        pgp.sub(27, b"\x03", critical=True),
        pgp.sub(100, b"x"),
        pgp.sub(100, b"x", critical=True),
        pgp.issuer(MALLORY),
        pgp.sub(12, b"\x80\x16" + bytes.fromhex(MALLORY.fingerprint)),
        b"",
    ]
)
_MAKERS = st.sampled_from([None] * 12 + [MALLORY, SIGNER])


def mutate(octets: bytes, mutations: list[tuple[int, bytes, int]]) -> bytes:
    """Replace some octets by others, at places taken modulo the length."""
    for where, junk, dropped in mutations:
        at = where % (len(octets) + 1)
        octets = octets[:at] + junk + octets[at + dropped :]
    return octets


@st.composite
def histories(draw: st.DrawFn) -> Vector:
    """Write a certificate of drawn statements, and a signature by one of its keys.

    Mostly there are good ones beside, or too little would be accepted to compare.
    """
    good = draw(st.integers(0, 9)) > 1
    named = [pgp.certify(ALICE)] * good + draw(st.lists(_certifications(), max_size=2))
    on_key = draw(st.lists(_on_key(), max_size=1))
    on_subkey = [pgp.bind(ALICE, SIGNER)] * good + draw(st.lists(_on_subkey(), max_size=2))
    parts = [*on_key, pgp.user_id(), *named]
    if draw(st.booleans()):
        parts += [pgp.user_id(b"Other"), *draw(st.lists(_certifications(), max_size=2))]
    parts += [pgp.subkey(SIGNER), *on_subkey]
    if draw(st.integers(0, 9)) == 0:
        parts = draw(st.permutations(parts))
    more = draw(st.sampled_from([b""] * 12 + [pgp.lifetime(DAY), pgp.sub(100, b"", critical=True)]))
    signed = draw(_SIGNED)
    by = draw(st.sampled_from([ALICE, SIGNER]))
    made = pgp.detached(DOCUMENT, by, created=signed, more=more, digest=draw(_DIGESTS))
    return Vector("drawn", made, pgp.primary(ALICE) + b"".join(parts), None)


def _certifications() -> st.SearchStrategy[bytes]:
    kinds = st.sampled_from([0x13] * 5 + [0x10, 0x30])
    return st.builds(
        lambda name, kind, created, more, digest, by: pgp.certify(
            ALICE, name, kind=kind, created=created, more=b"".join(more), digest=digest, by=by
        ),
        _NAMES,
        kinds,
        _TIMES,
        st.lists(_STATEMENTS, max_size=3),
        _DIGESTS,
        _MAKERS,
    )


def _on_key() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda kind, created, more, digest: pgp.direct(
            ALICE, kind=kind, created=created, more=b"".join(more), digest=digest
        ),
        st.sampled_from([0x1F] * 4 + [0x20]),
        _TIMES,
        st.lists(_STATEMENTS, max_size=3),
        _DIGESTS,
    )


def _on_subkey() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda kind, created, more, digest, back, by: pgp.bind(
            ALICE,
            SIGNER,
            kind=kind,
            created=created,
            more=b"".join(more),
            digest=digest,
            back=back,
            by=by,
        ),
        st.sampled_from([0x18] * 5 + [0x28]),
        _TIMES,
        st.lists(_STATEMENTS, max_size=2),
        _DIGESTS,
        _back_signatures(),
        _MAKERS,
    )


def _back_signatures() -> st.SearchStrategy[bytes | None]:
    drawn = st.builds(
        lambda created, more, digest: pgp.back_signature(
            ALICE, SIGNER, created=created, more=more, digest=digest
        ),
        _TIMES,
        _STATEMENTS,
        _DIGESTS,
    )
    return st.none() | drawn


_OCTETS = sorted(
    {
        packet
        for vector in VECTORS
        if vector.certificate[:1] >= b"\x80"
        for packet in packets.split(vector.certificate)[1:]
    },
    key=lambda packet: (packet.tag, packet.body),
)
_BINARY = [vector for vector in VECTORS if vector.certificate[:1] >= b"\x80"]
_ACCEPTED = [vector for vector in _BINARY if vector.reason is None]


@st.composite
def rearranged(draw: st.DrawFn) -> Vector:
    """Mix the packets of all known certificates: insert, drop, double, exchange."""
    vector = draw(st.sampled_from(_ACCEPTED) | st.sampled_from(_BINARY))
    first, *rest = packets.split(vector.certificate)
    for change in draw(st.lists(st.sampled_from(_CHANGES), min_size=1, max_size=4)):
        change(draw, rest)
    certificate = b"".join(draw(_frames(each)) for each in (first, *rest))
    signature = draw(st.sampled_from([vector.signature] * 3 + [GOOD, BY_SUBKEY]))
    return Vector("drawn", signature, certificate, None, vector.document, vector.primary)


def _insert(draw: st.DrawFn, rest: list[Packet]) -> None:
    rest.insert(draw(st.integers(0, len(rest))), draw(st.sampled_from(_OCTETS)))


def _drop(draw: st.DrawFn, rest: list[Packet]) -> None:
    if rest:
        rest.pop(draw(st.integers(0, len(rest) - 1)))


def _double(draw: st.DrawFn, rest: list[Packet]) -> None:
    if rest:
        rest.insert(draw(st.integers(0, len(rest))), draw(st.sampled_from(rest)))


def _exchange(draw: st.DrawFn, rest: list[Packet]) -> None:
    if rest:
        first, second = (draw(st.integers(0, len(rest) - 1)) for _ in range(2))
        rest[first], rest[second] = rest[second], rest[first]


def _splice(draw: st.DrawFn, rest: list[Packet]) -> None:
    """Put drawn statements into the unhashed area of a signature."""
    signed = [at for at, each in enumerate(rest) if each.tag == Tag.SIGNATURE]
    if signed:
        at = draw(st.sampled_from(signed))
        more = b"".join(draw(st.lists(_STATEMENTS, max_size=3)))
        rest[at] = Packet(Tag.SIGNATURE, _with_unhashed(rest[at].body, more))


_CHANGES: tuple[Callable[[st.DrawFn, list[Packet]], None], ...] = (
    _insert,
    _insert,
    _drop,
    _double,
    _exchange,
    _splice,
)


def _with_unhashed(body: bytes, more: bytes) -> bytes:
    """Append to the unhashed area; a body too odd to have one stays as it is."""
    start = 6 + int.from_bytes(body[4:6], "big")
    end = start + 2 + int.from_bytes(body[start : start + 2], "big")
    if body[:1] != b"\x04" or end > len(body):
        return body
    area = body[start + 2 : end] + more
    return body[:start] + len(area).to_bytes(2, "big") + area + body[end:]


def _frames(packet: Packet) -> st.SearchStrategy[bytes]:
    """Write a packet with any header it can have (RFC 9580 §4.2)."""
    size = len(packet.body)
    found = [packets.frame(packet.tag, packet.body)]
    found.append(bytes((0xC0 | packet.tag, 0xFF)) + size.to_bytes(4, "big") + packet.body)
    if packet.tag < 16:
        old = 0x80 | packet.tag << 2
        found.append(bytes((old | 2,)) + size.to_bytes(4, "big") + packet.body)
        found.append(bytes((old | 1,)) + size.to_bytes(2, "big") + packet.body)
    return st.sampled_from(found)


@st.composite
def respelled(draw: st.DrawFn) -> bytes:
    """Write a good signature with other headers, other unhashed statements, in armour or not."""
    body = packets.split(draw(st.sampled_from([GOOD, BY_SUBKEY])))[0].body
    more = b"".join(draw(st.lists(_STATEMENTS, max_size=3)))
    octets = draw(_frames(Packet(Tag.SIGNATURE, _with_unhashed(body, more))))
    if draw(st.booleans()):
        octets = armour.encode(octets, armour.SIGNATURE)
    return mutate(octets, draw(MUTATIONS)) if draw(st.booleans()) else octets
