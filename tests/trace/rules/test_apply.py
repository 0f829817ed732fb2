"""What becomes of what rules find, whatever the rules."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

import pytest
from builders.elf import make_elf, make_glibc
from builders.roots import Content, make_tree, reader
from builders.scenes import DIRECTORY, Asked, glibc, importing, with_strings
from builders.symbols import make_object, wanted

from imagesmith.errors import ClosureIncomplete
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.model.arch import ARCHES, Arch
from imagesmith.model.tree import Symlink
from imagesmith.trace.closure import Reason, Suspected
from imagesmith.trace.rules.apply import MAX_ROUNDS
from imagesmith.trace.rules.rule import (
    Absent,
    Finding,
    Load,
    Make,
    Mode,
    Rule,
    Ship,
    Suspect,
    Warn,
)
from imagesmith.trace.rules.scene import Scene
from imagesmith.trace.seeds import trace

FILES: Final[dict[str, Content]] = {
    **glibc(),
    "/bin/p": importing(),
    "/bin/q": importing(),
    "/etc/one": b"1",
    "/etc/link": "one",
    "/srv/many/a": b"a",
    "/srv/many/out": "/etc/one",
    "/srv/many/plugin.so": make_elf(needed=["libdeep.so"]),
    "/srv/broken.so": make_elf(needed=["gone.so"]),
    f"{DIRECTORY}/libdeep.so": make_elf(),
    f"{DIRECTORY}/libopen.so.1": make_elf(needed=["libdeep.so"]),
    f"{DIRECTORY}/libsad.so.1": make_elf(needed=["gone.so"]),
}
P = "/bin/p"
NEEDS_DEEP: Final = Reason("needed", f"{DIRECTORY}/libopen.so.1", "libdeep.so by default")


def rule(*findings: Finding, name: str = "r", mode: Mode = "default") -> Rule:
    """Return a rule that always finds the same."""

    def find(scene: Scene) -> Iterable[Finding]:
        return findings if scene.binaries else ()

    return Rule(name=name, title="", find=find, mode=mode)


def test_a_path_is_shipped_with_the_links_that_lead_to_it() -> None:
    """The end has the rule's reason, each link that of any link."""
    applied = Asked(FILES, [P]).about(rule(Ship("/etc/link", P, "why")))
    paths = applied.shipping.reasons.paths

    assert paths["/etc/one"] == Reason("r", P, "why")
    assert paths["/etc/link"] == Reason("symlink", "/etc/one", "/etc/link")


def test_a_directory_is_itself_or_everything_in_it() -> None:
    """Links in it are followed out of it, plugins in it are loaded."""
    alone = Asked(FILES, [P]).about(rule(Ship("/srv/many", P)))
    whole = Asked(FILES, [P]).about(rule(Ship("/srv/many", P, content=True)))
    found = {*whole.shipping.reasons.paths} - {*alone.shipping.reasons.paths}

    assert "/srv/many" in alone.shipping.reasons.paths
    assert found == {
        "/srv/many/a",
        "/srv/many/out",
        "/etc/one",
        "/srv/many/plugin.so",
        f"{DIRECTORY}/libdeep.so",
    }
    assert whole.shipping.reasons.paths["/etc/one"].rule == "r"


def test_what_is_not_there_is_nothing() -> None:
    """Unless a declaration asks for it."""
    assert not Asked(FILES, [P]).about(rule(Ship("/none", P))).shipping.reasons.problems

    applied = Asked(FILES, [P]).about(
        rule(Ship("/none", None, key="runtime.zones"), Absent("runtime.pam", "'x'", "try y"))
    )

    assert list(applied.shipping.reasons.problems) == [
        "runtime.zones: /none is not in the packages",
        "runtime.pam: 'x' is not in the packages (try y)",
    ]


def test_a_plugin_that_would_not_load_stays_out() -> None:
    """With a warning; a declared one ends the build with what it misses."""
    files = {**FILES, "/srv/worse.so": make_elf(needed=["/srv/bad.so"]), "/srv/bad.so": b"\x7fELF"}
    applied = Asked(files, [P]).about(rule(Ship("/srv/broken.so", P), Ship("/srv/worse.so", P)))
    declared = Asked(FILES, [P]).about(rule(Ship("/srv/broken.so", P, key="runtime.pam")))

    assert "/srv/broken.so" not in applied.shipping.reasons.paths
    assert list(applied.shipping.reasons.warnings) == [
        "/srv/broken.so: left out: gone.so cannot be found",
        "/srv/worse.so: left out: /srv/bad.so: file too short",
    ]
    assert "gone.so: not found" in next(iter(declared.shipping.reasons.problems))


def test_a_library_is_opened_with_what_it_needs() -> None:
    """The first of its names that there is; the reason says how it was found."""
    found = rule(Load(("libnone.so", "libopen.so.1"), P, "a note"))
    reasons = Asked(FILES, [P]).about(found).shipping.reasons

    assert reasons.paths[f"{DIRECTORY}/libopen.so.1"] == Reason(
        "r", P, "a note: libopen.so.1 by default"
    )
    assert reasons.paths[f"{DIRECTORY}/libdeep.so"] == NEEDS_DEEP


@pytest.mark.parametrize("required", [False, True])
def test_a_library_that_cannot_be_opened_matters_only_if_required(required: bool) -> None:  # noqa: FBT001 - parametrised
    """Absent or unable to load, it is left out otherwise."""
    loads = [Load((name,), P, "a note", required) for name in ("libnone.so", "libsad.so.1")]
    reasons = Asked(FILES, [P]).about(rule(*loads)).shipping.reasons
    problems = [each.partition(" (")[0] for each in reasons.problems]
    searched = f"searched {DIRECTORY} /usr{DIRECTORY} /lib /usr/lib"

    if required:
        assert problems == [
            f"libnone.so: not found, needed by /bin/p, {searched}; a note: r",
            f"gone.so: not found, needed by {DIRECTORY}/libsad.so.1, {searched}",
        ]
    else:
        assert problems == []
        assert list(reasons.warnings) == [
            f"{DIRECTORY}/libsad.so.1: left out: gone.so cannot be found"
        ]
        assert f"{DIRECTORY}/libsad.so.1" not in reasons.paths


def test_excludes_take_out_what_rules_add() -> None:
    """A path, the link to it, what a library leads to; but not what something needs."""
    found = rule(Ship("/etc/link", P), Load(("libopen.so.1",), P))
    opened = f"{DIRECTORY}/libopen.so.1"

    before = {*Asked(FILES, [P]).about().shipping.reasons.paths}

    for exclude, left in (
        (["/etc/one", opened], set()),
        (["/etc/link", "/lib/*/libopen*"], set()),
        (["/etc/one"], {opened, f"{DIRECTORY}/libdeep.so"}),
    ):
        paths = Asked(FILES, [P], exclude).about(found).shipping.reasons.paths
        assert {*paths} - before == left


def test_excluding_what_an_opened_library_needs_is_an_error() -> None:
    """As for every other library, while the library itself may be excluded."""
    libgcc = f"{DIRECTORY}/libgcc_s.so.1"
    files = {**FILES, "/bin/p": importing("pthread_exit"), **glibc("libgcc_s.so.1")}
    tree = make_tree({**files, libgcc: make_elf(needed=["libdeep.so"])})

    with pytest.raises(ClosureIncomplete) as raised:
        trace(tree, [P], exclude=["/lib/*/libdeep.so"], rules=1, read=reader(tree))

    needed = f"{DIRECTORY}/libdeep.so: excluded by /lib/*/libdeep.so, but needed"
    assert raised.value.problems == (f"{needed} by {libgcc}",)
    closure = trace(tree, [P], exclude=["/lib/*/lib[dg]*"], rules=1, read=reader(tree))
    assert libgcc not in closure.paths


def test_an_entry_is_made_unless_it_is_there() -> None:
    """In the closure already, or just like that in a package."""
    made = [Make(path, Symlink(target="one"), None, "x") for path in ("/etc/link", "/etc/new")]
    own = (Ship("/etc/one", None), Make("/etc/one", Symlink(target="two"), None))
    applied = Asked(FILES, [P], exclude=["/srv/many/a"]).about(
        rule(*made, *own, Make("/srv/many/a", Symlink(target="one"), None))
    )

    assert applied.generated == {"/etc/new": Symlink(target="one")}
    assert applied.shipping.reasons.paths["/etc/new"] == Reason("r", None, "x")
    assert applied.shipping.reasons.paths["/etc/link"] == Reason("r", None, "x")


def test_warnings_are_passed_on() -> None:
    """Once, however often they are found."""
    reasons = Asked(FILES, [P]).about(rule(Warn("odd")), rule(Warn("odd"))).shipping.reasons

    assert list(reasons.warnings) == ["odd"]


def test_what_only_an_early_round_lacked_is_not_told() -> None:
    """A later rule may have brought it."""

    def find(scene: Scene) -> Iterator[Finding]:
        if "/bin/q" not in scene.paths:
            yield Warn("there is no q")
            yield Absent("runtime.pam", "q")

    early = Rule(name="early", title="", find=find)
    reasons = Asked(FILES, [P]).about(early, rule(Ship("/bin/q", P))).shipping.reasons

    assert not reasons.warnings
    assert not reasons.problems


def test_the_first_reason_stays() -> None:
    """That of the closure before that of rules, then in the order of the rules."""
    rules = [rule(Ship("/etc/one", P), Ship(P, None), name=name) for name in ("s", "r")]
    paths = Asked(FILES, [P]).about(*rules).shipping.reasons.paths

    assert (paths["/etc/one"].rule, paths[P].rule) == ("s", "seed")


def test_rules_see_what_rules_found() -> None:
    """A program that one rule ships may need another one."""

    def follow(scene: Scene) -> Iterator[Finding]:
        if any(each.path == "/bin/q" and each.is_main for each in scene.binaries):
            yield Ship("/etc/one", "/bin/q")

    first = Rule(name="first", title="", find=follow)
    paths = Asked(FILES, [P]).about(first, rule(Ship("/bin/q", P))).shipping.reasons.paths

    assert paths["/etc/one"] == Reason("first", "/bin/q")


def test_what_the_last_round_says_counts() -> None:
    """A rule misses something only as long as no other one has brought it."""

    def doubt(scene: Scene) -> Iterator[Finding]:
        if "/etc/one" not in scene.paths:
            yield Warn("no one")
            yield Absent("runtime.pam", "one")

    first = Rule(name="first", title="", find=doubt)
    reasons = Asked(FILES, [P]).about(first, rule(Ship("/etc/one", P))).shipping.reasons
    alone = Asked(FILES, [P]).about(first).shipping.reasons

    assert not reasons.warnings
    assert not reasons.problems
    assert list(alone.warnings) == ["no one"]
    assert list(alone.problems) == ["runtime.pam: one is not in the packages"]


def test_rules_that_never_end_are_stopped() -> None:
    """After more rounds than any real one needs."""
    numbers = itertools.count()

    def find(scene: Scene) -> Iterator[Finding]:
        assert scene.binaries
        yield Ship(f"/none/{next(numbers)}", None)

    reasons = Asked(FILES, [P]).about(Rule(name="r", title="", find=find)).shipping.reasons

    assert next(numbers) == MAX_ROUNDS
    assert list(reasons.problems) == ["runtime rules still find something new after 64 rounds"]


def test_the_order_of_seeds_and_rules_changes_no_path() -> None:
    """Only which reason comes first."""
    rules = [
        rule(Ship("/srv/many", P, content=True), name="a"),
        rule(Load(("libopen.so.1",), P), name="b"),
        rule(Ship("/etc/link", "/bin/q"), name="c"),
    ]
    closures = {
        frozenset(Asked(FILES, seeds).about(*order).shipping.reasons.paths)
        for seeds in ((P, "/bin/q"), ("/bin/q", P))
        for order in itertools.permutations(rules)
    }

    assert len(closures) == 1


@pytest.mark.parametrize("name", ["arm64", "armhf", "s390x"])
def test_rules_find_the_same_for_every_architecture(name: str) -> None:
    """Class and byte order of the files matter as little as the names of directories."""
    found = [
        {path.replace(arch.triplet, "T"): reason.rule for path, reason in closure_for(arch)}
        for arch in (ARCHES["amd64"], ARCHES[name])
    ]

    assert found[0] == found[1]
    assert {"libgcc", "nss"} <= {*found[0].values()}


def closure_for(arch: Arch) -> Iterable[tuple[str, Reason]]:
    """Trace the same small system, made for an architecture."""
    wants = [wanted("pthread_exit"), wanted("getaddrinfo"), wanted("getpwnam")]
    library = f"/lib/{arch.triplet}"
    tree = make_tree(
        {
            "/ld.so": make_glibc(arch=arch),
            P: make_object(wants, arch=arch, interp="/ld.so", needed=["libc.so.6"]),
            f"{library}/libc.so.6": make_object(arch=arch, soname="libc.so.6")
            + with_strings("libgcc_s.so.1"),
            f"{library}/libgcc_s.so.1": make_elf(arch=arch),
            f"{library}/libnss_extra.so.2": make_elf(arch=arch),
            "/etc/nsswitch.conf": b"passwd: files extra\n",
            "/etc/hosts": b"",
        }
    )
    return trace(tree, [P], rules=1, read=reader(tree)).paths.items()


LISTED: Final = rule(
    Ship("/etc/one", P, "a"),
    Ship("/none", P),
    Ship(P, P),
    Load(("libopen.so.1",), P, "b"),
    Load(("libx.so", "liby.so"), P),
    Load(("libc.so.6",), P),
    Make("/etc/new", Symlink(target="one"), None),
    Suspect("hint", None, "c"),
    Suspect(P, None),
    Warn("not applied"),
    name="l",
    mode="listed",
)


def test_a_listed_rule_is_only_suspected() -> None:
    """What the closure has already is no suspect."""
    applied = Asked(FILES, [P]).about(LISTED, suspecting=True)

    assert applied.suspects == [
        Suspected("l", "/etc/new", None),
        Suspected("l", "/etc/one", P, "a", present=True),
        Suspected("l", f"{DIRECTORY}/libopen.so.1", P, "b", present=True),
        Suspected("l", "/none", P),
        Suspected("l", "hint", None, "c"),
        Suspected("l", "libx.so or liby.so", P),
    ]
    assert not Asked(FILES, [P]).about(LISTED).suspects
    assert not applied.shipping.reasons.warnings
    assert "/etc/one" not in applied.shipping.reasons.paths


def test_a_listed_rule_is_applied_if_the_recipe_names_it() -> None:
    """Then only what it only hints at is left to suspect."""
    runtime = RuntimeSection(with_rules=("l",))
    applied = Asked(FILES, [P], runtime=runtime).about(LISTED, suspecting=True)

    assert {"/etc/one", f"{DIRECTORY}/libopen.so.1"} < applied.shipping.reasons.paths.keys()
    assert applied.suspects == [Suspected("l", "hint", None, "c")]


def test_a_doubtful_finding_counts_if_the_recipe_names_its_rule() -> None:
    """Otherwise it is a suspect of a rule that is applied."""
    doubtful = rule(Load(("libopen.so.1",), P, doubtful=True))
    plain = Asked(FILES, [P]).about(doubtful, suspecting=True)
    named = Asked(FILES, [P], runtime=RuntimeSection(with_rules=("r",))).about(doubtful)

    assert [each.what for each in plain.suspects] == [f"{DIRECTORY}/libopen.so.1"]
    assert f"{DIRECTORY}/libopen.so.1" not in plain.shipping.reasons.paths
    assert f"{DIRECTORY}/libopen.so.1" in named.shipping.reasons.paths


def test_a_rule_can_be_left_out() -> None:
    """It finds nothing and suspects nothing."""
    runtime = RuntimeSection(without_rules=("r", "l"))
    applied = Asked(FILES, [P], runtime=runtime).about(
        rule(Ship("/etc/one", P)), LISTED, suspecting=True
    )

    assert "/etc/one" not in applied.shipping.reasons.paths
    assert applied.suspects == []


def test_a_name_that_is_no_rule_is_an_error() -> None:
    """With the key, and where the names are listed."""
    tree = make_tree(FILES)
    runtime = RuntimeSection(with_rules=("pithon",), without_rules=("perk",))

    with pytest.raises(ClosureIncomplete) as raised:
        trace(tree, [P], runtime=runtime, rules=1, read=reader(tree))

    assert raised.value.problems == (
        "runtime.with: no rule 'pithon' (imagesmith rules lists them)",
        "runtime.without: no rule 'perk' (imagesmith rules lists them)",
    )
