"""PAX records: honoured, known to be harmless, or refused."""

from __future__ import annotations

import pytest
from builders.tar import Raw, record
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.unpack.header import Header, header_at
from imagesmith.unpack.paths import Refused
from imagesmith.unpack.pax import applied, check_global, parse, xattrs


def header(raw: Raw) -> Header:
    """Return the header of `raw` alone."""
    found = header_at(memoryview(raw.to_bytes()), 0)
    assert found is not None
    return found


def test_records_amend_a_header() -> None:
    """Path, target, size and owner come from the records; the rest stays."""
    body = b"".join(
        record(keyword, value)
        for keyword, value in [
            (b"path", b"./long\xff"),
            (b"linkpath", b"target"),
            (b"size", b"3"),
            (b"uid", b"3000000"),
            (b"gid", b"3000001"),
            (b"mtime", b"-1.5"),
        ]
    )
    amended = applied(header(Raw(name=b"short", mode=0o600)), parse(body))

    assert (
        amended.name,
        amended.link,
        amended.size,
        amended.uid,
        amended.gid,
        amended.mode,
    ) == ("./long\udcff", "target", 3, 3000000, 3000001, 0o600)
    assert dict(amended.records)["mtime"] == (b"-1.5")


def test_extended_attributes_are_sorted_by_name() -> None:
    """Their values are any bytes, equals signs and line feeds included."""
    body = record(b"SCHILY.xattr.user.b", b"=\n\0") + record(b"SCHILY.xattr.user.a", b"")
    records = tuple(parse(body).items())

    assert xattrs(records) == (("user.a", b""), ("user.b", b"=\n\0"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"6 a=b\n", "unknown PAX record 'a'"),
        (b"06 a=b\n", "malformed length of a PAX record"),
        (b"-6 a=b\n", "malformed length of a PAX record"),
        (b"x", "malformed length of a PAX record"),
        (b"999999999 a=b\n", "malformed length of a PAX record"),
        (b"7 a=b\n", "malformed PAX record"),
        (b"5 a=b\n", "malformed PAX record"),
        (b"3 a=b\n", "malformed PAX record"),
        (b"1 a=b\n", "malformed PAX record"),
        (b"5 =b\n", "malformed PAX record"),
        (b"5 ab\n", "malformed PAX record"),
        (record(b"path", b"a") * 2, "PAX record 'path' twice"),
        (record(b"GNU.sparse.major", b"1"), "unknown PAX record 'GNU.sparse.major'"),
        (record(b"SCHILY.xattr.", b"1"), "unknown PAX record 'SCHILY.xattr.'"),
        (record(b"SCHILY.xattr.a\0b", b"1"), "unknown PAX record 'SCHILY.xattr.a\\x00b'"),
        (record(b"SCHILY.acl.access", b"u::rw"), "unknown PAX record 'SCHILY.acl.access'"),
    ],
)
def test_what_is_not_understood_is_refused(body: bytes, expected: str) -> None:
    """Dropping a record silently could drop what protects a file."""
    with pytest.raises(Refused) as caught:
        parse(body)

    assert expected == str(caught.value)


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        (b"path", b"", "PAX record 'path' holds no path"),
        (b"linkpath", b"a\0b", "PAX record 'linkpath' holds no path"),
        (b"size", b"-1", "PAX record 'size' holds no number"),
        (b"size", b"", "PAX record 'size' holds no number"),
        (b"uid", b"1.0", "PAX record 'uid' holds no number"),
        (b"gid", b"9" * 21, "PAX record 'gid' holds no number"),
    ],
)
def test_values_have_one_form(keyword: bytes, value: bytes, expected: str) -> None:
    """Numbers are decimal digits, paths are not empty."""
    with pytest.raises(Refused) as caught:
        applied(header(Raw(name=b"n")), parse(record(keyword, value)))

    assert expected == str(caught.value)


def test_two_sizes_that_differ_are_refused() -> None:
    """A reader that trusts the other one would see other members (hostile-inputs C12)."""
    plain = header(Raw(name=b"n", size=1024))

    with pytest.raises(Refused, match="size 1024 in the header, 512 in its PAX record"):
        applied(plain, parse(record(b"size", b"512")))
    assert applied(plain, parse(record(b"size", b"1024"))).size == 1024


def test_a_global_header_may_only_comment() -> None:
    """Git archive writes its commit there; paths and sizes are refused (hostile-inputs C14)."""
    check_global(record(b"comment", b"0" * 40))

    for keyword in (b"path", b"linkpath", b"size", b"uid", b"SCHILY.xattr.user.a"):
        with pytest.raises(Refused, match="global PAX record"):
            check_global(record(keyword, b"1"))


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1).filter(lambda name: "\0" not in name and "=" not in name), st.binary()
    )
)
def test_well_formed_records_are_read_back(attributes: dict[str, bytes]) -> None:
    """Any attribute with any value survives."""
    body = b"".join(
        record(b"SCHILY.xattr." + name.encode(), value) for name, value in attributes.items()
    )

    assert tuple(sorted(attributes.items())) == xattrs(tuple(parse(body).items()))


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused(body: bytes) -> None:
    """There is no third way, and no other exception."""
    try:
        parse(body)
    except Refused:
        return

    assert not body or body.endswith(b"\n")
