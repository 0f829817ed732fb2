"""update-alternatives(1), as it is called."""

from __future__ import annotations

from imagesmith.rootfs.effects import alternatives
from imagesmith.rootfs.effects.alternatives import Master, Slave
from imagesmith.rootfs.effects.filesystem import Refusal
from imagesmith.rootfs.effects.outcome import UNKNOWN, Call, Result, Unreproduced, reproduced
from imagesmith.rootfs.effects.world import World

_QUIET = frozenset({"--quiet", "--force", "--verbose", "--skip-auto", "--debug"})
_SLAVE = 3
"""How many words follow --slave."""


def update_alternatives(call: Call, world: World) -> Result:
    """Add, choose or remove alternatives, or tell of them."""
    words = [word for word in call.known() if word not in _QUIET]
    match words:
        case ["--install", link, name, path, priority, *rest]:
            return _install((link, name, path), priority, rest, world)
        case ["--remove", name, path]:
            alternatives.remove(world.alternatives, world.files, name, path, by=world.package)
        case [("--remove-all" | "--remove"), name]:
            alternatives.remove(world.alternatives, world.files, name, None, by=world.package)
        case ["--set", name, path]:
            alternatives.select(world.alternatives, world.files, name, path, by=world.package)
        case ["--auto", name]:
            alternatives.select(world.alternatives, world.files, name, "", by=world.package)
        case [("--list" | "--query" | "--display") as question, name]:
            return _told(question, name, world)
        case _:
            raise Unreproduced("its arguments are not read")
    return reproduced(name)


def _install(words: tuple[str, str, str], priority: str, rest: list[str], world: World) -> Result:
    try:
        number = int(priority)
    except ValueError:
        raise Refusal(f"{priority} is no priority") from None
    master = Master(*words, number)
    alternatives.install(world.alternatives, world.files, master, _slaves(rest), by=world.package)
    return reproduced(f"{master.link} -> {master.path} ({number})")


def _slaves(words: list[str]) -> list[Slave]:
    step = _SLAVE + 1
    found = [words[place : place + step] for place in range(0, len(words), step)]
    if any(len(each) != step or each[0] != "--slave" for each in found):
        raise Unreproduced("its arguments are not read")
    return [Slave(link, name, path) for _, link, name, path in found]


def _told(question: str, name: str, world: World) -> Result:
    group = world.alternatives.get(name)
    if group is None:
        return Result(2)
    paths = "".join(f"{path}\n" for path in sorted(group.choices))
    return Result(0, paths if question == "--list" else UNKNOWN)


COMMANDS = {"update-alternatives": update_alternatives}
