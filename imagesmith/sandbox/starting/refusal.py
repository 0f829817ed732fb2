"""Why there is no sandbox on a host, in words that say what to do about it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from imagesmith.errors import HostError
from imagesmith.sandbox.starting import bubblewrap

_SETTINGS = (
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "sysctl kernel.unprivileged_userns_clone=1, as root",
    ),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0, as root",
    ),
    (
        "/proc/sys/user/max_user_namespaces",
        "0",
        "sysctl user.max_user_namespaces=10000, as root",
    ),
)
"""Where hosts forbid user namespaces, the value that does, and the way out."""
_ELSEWHERE = "inside a container, it must be allowed to make user namespaces"


def reason(bwrap: str, read: Callable[[str], str]) -> HostError | None:
    """Try an empty sandbox and return why there is none, or None if there is one.

    `read` gives the content of a file of the host; OSError where there is none.
    """
    walls = map(os.fsdecode, bubblewrap.ISOLATION)
    trial = (bwrap, *walls, "--ro-bind", "/", "/", "--proc", "/proc")
    ended = subprocess.run(  # noqa: S603 - bubblewrap with our own arguments
        (*trial, "--dev", "/dev", bwrap, "--version"),
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
    )
    if not ended.returncode:
        return None
    said = (ended.stderr.strip().splitlines() or ["no reason given"])[0].removeprefix("bwrap: ")
    problem = f"this host allows no sandbox: {said[:1].lower()}{said[1:].rstrip('.')}"
    return HostError(path=bwrap, problem=problem, hint=_hint(read))


def _hint(read: Callable[[str], str]) -> str:
    for setting, forbidding, hint in _SETTINGS:
        try:
            if read(setting).strip() == forbidding:
                return hint
        except OSError:
            continue
    return _ELSEWHERE
