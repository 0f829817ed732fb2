"""Versions and symbols, judged by the real loaders: what they report, and whether it starts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from builders.elf import GLIBC_INTERP, MUSL_INTERP
from builders.loaders import host_loader
from builders.roots import read_tree, reader

from imagesmith.build.facts import facts
from imagesmith.elf.binding import Bindings
from imagesmith.elf.closure import LoaderClosure, Root, load_in
from imagesmith.elf.findings import Finding, Undefined
from imagesmith.unpack.directory import HostRoot

PROGRAM = """
extern void f(void) ATTRIBUTE;
USE
volatile int wanted;
void _start(void)
{
    if (wanted)
        f();
    __asm__ volatile("syscall" : : "a"(60L), "D"(0L));
}
"""
LIBRARY = "void f(void) {}\nint other;\n"
_UNDEFINED = re.compile(r"undefined symbol: (\S+?)(?:, version (\S+))?\t\((.*)\)")
_COMPLAINT = re.compile(r"not found \(required|no version information|DT_RELR without|Assertion")


@attrs.frozen(kw_only=True)
class Case:
    """A program, the library it was linked with, and the one it meets."""

    says: str
    linked: str = ""
    """Version script of the library it was linked with; empty for no versions."""
    met: str = ""
    """The same of the library in the root."""
    source: str = LIBRARY
    """Of the library in the root."""
    options: tuple[str, ...] = ("-Wl,-z,lazy",)
    """To link the program."""
    attribute: str = ""
    use: str = ""
    """More source of the program."""
    library: str = "libl.so"
    """Its DT_SONAME."""
    starts: bool
    starts_with_musl: bool | None = None
    """Where it differs."""

    def __str__(self) -> str:
        """Return what it shows, as the test's name."""
        return self.says


V1, V2 = "V1 { f; other; };", "V1 { other; }; V2 { f; } V1;"
HIDDEN = '__asm__(".symver old, f@V1");\nvoid old(void) {}\nint other;\n'
CASES = (
    Case(says="what is defined is found", starts=True),
    Case(says="with its version", linked=V1, met=V1, starts=True),
    Case(
        says="a function that is never called may be missing",
        source="int other;\n",
        starts=True,
        starts_with_musl=False,
    ),
    Case(
        says="not where everything is bound at once",
        source="int other;\n",
        options=("-Wl,-z,now",),
        starts=False,
    ),
    Case(
        says="nor where its address is taken",
        source="int other;\n",
        use="void (*volatile address)(void) = f;",
        starts=False,
    ),
    Case(
        says="a weak reference may stay open",
        source="int other;\n",
        attribute="__attribute__((weak))",
        options=("-Wl,-z,now",),
        starts=True,
    ),
    Case(
        says="a missing version ends the program",
        linked=V2,
        met=V1,
        starts=False,
        starts_with_musl=True,
    ),
    Case(says="a library without versions is enough", linked=V2, starts=True),
    Case(says="versions that nobody asked for do no harm", met=V2, starts=True),
    Case(
        says="a reference without a version takes the first one, hidden or not",
        met="V1 { local: old; };",
        source=HIDDEN,
        starts=True,
        starts_with_musl=False,
    ),
    Case(
        says="relative relocations want a libc that knows them",
        linked=V1,
        met=V1,
        options=("-Wl,-z,pack-relative-relocs",),
        use="void *volatile self = &self;",
        library="libc.so.9",
        starts=False,
    ),
)


def gcc(folder: Path, name: str, source: str, *options: str) -> Path:
    """Compile without a C library."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    output = folder / name
    fixed = ("-nostdlib", "-fPIC", "-O1", "-fno-stack-protector", "-Wl,--build-id=none", "-w")
    command = ["gcc", *fixed, "-xc", "-", "-xnone", *options, "-o", str(output)]
    subprocess.run(command, input=source, text=True, check=True, capture_output=True)
    return output


def linked(folder: Path, name: str, source: str, script: str) -> Path:
    """Link a library, with a version script if there is one."""
    options = ["-shared", f"-Wl,-soname={name}"]
    if script:
        (folder / "script").write_text(script)
        options.append(f"-Wl,--version-script={folder / 'script'}")
    return gcc(folder, name, source, *options)


def laid_out(case: Case, interp: str, folder: Path) -> Path:
    """Return a root with the program, the library it meets, and the host's loader."""
    root = folder / "root"
    for name in ("lib", "lib64", "build"):
        (root / name).mkdir(parents=True)
    before = linked(root / "build", case.library, LIBRARY, case.linked)
    source = PROGRAM.replace("ATTRIBUTE", case.attribute).replace("USE", case.use)
    fixed = ("-pie", f"-Wl,--dynamic-linker={interp}", "-Wl,--no-as-needed")
    gcc(root, "program", source, *fixed, *case.options, str(before))
    linked(root / "lib", case.library, case.source, case.met)
    shutil.rmtree(root / "build")
    (root / interp.lstrip("/")).write_bytes(host_loader(interp))
    (root / interp.lstrip("/")).chmod(0o755)
    return root


def run(root: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a root."""

    def enter() -> None:
        os.chroot(root)
        os.chdir("/")

    return subprocess.run(
        command, env=environment, capture_output=True, check=False, text=True, preexec_fn=enter
    )


def found_in(root: Path) -> tuple[LoaderClosure, tuple[Finding, ...]]:
    """Return the closure with errors, and the findings."""
    tree = read_tree(root)
    where = Root(tree, reader(tree))
    bindings, closure = Bindings(where), load_in(where, "/program")
    return bindings.checked(closure), bindings.findings(closure)


def reported(text: str) -> set[tuple[str, str | None, str]]:
    """Return symbol, version and object of every symbol that glibc calls undefined."""
    return {(m[1], m[2], os.path.realpath(m[3])) for m in _UNDEFINED.finditer(text)}


def undefined(findings: tuple[Finding, ...]) -> set[tuple[str, str | None, str]]:
    """Return the same of ours."""
    return {
        (each.symbol, each.version, os.path.realpath(each.requester))
        for each in findings
        if isinstance(each, Undefined)
    }


CHECKING = {"LD_TRACE_LOADED_OBJECTS": "1", "LD_WARN": "1", "LD_BIND_NOW": "1"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_glibc_finds_the_same_and_starts_what_we_say(case: Case, tmp_path: Path) -> None:
    """The list of undefined symbols, complaints about versions, and the exit status agree."""
    root = laid_out(case, GLIBC_INTERP, tmp_path)
    closure, findings = found_in(root)
    told = run(root, "/program", **CHECKING)
    text = told.stdout + told.stderr

    assert reported(text) == undefined(findings)
    assert bool(_COMPLAINT.search(text)) == any(
        not isinstance(each, Undefined) for each in findings
    )
    assert (run(root, "/program").returncode == 0, closure.complete) == (case.starts, case.starts)


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.library.startswith("libc.")], ids=str
)
def test_musl_starts_what_we_say(case: Case, tmp_path: Path) -> None:
    """It looks everything up at once, and compares no versions."""
    root = laid_out(case, MUSL_INTERP, tmp_path)
    closure, _ = found_in(root)
    starts = case.starts if case.starts_with_musl is None else case.starts_with_musl

    assert (run(root, "/program").returncode == 0, closure.complete) == (starts, starts)


def sample() -> Iterator[str]:
    """Yield some programs and libraries of the host, plugins among them."""
    yield from (f"/bin/{name}" for name in ("bash", "ls", "tar", "python3", "openssl", "perl"))
    for folder, pattern, most in (
        ("/lib/x86_64-linux-gnu", "lib*.so.*", 60),
        ("/usr/lib/python3.11/lib-dynload", "*.so", 10),
    ):
        yield from map(str, sorted(Path(folder).glob(pattern))[::7][:most])


def test_the_hosts_own_programs_and_libraries_agree() -> None:
    """What the loader reports of a sample is what we report, symbol by symbol."""
    host_loader(GLIBC_INTERP)
    judged = 0
    with HostRoot("/", facts=facts) as filesystem:
        root = Root(filesystem, filesystem.read, filesystem.lend)
        bindings = Bindings(root)
        for path in filter(os.path.exists, sample()):
            closure = load_in(root, path)
            if closure.loader is None or not closure.complete:
                continue
            told = run(Path("/"), GLIBC_INTERP, path, **CHECKING)
            judged += 1

            assert reported(told.stdout + told.stderr) == undefined(bindings.findings(closure)), (
                path
            )
    assert judged
