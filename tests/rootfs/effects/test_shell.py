"""The shell that executes nothing, held against one that does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from builders.disk import FILES, in_tree, laid_out, on_disk
from builders.maintained import read, walked
from builders.scripts import SAMPLE, mutants
from builders.shellscripts import Author
from hypothesis import given
from hypothesis import strategies as st

from imagesmith.rootfs.effects.configure import Package

DASH = shutil.which("dash")
judged = pytest.mark.skipif(DASH is None, reason="no dash to judge by")

SNIPPETS = [
    "echo a 'b  c' \"d $HOME\" e\\ f",
    'x="a b"; for i in $x "$x"; do echo "<$i>"; done',
    "set -- 1 2 '3 4'; for i; do echo $i; done; echo $# \"$*\"",
    'set -- a "b c"; for i in "$@"; do echo "<$i>"; done; shift; echo $1; set --; echo "$@" $#',
    "echo ${u:-default} ${u-unset} ${e=set} $e ${e:+alternative} ${u:+none}.",
    "e=; echo ${e:-colon} ${e-plain}. ${#e} ${e:+x}. ${e+y}.",
    "p=/usr/lib/x.tar.gz; echo ${p%.*} ${p%%.*} ${p#*/} ${p##*/} ${p%/*}/y ${#p}",
    "p=aXbXc; echo ${p#*[X]} ${p%%[!a]*} ${p#nothing}",
    "echo $(echo inner; echo lines) `echo back\\`echo ticks\\``",
    'echo "$(printf "a\\nb\\n")" "x`echo \\"y\\"`z"',
    "case abc in x|a*) echo first;; *) echo other;; esac",
    'case "a*" in "a*") echo quoted;; esac; case abc in "a*") echo no;; [!b]?c) echo yes;; esac',
    "case ab1 in *[[:digit:]]) echo digit;; esac; case ']' in []]) echo bracket;; esac",
    "if false; then echo a; elif true; then echo b; else echo c; fi",
    "false || echo or; true && echo and; ! false && echo not; false && echo never; echo $?",
    "f() { echo in $1; return 3; }; f x; echo $?; f y || echo failed",
    'i=aaa; while [ -n "$i" ]; do echo $i; i=${i%a}; done',
    'i=; until [ "$i" = aa ]; do i=${i}a; if [ $i = a ]; then continue; fi; echo $i; done',
    "for i in 1 2 3; do for j in a b; do if [ $i$j = 2a ]; then break 2; fi; echo $i$j; done; done",
    "printf 'a b\\nc d\\n' | while read x y; do echo \"$y-$x\"; done",
    'while read line; do echo "<$line>"; done <<EOF\none\n  two $HOME\nEOF',
    "cat <<'EOF' | cat -\n$HOME `x`\nEOF",
    "cat <<-EOF\n\tindented $((0))x\n\tEOF\n".replace("$((0))", ""),
    "cat <<A; cat <<B\nfirst\nA\nsecond\nB",
    "(x=inner; echo $x); echo ${x:-outer}; { x=group; }; echo $x",
    'x=1; y=$x$x; z="$x $y"; echo $z; x=2 true; echo $x',
    "set -e; false || true; if false; then :; fi; echo on; false; echo never",
    "set -e; f() { false; echo in; }; if f; then echo ok; fi; f; echo never",
    "set -e; ! true; echo on; x=$(false) || echo caught; x=$(exit 4); echo never",
    "exit 0; echo never",
    "echo a; (exit 3) || echo sub; f() { exit 2; }; f; echo never",
    "eval 'echo evaluated' $HOME",
    "[ a = a -a b != c ] && echo both; [ a = b -o c = c ] && echo one; [ ! a = b ] && echo not",
    "[ 3 -gt 2 ] && [ 2 -le 2 ] && echo numbers; test -z '' && test -n x && echo filled; [ -d / ]",
    "[ '(' ] && [ -n ] && [ ! ] || echo odd; test = = = && echo same",
    "x='a:b:c'; IFS=:; for i in $x; do echo $i; done",
    "echo a#b '#' c # comment\n# another\necho d",
    "echo one \\\n  two; true &&\n echo three",
    "echo *nothing* '?' [",
    'x=; echo a $x b "$x" c',
    "printf '%s-%s\\n' a b c; printf 'plain\\n'; printf %s%%\\\\n x; echo",
    "echo -n no newline; echo; basename /a/b.c .c; dirname /a/b/ c",
    "seq 3 -1 1; echo abc | grep -q b && echo found; echo a b | grep -w b",
    "grep x /dev/null || echo none; echo ab | grep -x a || echo whole; echo ab | grep ^a",
    "unset x; echo ${x-unset}; export y=3; echo $y; readonly z=4; echo $z",
    ": ${d:=given}; echo $d; true; echo ${0##*/}x >/dev/null; echo err >&2",
    "alias greet='echo hello'\ngreet you",
    "f() ( x=1; exit 5 ); f; echo $? ${x-unset}",
    "{ echo a; echo b; } | { read x; echo got $x; }",
    "x=$(cat <<EOF\ninside\nEOF\n); echo $x",
    "if true; then echo a; fi > /dev/null; echo b; for i in 1; do echo c; done | cat",
    'x="a.b.c"; echo "${x%%.*}" "${x#*.}" "${x%.*}"; echo "${x%"c"}"',
    "x=1 y=1; f() { local x=2 y; y=$x; echo $x $y; }; f; echo $x $y",
    "exec true; echo never",
    "f() { for i in a; do false; done; }; f || echo status; while false; do :; done && echo none",
    "set -e; (exit 3); echo never",
    "set -e; while read x; do echo never; done < /none; echo never",
    'x=a::b:; IFS=:; for i in $x; do echo "<$i>"; done',
    "printf 'a:b:c\\nlast' | while IFS=: read x y; do echo $x-$y; done",
    "while read x; do y=$(cat /dev/null); grep a /dev/null; echo $x; done <<E\na\nb\nE",
    "(trap 'echo inner' EXIT; echo on; exit 3); echo $?; (trap 'exit 4' EXIT); echo $?",
    "echo -e a; echo -E; set -f; echo /*; set +f; break; echo on; x=2 :; echo $x",
    "[ ! -e / -a -e / ] || echo no; [ ! a = b -o a = b ] && echo yes; [ a b c d e ] || echo odd",
    "f() { unset -f f; echo once; }; f; shift 3; echo never",
    "echo a > /none/x; echo $?; { echo never; } < /none/y; echo $?; : > /none/z; echo never",
    "printf '%d %b|' 3 'a\\tb' 4; printf '%s-' ''; echo; cd / && pwd; cd /none || echo $?",
    "nice -n 5 echo a; nohup echo b 2>&1; set -- a 'b  c' ''; for i in $@; do echo $i; done",
]


@judged
@pytest.mark.parametrize("snippet", SNIPPETS)
def test_what_is_known_comes_out_as_in_dash(snippet: str) -> None:
    """Values, branches, loops and failures are those of Debian's own shell."""
    assert DASH is not None
    script = f"HOME=/root\n{snippet}\n"
    real = subprocess.run([DASH, "-c", script], capture_output=True, text=True, check=False)
    read = walked(f"{{\n{script}\n}} > /out")

    # a script that fails leaves nothing behind its failure
    ended = [note.about for note in read.ledger.skipped]
    if real.returncode and ended:
        assert ended == [f"it would end here with status {real.returncode}"]
    else:
        assert ended == []
        assert read.text("/out") == real.stdout


_VALUES = st.text(alphabet="ab*?[]/. :-$'", max_size=5)


@judged
@given(_VALUES, _VALUES, st.sampled_from(["%", "%%", "#", "##"]))
def test_patterns_cut_what_dash_cuts(value: str, pattern: str, operator: str) -> None:
    """Whatever a value and a pattern hold."""
    assert DASH is not None
    quoted = [text.replace("'", "'\\''") for text in (value, pattern)]
    script = f"v='{quoted[0]}'; p='{quoted[1]}'; printf %s \"${{v{operator}$p}}\""
    real = subprocess.run([DASH, "-c", script], capture_output=True, text=True, check=False)
    read = walked(f"{{ {script}; }} > /out")

    assert read.text("/out") == real.stdout


def test_what_may_have_been_left_may_not_have_changed() -> None:
    """Behind a function, a loop or a branch, variables, functions and statuses are in doubt."""
    for script in (
        "f() { date && return; x=2; }; x=1; f; mkdir /$x",
        "for i in 1 2; do date && break; x=$i; done; mkdir /$x",
        "if date; then f() { mkdir /a; }; else f() { mkdir /b; }; fi; f",
        "if date; then set -- a; else set -- b; fi; mkdir /$1",
        "f() { date && return 0; false; }; if f; then mkdir /a; else mkdir /b; fi",
        "x=$(date && exit; echo b); mkdir /$x",
        "date && cd /tmp; mkdir a",
        "date && umask 077; mkdir /a",
        "{ date && read x; read y; mkdir /$y; } <<E\na\nb\nE",
    ):
        read = walked(script)
        assert read.skipped, script
        assert script.startswith("date &&") or read.made == {}, script


@judged
@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no sandbox to run scripts in")
@pytest.mark.parametrize("number", range(40))
def test_any_script_leaves_the_tree_that_dash_leaves(number: int, tmp_path: Path) -> None:
    """Unless its ledger says that something is left out."""
    script = Author(f"tree {number}").script()
    root = tmp_path / "root"
    laid_out(root, FILES)
    (root / "root").mkdir()
    boxed = [
        "bwrap",
        "--unshare-pid",
        "--die-with-parent",
        "--bind",
        str(root),
        "/",
        "--dev",
        "/dev",
        "--ro-bind",
        "/usr",
        "/usr",
    ]
    boxed += [w for d in ("bin", "lib", "lib64") for w in ("--symlink", f"usr/{d}", f"/{d}")]
    boxed += ["--clearenv", "--setenv", "HOME", "/root", "--setenv", "PATH", "/usr/bin:/bin"]
    boxed += ["--chdir", "/", "dash", "-c", f"umask 022\n{script}"]
    real = subprocess.run(boxed, capture_output=True, text=True, check=False)
    if "bwrap:" in real.stderr:
        pytest.skip("no user namespaces here")
    read = walked(f"set --\n{script}", FILES)

    left_out = [about for _, about in read.skipped if not about.startswith("it would end here")]
    mounted = ("/bin", "/dev", "/lib", "/lib64", "/root", "/usr")
    found = {path: line for path, line in on_disk(root).items() if not path.startswith(mounted)}
    seen = "usr" in " ".join(found.values())  # a pattern in the root matched what is mounted
    assert left_out or seen or found == in_tree(read.configured.overlay.tree)


def test_what_cannot_be_known_is_walked_both_ways_and_left_out() -> None:
    """The ledger names the command and the condition."""
    read = walked('if [ "$(date)" = x ]; then mkdir /a; else mkdir /b; fi; mkdir /c')

    assert read.made == {"/c": "dir 0755"}
    assert read.skipped == [(2, 'only if [ "$(date)" = x ]')] * 2


def test_a_branch_that_fails_is_not_taken() -> None:
    """A package that cannot be installed is in nobody's image."""
    read = walked("if uname -r | grep 2.4; then echo too old; exit 1; fi; date || exit 1; mkdir /a")

    assert read.made == {"/a": "dir 0755"}
    assert read.skipped == []


def test_what_comes_after_a_possible_end_is_in_doubt() -> None:
    """Of the script, of a function, of a loop; and no longer than that."""
    assert walked("if date; then exit 0; fi; mkdir /a").skipped == [(2, "only if date")]
    function = walked("f() { date && return; mkdir /a; }; f; mkdir /b")
    assert (function.made, function.skipped) == ({"/b": "dir 0755"}, [(2, "only if date")])
    loop = walked("for i in 1 2; do if date; then break; fi; mkdir /a$i; done; mkdir /b")
    assert loop.made == {"/b": "dir 0755"}
    subshell = walked("(date && exit 0; mkdir /a); mkdir /b")
    assert subshell.made == {"/b": "dir 0755"}


def test_variables_are_known_as_far_as_branches_agree() -> None:
    """What both branches say stays known, the rest is not."""
    read = walked("if date; then a=1 b=2; else a=1 b=3; fi; mkdir /$a; mkdir /$b")

    assert read.made == {"/1": "dir 0755"}
    assert read.skipped == [(2, "an argument cannot be known")]


def test_a_loop_of_unknown_length_leaves_its_variables_unknown() -> None:
    """Be it over lines, over words, or while something lasts."""
    for loop in (
        "hostname | while read x; do mkdir /$x; done",
        "for x in $(date); do mkdir /$x; done",
        "x=a; while pgrep y; do mkdir /$x; x=$x$(date); done",
    ):
        read = walked(loop)
        assert read.made == {}
        assert len(read.skipped) == 1


def test_a_known_failure_ends_the_script_and_says_so() -> None:
    """What is behind it was not read."""
    read = walked("set -e\nmkdir /a\nrmdir /none\nmkdir /b")

    assert read.made == {"/a": "dir 0755"}
    assert read.skipped == [(4, "it would end here with status 1")]


def test_commands_nobody_knows_are_left_out() -> None:
    """Unless they are in a place that no image keeps."""
    read = walked("make-coffee --strong\n$(date) x\nperl -e 'unlink 1'\nsed -i s/a/b/ /etc/x")

    assert read.skipped == [
        (2, "make-coffee is not read"),
        (3, "which command it is cannot be known"),
        (4, "a program of its own"),
        (5, "a file is edited in place"),
    ]
    assert walked("date > /run/x; rm -f /tmp/$(date); mkdir -p /run/a").skipped == []


@pytest.mark.parametrize(
    "script",
    [
        "while :; do :; done",
        "f() { f; }; f",
        "for i in $(seq 1 5000); do :; done",
        "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x$x$x; done",
        "a=$(seq 1 100000); for i in $a $a $a $a; do :; done",
        "x=$(seq 1 9000); while :; do case $x in *1*2*3*4*x*) ;; esac; y=${x##*9*8*x}; done",
        "p=a; for i in 1 2 3 4 5 6 7 8 9 10 11; do p=$p/$p; done; mkdir -p /$p; cp -r /a /a/b",
        "while :; do mkdir a && cd a; done",
        "for i in $(seq 1 300); do echo /*/*/*/../../../*/*/../../*/*/*; done; f() { f | f; }; f",
        "cd $(date); rm *; echo a > b; { echo c; } > d; [ -e f ] && cat < g; touch h i j",
        "i=1; until date; do eval 'i=$i$i$i'; done; f() { eval f f; }; f",
    ],
)
def test_nothing_runs_for_ever(script: str) -> None:
    """A script that takes too many steps is given up."""
    read = walked(f"{script}\nmkdir /a")

    assert len(read.made) <= 100


def test_too_many_steps_are_in_the_ledger() -> None:
    """With the reason."""
    assert walked("while :; do :; done").skipped == [(2, "it takes more steps than are followed")]


def test_sourced_files_are_read_from_the_packages() -> None:
    """Their functions are known; debconf's answers are not."""
    files = {"/usr/share/hello/functions": "make() { mkdir /$1; }\n"}
    read = walked(". /usr/share/hello/functions; make a", files)
    assert read.made == {"/a": "dir 0755"}

    asked = walked(". /usr/share/debconf/confmodule; db_get hello/x; mkdir /$RET")
    assert asked.made == {}
    assert asked.skipped == [(2, "an argument cannot be known")]
    assert len(asked.ledger.inert) == 2

    missing = walked(". /etc/default/hello\n. $(date)\n. /etc/bad", {"/etc/bad": "if"})
    assert [line for line, _ in missing.skipped] == [2, 3, 4]


def test_any_script_has_a_ledger() -> None:
    """Damaged ones, too: no exception but the shell's own, and those end in it."""
    for mutant in mutants(SAMPLE, 400, "shell"):
        given = Package(name="hello", version="1", scripts={"postinst": mutant})
        assert read(given, files={"/etc/a": "one\ntwo\n"}).ledger.script == "postinst"


def test_input_is_read_once() -> None:
    """Line by line by read, the rest by whoever comes next."""
    read = walked("{ read a b; cat; } <<EOF > /out\none two three\nfour\nfive\nEOF\nmkdir /$a")

    assert read.text("/out") == "four\nfive\n"
    assert "/one" in read.made
