"""`[runtime]`: names in shape, and nothing else."""

from __future__ import annotations

import pytest

from imagesmith.errors import DocumentError
from imagesmith.manifest import table as toml
from imagesmith.manifest.sections import RuntimeSection
from imagesmith.manifest.sections.runtime import read_runtime, write_runtime


def read(text: str) -> RuntimeSection:
    """Read [runtime] of a document that may not have it."""
    root = toml.parse(text.encode(), document="r.toml")
    return read_runtime(root.table("runtime", optional=True))


def test_a_document_without_it_declares_nothing() -> None:
    """And what declares nothing is not written."""
    assert read("") == RuntimeSection()
    assert write_runtime(RuntimeSection()) == []


def test_what_is_written_is_read_back() -> None:
    """Every key of it."""
    section = RuntimeSection(
        dlopen="suggested",
        locales=("C.utf8", "de_DE@euro"),
        charsets=("ISO-8859-1", "ISO_8859-1:1987"),
        languages=("de", "pt_BR"),
        zones=("Europe/Berlin", "Etc/GMT+5"),
        local_zone="UTC",
        pam=("login",),
        terminals=("xterm-256color",),
        with_rules=("kerberos",),
        without_rules=("libgcc",),
    )

    assert read("\n".join(write_runtime(section))) == section


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('dlopen = "all"', "dlopen: expected one of recommended, required, suggested"),
        ('zones = ["../x"]', "zones[0]: expected a time zone like Europe/Berlin, got '../x'"),
        ('zones = ["/etc"]', "zones[0]: expected a time zone like Europe/Berlin, got '/etc'"),
        ('local-zone = "a..b"', "local-zone: expected a time zone like Europe/Berlin"),
        ('locales = ["a/b"]', "locales[0]: expected a name of letters, digits and _.+:@-"),
        ('pam = [".."]', "pam[0]: expected a name of letters"),
        ('with = ["X"]', "with[0]: expected the name of a rule"),
        ('with = ["x"]\nwithout = ["x"]', "without: x is listed under with as well"),
        ('locale = ["x"]', "locale: unknown key"),
    ],
)
def test_a_mistake_is_named_with_its_place(line: str, message: str) -> None:
    """No name leads out of the directory it is looked up in."""
    with pytest.raises(DocumentError) as e:
        read(f"[runtime]\n{line}\n")

    assert e.value.message.startswith(f"r.toml: runtime.{message}")
