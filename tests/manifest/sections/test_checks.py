"""`[[check]]`: what people may say a finished image does."""

from __future__ import annotations

import string

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesmith.errors import DocumentError
from imagesmith.manifest import table as toml
from imagesmith.manifest.sections import Check, Step
from imagesmith.manifest.sections.checks import MAX_TIMEOUT, TREES, read_checks, write_checks
from imagesmith.model import arch

ENTRY = '[[check]]\nname = "version"\n'


def read(text: str) -> tuple[Check, ...]:
    """Read every [[check]]."""
    root = toml.parse(text.encode(), document="r.toml")
    found = read_checks(root)
    root.end()
    return found


def test_a_check_of_one_step_says_it_inline() -> None:
    """The entrypoint must end with 0, if nothing else is said."""
    assert read(ENTRY) == (Check(name="version", steps=(Step(),)),)


def test_every_key_has_its_place() -> None:
    """Those of a check, and those of a step."""
    found = read(
        '[[check]]\nname = "a query"\narchitectures = ["arm64", "amd64"]\nwritable = ["/var/x"]\n'
        '[[check.step]]\ncommand = ["/bin/s", ""]\nargs = [""]\nuser = "db"\nenv = { B = "2" }\n'
        'background = true\nready = "up"\nport = 5432\nstatus = 3\n'
        '[[check.step]]\ntree = "full"\nstdin = "x"\noutput = ""\ncontains = ["y"]\n'
        'matches = ["^z$"]\ntimeout = 7\n'
    )
    server = Step(
        command=("/bin/s", ""),
        args=("",),
        user="db",
        env=(("B", "2"),),
        background=True,
        ready="up",
        port=5432,
        status=3,
    )
    client = Step(tree="full", stdin="x", output="", contains=("y",), matches=("^z$",), timeout=7)

    assert found == (
        Check(
            name="a query",
            architectures=("amd64", "arm64"),
            writable=("/var/x",),
            steps=(server, client),
        ),
    )


def test_a_check_is_for_all_architectures_or_for_some() -> None:
    """For all, if it names none."""
    both = Check(name="x", steps=(Step(),))
    one = attrs.evolve(both, architectures=("arm64",))
    arches = [arch.parse(name) for name in ("amd64", "arm64")]

    assert [[each.is_for(on) for on in arches] for each in (both, one)] == [
        [True, True],
        [False, True],
    ]


WORDS = st.lists(st.text(max_size=4).filter(lambda word: "\0" not in word), max_size=3)
TEXTS = st.text(max_size=9)
UNIQUE = st.lists(TEXTS, max_size=2, unique=True).map(tuple)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Draw steps that differ in everything a person may write."""
    command = draw(WORDS.filter(lambda words: words[:1] != [""]))
    names = draw(st.sets(st.text(string.ascii_letters + "_", min_size=1, max_size=4), max_size=2))
    background = draw(st.booleans())
    port = draw(st.none() | st.integers(1, 65535)) if background else None
    return Step(
        command=tuple(command),
        args=tuple(draw(WORDS)),
        tree=draw(st.sampled_from(TREES)),
        user=draw(TEXTS),
        env=tuple((name, draw(TEXTS.filter(lambda t: "\0" not in t))) for name in sorted(names)),
        stdin=draw(TEXTS),
        status=draw(st.none() | st.integers(0, 255)),
        output=draw(st.none() | TEXTS),
        contains=draw(UNIQUE),
        matches=draw(st.sampled_from([(), ("^a.b$",), ("[\\n\t]", "x")])),
        timeout=draw(st.integers(1, MAX_TIMEOUT)),
        background=background,
        ready=draw(TEXTS.filter(lambda text: bool(text) or port)) if background else "",
        port=port,
    )


CHECKS = st.builds(
    Check,
    name=st.sampled_from(["x", "two words", "a-b_c.d"]),
    architectures=st.sampled_from([(), ("amd64",), ("amd64", "arm64")]),
    writable=st.sampled_from([(), ("/srv/ü", "/var/lib/x")]),
    steps=st.lists(steps(), min_size=1, max_size=3).map(tuple),
)


@given(st.lists(CHECKS, max_size=3, unique_by=lambda check: check.name).map(tuple))
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read_back(checks: tuple[Check, ...]) -> None:
    """The writer and the reader are inverse, and there is one spelling."""
    written = write_checks(checks)

    assert read("\n".join(written)) == checks
    assert write_checks(read("\n".join(written))) == written


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("[[check]]\n", "check[0].name: missing; expected a string"),
        ('[[check]]\nname = "-x"\n', "check[0].name: expected a name of letters, digits, spaces"),
        (f"{ENTRY}{ENTRY}", "check[1].name: 'version' is the name of another check"),
        (f'{ENTRY}comand = ["x"]\n', "check[0].comand: unknown key"),
        (f"{ENTRY}step = []\n", "check[0].step: expected at least one"),
        (f'{ENTRY}command = ["x"]\n[[check.step]]\n', "check[0].command: unknown key"),
        (f"{ENTRY}[[check.step]]\nname = 1\n", "check[0].step[0].name: unknown key"),
        (f"{ENTRY}architectures = []\n", "check[0].architectures: expected at least one"),
        (f'{ENTRY}writable = ["x"]\n', "check[0].writable[0]: expected an absolute path"),
        (f'{ENTRY}command = [""]\n', "check[0].command: expected the name of a program first"),
        (f'{ENTRY}args = ["\\u0000"]\n', "check[0].args: a NUL cannot be passed on"),
        (f'{ENTRY}env = {{ A = "\\u0000" }}\n', "check[0].env.A: a NUL cannot be passed on"),
        (f'{ENTRY}tree = "host"\n', "check[0].tree: expected one of image, full"),
        (f"{ENTRY}status = 256\n", "check[0].status: expected at most 255, got 256"),
        (f"{ENTRY}timeout = 0\n", "check[0].timeout: expected at least 1, got 0"),
        (f"{ENTRY}timeout = 3601\n", "check[0].timeout: expected at most 3600, got 3601"),
        (f'{ENTRY}matches = ["("]\n', "check[0].matches[0]: not a regular expression: missing )"),
        (f'{ENTRY}ready = "x"\n', "check[0].ready: expected with background = true only"),
        (f"{ENTRY}port = 80\n", "check[0].port: expected with background = true only"),
        (f"{ENTRY}background = true\n", "check[0].background: it must be told when others may"),
    ],
)
def test_a_mistake_is_named_with_its_place(entry: str, message: str) -> None:
    """As everywhere in documents."""
    with pytest.raises(DocumentError) as e:
        read(entry)

    assert e.value.message.startswith(f"r.toml: {message}")
