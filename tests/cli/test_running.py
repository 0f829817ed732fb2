"""What `verify` finds wrong with an archive does not run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from builders.layout import Amend, Layer, make, put, without
from builders.probe import Runner, files, probe
from builders.tar import make_tar

from imagesmith.audit import exporting
from imagesmith.audit.problem import CODES
from imagesmith.errors import HostError, IntegrityError, MalformedArtefact, UsageError

At = Callable[[str], str]
"""A way from a role to the member's name."""


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """Return a way to run images."""
    probe()
    return Runner(tmp_path / "store")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where an archive goes."""
    return tmp_path / "odd.tar"


def image(config: Mapping[str, object], amend: Mapping[str, Amend] | None = None) -> bytes:
    """Write an archive with the probe in it and these execution parameters."""
    changes = {"config": put("config", to=config), **(amend or {})}
    return make(changes, layers=(Layer(tar=make_tar(files())),)).content


def entry(words: str) -> dict[str, object]:
    """Return a config that runs the probe."""
    return {"Entrypoint": ["/bin/probe", *words.split()]}


def test_a_changed_blob_does_not(path: Path, run: Runner) -> None:
    """Its digest is not its name."""

    def changed(members: dict[str, bytes], at: At) -> None:
        members[at("layer")] = members[at("layer")].replace(b"hello", b"hallo")

    path.write_bytes(make(members=changed).content)
    with pytest.raises(IntegrityError) as caught:
        run(path)

    assert caught.value.expected == "the bytes it must have"
    assert caught.value.got.startswith("others (has the digest sha256:")
    assert caught.value.hint == f"imagesmith verify {path} lists every problem"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (make(members=without("layer")).content, "[blob-missing]"),
        (make(members=without("index.json")).content, "[document]"),
        (make(layers=(Layer(tar=b"text"),)).content, "[layer]"),
        (b"text", "[archive]"),
    ],
)
def test_what_cannot_be_read_does_not(
    content: bytes, problem: str, path: Path, run: Runner
) -> None:
    """The first problem is told."""
    path.write_bytes(content)
    with pytest.raises(MalformedArtefact) as caught:
        run(path)

    assert problem in caught.value.message


def test_a_diff_id_of_other_layers_does_not(path: Path, run: Runner) -> None:
    """A layer is what its config says."""
    amend = {"config": put("rootfs", "diff_ids", 0, to=f"sha256:{'0' * 64}")}
    path.write_bytes(make(amend).content)
    with pytest.raises(IntegrityError, match="config says sha256:0000"):
        run(path)


def test_what_is_no_file_does_not(path: Path, run: Runner) -> None:
    """A directory, nothing, an empty file."""
    with pytest.raises(HostError, match="no such file or directory"):
        run(path)
    path.touch()
    with pytest.raises(UsageError, match="an empty file is no image"):
        run(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(HostError, match="is a directory"):
        run(path)


def test_problems_of_names_do_not_matter(path: Path, run: Runner) -> None:
    """What the image holds is certain."""

    def stranger(members: dict[str, bytes], _at: At) -> None:
        members["blobs/sha256/" + "0" * 64] = b"x"

    amend = {
        "config": put("config", to=entry("exit 4")),
        "manifest.json": put(0, "RepoTags", to=["other:1"]),
    }
    layer = Layer(tar=make_tar(files()))
    path.write_bytes(make(amend, layers=(layer,), members=stranger).content)

    assert run(path) == 4


@pytest.mark.parametrize("text", ["A=\0--bind\0/\0/host", "A=\ud800"])
@pytest.mark.parametrize("key", ["Env", "Cmd", "Volumes", "User"])
def test_text_that_could_become_an_option_does_not(
    key: str, text: str, path: Path, run: Runner
) -> None:
    """It is refused with the image, long before bubblewrap."""
    values = {"User": text, "Volumes": {text: {}}}
    path.write_bytes(image({**entry("exit 0"), key: values.get(key, [text])}))
    with pytest.raises(MalformedArtefact, match="text that no command line"):
        run(path)


@pytest.mark.parametrize(
    ("created", "seconds"),
    [
        ("2026-01-02T03:04:05Z", 1767323045),
        ("2026-01-02T03:04:05.123456789+00:00", 1767323045),
        ("yesterday", 0),
        (None, 0),
    ],
)
def test_files_are_as_old_as_the_image(
    created: str | None, seconds: int, path: Path, run: Runner, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where it says when it was made."""
    content = make(
        {"config": lambda it: {**it, "created": created, "config": entry("mode /etc/passwd")}},
        layers=(Layer(tar=make_tar(files())),),
    ).content
    path.write_bytes(content)
    run(path)

    assert capfd.readouterr().out.split()[-1] == str(seconds)


def test_an_image_without_config_runs_what_it_is_told(path: Path, run: Runner) -> None:
    """As root, in a sandbox called after nothing."""
    path.write_bytes(image({}, {"config": put("config", to=None)}))

    assert run(path, "/bin/probe", "exit", "6") == 6


def test_layers_lie_over_each_other(
    path: Path, run: Runner, capfd: pytest.CaptureFixture[str]
) -> None:
    """The upper one counts; what two share is read once."""
    lower, upper = make_tar({**files(), "/etc/a": "lower\n"}), make_tar({"/etc/a": "upper\n"})
    layers = tuple(Layer(tar=tar) for tar in (lower, upper))
    amend = {"config": put("config", to=entry("show /etc/a"))}
    path.write_bytes(make(amend, layers=layers).content)

    assert (run(path), capfd.readouterr().out) == (0, "upper\n")


def test_an_image_for_no_platform_of_this_machine_is_told(path: Path, run: Runner) -> None:
    """With what there is."""
    path.write_bytes(make(images=3).content)
    with pytest.raises(UsageError, match="it has linux/amd1, linux/amd2, linux/amd64") as caught:
        run(path, wanted="linux/s390x")

    assert caught.value.hint == "name one with --arch"


def test_an_export_that_is_damaged_is_told(path: Path, run: Runner) -> None:
    """Nothing is guessed."""
    path.write_bytes(image(entry("exit 0")))
    run(path, user="0")
    (run.root().parent / "image.json").write_text("{}")
    with pytest.raises(HostError, match="is not as it was written"):
        run(path)


def test_what_is_harmless_is_no_problem_of_an_image() -> None:
    """Only codes that exist, and none about bytes."""
    assert CODES.keys() > exporting.HARMLESS
