"""Kerberos and GSS-API: configuration, plugins and mechanisms.

Most programs only link the libraries because something else does (libcurl), so
this is listed; what a realm needs besides is for its administrators to mount.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imagesmith.trace.rules import compiled
from imagesmith.trace.rules.rule import Finding, Rule, Ship
from imagesmith.trace.rules.scene import Scene

_LIBRARY: Final = re.compile(r"lib(?:krb5|gssapi_krb5)\.so\..*")
_PATHS: Final = re.compile(
    rb"(" + compiled.START + rb"[!-9;-~]{1,255}"
    rb"(?:/krb5/plugins(?:/[a-z0-9]{1,32})?|/krb5\.conf|/gss/mech(?:\.d)?|/gss/))(?:/\*\.conf)?\0"
)
_INCLUDE: Final = re.compile(r"include(?:dir)?\s+(?P<path>/\S+)")
"""krb5.conf(5), "Structure"."""


def _find(scene: Scene) -> Iterator[Finding]:
    for library in scene.named(_LIBRARY):
        for found in compiled.paths(scene, library, _PATHS):
            yield found
            for line in scene.lines(found.path):
                if include := _INCLUDE.fullmatch(line):
                    yield Ship(
                        include["path"], library.path, f"included by {found.path}", content=True
                    )


KERBEROS: Final = Rule(
    name="kerberos",
    title="Kerberos and GSS-API: krb5.conf, plugins and mechanisms at their compiled-in paths",
    find=_find,
    mode="listed",
)
