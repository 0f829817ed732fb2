"""Commands that print: echo, printf, cat, and filters between pipes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from imagesmith.model.tree import File
from imagesmith.rootfs.effects.outcome import (
    MAX_TEXT,
    UNKNOWN,
    Call,
    Result,
    Unreproduced,
    bounded,
    is_known,
)
from imagesmith.rootfs.effects.world import World

_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_UNREAD = re.compile(r"(?<!\\)(?:\\\\)*\\[0-7cexuU]")
_FORM = re.compile(r"%([sdb%])|%")


def echo(call: Call, world: World) -> Result:
    """Print words: dash knows -n and always reads escapes, bash with -e only."""
    words, flags = list(call.arguments), ""
    known = r"-[neE]+" if world.is_bash else "-n"
    while words and re.fullmatch(known, words[0]) and (world.is_bash or not flags):
        flags += words.pop(0)
    text = " ".join(words)
    escapes = not world.is_bash or "e" in flags
    return Result(0, bounded((_unescaped(text) if escapes else text) + "\n" * ("n" not in flags)))


def _unescaped(text: str) -> str:
    r"""Return a text with its escapes; with octal ones and \c, a text that nobody computes."""
    if _UNREAD.search(text):
        return UNKNOWN
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[0]), text)


def printf(call: Call, world: World) -> Result:
    """Print by a form of plain %s, %b and %d."""
    given = call.arguments[1:] if call.arguments[:1] == ("--",) else call.arguments
    if not given:
        return Result(2)
    form, *words = given
    form = _unescaped(form)
    found = [match[1] for match in _FORM.finditer(form)]
    taken = sum(kind in ("s", "d", "b") for kind in found)
    if None in found or not is_known(form):
        return Result(0, UNKNOWN)
    output = ""
    remaining = list(words)

    def filled(match: re.Match[str]) -> str:
        if match[1] == "%":
            return "%"
        word = remaining.pop(0) if remaining else ""
        if match[1] == "d":
            return word if re.fullmatch("-?[1-9][0-9]*|0", word) else UNKNOWN if word else "0"
        return _unescaped(word) if match[1] == "b" else word

    while len(output) <= MAX_TEXT:
        output += _FORM.sub(filled, form)
        if not taken or not remaining:
            break
    return Result(0, bounded(output))


def cat(call: Call, world: World) -> Result:
    """Print files, or what is read."""
    paths = [word for word in call.arguments if not word.startswith("-") or word == "-"]
    flags = [word for word in call.arguments if word.startswith("-") and word not in ("-", "-u")]
    status, output = 0, "" if paths else call.stdin
    for path in paths:
        if path == "-":
            output += call.stdin
        elif not is_known(path) or world.files.is_blurred(path):
            output += UNKNOWN
        elif not isinstance(world.files.at(path), File) and path != "/dev/null":
            status = 1
        else:
            text = "" if path == "/dev/null" else world.text(path, limit=MAX_TEXT)
            output += UNKNOWN if text is None else text
    return Result(status, UNKNOWN if flags and output else bounded(output))


def filtered(call: Call, world: World) -> Result:
    """Print what nobody computes; of nothing comes nothing."""
    for writing, why in _WRITING.get(call.name, ()):
        if any(writing.search(word) for word in call.arguments):
            raise Unreproduced(why)
    if call.name.endswith("grep"):
        return _grep(call, world)
    names_files = any(word.startswith(("/", UNKNOWN)) for word in call.arguments)
    if names_files or call.name.endswith("awk") or call.stdin:
        return Result(0, UNKNOWN)
    return Result(0, "")


_IN_PLACE = (re.compile(r"-[a-zA-Z]*i|--in-place"), "a file is edited in place")
_AWK = (
    (re.compile(r"\Ainplace|\A-[a-zA-Z]*i"), "a file is edited in place"),
    (re.compile(r"system\s*\(|[|>]\s*(\"|[a-zA-Z_$])[^\n]*"), "its program may write"),
)
_WRITING: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    "sed": (_IN_PLACE, (re.compile(r"(\A|[;{}\n/$0-9])\s*[gpI]*[wW]\s+\S"), "it writes a file")),
    "sort": ((re.compile(r"\A-[a-zA-Z]*o|\A--o"), "a file is sorted in place"),),
    "uniq": ((re.compile(r"\A/"), "it may write a file"),),
    "xxd": ((re.compile(r"\A/"), "it may write a file"),),
    **dict.fromkeys(("awk", "gawk", "mawk"), _AWK),
}
"""What in an argument means that a filter writes to a file."""


_LITERAL = re.compile(r"(\^?)([A-Za-z0-9_/ :=@,-]*)(\$?)\Z")
"""Patterns that mean the same to every grep: plain characters between anchors."""


def _grep(call: Call, world: World) -> Result:
    """Search for plain words; what patterns match is not computed."""
    flags = "".join(word[1:] for word in call.arguments if word.startswith("-"))
    words = [word for word in call.arguments if not word.startswith("-") or word == "-"]
    pattern, *paths = words or [UNKNOWN]
    found = _LITERAL.match(pattern)
    texts = [world.text(path, limit=MAX_TEXT) if is_known(path) else None for path in paths]
    text = "".join(part or "" for part in texts) if paths else call.stdin
    if text == "" and None not in texts and "c" not in flags and "L" not in flags:
        return Result(1, "")
    missing = any(is_known(path) and world.files.at(path) is None for path in paths)
    if (
        missing
        and all(part is None for part in texts)
        and not any(map(world.files.is_blurred, filter(is_known, paths)))
    ):
        return Result(2, "")
    if found is None or {*flags} - {*"qwxsFE"} or not is_known(text) or None in texts:
        return Result(None, UNKNOWN)
    body = found[2] if "w" not in flags else rf"(?<!\w){found[2]}(?!\w)"
    anchored = rf"{found[1]}{body}{found[3]}" if "x" not in flags else rf"^{body}$"
    lines = [line for line in text.removesuffix("\n").split("\n") if re.search(anchored, line)]
    printed = (
        "".join(f"{line}\n" for line in lines) if len(paths) < len(("one", "two")) else UNKNOWN
    )
    return Result(int(not lines), "" if "q" in flags else printed)


_NAMES = (
    "awk base64 column cut egrep fgrep fold gawk grep head mawk nl od paste rev sed sort "
    "tac tail tr uniq xxd"
)

COMMANDS = {
    "echo": echo,
    "printf": printf,
    "cat": cat,
    **dict.fromkeys(_NAMES.split(), filtered),
}
