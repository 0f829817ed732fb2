"""Versions and symbols of whole closures: what is missing, for whom, and how bad that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from builders.elf import AUXILIARY, GLIBC_INTERP, MUSL_INTERP, make_elf, make_glibc, make_musl
from builders.roots import Content, make_tree, reader
from builders.symbols import RELR, Symbol, make_object, wanted

from imagesmith.elf.binding import Bindings
from imagesmith.elf.closure import Root, load_in
from imagesmith.elf.findings import (
    Finding,
    ProviderMissing,
    RelrUnmarked,
    Undefined,
    Unversioned,
    VersionMissing,
    newest,
)
from imagesmith.elf.result import LoaderClosure
from imagesmith.elf.search import Unloadable

GLIBC = [f"GLIBC_2.{minor}" for minor in (2, 4, 17, 36)]


def libc(
    *symbols: Symbol, versions: Sequence[str] | None = GLIBC, loader: str | None = None
) -> bytes:
    """Return a C library that defines some versions."""
    needed = [loader] if loader else []
    return make_object(symbols, soname="libc.so.6", versions=versions, needed=needed)


def program(
    *symbols: Symbol,
    needed: Sequence[str] = ("libc.so.6",),
    needs: Mapping[str, Sequence[str]] | None = None,
    interp: str = GLIBC_INTERP,
    now: bool = False,
) -> bytes:
    """Return a program."""
    return make_object(symbols, interp=interp, needed=needed, needs=needs, now=now)


class Case:
    """A root with Debian's loader, unless another one is in it."""

    def __init__(self, content: Mapping[str, Content], programs: Sequence[str] = ()) -> None:
        """Make the root."""
        tree = make_tree({GLIBC_INTERP: make_glibc(), **content})
        self.root = Root(tree, reader(tree))
        self.bindings = Bindings(self.root, lambda: programs)

    def load(self, path: str) -> LoaderClosure:
        """Load a program or library."""
        return load_in(self.root, path)

    def findings(self, path: str, host: str | None = None) -> tuple[Finding, ...]:
        """Return what is wrong."""
        return self.bindings.findings(self.load(path), self.load(host) if host else None)

    def checked(self, path: str, host: str | None = None) -> LoaderClosure:
        """Return the closure with its errors and warnings."""
        return self.bindings.checked(self.load(path), self.load(host) if host else None)


class TestVersions:
    """VERNEED against VERDEF: `_dl_check_map_versions`."""

    def test_versions_that_are_defined_are_fine(self) -> None:
        """Nothing is found."""
        case = Case(
            {"/bin/x": program(needs={"libc.so.6": ["GLIBC_2.4"]}), "/lib/libc.so.6": libc()}
        )

        assert case.findings("/bin/x") == ()

    def test_a_newer_version_than_there_is_is_said_in_one_sentence(self) -> None:
        """The message names who wants what, and what there is."""
        case = Case(
            {"/bin/x": program(needs={"libc.so.6": ["GLIBC_2.38"]}), "/lib/libc.so.6": libc()}
        )
        (found,) = case.findings("/bin/x")

        assert found.problem == "GLIBC_2.38 wanted by /bin/x, libc.so.6 has up to 2.36"
        assert (
            VersionMissing(
                version="GLIBC_2.38",
                requester="/bin/x",
                file="libc.so.6",
                provider="/lib/libc.so.6",
                newest="2.36",
            )
            == found
        )
        assert (Unloadable("/lib/libc.so.6", found.problem),) == case.checked("/bin/x").errors

    def test_a_version_of_another_series_is_just_not_defined(self) -> None:
        """No comparison is invented."""
        case = Case(
            {"/bin/x": program(needs={"libc.so.6": ["GLIBC_PRIVATE"]}), "/lib/libc.so.6": libc()}
        )

        assert [each.problem for each in case.findings("/bin/x")] == [
            "GLIBC_PRIVATE wanted by /bin/x, libc.so.6 does not define it"
        ]

    def test_a_weak_need_is_only_remarked_on(self) -> None:
        """VER_FLG_WEAK."""
        needs = {"libc.so.6": ["GLIBC_2.38"]}
        weak = make_object(
            interp=GLIBC_INTERP, needed=["libc.so.6"], needs=needs, weak=["GLIBC_2.38"]
        )
        found = Case({"/bin/x": weak, "/lib/libc.so.6": libc()}).checked("/bin/x")

        assert found.complete
        assert found.warnings == (
            "/lib/libc.so.6: GLIBC_2.38 wanted by /bin/x, libc.so.6 has up to 2.36",
        )

    def test_a_provider_without_versions_is_only_remarked_on(self) -> None:
        """No version information available."""
        case = Case(
            {
                "/bin/x": program(needs={"libc.so.6": ["GLIBC_2.4"]}),
                "/lib/libc.so.6": libc(versions=None),
            }
        )

        assert (
            Unversioned(
                versions=("GLIBC_2.4",),
                requester="/bin/x",
                file="libc.so.6",
                provider="/lib/libc.so.6",
            ),
        ) == case.findings("/bin/x")
        assert case.checked("/bin/x").warnings == (
            "/lib/libc.so.6: GLIBC_2.4 wanted by /bin/x, libc.so.6 has no version information",
        )

    def test_versions_of_a_file_that_nothing_loads_end_the_program(self) -> None:
        """What editing DT_NEEDED alone comes to: an assertion of the loader fails."""
        case = Case(
            {
                "/bin/x": program(needed=["other.so"], needs={"libc.so.6": ["A", "B"]}),
                "/lib/other.so": make_elf(),
            }
        )
        (found,) = case.findings("/bin/x")

        assert ProviderMissing(versions=("A", "B"), requester="/bin/x", file="libc.so.6") == found
        assert found.problem == "wants A, B of libc.so.6, which nothing loads"
        assert (found.path, found.fatal) == ("/bin/x", True)

    def test_a_missing_library_is_said_once(self) -> None:
        """What it would have defined is no further problem."""
        case = Case({"/bin/x": program(needs={"libc.so.6": ["A"]})})

        assert case.findings("/bin/x") == ()
        assert not case.checked("/bin/x").complete

    def test_a_provider_may_be_the_loader(self) -> None:
        """Its link-map name, its soname and the name asked for all mean it."""
        interp = make_glibc()
        case = Case(
            {
                "/bin/x": program(
                    needed=["ld-linux-x86-64.so.2"], needs={"ld-linux-x86-64.so.2": ["V"]}
                ),
                GLIBC_INTERP: interp,
            }
        )

        assert [Unversioned] == [type(each) for each in case.findings("/bin/x")]

    def test_variants_for_better_processors_must_have_the_versions_too(self) -> None:
        """One of them would be loaded instead."""
        old = make_object(soname="a.so", versions=["A_1"])
        case = Case(
            {
                "/bin/x": program(needed=["a.so"], needs={"a.so": ["A_2"]}),
                "/lib/a.so": make_object(soname="a.so", versions=["A_1", "A_2"]),
                "/lib/glibc-hwcaps/x86-64-v3/a.so": old,
            }
        )

        assert [each.path for each in case.findings("/bin/x")] == [
            "/lib/glibc-hwcaps/x86-64-v3/a.so"
        ]

    @pytest.mark.parametrize(
        ("version", "needs", "own", "is_refused"),
        [
            ("2.36", ["GLIBC_2.4"], None, True),
            ("2.35", ["GLIBC_2.4"], None, False),
            ("2.36", ["GLIBC_ABI_DT_RELR"], None, False),
            ("2.36", [], None, False),
            ("2.36", ["GLIBC_2.4"], ["GLIBC_PRIVATE"], False),
        ],
    )
    def test_relative_relocations_must_be_announced(
        self,
        version: str,
        needs: list[str],
        own: list[str] | None,
        is_refused: bool,  # noqa: FBT001 - a table
    ) -> None:
        """DT_RELR without GLIBC_ABI_DT_RELR, in a user of libc with versions, since 2.36."""
        made = make_object(
            interp=GLIBC_INTERP,
            needed=["libc.so.6"],
            needs={"libc.so.6": needs} if needs else None,
            versions=own,
            extra=[(RELR, 0)],
        )
        content = {
            "/bin/x": made,
            "/lib/libc.so.6": libc(versions=[*GLIBC, "GLIBC_ABI_DT_RELR"]),
            GLIBC_INTERP: make_glibc(version=version),
        }
        expected = (RelrUnmarked(requester="/bin/x"),) if is_refused else ()

        assert expected == Case(content).findings("/bin/x")
        assert RelrUnmarked(requester="x").problem == "DT_RELR without GLIBC_ABI_DT_RELR dependency"

    def test_musl_checks_no_versions(self) -> None:
        """They only say which definition is the default."""
        made = program(needed=["libc.so"], needs={"libc.so": ["V"]}, interp=MUSL_INTERP)

        assert Case({"/bin/x": made, MUSL_INTERP: make_musl()}).findings("/bin/x") == ()

    @pytest.mark.parametrize(
        ("version", "defined", "expected"),
        [
            ("GLIBC_2.38", ["GLIBC_2.4", "GLIBC_2.36", "GLIBC_PRIVATE"], "2.36"),
            ("GLIBC_2.10", ["GLIBC_2.9"], "2.9"),
            ("GLIBC_2.3", ["GLIBC_2.2.5", "GLIBC_2.36"], None),
            ("GLIBC_2.3", ["CXXABI_1.3"], None),
            ("OPENSSL_3.0.0", [], None),
            ("LIB_" + "9" * 40, ["LIB_1"], None),
        ],
    )
    def test_the_newest_of_a_series(
        self, version: str, defined: list[str], expected: str | None
    ) -> None:
        """Numbers compare as numbers; a newer one would be no explanation."""
        assert expected == newest(version, defined)


class TestSymbols:
    """Undefined symbols over the scope: dl-lookup.c's `check_match`."""

    @pytest.mark.parametrize(
        ("reference", "definition", "versions", "is_found"),
        [
            (wanted("f", "V2"), Symbol("f", "V2"), ["V1", "V2"], True),
            (wanted("f", "V2"), Symbol("f", "V2", hidden=True), ["V1", "V2"], True),
            (wanted("f", "V2"), Symbol("f", "V1"), ["V1", "V2"], False),
            (wanted("f", "V2"), Symbol("f"), ["V1", "V2"], True),
            (wanted("f", "V2"), Symbol("f", hidden=True), ["V1", "V2"], False),
            (wanted("f"), Symbol("f", "V2"), ["V1", "V2"], True),
            (wanted("f"), Symbol("f", "V2", hidden=True), ["V1", "V2"], False),
            (wanted("f"), Symbol("f", "V1", hidden=True), ["V1", "V2"], True),
            (wanted("f"), Symbol("g"), ["V1", "V2"], False),
            (wanted("f", binding=2), Symbol("g"), ["V1", "V2"], True),
        ],
    )
    def test_what_answers_a_reference(
        self,
        reference: Symbol,
        definition: Symbol,
        versions: list[str],
        is_found: bool,  # noqa: FBT001 - a table
    ) -> None:
        """Version, hiding and weakness decide, as in the loader."""
        needs = {"a.so": versions} if reference.version else None
        case = Case(
            {
                "/bin/x": program(reference, needed=["a.so"], needs=needs),
                "/lib/a.so": make_object([definition], soname="a.so", versions=versions),
            }
        )

        assert is_found == (not case.findings("/bin/x"))

    def test_a_definition_without_versions_answers_any(self) -> None:
        """A library that lost its versions still works, with a remark."""
        case = Case(
            {
                "/bin/x": program(wanted("f", "V1"), needed=["a.so"], needs={"a.so": ["V1"]}),
                "/lib/a.so": make_object([Symbol("f")], soname="a.so"),
            }
        )

        assert case.checked("/bin/x").complete

    def test_anything_in_the_scope_may_define_it(self) -> None:
        """The program itself, a library of a library, and the loader if something needs it."""
        content = {
            "/bin/x": program(Symbol("mine"), wanted("far"), needed=["a.so"]),
            "/lib/a.so": make_object([wanted("mine")], needed=["b.so"]),
            "/lib/b.so": make_object([Symbol("far")]),
        }

        assert Case(content).findings("/bin/x") == ()

    def test_the_loader_is_in_the_scope_only_if_something_needs_it(self) -> None:
        """Being the interpreter is not enough (elf/dl-deps.c)."""
        names = ("/lib/", "/usr/lib/", "/etc/ld.so.cache", "f")
        name = "ld-linux-x86-64.so.2"
        interp = make_object([Symbol(each) for each in names], soname=name, entry=64)
        content = {
            GLIBC_INTERP: interp,
            "/bin/alone": program(wanted("f"), needed=[]),
            "/bin/x": program(wanted("f"), needed=[name]),
        }

        assert [each.problem for each in Case(content).findings("/bin/alone")] == [
            "undefined symbol f"
        ]
        assert Case(content).findings("/bin/x") == ()

    def test_what_nothing_defines_is_named_with_its_version_and_file(self) -> None:
        """An eager one is an error, a lazy one a warning."""
        needs = {"libc.so.6": ["GLIBC_2.4"]}
        case = Case(
            {
                "/bin/x": program(
                    wanted("now", "GLIBC_2.4"), wanted("later", use="call"), needs=needs
                ),
                "/lib/libc.so.6": libc(),
            }
        )
        found = case.checked("/bin/x")

        assert (
            Undefined(symbol="later", version=None, file=None, requester="/bin/x", moment="call"),
            Undefined(
                symbol="now",
                version="GLIBC_2.4",
                file="libc.so.6",
                requester="/bin/x",
                moment="load",
            ),
        ) == case.findings("/bin/x")
        assert (
            Unloadable("/bin/x", "undefined symbol now, version GLIBC_2.4 of libc.so.6"),
        ) == found.errors
        assert found.warnings == ("/bin/x: undefined symbols later: calling one ends the program",)

    def test_bound_at_once_nothing_waits(self) -> None:
        """DF_1_NOW makes every undefined symbol an error."""
        made = program(wanted("later", use="call"), now=True)
        found = Case({"/bin/x": made, "/lib/libc.so.6": libc()}).checked("/bin/x")

        assert (Unloadable("/bin/x", "undefined symbol later"),) == found.errors

    def test_what_no_relocation_names_is_never_looked_up(self) -> None:
        """An entry in the table alone does no harm."""
        made = program(wanted("unused", use=None))

        assert Case({"/bin/x": made, "/lib/libc.so.6": libc()}).findings("/bin/x") == ()

    def test_filters_are_in_the_scope(self) -> None:
        """DT_AUXILIARY objects stand before theirs."""
        made = make_elf(dependencies=[(AUXILIARY, "b.so")], soname="a.so")
        case = Case(
            {
                "/bin/x": program(wanted("f"), needed=["a.so"]),
                "/lib/a.so": made,
                "/lib/b.so": make_object([Symbol("f")]),
            }
        )

        assert case.findings("/bin/x") == ()

    def test_variants_for_better_processors_are_checked_as_well(self) -> None:
        """Their own symbols must be defined."""
        case = Case(
            {
                "/bin/x": program(needed=["a.so"]),
                "/lib/a.so": make_object(soname="a.so"),
                "/lib/glibc-hwcaps/x86-64-v2/a.so": make_object([wanted("f")], soname="a.so"),
            }
        )

        assert [each.path for each in case.findings("/bin/x")] == [
            "/lib/glibc-hwcaps/x86-64-v2/a.so"
        ]

    def test_musl_looks_everything_up_at_once_and_by_name_alone(self) -> None:
        """No lazy binding; hidden definitions do not count, versions do not matter."""
        content = {
            MUSL_INTERP: make_musl(),
            "/bin/x": program(
                wanted("a", "V"),
                wanted("b", use="call"),
                wanted("c"),
                needed=["l.so"],
                needs={"l.so": ["V"]},
                interp=MUSL_INTERP,
            ),
            "/lib/l.so": make_object(
                [Symbol("a", "W"), Symbol("c", "W", hidden=True)], versions=["W"]
            ),
        }
        found = Case(content).checked("/bin/x")

        assert [each.problem for each in found.errors] == [
            "undefined symbol b",
            "undefined symbol c",
        ]

    def test_symbols_that_cannot_be_read_are_an_error(self) -> None:
        """The file is there and no loader gets along with it."""
        case = Case({"/bin/x": make_object(interp=GLIBC_INTERP, extra=[(4, 1 << 40)])})

        assert (Unloadable("/bin/x", "DT_HASH lies in no loadable segment"),) == case.checked(
            "/bin/x"
        ).errors

    def test_a_static_program_looks_nothing_up(self) -> None:
        """There is no loader."""
        case = Case({"/bin/x": make_elf(dynamic=False, kind=2)})

        assert case.load("/bin/x") == case.checked("/bin/x")

    def test_what_was_found_sufficient_is_not_compared_again(self) -> None:
        """A second closure with the same objects gives the same answer."""
        content = {
            "/bin/x": program(wanted("f"), needed=["a.so"]),
            "/bin/y": program(wanted("f"), needed=["a.so", "b.so"]),
            "/lib/a.so": make_object([Symbol("f"), wanted("g")], needed=["b.so"]),
            "/lib/b.so": make_object([Symbol("g")]),
        }
        case = Case(content)

        assert () == case.findings("/bin/x") == case.findings("/bin/y")


class TestPlugins:
    """Libraries by themselves, and in the scope of their host."""

    CONTENT: Mapping[str, Content] = {
        "/bin/host": program(Symbol("api"), needed=["a.so", "libc.so.6"]),
        "/bin/other": program(needed=["libc.so.6"]),
        "/lib/a.so": make_object([Symbol("deep")], soname="a.so"),
        "/lib/libc.so.6": libc(),
        "/lib/plugin.so": make_object([wanted("api"), wanted("deep")], needed=["libc.so.6"]),
        "/lib/lost.so": make_object([wanted("api"), wanted("nobody"), wanted("x", use="call")]),
    }

    def test_a_program_that_defines_it_is_named(self) -> None:
        """What a library leaves open is a warning."""
        found = Case(self.CONTENT, ["/bin/other", "/bin/host"]).checked("/lib/plugin.so")

        assert found.complete
        assert found.warnings == (
            "/lib/plugin.so: undefined symbols api, deep: /bin/host defines them",
        )

    def test_a_program_that_defines_it_all_by_itself_is_preferred(self) -> None:
        """Others may only be linked with the same library."""
        own = {**self.CONTENT, "/bin/z": program(Symbol("api"), Symbol("deep"))}
        found = Case(own, ["/bin/host", "/bin/z"]).checked("/lib/plugin.so")

        assert (found.warnings) == (
            "/lib/plugin.so: undefined symbols api, deep: /bin/z defines them",
        )

    def test_where_no_program_defines_it_that_is_said(self) -> None:
        """It is still a warning: its program may be elsewhere."""
        found = Case(self.CONTENT, ["/bin/other", "/bin/host"]).checked("/lib/lost.so")

        assert found.warnings == (
            "/lib/lost.so: undefined symbols api, nobody, x: its program has to define them",
        )

    def test_in_the_scope_of_its_host_a_plugin_is_judged(self) -> None:
        """What is still undefined there keeps it from loading."""
        case = Case(self.CONTENT)

        assert case.checked("/lib/plugin.so", "/bin/host").complete
        assert (Unloadable("/lib/lost.so", "undefined symbol nobody"),) == case.checked(
            "/lib/lost.so", "/bin/host"
        ).errors
        assert not case.checked("/lib/plugin.so", "/bin/other").complete

    def test_what_the_host_has_loaded_a_plugin_need_not_find(self) -> None:
        """A name or soname that is loaded already answers without a search."""
        content = {
            **self.CONTENT,
            "/bin/host": make_elf(interp=GLIBC_INTERP, needed=["far.so"], runpath="/opt"),
            "/opt/far.so": make_elf(soname="far.so.1"),
            "/lib/plugin.so": make_elf(needed=["far.so", "far.so.1", "gone.so"]),
        }
        found = Case(content).checked("/lib/plugin.so", "/bin/host")

        assert [each.name for each in found.missing] == ["gone.so"]

    def test_long_lists_are_cut(self) -> None:
        """Five names, and a number."""
        many = make_object([wanted(f"s{n}") for n in range(9)])
        path, advice = "/lib/many.so", "its program has to define them"
        found = Case({path: many}).checked(path)

        assert found.warnings == (
            f"{path}: undefined symbols s0, s1, s2, s3, s4 and 4 more: {advice}",
        )
