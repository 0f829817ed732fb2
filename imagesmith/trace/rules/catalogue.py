"""The rules there are, in the order they are asked: the first reason for a path stays.

A rule that is added, or finds other files than before, makes a new rule set:
manifests name the one they were locked with, and keep it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from imagesmith.trace.rules.ca import CA
from imagesmith.trace.rules.children import CHILDREN
from imagesmith.trace.rules.dlopen import DLOPEN
from imagesmith.trace.rules.dlopen_strings import DLOPEN_STRINGS
from imagesmith.trace.rules.files import FILES
from imagesmith.trace.rules.fontconfig import FONTCONFIG
from imagesmith.trace.rules.gconv import GCONV
from imagesmith.trace.rules.gettext import GETTEXT
from imagesmith.trace.rules.gnutls import GNUTLS
from imagesmith.trace.rules.gtk import GDK_PIXBUF, GIO, GTK
from imagesmith.trace.rules.interpreters import INTERPRETERS
from imagesmith.trace.rules.java import JAVA
from imagesmith.trace.rules.kerberos import KERBEROS
from imagesmith.trace.rules.libgcc import LIBGCC
from imagesmith.trace.rules.libidn2 import LIBIDN2
from imagesmith.trace.rules.locale import LOCALE
from imagesmith.trace.rules.nss import NSS
from imagesmith.trace.rules.openssl import OPENSSL
from imagesmith.trace.rules.p11_kit import P11_KIT
from imagesmith.trace.rules.pam import PAM
from imagesmith.trace.rules.perl import PERL, PERL_FULL
from imagesmith.trace.rules.python import PYTHON
from imagesmith.trace.rules.qt import QT
from imagesmith.trace.rules.rule import Rule
from imagesmith.trace.rules.sasl import SASL
from imagesmith.trace.rules.terminfo import TERMINFO
from imagesmith.trace.rules.zones import ZONES

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
