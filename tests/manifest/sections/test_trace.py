"""`[trace]`: what holds for all architectures, and for one."""

from __future__ import annotations

import pytest

from imagesmith.errors import DocumentError
from imagesmith.manifest import table as toml
from imagesmith.manifest.sections import TraceSection
from imagesmith.manifest.sections.trace import read_trace, write_trace
from imagesmith.model import arch

BOTH = (arch.parse("amd64"), arch.parse("arm64"))


def read(text: str) -> TraceSection:
    """Read [trace] of a document about amd64 and arm64."""
    return read_trace(toml.parse(text.encode(), document="r.toml").table("trace"), BOTH)


def test_an_architecture_adds_to_what_all_have() -> None:
    """Its own patterns come after the common ones, and nothing comes twice."""
    section = read(
        '[trace]\nseeds = ["/a"]\ninclude = ["/i"]\n[trace.arm64]\ninclude = ["/i", "/j"]\n'
        'exclude = ["/j/k"]\n'
    )

    assert section.on(BOTH[0]) == TraceSection(seeds=("/a",), include=("/i",))
    assert section.on(BOTH[1]) == TraceSection(
        seeds=("/a",), include=("/i", "/j"), exclude=("/j/k",)
    )
    assert read("\n".join(write_trace(section))) == section


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('seeds = ["/a"]\n[trace.s390x]\nseeds = ["/b"]', "trace.s390x: not one of the arch"),
        ('seeds = ["/a"]\n[trace.amd]\nseeds = ["/b"]', "trace.amd: unknown key"),
        ('seeds = ["/a"]\n[trace.amd64]\n', "trace.amd64: expected some of seeds, include, excl"),
        ('[trace.amd64]\nseeds = ["/b"]', "trace.seeds: nothing to ship for arm64: name a seed"),
        ('seeds = ["/a"]\n[trace.amd64]\nseed = ["/b"]', "trace.amd64.seed: unknown key"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    """Every architecture must have something to ship."""
    with pytest.raises(DocumentError) as e:
        read(f"[trace]\n{text}\n")

    assert e.value.message.startswith(f"r.toml: {message}")
