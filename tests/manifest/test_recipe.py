"""The recipe: what people write, and what they are told about mistakes."""

from __future__ import annotations

import string

import pytest
from builders.documents import KEY, RECIPE, SOURCE
from hypothesis import given
from hypothesis import strategies as st

from imagesmith.errors import DocumentError
from imagesmith.manifest import recipe as recipes
from imagesmith.manifest.recipe import PackageRequest, Recipe
from imagesmith.manifest.sections import (
    DLOPEN,
    LD_SO_CACHES,
    Acknowledged,
    Additions,
    Declared,
    DirectoryEntry,
    FileEntry,
    ImageSection,
    LayerBudget,
    RootfsSection,
    RuntimeSection,
    SymlinkEntry,
    TraceSection,
    User,
)
from imagesmith.model import arch
from imagesmith.model.config import ImageConfig
from imagesmith.model.digest import Digest
from imagesmith.model.tree import sort_key

MINIMAL = f"""\
name = "tool"
architectures = ["amd64"]
[source.debian]
kind = "debian"
suite = "bookworm"
components = ["main"]
signed-by = ["{KEY}"]
[[package]]
source = "debian"
names = ["tool"]
[trace]
seeds = ["/usr/bin/tool"]
"""


def parse(text: str) -> Recipe:
    """Parse a recipe called r.toml."""
    return recipes.parse(text.encode(), document="r.toml")


def test_the_smallest_recipe_has_defaults_for_the_rest() -> None:
    """Name, architectures, a source, a package and a seed are enough."""
    assert parse(MINIMAL) == Recipe(
        name="tool",
        architectures=(arch.parse("amd64"),),
        sources=(("debian", SOURCE),),
        packages=(PackageRequest(sources=("debian",), names=("tool",)),),
        trace=TraceSection(seeds=("/usr/bin/tool",)),
    )


def test_what_is_written_is_read_back() -> None:
    """The writer and the parser are inverse."""
    written = recipes.to_bytes(RECIPE)

    assert recipes.parse(written, document="r.toml") == RECIPE
    assert recipes.to_bytes(recipes.parse(written, document="r.toml")) == written


TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc", "Cf"]), max_size=8)
PATHS = st.lists(
    st.text(string.ascii_letters + ".-_ é", min_size=1, max_size=6).filter(
        lambda part: part not in (".", "..")
    ),
    min_size=1,
    max_size=3,
).map(lambda parts: "/" + "/".join(parts))
MODES = st.sampled_from([0, 0o600, 0o644, 0o755, 0o1777, 0o4755, 0o7777])
UNIQUE_PATHS = st.lists(PATHS, max_size=3, unique=True).map(tuple)


WORDS = st.lists(st.from_regex(r"[A-Za-z0-9_][a-z0-9_+-]{0,5}", fullmatch=True), max_size=2)
RUNTIMES = st.builds(
    RuntimeSection,
    dlopen=st.sampled_from(DLOPEN),
    locales=WORDS.map(dict.fromkeys).map(tuple),
    zones=st.sampled_from([(), ("Etc/UTC", "America/Argentina/Salta")]),
    local_zone=st.sampled_from(["", "Europe/Berlin"]),
    pam=st.sampled_from([(), ("login",)]),
    with_rules=st.sampled_from([(), ("kerberos", "sasl")]),
    without_rules=st.sampled_from([(), ("terminfo",)]),
)
SCRIPTS = st.sets(st.sampled_from(["preinst", "postinst"]), max_size=2).map(
    lambda names: tuple(
        Acknowledged(package="tool", name=name, digests=(Digest.of(b"x"),), because=name)
        for name in sorted(names)
    )
)


@st.composite
def declarations(draw: st.DrawFn, users: list[str], arches: list[str]) -> Declared:
    """Draw entries at different paths, of owners and architectures that there are."""
    paths = sorted(draw(st.sets(PATHS, max_size=6)), key=sort_key)
    owners = st.sampled_from(["root", "70000", *users])
    some = st.sets(st.sampled_from(arches)).map(sorted).map(tuple)
    return Declared(
        files=tuple(
            FileEntry(
                path=path,
                content=draw(st.binary(max_size=200) | st.text(max_size=200).map(_encoded)),
                mode=draw(MODES),
                user=draw(owners),
                group=draw(owners),
                architectures=draw(some),
            )
            for path in paths[::3]
        ),
        directories=tuple(
            DirectoryEntry(path=path, mode=draw(MODES), user=draw(owners)) for path in paths[1::3]
        ),
        symlinks=tuple(
            SymlinkEntry(path=path, target=draw(PATHS), replace=draw(st.booleans()))
            for path in paths[2::3]
        ),
    )


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


@st.composite
def recipes_of_any_shape(draw: st.DrawFn) -> Recipe:
    """Draw recipes that differ in everything a person may write freely."""
    uids = sorted(draw(st.sets(st.integers(1, 2**32 - 2), max_size=3)))
    users = tuple(
        User(name=f"u{n}", uid=uid, gid=draw(st.integers(1, 70000)), home=draw(PATHS))
        for n, uid in enumerate(uids)
    )
    pairs = st.dictionaries(
        st.text(string.ascii_letters + " ./é", min_size=1, max_size=5), TEXTS, max_size=3
    ).map(lambda drawn: tuple(sorted(drawn.items())))
    arches = sorted(draw(st.sets(st.sampled_from(sorted(arch.ARCHES)), min_size=1)))
    return Recipe(
        name=draw(st.sampled_from(["a", "team/a-b", "x.y_z"])),
        architectures=tuple(arch.parse(name) for name in arches),
        sources=(("debian", SOURCE), ("other", SOURCE)),
        packages=(
            PackageRequest(
                sources=draw(st.sampled_from([("debian",), ("debian", "other")])),
                names=draw(st.sampled_from([("a1",), ("a1", "b+2=1:2~3")])),
            ),
        ),
        valid_days=draw(st.none() | st.integers(1, 3650)),
        runtime=draw(RUNTIMES),
        trace=TraceSection(
            seeds=(draw(PATHS),),
            include=draw(UNIQUE_PATHS),
            additions=tuple(
                (name, Additions(include=draw(UNIQUE_PATHS), exclude=("/x",))) for name in arches
            )[: draw(st.integers(0, 2))],
        ),
        rootfs=RootfsSection(
            ca_bundle=draw(st.booleans()),
            os_release=draw(st.booleans()),
            licences=draw(st.booleans()),
            ld_so_cache=draw(st.sampled_from(LD_SO_CACHES)),
            users=users,
            declared=draw(declarations([user.name for user in users], arches)),
        ),
        scripts=draw(SCRIPTS),
        image=ImageSection(
            config=ImageConfig(
                entrypoint=tuple(draw(st.lists(TEXTS, max_size=3))),
                cmd=tuple(draw(st.lists(TEXTS, max_size=3))),
                env=draw(pairs),
                labels=draw(pairs),
                user=draw(st.sampled_from(["", "root", "7", *(user.name for user in users)])),
                volumes=tuple(sorted(draw(UNIQUE_PATHS))),
                exposed_ports=draw(st.sampled_from([(), ("53/udp", "80/tcp")])),
            ),
            compression=draw(st.sampled_from(["zstd", "gzip", "none"])),
            layers=draw(st.sampled_from([None, LayerBudget(max_layers=2, min_layer_size=0)])),
        ),
    )


@given(recipes_of_any_shape())
def test_any_recipe_is_read_back_as_it_was_written(recipe: Recipe) -> None:
    """Whatever people put into it."""
    written = recipes.to_bytes(recipe)

    assert recipes.parse(written, document="r.toml") == recipe


def test_the_order_of_architectures_does_not_matter() -> None:
    """Architectures are sorted when they are read."""
    one = MINIMAL.replace('["amd64"]', '["s390x", "amd64"]')
    other = MINIMAL.replace('["amd64"]', '["amd64", "s390x"]')

    assert parse(one) == parse(other)


@pytest.mark.parametrize("pinned", [KEY, f"{KEY}!", f"{KEY[:20]} {KEY[20:]}!".upper()])
def test_a_key_may_be_pinned_alone(pinned: str) -> None:
    """A final mark means exactly this key, and is kept."""
    recipe = parse(MINIMAL.replace(KEY, pinned))
    ((_, source),) = recipe.sources

    assert source.signed_by == (KEY + "!" * pinned.endswith("!"),)
    assert recipes.parse(recipes.to_bytes(recipe), document="again") == recipe


def test_a_request_may_draw_on_several_sources() -> None:
    """`source` is one name or a list of names."""
    more = MINIMAL.replace("[[package]]", "[source.updates]\n[[package]]").replace(
        "[source.updates]",
        f'[source.updates]\nkind = "debian"\nsuite = "bookworm-updates"\n'
        f'components = ["main"]\nsigned-by = ["{KEY}"]\n',
    )
    found = parse(more.replace('source = "debian"', 'source = ["debian", "updates"]'))

    assert found.packages[0].sources == ("debian", "updates")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"tool"\narch',
            '"Tool"\narch',
            "name: expected a name like curl or team/curl, got 'Tool'",
        ),
        ('["amd64"]', "[]", "architectures: expected at least one"),
        ('["amd64"]', '["x86_64"]', "architectures[0]: unknown architecture 'x86_64'; known: "),
        ('"bookworm"', "12", "source.debian.suite: expected a string, got 12"),
        ('"bookworm"', '"../x"', "source.debian.suite: not a suite: '../x'"),
        ('["main"]', '["a b"]', "source.debian.components[0]: not a component: 'a b'"),
        ('["main"]', "[]", "source.debian.components: expected at least one"),
        (KEY, f"{KEY}!!", "source.debian.signed-by[0]: expected a fingerprint of 40 hexadecimal"),
        (KEY, KEY[1:], "source.debian.signed-by[0]: expected a fingerprint of 40 hexadecimal"),
        ('"debian"\nsuite', '"rpm"\nsuite', 'source.debian.kind: expected "debian"'),
        ("[source.debian]", "[source.Debian]", "source.Debian: expected a name of lower-case"),
        ('source = "debian"', 'source = "other"', "package[0].source: there is no [source.other]"),
        ('source = "debian"', "source = []", "package[0].source: expected at least one"),
        ('names = ["tool"]', "names = []", "package[0].names: expected at least one"),
        ('names = ["tool"]', 'names = ["T"]', "package[0].names[0]: not a package name: 'T'"),
        ('names = ["tool"]', 'names = ["tool"]\nx = 1', "package[0].x: unknown key"),
        ('["/usr/bin/tool"]', "[]", "trace.seeds: nothing to ship: name a seed or an include"),
        ('"/usr/bin/tool"', '"usr/bin"', "trace.seeds[0]: expected an absolute path without"),
        ('"/usr/bin/tool"', '"/a/../b"', "trace.seeds[0]: expected an absolute path without"),
        ('"/usr/bin/tool"', '"/a\\u000ab"', "trace.seeds[0]: control character in '/a\\nb'"),
        ("[trace]", "extra = 1\n[trace]", "package[0].extra: unknown key"),
        ("arch", "valid-days = 0\narch", "valid-days: expected at least 1, got 0"),
        ("arch", "valid-days = 3651\narch", "valid-days: expected at most 3650, got 3651"),
        ("arch", "valid-days = 1.5\narch", "valid-days: expected an integer, got 1.5"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, message: str) -> None:
    """The message names document, key and what was expected."""
    assert old in MINIMAL
    with pytest.raises(DocumentError) as e:
        parse(MINIMAL.replace(old, new, 1))

    assert e.value.message.startswith(f"r.toml: {message}")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('[image]\nuser = "nobody"', "image.user: no such user: 'nobody'"),
        ('[image]\ncompression = "xz"', "image.compression: expected one of zstd, gzip, none"),
        ('[image]\nports = ["80"]', "image.ports[0]: expected a port like 8080/tcp, got '80'"),
        ('[image]\nports = ["70000/tcp"]', "image.ports[0]: expected a port like 8080/tcp"),
        ('[image]\nreference = "a b"', "image.reference: not an image reference: 'a b'"),
        ('[image]\nvolumes = ["x"]', "image.volumes[0]: expected an absolute path"),
        ('[image.env]\n"A=B" = "x"', 'image.env."A=B": not a name for a variable or label'),
        ("[image.env]\nA = 1", "image.env.A: expected a string, got 1"),
        ('[image]\nworking-dir = "x:y"', "image.working-dir: expected an absolute path without"),
        ("[rootfs]\nca-bundle = 1", "rootfs.ca-bundle: expected a boolean, got 1"),
        (
            '[rootfs]\nld-so-cache = "yes"',
            "rootfs.ld-so-cache: expected one of auto, always, never",
        ),
        ("[rootfs]\nld-so-cache = true", "rootfs.ld-so-cache: expected a string, got true"),
        (
            '[rootfs]\nusers = [{ name = "root", uid = 5 }]',
            "rootfs.users[0].name: not a user name one can add: 'root'",
        ),
        (
            '[rootfs]\nusers = [{ name = "a", uid = 0 }]',
            "rootfs.users[0].uid: expected at least 1, got 0",
        ),
        (
            '[rootfs]\nusers = [{ name = "a", uid = 4294967295 }]',
            "rootfs.users[0].uid: expected at most 4294967294",
        ),
        (
            '[rootfs]\nusers = [{ name = "a", uid = 5 }, { name = "b", uid = 5 }]',
            "rootfs.users: a (5) and b (5) clash",
        ),
        ("nonsense = 1\n", "trace.nonsense: unknown key"),
        ("[nonsense]", "nonsense: unknown key"),
    ],
)
def test_a_mistake_in_a_section_is_named_with_its_place(section: str, message: str) -> None:
    """The optional sections are as strict as the rest."""
    with pytest.raises(DocumentError) as e:
        parse(MINIMAL + section)

    assert e.value.message.startswith(f"r.toml: {message}")


@pytest.mark.parametrize("user", ["app", "root", "65532", "1:1", "app:app"])
def test_the_image_may_run_as_any_user_that_resolves(user: str) -> None:
    """Declared users, root and numbers can be used."""
    section = f'[rootfs]\nusers = [{{ name = "app", uid = 65532 }}]\n[image]\nuser = "{user}"'

    assert parse(MINIMAL + section).image.config.user == user


def test_no_source_is_an_error() -> None:
    """A recipe without sources can pin nothing."""
    with pytest.raises(DocumentError) as e:
        parse('name = "a"\narchitectures = ["amd64"]\n[source]\n')

    assert e.value.message == "r.toml: source: expected at least one source"
