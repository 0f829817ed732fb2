"""Scripts from a grammar: what maintainer scripts are made of, over a tree of a few files."""

from __future__ import annotations

import random

_PATHS = "/d /d/file /d/exec /d/sub /d/sub/deep /e /link /to-file /none /none/x /new /new2 /e/n"
_RELATIVE = "d file ../e . sub/deep new none/x e"
_TEXTS = ("a", "b c", "", "x*", "a:b::c", "'", "-n", "$x", "3", "~", "\\t", "#", "a=b", "]", "!")
_PATTERNS = ("a*", "*", "?", "[ab]*", "b c", '"a*"', "$x", "[!a]*", "x\\*", "a:*", "''")
_WORDS = (
    "$x", '"$x"', "${y:-$x}", '"${x%%:*}"', "${x#*b}", '"$@"', "$*", "$#", "$?", "$1", "${z-u}",
    "$(echo a b)", '"$(printf "a\\n\\n")"', "`echo $y`", "$(cat /d/file)", "$((1+1))", "${#x}",
    "${x:+set}", "/d/*", "/[de]/*", "*", '"/d/*"', "/nothing*", "${y:=new}", "x$y", "$(f)",
)  # fmt: skip


class Author:
    """Writes a script, the same for the same seed."""

    def __init__(self, seed: str) -> None:
        """Begin with `seed`."""
        self.chance = random.Random(seed)  # noqa: S311 - the same scripts every time are the point
        self.pick = self.chance.choice
        self.calls = True
        """Whether `f` may be called: not in itself, so that every script ends."""

    def script(self) -> str:
        """Return some commands."""
        setting = self.pick(("", "", "set -e\n", "set -- 1 'b c' 3\n", "IFS=:\n", "cd /d\n"))
        self.calls = False
        function = f"f() {{ local x=inner z; {self.commands(2)}; }}\n"
        self.calls = True
        return f"x='a:b c'\n{setting}{function}{self.commands(3, 5)}\n"

    def commands(self, depth: int, most: int = 3) -> str:
        """Return commands one after another."""
        count = self.chance.randint(1, most)
        return "\n".join(self.command(depth) for _ in range(count))

    def command(self, depth: int) -> str:
        """Return one command, nested at most so deep."""
        compound = (
            self.branch, self.choice, self.loop, self.joined, self.joined, self.group, self.reading,
        )  # fmt: skip
        if depth and self.chance.random() < 0.5:
            return self.pick(compound)(depth - 1)
        return self.simple()

    def simple(self) -> str:
        """Return a simple command, most of them with an effect."""
        forms = (
            self.echo, self.echo, self.echo, self.change, self.change, self.change, self.assign,
            self.assign, self.shelly,
        )  # fmt: skip
        return self.pick(forms)()

    def path(self) -> str:
        """Return a path, rarely a relative one or a pattern."""
        kind = self.chance.random()
        if kind < 0.1:
            return self.pick(_RELATIVE.split())
        return self.pick(("/d/*", '"$x"', "/e/$x")) if kind > 0.95 else self.pick(_PATHS.split())

    def word(self) -> str:
        """Return a word that is expanded, or a text."""
        if self.chance.random() < 0.6:
            return self.pick(_WORDS if self.calls else _WORDS[:-1])
        text = self.pick(_TEXTS)
        return f'"{text}"' if "'" in text or "$" in text else f"'{text}'"

    def echo(self) -> str:
        """Return a command that prints into a file."""
        said = " ".join(self.word() for _ in range(self.chance.randint(0, 3)))
        form = self.pick(("echo {}", "printf '<%s>\\n' {}", "printf '%s-%s.' {}", "printf %b a {}"))
        sink = self.pick((">> /out", ">> /out", ">> /out", "> {}", ">> {}", ">&2", ""))
        return f"{form.format(said)} {sink.format(self.path())}"

    def change(self) -> str:
        """Return a command that changes files."""
        mode = self.pick(("755", "0640", "2775", "u+x", "go-r", "a=rX", "+t", "g+s", "o="))
        one, two = self.path(), self.path()
        return self.pick((
            f"mkdir {one}", f"mkdir -p {one}/{self.pick('pq')}", f"mkdir -m {mode} {one}",
            f"ln -s {one} {two}", f"ln -sf {one} {two}", f"ln -sfn {one} {two}", f"ln {one} {two}",
            f"cp {one} {two}", f"cp -r {one} {two}", f"cp -a {one} {two}", f"cp -p {one} {two}",
            f"mv {one} {two}", f"mv -f {one} {two}", f"rm {one}", f"rm -f {one}", f"rm -rf {one}",
            f"rmdir {one}", f"chmod {mode} {one}", f"chmod -R {mode} {one}", f"touch {one} {two}",
            f"install -d {one} {two}", f"install -m {mode} {one} {two}", f"install -D {one} {two}",
        ))  # fmt: skip

    def assign(self) -> str:
        """Return assignments."""
        name = self.pick("xyz")
        return self.pick((
            f"{name}={self.word()}", f"{name}={self.word()} {self.pick('xyz')}={self.word()}",
            f"{name}={self.word()} {self.called()}", f"{name}={self.word()} true",
            f"export {name}={self.word()}",
        ))  # fmt: skip

    def called(self) -> str:
        """Return the function's name, or that of something harmless inside of it."""
        return "f" if self.calls else "true"

    def shelly(self) -> str:
        """Return a command that changes the shell."""
        return self.pick((
            self.called(), f"{self.called()} a 'b c'",
            "shift 2>/dev/null || :", "set -- $x", "unset y",
            f"cd {self.path()} || :", "return 3", "exit 0", "exit 4", "exec true", "break",
            "continue", "set +e", "unset x", "umask 077", "trap 'echo end >> /out' EXIT",
            "eval 'echo $x >> /out'", f"exec {self.change()}", "set -f", "pwd >> /out", "false",
        ))  # fmt: skip

    def condition(self) -> str:
        """Return a test."""
        one, two, path = self.word(), self.word(), self.path()
        return self.pick((
            f"[ -e {path} ]", f"[ -d {path} -a ! -L {path} ]", f"[ ! -f {path} ]", f"[ -s {path} ]",
            f"[ -n {one} ]", f"[ -z {one} ]", f"[ {one} = {two} ]",
            f"[ {one} != {two} -o -x {path} ]",
            f"[ ! -e {path} -a -e {path} ]", f"[ ! {one} = {two} -o -h {path} ]", f"[ {one} ]",
            f"test {one}", f"[ '(' -d {path} ')' -a {one} ]", "[ $# -gt 1 ]", "true", "false",
            f"! [ -r {path} ]", f"grep -q a {path}", f"{self.simple()}",
            f"[ -d {path} ] && [ -n {one} ]",
        ))  # fmt: skip

    def branch(self, depth: int) -> str:
        """Return `if`."""
        other = self.pick(("", f"\nelse {self.commands(depth)}", ""))
        return f"if {self.condition()}; then {self.commands(depth)}{other}\nfi"

    def choice(self, depth: int) -> str:
        """Return `case`."""
        arms = "".join(
            f"\n{self.pick(_PATTERNS)}|{self.pick(_PATTERNS)}) {self.commands(depth)} ;;"
            for _ in range(2)
        )
        return f"case {self.word()} in{arms}\nesac"

    def loop(self, depth: int) -> str:
        """Return a loop that ends."""
        if self.chance.random() < 0.3:
            return f'n=aa; while [ -n "$n" ]; do n=${{n%a}}\n{self.commands(depth)}\ndone'
        body = f"{self.commands(depth)}\necho $i >> /out"
        return f"for i in {self.word()} {self.word()}; do {body}\ndone"

    def joined(self, depth: int) -> str:
        """Return what `&&` and `||` join."""
        last = self.command(depth)
        return f"{self.condition()} {self.pick(('&&', '||'))} {last}"

    def group(self, depth: int) -> str:
        """Return a group, a subshell, a pipeline, or a negation."""
        inner = self.commands(depth)
        return self.pick((
            f"( {inner} )", f"{{ {inner}; }}", f"( {inner} ) >> /out", f"{{ {inner}; }} > /e/n",
            f"! {{ {inner}; }}", f"{{ {inner}; }} | cat >> /out", f"y=$({inner})",
            f"{{ {inner}; }} 2>/dev/null", f"if {inner}; then :; fi",
        )).replace("\n; }", "; }")  # fmt: skip

    def reading(self, depth: int) -> str:
        """Return a loop over lines."""
        source = self.pick((
            "<<E\na b $x\n  c:d:e \nE\n", "< /d/file", "<<'E'\n$x\\n y\nE\n", "< /none",
        ))  # fmt: skip
        names = self.pick(("a", "a b", "-r a b"))
        return f'while read {names}; do echo "$a-$b" >> /out\n{self.commands(depth)}\ndone {source}'
