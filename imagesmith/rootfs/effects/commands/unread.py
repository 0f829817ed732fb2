"""Commands that are left out: unknown ones, and some that are known well enough to say why."""

from __future__ import annotations

import re

from imagesmith.rootfs.effects.outcome import UNKNOWN, Call, Result, inert, is_known, skipped
from imagesmith.rootfs.effects.world import World

REASONS = {
    "make-ssl-cert": "keys are not made",
    "pam-auth-update": "the configuration of PAM is not put together",
    "update-desktop-database": "which program opens what is not put together",
    "update-mime-database": "the types of files are not put together",
    "ssh-keygen": "keys are not made",
    "systemd-tmpfiles": "what tmpfiles.d asks for is made when a system starts",
}
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*\Z")
_COMPILERS = frozenset({"py_compile", "compileall"})


def command(call: Call, world: World) -> Result:
    """Do nothing, and say that something would have been done."""
    if not is_known(call.name):
        return skipped("which command it is cannot be known")
    modules = {word.rpartition("/")[2].removesuffix(".py") for word in call.arguments}
    if _PYTHON.match(call.name) and modules & _COMPILERS:
        return inert("a cache that is made again when it is not there", None, UNKNOWN)
    return skipped(REASONS.get(call.name, f"{call.name} is not read"))
