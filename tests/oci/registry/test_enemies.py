"""A registry, or who it sends people to, that wants what is not its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
from builders.registry import PASSWORD, USER, Registry, two

from imagesmith.errors import MalformedArtefact, NetworkError
from imagesmith.fetch.answer import Answer
from imagesmith.fetch.exchange import AUTHORIZATION, Client, Request
from imagesmith.fetch.web import Options
from imagesmith.model.canonical import Json
from imagesmith.model.digest import Digest
from imagesmith.oci import bundle
from imagesmith.oci.bundle import Descriptor
from imagesmith.oci.image import IMAGE_INDEX, IMAGE_MANIFEST
from imagesmith.oci.reader import MAX_DOCUMENT
from imagesmith.oci.registry.login import Login
from imagesmith.oci.registry.name import parse
from imagesmith.oci.registry.repository import Repository
from imagesmith.oci.registry.session import Session

CONTENT = b"layer" * 1000
DIGEST = Digest.of(CONTENT)
BLOB = Descriptor(media_type="application/octet-stream", digest=DIGEST, size=len(CONTENT))
ALICE = Login(USER, PASSWORD)
HOST = "r.example.org"


@contextmanager
def opened(registry: Registry) -> Iterator[Repository]:
    """Lend a repository of a registry to alice; nobody waits between two tries."""
    options = Options(backoff=0.0)
    with Client(options, {}) as client:
        session = Session(
            place=parse(f"{registry.host}/app:1"),
            exchange=client.exchange,
            login=ALICE,
            plain=True,
            scope="pull,push",
            backoff=0.0,
        )
        yield Repository(session=session, options=options)


Said = tuple[int, Mapping[str, str]]


def told(
    answers: Callable[[Request], Said], *, plain: bool = False, host: str = HOST
) -> tuple[Repository, list[Request]]:
    """Return a repository whose requests are answered by a function, and those requests."""
    asked: list[Request] = []

    @contextmanager
    def exchange(request: Request) -> Iterator[Answer]:
        asked.append(request)
        status, headers = answers(request)
        yield Answer(
            what="r",
            url=request.url,
            status=status,
            headers=headers,
            chunks=iter([b'{"token":"t"}']),
        )

    session = Session(
        place=parse(f"{host}/a"), exchange=exchange, login=ALICE, plain=plain, sleep=lambda _: None
    )
    return Repository(session=session, options=Options()), asked


class TestLogins:
    """A login goes to the registry, and to the place that the registry itself names."""

    @pytest.mark.parametrize("auth", ["basic", "bearer"])
    def test_who_blobs_are_fetched_from_gets_no_login(self, auth: str) -> None:
        """It is not the registry, whatever it asks for."""
        with two() as (registry, other), opened(registry) as repository:
            other.auth = auth  # type: ignore[assignment]  # one of its literals
            registry.repo("app").blobs[str(DIGEST)] = CONTENT
            registry.redirect = f"http://{other.host}"

            with pytest.raises(NetworkError):
                b"".join(repository.blob(BLOB))
            assert {each.authorization for each in other.requests} == {""}
            assert other.methods("/token") == []

    def test_who_blobs_are_sent_to_gets_no_login(self) -> None:
        """Neither at once nor when it asks for one."""

        def answers(request: Request) -> Said:
            if request.url.startswith("https://evil.example.org/"):
                return 401, {"WWW-Authenticate": 'Basic realm="x"'}
            if AUTHORIZATION not in request.headers:
                return 401, {"WWW-Authenticate": 'Basic realm="x"'}
            if request.method == "HEAD":
                return 404, {}
            return 202, {"Location": f"https://{HOST}@evil.example.org/upload"}

        repository, asked = told(answers)
        with pytest.raises(NetworkError):
            repository.send(BLOB, memoryview(CONTENT))

        evil = [each for each in asked if not each.url.startswith(f"https://{HOST}/")]
        assert evil
        assert all(AUTHORIZATION not in each.headers for each in evil)

    def test_nothing_is_sent_in_the_open_to_a_registry_that_speaks_https(self) -> None:
        """Whatever place it names for an upload: token and content would be seen."""

        def answers(request: Request) -> Said:
            if request.method == "HEAD":
                return 404, {}
            return 202, {"Location": f"http://{HOST}/upload"}

        repository, asked = told(answers)
        with pytest.raises(NetworkError, match="from https to http"):
            repository.send(BLOB, memoryview(CONTENT))

        assert all(each.url.startswith("https:") for each in asked)

    @pytest.mark.parametrize("location", [f"https://{HOST}:443/u", f"https://{HOST.upper()}/u"])
    def test_another_spelling_of_the_registry_is_the_registry(self, location: str) -> None:
        """A port that goes without saying, letters of either case."""

        def answers(request: Request) -> Said:
            if "Basic" not in request.headers.get(AUTHORIZATION, ""):
                return 401, {"WWW-Authenticate": 'Basic realm="x"'}
            if request.method == "HEAD":
                return 404, {}
            return (202, {"Location": location}) if request.method == "POST" else (201, {})

        repository, _ = told(answers)

        assert repository.send(BLOB, memoryview(CONTENT)) == "sent"

    @pytest.mark.parametrize(
        ("realm", "is_met"),
        [
            ("http://127.0.0.1:5001/token", True),
            ("http://localhost/token", True),
            ("http://evil.example.org/token", False),
            ("https://tokens.example.org/token", True),
        ],
    )
    def test_a_login_stays_on_this_machine_or_is_encrypted(
        self, realm: str, *, is_met: bool
    ) -> None:
        """A registry here that speaks http says nothing of the way to others."""

        def answers(request: Request) -> Said:
            if request.headers.get(AUTHORIZATION, "").startswith("Bearer"):
                return 200, {}
            if "/token" in request.url:
                return 200, {}
            return 401, {"WWW-Authenticate": f'Bearer realm="{realm}"'}

        repository, asked = told(answers, plain=True, host="127.0.0.1:5000")
        if is_met:
            assert repository.has(DIGEST)
        else:
            with pytest.raises(NetworkError, match="in the open"):
                repository.has(DIGEST)
            assert len(asked) == 1


class TestAnswers:
    """What a registry says is bounded, and no more than words."""

    @pytest.mark.parametrize("size", [0, 70_000])
    def test_a_long_error_is_still_that_error(self, size: int) -> None:
        """Its status counts."""
        with Registry() as registry, opened(registry) as repository:
            registry.page = size

            with pytest.raises(NetworkError, match="the registry answered 404"):
                repository.manifest("1")

    @pytest.mark.parametrize("chunk", [0, 2000])
    def test_a_registry_that_is_busy_during_an_upload_is_waited_for(self, chunk: int) -> None:
        """As one that breaks it off."""
        with Registry() as registry, opened(registry) as repository:
            registry.busy_uploads = 2

            assert repository.send(BLOB, memoryview(CONTENT), chunk=chunk) == "sent"
            assert registry.repo("app").blobs == {str(DIGEST): CONTENT}

    def test_a_registry_that_forgets_is_left(self) -> None:
        """One that takes a piece and then has nothing, again and again, is not sent it for ever."""

        def answers(request: Request) -> Said:
            assert len(asked) < 500
            here = {"Location": f"https://{HOST}/upload"}
            if request.method == "PATCH":
                start = request.headers["Content-Range"].partition("-")[0]
                return (202, here) if start == "0" else (503, {})
            return {"HEAD": (404, {}), "POST": (202, here), "GET": (204, here)}[request.method]

        repository, asked = told(answers)
        with pytest.raises(NetworkError, match="503"):
            repository.send(BLOB, memoryview(CONTENT), chunk=2000)

    def test_an_answer_that_never_ends_is_left(self) -> None:
        """Drop by drop it would take longer than anybody waits."""
        ticks = iter(range(1000))
        with Registry() as registry:
            registry.repo("app").blobs[str(DIGEST)] = CONTENT
            options = Options(timeout_total=0.5)
            request = Request(method="GET", url=f"http://{registry.host}/v2/app/blobs/{DIGEST}")
            with (
                Client(options, {}, clock=lambda: float(next(ticks))) as client,
                client.exchange(request) as answer,
                pytest.raises(NetworkError, match=r"not complete after 0\.5 seconds"),
            ):
                answer.content(len(CONTENT))


def described(media_type: str, content: bytes, **changed: Json) -> dict[str, Json]:
    """Return the descriptor of some bytes, or what a liar makes of it."""
    true: dict[str, Json] = {
        "mediaType": media_type,
        "digest": str(Digest.of(content)),
        "size": len(content),
    }
    return true | changed


def walked(root: bytes, media_type: str, *others: bytes) -> bundle.Bundle:
    """Follow a document to what it names."""
    known = {Digest.of(each): each for each in (root, *others)}
    descriptor = bundle.descriptor(described(media_type, root))
    return bundle.walk(descriptor, lambda asked: known[asked.digest], what="r/app")


def manifest(*layers: Json, **changed: Json) -> bytes:
    """Return an image manifest."""
    config: Json = described("application/vnd.oci.image.config.v1+json", b"{}")
    return json.dumps({"config": config, "layers": [*layers]} | changed).encode()


class TestDocuments:
    """A document has one meaning, and is of a size that somebody could have written."""

    @pytest.mark.parametrize(
        ("media_type", "document"),
        [
            (IMAGE_MANIFEST, manifest(manifests=[])),
            (IMAGE_INDEX, b'{"manifests": [], "layers": []}'),
            (IMAGE_INDEX, b'{"manifests": [], "config": {}}'),
        ],
    )
    def test_what_could_be_an_image_and_an_index_is_neither(
        self, media_type: str, document: bytes
    ) -> None:
        """Two readers would see two images in it (CVE-2021-41190)."""
        with pytest.raises(MalformedArtefact, match="image and index at once"):
            walked(document, media_type)

    def test_a_config_is_a_document(self) -> None:
        """It is read as a whole, so it cannot be larger than one."""
        config = described("application/vnd.oci.image.config.v1+json", b"", size=MAX_DOCUMENT + 1)

        with pytest.raises(MalformedArtefact, match="more than 4194304 bytes"):
            walked(manifest(config=config), IMAGE_MANIFEST)

    def test_one_blob_has_one_size(self) -> None:
        """Only one of two can be true."""
        layers = [described("a", b"layer"), described("a", b"layer", size=6)]

        with pytest.raises(MalformedArtefact, match="5 bytes and 6 bytes"):
            walked(manifest(*layers), IMAGE_MANIFEST)

    def test_a_manifest_has_one_size_and_one_kind(self) -> None:
        """Also where an index names it twice."""
        image = manifest()
        for wrong in (
            described(IMAGE_MANIFEST, image, size=1),
            described(IMAGE_INDEX, image),
        ):
            listed: Json = [described(IMAGE_MANIFEST, image), wrong]
            index = json.dumps({"manifests": listed}).encode()
            with pytest.raises(MalformedArtefact):
                walked(index, IMAGE_INDEX, image)

    def test_manifests_are_held_in_memory_up_to_a_limit(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All of them together: an index may name a thousand, and each of those a thousand."""
        monkeypatch.setattr(bundle, "MAX_TOTAL", 4000)
        images = [manifest(annotations={"n": str(number) * 900}) for number in range(4)]
        listed: Json = [described(IMAGE_MANIFEST, each) for each in images]
        index = json.dumps({"manifests": listed}).encode()

        with pytest.raises(MalformedArtefact, match="more than 4000 bytes of manifests"):
            walked(index, IMAGE_INDEX, *images)

    def test_a_manifest_has_the_size_that_names_it(self) -> None:
        """Though its digest is right: who trusts the size would read another document."""
        image = manifest()
        listed: Json = [described(IMAGE_MANIFEST, image, size=len(image) + 1)]
        index = json.dumps({"manifests": listed}).encode()

        with pytest.raises(MalformedArtefact, match=f"{len(image)} bytes with the digest"):
            walked(index, IMAGE_INDEX, image)

    def test_there_are_no_more_manifests_than_somebody_wants(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each is a request."""
        monkeypatch.setattr(bundle, "MAX_LISTED", 3)
        inner = [manifest(annotations={"n": str(number)}) for number in range(3)]
        images: Json = [described(IMAGE_MANIFEST, each) for each in inner]
        nested = json.dumps({"manifests": images}).encode()
        index = json.dumps({"manifests": [described(IMAGE_INDEX, nested)]}).encode()

        with pytest.raises(MalformedArtefact, match="more than 3 manifests"):
            walked(index, IMAGE_INDEX, nested, *inner)

    def test_a_manifest_that_would_be_too_large_is_not_fetched(self) -> None:
        """Its descriptor says enough."""
        listed: Json = [described(IMAGE_MANIFEST, b"", size=MAX_DOCUMENT + 1)]
        index = json.dumps({"manifests": listed}).encode()

        with pytest.raises(MalformedArtefact, match="more than 4194304 bytes"):
            walked(index, IMAGE_INDEX)
