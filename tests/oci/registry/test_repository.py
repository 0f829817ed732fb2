"""Talking to a registry: uploads that break off, logins, lies.  Against a simulated registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from builders.registry import IDENTITY, PASSWORD, USER, Registry, two

from imagesmith.errors import ImagesmithError, IntegrityError, NetworkError
from imagesmith.fetch.answer import Answer
from imagesmith.fetch.exchange import Client, Request
from imagesmith.fetch.web import Options
from imagesmith.model.digest import Digest
from imagesmith.oci.bundle import Descriptor
from imagesmith.oci.registry.login import TOKEN_USER, Login
from imagesmith.oci.registry.name import parse
from imagesmith.oci.registry.repository import SMALL_CHUNK, Repository
from imagesmith.oci.registry.session import Session

CONTENT = bytes(range(256)) * 40
DIGEST = Digest.of(CONTENT)
BLOB = Descriptor(media_type="application/octet-stream", digest=DIGEST, size=len(CONTENT))
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ALICE = Login(USER, PASSWORD)


@contextmanager
def opened(
    registry: Registry, name: str = "app", *, login: Login | None = None, scope: str = "pull,push"
) -> Iterator[Repository]:
    """Lend a repository of a registry; nobody waits between two tries."""
    options = Options(backoff=0.0)
    with Client(options, {}) as client:
        session = Session(
            place=parse(f"{registry.host}/{name}:1"),
            exchange=client.exchange,
            login=login,
            plain=True,
            scope=scope,
            backoff=0.0,
            sources=("source",),
        )
        yield Repository(session=session, options=options)


def refusal(call: object) -> str:
    """Return the message of the error a call ends with."""
    assert callable(call)
    with pytest.raises(ImagesmithError) as e:
        call()
    return e.value.message


def stored(registry: Registry, name: str = "app") -> dict[str, bytes]:
    """Return the blobs of a repository."""
    return registry.repo(name).blobs


class TestUploads:
    """A blob gets there, once, whatever happens on the way."""

    def test_a_blob_is_sent_in_one_piece(self) -> None:
        """And not again."""
        with Registry() as registry, opened(registry) as repository:
            assert repository.send(BLOB, memoryview(CONTENT)) == "sent"
            assert repository.send(BLOB, memoryview(CONTENT)) == "present"
            assert registry.methods() == ["HEAD", "POST", "PUT", "HEAD"]
            assert stored(registry) == {str(DIGEST): CONTENT}

    def test_a_blob_of_another_repository_is_mounted(self) -> None:
        """Nothing is sent; a repository that lacks it is passed over."""
        with Registry() as registry, opened(registry) as repository:
            registry.repo("source").blobs[str(DIGEST)] = CONTENT
            sources = ("none", "source")

            assert repository.send(BLOB, memoryview(CONTENT), sources=sources) == "mounted"
            assert stored(registry) == {str(DIGEST): CONTENT}
            assert "PUT" not in registry.methods()

    @pytest.mark.parametrize("size", [1, 1000, len(CONTENT) - 1, len(CONTENT), len(CONTENT) + 1])
    def test_a_blob_is_sent_in_chunks(self, size: int) -> None:
        """Of the size asked for, the last one smaller."""
        content = CONTENT[: size * 7]
        blob = Descriptor(media_type="x", digest=Digest.of(content), size=len(content))
        with Registry() as registry, opened(registry) as repository:
            repository.send(blob, memoryview(content), chunk=size)
            sizes = [each.length for each in registry.requests if each.method == "PATCH"]

            assert stored(registry) == {str(blob.digest): content}
            assert sizes == [min(size, len(content) - at) for at in range(0, len(content), size)]

    def test_a_registry_that_takes_no_large_body_gets_chunks(self) -> None:
        """Which nobody has to know before."""
        content = bytes(SMALL_CHUNK + 5)
        blob = Descriptor(media_type="x", digest=Digest.of(content), size=len(content))
        with Registry() as registry, opened(registry) as repository:
            registry.max_body = SMALL_CHUNK
            repository.send(blob, memoryview(content))

            assert stored(registry) == {str(blob.digest): content}
            assert registry.methods("/upload/") == ["PUT", "PATCH", "PATCH", "PUT"]

    @pytest.mark.parametrize("chunk", [0, 3000])
    @pytest.mark.parametrize("drops", [1, 2, 3])
    def test_an_upload_that_breaks_off_is_completed(self, chunk: int, drops: int) -> None:
        """Begun anew as a whole, gone on with in chunks."""
        with Registry() as registry, opened(registry) as repository:
            registry.drop_uploads = drops
            repository.send(BLOB, memoryview(CONTENT), chunk=chunk)

            assert stored(registry) == {str(DIGEST): CONTENT}
            assert len(registry.uploads) == (1 if chunk else 1 + drops)

    def test_an_upload_whose_answer_is_lost_is_not_repeated(self) -> None:
        """What is there by then is there."""
        with Registry() as registry, opened(registry) as repository:
            registry.lose_answers = 1
            repository.send(BLOB, memoryview(CONTENT))

            assert registry.methods() == ["HEAD", "POST", "PUT", "HEAD"]

    @pytest.mark.parametrize("chunk", [0, 3000])
    def test_trying_ends(self, chunk: int) -> None:
        """With what went wrong."""
        with Registry() as registry, opened(registry) as repository:
            registry.drop_uploads = 100

            with pytest.raises(NetworkError, match="the connection was lost"):
                repository.send(BLOB, memoryview(CONTENT), chunk=chunk)

    def test_a_busy_registry_is_waited_for(self) -> None:
        """As long as trying is allowed."""
        with Registry() as registry, opened(registry) as repository:
            registry.busy = 3
            assert repository.send(BLOB, memoryview(CONTENT)) == "sent"
            registry.busy = 100
            assert "the registry answered 503" in refusal(lambda: repository.has(DIGEST))

    def test_another_blob_than_was_named_is_refused(self) -> None:
        """By the registry, in its words, made safe to show."""
        with Registry() as registry, opened(registry) as repository:
            said = refusal(lambda: repository.send(BLOB, memoryview(CONTENT[1:])))

        assert said.endswith("the registry answered 400 (DIGEST_INVALID: no \\x1b[31mway)")

    def test_a_registry_that_says_it_got_something_else_is_an_error(self) -> None:
        """Though it answered 201."""
        with Registry() as registry, opened(registry) as repository:
            registry.lie = "sha256:" + "0" * 64

            with pytest.raises(IntegrityError):
                repository.send(BLOB, memoryview(CONTENT))


class TestManifests:
    """Manifests are bytes."""

    def test_what_is_put_is_what_is_got(self) -> None:
        """Under its tag and under its digest."""
        content = b'{"schemaVersion": 2,  "odd": "spelling"}'
        named = Descriptor(media_type=MANIFEST, digest=Digest.of(content), size=len(content))
        with Registry() as registry, opened(registry) as repository:
            repository.put("1", named, content)

            assert repository.manifest("1") == (MANIFEST, content)
            assert repository.manifest(str(named.digest)) == (MANIFEST, content)

    def test_a_manifest_is_held_against_its_digest(self) -> None:
        """The one asked for, and the one the registry names."""
        with Registry() as registry, opened(registry) as repository:
            registry.repo("app").manifests[str(DIGEST)] = (MANIFEST, b"{}")
            assert "expected sha256:" in refusal(lambda: repository.manifest(str(DIGEST)))
            registry.repo("app").manifests["1"] = (MANIFEST, b"{}")
            registry.lie = str(DIGEST)
            assert "expected sha256:" in refusal(lambda: repository.manifest("1"))

    @pytest.mark.parametrize(
        ("status", "code", "hint"),
        [(404, "MANIFEST_UNKNOWN", None), (403, "DENIED", "the login may not do this there")],
    )
    def test_what_is_refused_is_said(self, status: int, code: str, hint: str | None) -> None:
        """With the registry's own code."""
        with Registry() as registry, opened(registry) as repository:
            registry.denied = status, code
            with pytest.raises(NetworkError) as e:
                repository.manifest("1")

        assert e.value.problem.startswith(f"the registry answered {status} ({code}")
        assert e.value.hint == hint


class TestBlobs:
    """A blob comes whole or not at all."""

    def test_a_connection_that_breaks_is_resumed(self) -> None:
        """From the byte where it broke."""
        with Registry() as registry, opened(registry) as repository:
            stored(registry)[str(DIGEST)] = CONTENT
            registry.drop_blobs = 2

            assert b"".join(repository.blob(BLOB)) == CONTENT
            assert b"".join(repository.blob(BLOB, 100)) == CONTENT[100:]
            assert registry.methods("/blobs/") == ["GET"] * 4

    def test_a_blob_elsewhere_is_fetched_without_the_login(self) -> None:
        """Who it is redirected to is not the registry."""
        with two() as (registry, other), opened(registry, login=ALICE) as repository:
            registry.auth = "basic"
            stored(registry)[str(DIGEST)] = stored(other)[str(DIGEST)] = CONTENT
            registry.redirect = f"http://{other.host}"

            assert b"".join(repository.blob(BLOB)) == CONTENT
            assert [each.authorization for each in other.requests] == [""]
            assert registry.requests[-1].authorization == ALICE.basic

    def test_a_blob_of_another_size_is_refused(self) -> None:
        """Before it is read."""
        with Registry() as registry, opened(registry) as repository:
            stored(registry)[str(DIGEST)] = CONTENT + b"!"

            with pytest.raises(IntegrityError):
                b"".join(repository.blob(BLOB))


class TestLogins:
    """A registry is told who asks, if it wants to know."""

    @pytest.mark.parametrize("login", [ALICE, Login(TOKEN_USER, IDENTITY)])
    def test_a_token_is_fetched_once(self, login: Login) -> None:
        """For a password, or for an identity token."""
        with Registry("bearer") as registry, opened(registry, login=login) as repository:
            repository.send(BLOB, memoryview(CONTENT))
            repository.has(DIGEST)

            assert len(registry.methods("/token")) == 1
            assert registry.methods("/v2/app/")[:2] == ["HEAD", "HEAD"]

    def test_a_token_serves_for_mounting(self) -> None:
        """From every repository that was named."""
        with Registry("bearer") as registry, opened(registry, login=ALICE) as repository:
            registry.repo("source").blobs[str(DIGEST)] = CONTENT

            assert repository.send(BLOB, memoryview(CONTENT), sources=["source"]) == "mounted"

    def test_nobody_may_pull_where_anybody_may(self) -> None:
        """With a token for nobody; pushing wants a login."""
        with Registry("bearer") as registry, opened(registry) as repository:
            stored(registry)[str(DIGEST)] = CONTENT

            assert b"".join(repository.blob(BLOB)) == CONTENT
            said = refusal(lambda: repository.put("1", BLOB, CONTENT))
            assert said.startswith(f"{registry.host}/app:1: it wants a login (UNAUTHORIZED")

    def test_a_password_is_sent_where_that_is_asked(self) -> None:
        """After the challenge, not before."""
        with Registry("basic") as registry, opened(registry, login=ALICE) as repository:
            assert not repository.has(DIGEST)
            assert [each.authorization for each in registry.requests] == ["", ALICE.basic]

    def test_a_wrong_password_is_said_with_a_way_out(self) -> None:
        """And asked for once."""
        wrong = Login(USER, "x")
        with Registry("basic") as registry, opened(registry, login=wrong) as repository:
            with pytest.raises(NetworkError) as e:
                repository.manifest("1")
            asked = len(registry.requests)

        assert e.value.problem.startswith("the login was not accepted (UNAUTHORIZED")
        assert e.value.hint == (
            "log in with podman login or docker login, or name a file with --authfile"
        )
        assert asked == 2

    @pytest.mark.parametrize("realm", ["", "ftp://a", "/token"])
    def test_a_challenge_that_cannot_be_met_is_a_refusal(self, realm: str) -> None:
        """Nothing is sent anywhere."""
        with Registry("bearer") as registry, opened(registry, login=ALICE) as repository:
            registry.realm = realm or "nowhere"

            assert "the login was not accepted" in refusal(lambda: repository.has(DIGEST))

    @pytest.mark.parametrize("token", ["[]", "{}", '{"token": 1}', '{"token": "a\\nb"}', "x"])
    def test_what_is_no_token_is_refused(self, token: str) -> None:
        """It would go into a header."""
        with Registry("bearer") as registry, opened(registry, login=ALICE) as repository:
            registry.token = token

            assert refusal(lambda: repository.has(DIGEST)).endswith("/token: gave no token")

    def test_a_login_is_not_sent_in_the_open(self) -> None:
        """A registry that speaks https may not have tokens fetched by http."""
        asked: list[str] = []

        @contextmanager
        def exchange(request: Request) -> Iterator[Answer]:
            asked.append(request.url)
            challenge = {"WWW-Authenticate": 'Bearer realm="http://r.example.org/token"'}
            yield Answer(
                what="r", url=request.url, status=401, headers=challenge, chunks=iter([b""])
            )

        session = Session(place=parse("r.example.org/a"), exchange=exchange, login=ALICE)
        repository = Repository(session=session, options=Options())

        assert "sent in the open (its realm is http)" in refusal(lambda: repository.has(DIGEST))
        assert asked == [f"https://r.example.org/v2/a/blobs/{DIGEST}"]
