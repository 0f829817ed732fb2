"""Streams from a mirror that misbehaves on command."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import attrs
import pytest
from builders.mirror import Fault, Mirror, tls_for_localhost

from imagesmith.errors import ImagesmithError, IntegrityError, NetworkError, UsageError
from imagesmith.fetch import Fetcher, Options

PATH = "/pool/curl.deb"
CONTENT = b"".join(n.to_bytes(4, "big") for n in range(50_000))
LIMIT = 10**9


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """Serve what the tests fetch."""
    with Mirror({PATH: CONTENT, "/empty": b"", "/other": b"other"}) as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    """Note the pauses a fetcher makes; none of them takes time."""
    return []


@pytest.fixture
def fetcher(waits: list[float]) -> Iterator[Fetcher]:
    """Lend a patient fetcher."""
    options = Options(timeout_connect=5, timeout_read=5, timeout_total=60)
    with Fetcher(options, sleep=waits.append) as opened:
        yield opened


def fetched(
    fetcher: Fetcher,
    mirror: Mirror,
    path: str = PATH,
    *,
    size: int | None = len(CONTENT),
    limit: int = LIMIT,
    offset: int = 0,
) -> bytes:
    """Return the whole stream."""
    return b"".join(fetcher.stream(mirror.url + path, size=size, limit=limit, offset=offset))


def refusal(
    fetcher: Fetcher, mirror: Mirror, path: str = PATH, *, size: int | None = len(CONTENT)
) -> ImagesmithError:
    """Return the error that the stream ends with."""
    with pytest.raises(ImagesmithError) as raised:
        fetched(fetcher, mirror, path, size=size)
    return raised.value


def failure(mirror: Mirror, problem: str, path: str = PATH) -> NetworkError:
    """Return what is said about a path of the mirror."""
    return NetworkError(what=mirror.url + path, problem=problem)


def outage(mirror: Mirror, problem: str) -> NetworkError:
    """Return the same of what may be better another time."""
    return NetworkError(what=mirror.url + PATH, problem=problem, temporary=True)


def wrong_size(mirror: Mirror, expected: str, got: str) -> IntegrityError:
    """Return what is said about a length."""
    return IntegrityError(what=mirror.url + PATH, expected=expected, got=got)


class TestADecentServer:
    """Nothing goes wrong."""

    @pytest.mark.parametrize("framing", ["length", "chunked", "close"])
    @pytest.mark.parametrize("size", [len(CONTENT), None])
    def test_a_file_comes_whole(
        self, fetcher: Fetcher, mirror: Mirror, framing: str, size: int | None
    ) -> None:
        """However the body is framed and whether its size is known or not."""
        mirror.misbehave(PATH, Fault(framing=framing))

        assert fetched(fetcher, mirror, size=size) == CONTENT

    def test_the_request_says_what_it_wants(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """No encoding, no range, no user of this machine."""
        fetched(fetcher, mirror)

        (request,) = mirror.requests
        headers = {k: v for k, v in request.headers.items() if k != "host"}
        assert headers == {"accept-encoding": "identity", "user-agent": "imagesmith"}

    @pytest.mark.parametrize("size", [0, None])
    def test_an_empty_file_is_a_file(
        self, fetcher: Fetcher, mirror: Mirror, size: int | None
    ) -> None:
        """Nothing is a fine content."""
        assert fetched(fetcher, mirror, "/empty", size=size) == b""

    def test_an_offset_asks_for_the_rest_only(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """The bytes before it do not travel again."""
        assert CONTENT[150_000:] == fetched(fetcher, mirror, offset=150_000)
        assert [request.range for request in mirror.requests] == ["bytes=150000-"]

    def test_an_offset_at_the_end_asks_nobody(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """A complete download needs no server."""
        assert fetched(fetcher, mirror, offset=len(CONTENT)) == b""
        assert mirror.requests == []

    def test_connections_are_kept(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """Ten files come over one connection."""
        for _ in range(10):
            fetched(fetcher, mirror)

        assert len({request.peer for request in mirror.requests}) == 1

    def test_threads_share_a_fetcher(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """Each gets its own bytes."""
        results: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: results.append(fetched(fetcher, mirror)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert results == [CONTENT] * 4

    def test_a_directory_can_be_a_mirror(self, fetcher: Fetcher, tmp_path: Path) -> None:
        """The builder serves trees on disk as well."""
        (tmp_path / "file").write_bytes(b"on disk")

        with Mirror(tmp_path) as mirror:
            assert fetched(fetcher, mirror, "/file", size=7) == b"on disk"


class TestBrokenConnections:
    """What breaks is resumed, and only with bytes of the same file."""

    @pytest.mark.parametrize("framing", ["length", "chunked", "close"])
    def test_it_is_resumed_where_it_broke(
        self, fetcher: Fetcher, mirror: Mirror, waits: list[float], framing: str
    ) -> None:
        """Two breaks are two further requests, for the same version of the file."""
        fault = Fault(drop_after=50_000, times=2, framing=framing)
        mirror.misbehave(PATH, fault)

        assert fetched(fetcher, mirror) == CONTENT
        assert [r.range for r in mirror.requests] == [None, "bytes=50000-", "bytes=100000-"]
        assert all(request.headers["if-range"] for request in mirror.requests[1:])
        assert waits == [0.5, 0.5]

    def test_progress_renews_patience(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """A connection that always breaks after some bytes gets there."""
        mirror.misbehave(PATH, Fault(drop_after=21_000))

        assert fetched(fetcher, mirror) == CONTENT
        assert len(mirror.requests) == 10

    def test_no_progress_ends_it(
        self, fetcher: Fetcher, mirror: Mirror, waits: list[float]
    ) -> None:
        """Four tries without a byte are enough."""
        mirror.misbehave(PATH, Fault(drop_after=0))

        assert outage(mirror, "the connection was lost") == refusal(fetcher, mirror)
        assert len(mirror.requests) == 4
        assert waits == [0.5, 1.0, 2.0]

    def test_a_range_may_come_in_parts(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """A 206 shorter than asked for is followed by a request for the rest."""
        mirror.misbehave(PATH, Fault(drop_after=1, times=1), Fault(shorten_range=90_000))

        assert fetched(fetcher, mirror) == CONTENT

    def test_a_server_without_ranges_sends_it_again(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """The bytes already given are skipped."""
        mirror.misbehave(
            PATH,
            Fault(drop_after=50_000, times=1),
            Fault(ignore_range=True, drop_after=30_000, times=1),
            Fault(ignore_range=True, piece=7_000),
        )

        assert fetched(fetcher, mirror) == CONTENT

    def test_a_known_length_is_resumed_without_a_size(
        self, fetcher: Fetcher, mirror: Mirror
    ) -> None:
        """Content-Length tells a break from an end."""
        mirror.misbehave(PATH, Fault(drop_after=50_000, times=1))

        assert fetched(fetcher, mirror, size=None) == CONTENT

    def test_a_break_in_chunks_is_no_end(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """Without a size, only the last chunk says that the body is whole."""
        mirror.misbehave(PATH, Fault(drop_after=50_000, framing="chunked", times=3))

        assert fetched(fetcher, mirror, size=None) == CONTENT

    @pytest.mark.parametrize("wrong", [Fault(), Fault(ignore_range=True), Fault(etag="")])
    def test_versions_are_not_mixed(self, fetcher: Fetcher, mirror: Mirror, wrong: Fault) -> None:
        """A file that changed between two requests is an error, whatever the server does."""
        changed = attrs.evolve(wrong, content=CONTENT[::-1])
        mirror.misbehave(PATH, Fault(drop_after=50_000, times=1), changed)

        expected = failure(mirror, "changed on the server while it was fetched")
        assert expected == refusal(fetcher, mirror)

    def test_a_server_that_ignores_if_range_is_found_out(
        self, fetcher: Fetcher, mirror: Mirror
    ) -> None:
        """A 206 with another ETag is of another file."""
        fault = Fault(etag='"new"', headers=(("Last-Modified", "today"),))
        mirror.misbehave(PATH, Fault(etag='W/"old"', drop_after=9, times=1), fault)

        expected = failure(mirror, "changed on the server while it was fetched")
        assert expected == refusal(fetcher, mirror)

    def test_a_changed_length_is_another_version(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """Even where validators are missing."""
        mirror.misbehave(
            PATH,
            Fault(drop_after=50_000, times=1, etag='"one"'),
            Fault(content=CONTENT + b"more", etag='"one"'),
        )

        expected = failure(mirror, "changed on the server while it was fetched")
        assert expected == refusal(fetcher, mirror, size=None)

    def test_without_validators_only_a_pinned_file_is_resumed(
        self, fetcher: Fetcher, mirror: Mirror
    ) -> None:
        """Its digest will tell; for other files nothing would."""
        mirror.misbehave(PATH, Fault(etag="", drop_after=9, times=1), Fault(etag="", times=1))
        pinned = fetched(fetcher, mirror)
        mirror.behave()
        mirror.misbehave(PATH, Fault(etag="", drop_after=9))

        problem = "the connection was lost, and cannot be resumed"
        assert pinned == CONTENT
        assert failure(mirror, problem) == refusal(fetcher, mirror, size=None)

    def test_another_range_is_refused(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """Bytes from elsewhere in the file are not appended."""
        mirror.misbehave(PATH, Fault(drop_after=50_000, times=1), Fault(shift_range=10))

        expected = failure(mirror, "the server answered with another range than asked for")
        assert expected == refusal(fetcher, mirror)

    def test_silence_is_waited_for_only_so_long(self, mirror: Mirror) -> None:
        """No byte for `timeout_read` seconds is a break."""
        mirror.misbehave(PATH, Fault(delay=5))
        options = Options(timeout_read=0.05, retries=1, backoff=0)

        with Fetcher(options) as fetcher:
            assert outage(mirror, "the server is silent") == refusal(fetcher, mirror)
        assert len(mirror.requests) == 2

    def test_a_trickle_does_not_last_for_ever(self, mirror: Mirror) -> None:
        """A server that sends a byte now and then meets the total time-out."""
        mirror.misbehave(PATH, Fault(piece=1, delay=0.001))
        ticks = count()
        options = Options(timeout_total=20)

        with Fetcher(options, clock=lambda: next(ticks)) as fetcher:
            result = refusal(fetcher, mirror)

        assert failure(mirror, "not complete after 20 seconds") == result

    def test_a_consumer_may_stop(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """An abandoned stream leaves no connection that the next one would trip over."""
        stream = fetcher.stream(mirror.url + PATH, size=len(CONTENT), limit=LIMIT)
        next(stream)
        stream.close()  # type: ignore[attr-defined]  # it is a generator

        assert fetched(fetcher, mirror) == CONTENT


class TestLengths:
    """No stream is longer than it may be, and none ends early in silence."""

    @pytest.mark.parametrize("framing", ["chunked", "close"])
    def test_endless_content_stops_at_the_size(
        self, fetcher: Fetcher, mirror: Mirror, framing: str
    ) -> None:
        """Not a byte more than the pinned size is given."""
        mirror.misbehave(PATH, Fault(endless=True, framing=framing))
        stream = fetcher.stream(mirror.url + PATH, size=len(CONTENT), limit=LIMIT)
        given: list[int] = []

        with pytest.raises(IntegrityError) as raised:
            given.extend(map(len, stream))

        assert wrong_size(mirror, "200000 bytes", "more") == raised.value
        assert 0 < sum(given) <= len(CONTENT)

    def test_endless_content_stops_at_the_limit(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """Without a size the limit holds."""
        mirror.misbehave(PATH, Fault(endless=True))

        with pytest.raises(IntegrityError) as raised:
            fetched(fetcher, mirror, size=None, limit=300_000)

        assert wrong_size(mirror, "at most 300000 bytes", "more") == raised.value

    @pytest.mark.parametrize("size", [199_999, 200_001])
    def test_a_length_that_is_not_the_pinned_one_is_refused_at_once(
        self, fetcher: Fetcher, mirror: Mirror, size: int
    ) -> None:
        """No byte of such a file is given."""
        with pytest.raises(IntegrityError) as raised:
            next(fetcher.stream(mirror.url + PATH, size=size, limit=LIMIT))

        assert wrong_size(mirror, f"{size} bytes", "200000") == raised.value

    def test_a_length_beyond_the_limit_is_refused_at_once(
        self, fetcher: Fetcher, mirror: Mirror
    ) -> None:
        """The server's own word is enough for that."""
        with pytest.raises(IntegrityError) as raised:
            next(fetcher.stream(mirror.url + PATH, size=None, limit=199_999))

        assert wrong_size(mirror, "at most 199999 bytes", "200000") == raised.value

    def test_whole_chunks_that_are_too_short_are_final(
        self, fetcher: Fetcher, mirror: Mirror
    ) -> None:
        """The server says that this is all: another file, not a break."""
        mirror.misbehave(PATH, Fault(content=CONTENT[:-1], framing="chunked"))

        assert wrong_size(mirror, "200000 bytes", "199999") == refusal(fetcher, mirror)
        assert len(mirror.requests) == 1

    def test_a_resumed_file_that_turns_out_shorter_is_refused(
        self, fetcher: Fetcher, mirror: Mirror
    ) -> None:
        """416 with the length of what the server has is an answer."""
        mirror.misbehave(PATH, Fault(content=CONTENT[:1000]))

        with pytest.raises(IntegrityError) as raised:
            fetched(fetcher, mirror, offset=5000)

        assert wrong_size(mirror, "200000 bytes", "1000") == raised.value


class TestAnswers:
    """What a server may say instead of the content."""

    @pytest.mark.parametrize(
        ("status", "problem"),
        [
            (404, "not found (404)"),
            (403, "the server answered 403"),
            (410, "the server answered 410"),
            (204, "the server answered 204"),
            (206, "the server answered with another range than asked for"),
            (304, "the server answered 304"),
        ],
    )
    def test_some_are_final(
        self, fetcher: Fetcher, mirror: Mirror, status: int, problem: str
    ) -> None:
        """There is no second try."""
        mirror.misbehave(PATH, Fault(status=status))

        assert failure(mirror, problem) == refusal(fetcher, mirror)
        assert len(mirror.requests) == 1

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_some_are_temporary(self, fetcher: Fetcher, mirror: Mirror, status: int) -> None:
        """They are asked again, and may get better."""
        mirror.misbehave(PATH, Fault(status=status, times=2))

        assert fetched(fetcher, mirror) == CONTENT
        assert len(mirror.requests) == 3

    def test_a_server_that_stays_ill_is_given_up(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """The last answer is the error."""
        mirror.misbehave(PATH, Fault(status=503))

        assert outage(mirror, "the server answered 503") == refusal(fetcher, mirror)

    @pytest.mark.parametrize(
        ("retry_after", "waited"), [("7", 7.0), ("86400", 30.0), ("soon", 0.5), ("0", 0.5)]
    )
    def test_the_server_may_ask_for_patience(
        self,
        fetcher: Fetcher,
        mirror: Mirror,
        waits: list[float],
        retry_after: str,
        waited: float,
    ) -> None:
        """Retry-After in seconds is honoured up to half a minute."""
        mirror.misbehave(PATH, Fault(status=429, times=1, headers=(("Retry-After", retry_after),)))
        fetched(fetcher, mirror)

        assert [waited] == waits

    def test_an_encoding_is_refused(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """Bytes that nobody asked for are not decoded and not given."""
        mirror.misbehave(PATH, Fault(gzip=True))

        expected = failure(mirror, "the server encoded the content, unasked")
        assert expected == refusal(fetcher, mirror, size=None)

    def test_headers_without_end_are_refused(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """A thousand headers are a broken server."""
        headers = tuple((f"X-{n}", "x" * 100) for n in range(1000))
        mirror.misbehave(PATH, Fault(headers=headers))

        assert outage(mirror, "the connection was lost") == refusal(fetcher, mirror)

    def test_a_server_that_speaks_otherwise_is_refused(self, fetcher: Fetcher) -> None:
        """Anything but HTTP is a lost connection."""
        with socket.create_server(("127.0.0.1", 0)) as server:

            def greet() -> None:
                for _ in range(4):
                    client, _peer = server.accept()
                    client.sendall(b"220 mail ready\r\n")
                    client.close()

            thread = threading.Thread(target=greet)
            thread.start()
            location = f"http://127.0.0.1:{server.getsockname()[1]}/x"
            with pytest.raises(NetworkError) as raised:
                list(fetcher.stream(location, size=None, limit=LIMIT))
            thread.join()

        problem = "the connection was lost"
        assert NetworkError(what=location, problem=problem, temporary=True) == raised.value

    def test_a_mirror_that_is_down_is_given_up(self, fetcher: Fetcher) -> None:
        """Nobody listens on that port any more."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            location = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        with pytest.raises(NetworkError) as raised:
            list(fetcher.stream(location, size=None, limit=LIMIT))

        problem = "no connection to the host"
        assert NetworkError(what=location, problem=problem, temporary=True) == raised.value


class TestRedirects:
    """They are followed as far as they are harmless."""

    def test_a_few_are_followed(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """Relative or absolute, five of them."""
        for step in range(4):
            mirror.misbehave(f"/{step}", Fault(redirect=f"{step + 1}"))
        mirror.misbehave("/4", Fault(redirect=mirror.url + PATH))

        assert fetched(fetcher, mirror, "/0") == CONTENT

    def test_a_resumed_stream_is_redirected_again(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """The range goes along."""
        mirror.misbehave("/moved", Fault(redirect=PATH))
        mirror.misbehave(PATH, Fault(drop_after=50_000, times=1))

        assert fetched(fetcher, mirror, "/moved") == CONTENT
        assert mirror.requests[-1].range == "bytes=50000-"

    def test_a_loop_ends(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """After the sixth request."""
        mirror.misbehave(PATH, Fault(redirect=PATH))

        assert failure(mirror, "more than 5 redirects") == refusal(fetcher, mirror)
        assert len(mirror.requests) == 6

    @pytest.mark.parametrize(
        ("target", "problem"),
        [
            ("file:///etc/passwd", "redirected to a location of the kind 'file'"),
            ("ftp://127.0.0.1/x", "redirected to a location of the kind 'ftp'"),
            ("http://[::1", "redirected to a malformed location"),
            ("http://:80/", "not a location that can be asked"),
            ("http://127.0.0.1:99999/", "not a location that can be asked"),
        ],
    )
    def test_some_are_not_followed(
        self, fetcher: Fetcher, mirror: Mirror, target: str, problem: str
    ) -> None:
        """Only http and https, and only where there is a host."""
        mirror.misbehave(PATH, Fault(redirect=target))

        assert failure(mirror, problem) == refusal(fetcher, mirror)

    def test_a_login_stays_with_its_host(self, fetcher: Fetcher, mirror: Mirror) -> None:
        """Another host does not see it, and no message does."""
        with Mirror({PATH: CONTENT}) as other:
            mirror.misbehave("/away", Fault(redirect=other.url + PATH))
            mirror.misbehave("/near", Fault(redirect="/gone"))
            login = mirror.url.replace("//", "//alice:s%40cret@")
            got = b"".join(fetcher.stream(login + "/away", size=len(CONTENT), limit=LIMIT))
            with pytest.raises(NetworkError) as raised:
                list(fetcher.stream(login + "/near?token=x#y", size=9, limit=LIMIT))

        basic = "Basic YWxpY2U6c0BjcmV0"
        assert got == CONTENT
        assert [basic] * 3 == [r.headers.get("authorization") for r in mirror.requests]
        assert [request.headers.get("authorization") for request in other.requests] == [None]
        assert failure(mirror, "not found (404)", "/near") == raised.value


class TestTls:
    """https is believed for no more than it says, but not weakened either."""

    def test_a_trusted_server_is_read(self, tmp_path: Path, mirror: Mirror) -> None:
        """Its certificate is in the file named in the options; http may lead to it."""
        tls, pem = tls_for_localhost(tmp_path)

        with Mirror({PATH: CONTENT}, tls=tls) as secure:
            mirror.misbehave(PATH, Fault(redirect=secure.url + PATH))
            with Fetcher(Options(ca_file=str(pem))) as fetcher:
                assert fetched(fetcher, secure) == CONTENT
                assert fetched(fetcher, mirror) == CONTENT

    def test_it_never_leads_to_http(self, tmp_path: Path, mirror: Mirror) -> None:
        """A redirect that would drop the encryption is refused."""
        tls, pem = tls_for_localhost(tmp_path)

        with Mirror({}, tls=tls) as secure, Fetcher(Options(ca_file=str(pem))) as fetcher:
            secure.misbehave(PATH, Fault(redirect=mirror.url + PATH))
            assert failure(secure, "redirected from https to http") == refusal(fetcher, secure)
        assert mirror.requests == []

    def test_an_unknown_certificate_is_refused(self, tmp_path: Path, fetcher: Fetcher) -> None:
        """At once: it will not get better."""
        tls, _pem = tls_for_localhost(tmp_path)

        with Mirror({PATH: CONTENT}, tls=tls) as secure:
            result = refusal(fetcher, secure)

        assert result.message.startswith(f"{secure.url}{PATH}: no trusted connection (")
        assert secure.requests == []


class TestLocalFiles:
    """A directory of this host is a mirror too."""

    @pytest.mark.parametrize("spelling", ["{}", "file://{}", "file://localhost{}", "FILE:{}"])
    @pytest.mark.parametrize("size", [len(CONTENT), None])
    def test_they_have_several_spellings(
        self, fetcher: Fetcher, tmp_path: Path, spelling: str, size: int | None
    ) -> None:
        """A path, or a URL with an empty host or this one."""
        path = tmp_path / "curl.deb"
        path.write_bytes(CONTENT)
        location = spelling.format(path)

        assert b"".join(fetcher.stream(location, size=size, limit=LIMIT)) == CONTENT
        rest = fetcher.stream(location, size=size, limit=LIMIT, offset=199_990)
        assert CONTENT[199_990:] == b"".join(rest)

    def test_urls_are_decoded_and_paths_are_not(self, fetcher: Fetcher, tmp_path: Path) -> None:
        """%20 is a space in the one and three characters in the other."""
        (tmp_path / "a b").write_bytes(b"space")
        (tmp_path / "a%20b?c").write_bytes(b"percent")

        assert list(fetcher.stream(f"file://{tmp_path}/a%20b", size=None, limit=LIMIT)) == [
            b"space"
        ]
        assert list(fetcher.stream(f"{tmp_path}/a%20b?c", size=7, limit=LIMIT)) == [b"percent"]

    @pytest.mark.parametrize(("size", "limit"), [(5, 99), (7, 99), (None, 5)])
    def test_their_length_must_fit(
        self, fetcher: Fetcher, tmp_path: Path, size: int | None, limit: int
    ) -> None:
        """The pinned size exactly, or the limit at most."""
        path = tmp_path / "file"
        path.write_bytes(b"123456")
        expected = "at most 5 bytes" if size is None else f"{size} bytes"

        with pytest.raises(IntegrityError) as raised:
            list(fetcher.stream(str(path), size=size, limit=limit))
        assert IntegrityError(what=str(path), expected=expected, got="6") == raised.value

    def test_a_file_that_shrinks_is_noticed(self, fetcher: Fetcher, tmp_path: Path) -> None:
        """It is not what it was when it was opened."""
        path = tmp_path / "file"
        path.write_bytes(bytes(3_000_000))
        stream = fetcher.stream(str(path), size=None, limit=LIMIT)
        next(stream)
        os.truncate(path, 2_000_000)

        with pytest.raises(NetworkError) as raised:
            list(stream)
        assert NetworkError(what=str(path), problem="changed while it was read") == raised.value

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("missing", "not found"),
            ("directory", "not a regular file"),
            ("fifo", "not a regular file"),
            ("file/below", "not a directory"),
        ],
    )
    def test_only_regular_files_are_read(
        self, fetcher: Fetcher, tmp_path: Path, name: str, problem: str
    ) -> None:
        """And nothing waits for a writer."""
        (tmp_path / "directory").mkdir()
        (tmp_path / "file").touch()
        os.mkfifo(tmp_path / "fifo")
        path = str(tmp_path / name)

        with pytest.raises(NetworkError) as raised:
            list(fetcher.stream(path, size=None, limit=LIMIT))
        assert NetworkError(what=path, problem=problem) == raised.value

    def test_a_path_may_be_nonsense(self, fetcher: Fetcher) -> None:
        """NUL is in no path; it does not reach a terminal either."""
        with pytest.raises(NetworkError) as raised:
            list(fetcher.stream("/a\0b", size=None, limit=LIMIT))

        assert NetworkError(what="/a\\x00b", problem="embedded null byte") == raised.value

    @pytest.mark.parametrize(
        ("location", "shown"),
        [
            ("ftp://host/x", "ftp://host/x"),
            ("relative/path", "://relative/path"),
            ("file://elsewhere/x", "file://elsewhere/x"),
            ("file:x", "file://x"),
            ("file://[", "malformed location"),
        ],
    )
    def test_other_locations_are_a_mistake(
        self, fetcher: Fetcher, location: str, shown: str
    ) -> None:
        """In the configuration, so it is said plainly."""
        with pytest.raises(UsageError) as raised:
            list(fetcher.stream(location, size=None, limit=LIMIT))

        problem = f"{shown}: neither http, https nor a local file"
        assert UsageError(problem=problem) == raised.value

    def test_a_web_location_may_be_nonsense(self, fetcher: Fetcher) -> None:
        """No exception of a library comes out."""
        hosts = ["http://[", "http://", "http://a b/", "http://x:y/", "http://\N{SNOWMAN}.\0/"]
        for location in [*hosts, "http://" + "a" * 300 + "/"]:
            with pytest.raises(NetworkError):
                list(fetcher.stream(location, size=None, limit=LIMIT))


class TestProxies:
    """They come from the options or the environment given, never from the process's."""

    def test_the_options_name_one(self, mirror: Mirror) -> None:
        """It is asked for the absolute URL, with its own login only."""
        proxy = mirror.url.replace("//", "//bob:pass@")
        mirror.files = {"http://debian.invalid/x": b"through the proxy"}

        with Fetcher(Options(proxy=proxy)) as fetcher:
            stream = fetcher.stream("http://debian.invalid/x", size=17, limit=LIMIT)
            assert b"".join(stream) == b"through the proxy"
        assert mirror.requests[0].headers["proxy-authorization"] == "Basic Ym9iOnBhc3M="

    def test_the_environment_names_one(self, mirror: Mirror) -> None:
        """As curl and apt understand it, with or without a scheme."""
        mirror.files = {"http://debian.invalid/x": b"through the proxy"}
        environ = {"http_proxy": mirror.url.removeprefix("http://")}

        with Fetcher(environ=environ) as fetcher:
            stream = fetcher.stream("http://debian.invalid/x", size=17, limit=LIMIT)
            assert b"".join(stream) == b"through the proxy"

    def test_a_dead_one_is_named(self, waits: list[float]) -> None:
        """The host is not blamed for it."""
        options = Options(proxy="http://127.0.0.1:1")
        with Fetcher(options, sleep=waits.append) as fetcher, pytest.raises(NetworkError) as raised:
            list(fetcher.stream("http://debian.invalid/x", size=17, limit=LIMIT))

        expected = NetworkError(
            what="http://debian.invalid/x", problem="the proxy does not answer", temporary=True
        )
        assert expected == raised.value

    @pytest.mark.parametrize("proxy", ["gopher://bob:pass@host", "http://[", "http://\udcff:b@h"])
    def test_nonsense_is_a_mistake(self, proxy: str) -> None:
        """Said without its password."""
        with Fetcher(Options(proxy=proxy)) as fetcher, pytest.raises(UsageError) as raised:
            list(fetcher.stream("http://debian.invalid/x", size=17, limit=LIMIT))

        assert raised.value.problem.startswith("not a proxy: ")
        assert "pass" not in raised.value.problem
