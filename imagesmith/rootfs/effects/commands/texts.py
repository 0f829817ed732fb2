"""Commands that print: echo, printf, cat, and filters between pipes."""

from __future__ import annotations

import re

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

_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "r": "\r", "a": "\a", '"': '"'}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_FORM = re.compile(r"%([sdb%])|%")


def echo(call: Call, world: World) -> Result:
    """Print words, escapes in them as dash does."""
    words = list(call.arguments)
    end = "\n"
    while words and words[0] in ("-n", "-e", "-E", "-ne", "-en"):
        end = "" if "n" in words.pop(0) else end
    return Result(0, bounded(_unescaped(" ".join(words)) + end))


def _unescaped(text: str) -> str:
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
    while len(output) <= MAX_TEXT:
        output += _FORM.sub(
            lambda match: "%" if match[1] == "%" else remaining.pop(0) if remaining else "", form
        )
        if not taken or not remaining:
            break
    return Result(0, bounded(output))


def cat(call: Call, world: World) -> Result:
    """Print files, or what is read."""
    paths = [word for word in call.arguments if not word.startswith("-") or word == "-"]
    output = "" if paths else call.stdin
    for path in paths:
        if path == "-":
            output += call.stdin
        elif not is_known(path) or world.files.is_blurred(path):
            output += UNKNOWN
        elif world.files.at(path) is None and path != "/dev/null":
            return Result(1, bounded(output))
        else:
            text = "" if path == "/dev/null" else world.text(path, limit=MAX_TEXT)
            output += UNKNOWN if text is None else text
    return Result(0, bounded(output))


def filtered(call: Call, world: World) -> Result:
    """Print what nobody computes; of nothing comes nothing."""
    if call.name == "sed" and any(re.match(r"-[a-zA-Z]*i|--in-place", w) for w in call.arguments):
        raise Unreproduced("a file is edited in place")
    if call.name == "sort" and any(word.startswith(("-o", "--output")) for word in call.arguments):
        raise Unreproduced("a file is sorted in place")
    if call.name.endswith("grep"):
        return _grep(call, world)
    names_files = [word for word in call.arguments if word.startswith(("/", UNKNOWN))]
    if call.stdin == "" and not names_files and not call.name.endswith("awk"):
        return Result(0, "")
    return Result(0, UNKNOWN)


_LITERAL = re.compile(r"(\^?)([A-Za-z0-9_/ :=@,-]*)(\$?)\Z")
"""Patterns that mean the same to every grep: plain characters between anchors."""


def _grep(call: Call, world: World) -> Result:
    """Search for plain words; what patterns match is not computed."""
    flags = "".join(word[1:] for word in call.arguments if re.match(r"-[a-zA-Z]+\Z", word))
    words = [word for word in call.arguments if not word.startswith("-") or word == "-"]
    pattern, *paths = words or [UNKNOWN]
    found = _LITERAL.match(pattern)
    texts = [world.text(path, limit=MAX_TEXT) if is_known(path) else None for path in paths]
    text = "".join(part or "" for part in texts) if paths else call.stdin
    if text == "" and None not in texts:
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
    lines = [line for line in text.splitlines() if re.search(anchored, line)]
    return Result(int(not lines), "" if "q" in flags else "".join(f"{line}\n" for line in lines))


_NAMES = (
    "awk base64 column cut egrep fgrep fold gawk grep head mawk nl od paste rev sed sort "
    "tac tail tr uniq xxd"
)

READERS = frozenset({"cat", *_NAMES.split()})
"""What reads its input to the end."""
COMMANDS = {
    "echo": echo,
    "printf": printf,
    "cat": cat,
    **dict.fromkeys(_NAMES.split(), filtered),
}
