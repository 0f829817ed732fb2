"""The rules there are, in the order they are asked: the first reason for a path stays.

A rule that is added, or finds other files than before, makes a new rule set:
manifests name the one they were locked with, and keep it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from imagesmith.trace.rules.desktop.fontconfig import FONTCONFIG
from imagesmith.trace.rules.desktop.gtk import GDK_PIXBUF, GIO, GTK
from imagesmith.trace.rules.desktop.qt import QT
from imagesmith.trace.rules.languages.interpreters import INTERPRETERS
from imagesmith.trace.rules.languages.java import JAVA
from imagesmith.trace.rules.languages.perl import PERL, PERL_FULL
from imagesmith.trace.rules.languages.python import PYTHON
from imagesmith.trace.rules.libc.gconv import GCONV
from imagesmith.trace.rules.libc.gettext import GETTEXT
from imagesmith.trace.rules.libc.locale import LOCALE
from imagesmith.trace.rules.libc.nss import NSS
from imagesmith.trace.rules.libc.terminfo import TERMINFO
from imagesmith.trace.rules.libc.zones import ZONES
from imagesmith.trace.rules.loading.children import CHILDREN
from imagesmith.trace.rules.loading.dlopen import DLOPEN
from imagesmith.trace.rules.loading.dlopen_strings import DLOPEN_STRINGS
from imagesmith.trace.rules.loading.files import FILES
from imagesmith.trace.rules.loading.libgcc import LIBGCC
from imagesmith.trace.rules.loading.libidn2 import LIBIDN2
from imagesmith.trace.rules.rule import Rule
from imagesmith.trace.rules.security.ca import CA
from imagesmith.trace.rules.security.gnutls import GNUTLS
from imagesmith.trace.rules.security.kerberos import KERBEROS
from imagesmith.trace.rules.security.openssl import OPENSSL
from imagesmith.trace.rules.security.p11_kit import P11_KIT
from imagesmith.trace.rules.security.pam import PAM
from imagesmith.trace.rules.security.sasl import SASL

RULES: Final[tuple[Rule, ...]] = (
    DLOPEN,
    LIBGCC,
    NSS,
    LIBIDN2,
    GCONV,
    LOCALE,
    GETTEXT,
    ZONES,
    TERMINFO,
    OPENSSL,
    CA,
    PAM,
    KERBEROS,
    SASL,
    P11_KIT,
    GNUTLS,
    PYTHON,
    PERL,
    PERL_FULL,
    JAVA,
    QT,
    GIO,
    GDK_PIXBUF,
    GTK,
    FONTCONFIG,
    INTERPRETERS,
    CHILDREN,
    DLOPEN_STRINGS,
    FILES,
)


def known(version: int, rules: Sequence[Rule] = RULES) -> tuple[Rule, ...]:
    """Return the rules of a rule set; of several with one name, the latest that it has."""
    then = sorted((rule for rule in rules if rule.since <= version), key=lambda each: each.since)
    latest = {rule.name: rule for rule in then}
    return tuple(rule for rule in rules if latest.get(rule.name) is rule)
