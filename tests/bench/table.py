"""What was measured, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from bench.clock import Timing

MEMORY = 300
"""MiB that no run of ours may need."""


@attrs.frozen(kw_only=True)
class Target:
    """A promise: the first timing of a section is at most so many times another one."""

    against: str
    """Name of the other timing."""
    most: float


@attrs.frozen(kw_only=True)
class Section:
    """One measurement: timings taken in turns, ours first."""

    title: str
    explains: str
    """What was done and what it means."""
    timings: tuple[Timing, ...]
    targets: tuple[Target, ...] = ()

    @property
    def ours(self) -> Timing:
        """Return the timing that the others are compared with."""
        return self.timings[0]

    def timing(self, name: str) -> Timing:
        """Return the timing of this name."""
        return next(timing for timing in self.timings if timing.name == name)


def ratio(ours: Timing, other: Timing) -> float | None:
    """Return how many times as long as `other` ours took."""
    if ours.median is None or other.median is None:
        return None
    return ours.median / other.median


def render(section: Section) -> str:
    """Return a section with all of its timings."""
    rows = [_row(section.ours, timing) for timing in section.timings]
    head = ("", "seconds", "fastest to slowest", "runs", "imagesmith ÷ this", "peak MiB")
    return f"## {section.title}\n\n{section.explains}\n\n{_table(head, rows)}"


def _row(ours: Timing, timing: Timing) -> tuple[str, ...]:
    if timing.median is None:
        return (timing.name, timing.absent, "", "", "", "")
    compared = ratio(ours, timing)
    return (
        timing.name,
        seconds(timing.median),
        f"{seconds(min(timing.seconds))} to {seconds(max(timing.seconds))}",
        str(len(timing.seconds)),
        "" if timing is ours or compared is None else f"{compared:.2f}",
        "" if timing.peak is None else f"{timing.peak / 1024:.0f}",
    )


def summary(sections: Sequence[Section]) -> str:
    """Return every promise of the sections and whether it was kept."""
    rows = [
        _promise(section, target, section.timing(target.against))
        for section in sections
        for target in section.targets
    ]
    rows += [_memory(section) for section in sections if section.ours.peak is not None]
    return _table(("", "against", "found", "promised", ""), rows)


def _promise(section: Section, target: Target, other: Timing) -> tuple[str, ...]:
    compared = ratio(section.ours, other)
    found = ("", other.absent)
    if compared is not None:
        found = (f"{compared:.2f}", "kept" if compared <= target.most else "missed")
    return (section.title, other.name, found[0], f"≤ {target.most:.2f}", found[1])


def _memory(section: Section) -> tuple[str, ...]:
    found = (section.ours.peak or 0) / 1024
    kept = "kept" if found <= MEMORY else "missed"
    return (section.title, "memory", f"{found:.0f} MiB", f"≤ {MEMORY} MiB", kept)


def seconds(value: float) -> str:
    """Render seconds to about three digits."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
