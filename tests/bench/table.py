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


@attrs.frozen(kw_only=True)
class Reading:
    """One input, and what reading it took."""

    name: str
    octets: int
    seconds: float
    floor: float
    """Seconds that a single pass over the same octets took."""
    peak: int
    """Octets allocated at most."""


@attrs.frozen(kw_only=True)
class Costs:
    """What each of many inputs costs, and what none of them may."""

    title: str
    explains: str
    floor: str
    """What the single pass does."""
    readings: tuple[Reading, ...]
    seconds: float
    megabytes: int


Part = Section | Costs


def ratio(ours: Timing, other: Timing) -> float | None:
    """Return how many times as long as `other` ours took."""
    if ours.median is None or other.median is None:
        return None
    return ours.median / other.median


def render(part: Part) -> str:
    """Return a part of the document with everything measured for it."""
    table = _costs(part) if isinstance(part, Costs) else _timings(part)
    return f"## {part.title}\n\n{part.explains}\n\n{table}"


def _costs(costs: Costs) -> str:
    rows = [
        (
            reading.name,
            f"{reading.octets:,}",
            f"{reading.seconds:.4f}",
            f"{reading.seconds / reading.floor:.1f}",
            f"{reading.peak / 1e6:.1f}",
        )
        for reading in costs.readings
    ]
    return _table(("", "bytes", "seconds", f"÷ {costs.floor}", "peak MB"), rows)


def _timings(section: Section) -> str:
    rows = [_row(section.ours, timing) for timing in section.timings]
    head = ("", "seconds", "fastest to slowest", "runs", "imagesmith ÷ this", "peak MiB")
    return _table(head, rows)


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


def summary(parts: Sequence[Part]) -> str:
    """Return every promise of the parts and whether it was kept."""
    sections = [part for part in parts if isinstance(part, Section)]
    rows = [
        _promise(section, target, section.timing(target.against))
        for section in sections
        for target in section.targets
    ]
    rows += [_memory(section) for section in sections if section.ours.peak is not None]
    rows += [row for part in parts if isinstance(part, Costs) for row in _limits(part)]
    return _table(("", "against", "found", "promised", ""), rows)


def _limits(costs: Costs) -> Sequence[tuple[str, ...]]:
    slowest = max(costs.readings, key=lambda reading: reading.seconds)
    largest = max(costs.readings, key=lambda reading: reading.peak)
    fast = "kept" if slowest.seconds <= costs.seconds else "missed"
    small = "kept" if largest.peak <= costs.megabytes * 1e6 else "missed"
    return (
        (
            costs.title,
            f"time, the slowest ({slowest.name})",
            f"{slowest.seconds:.2f} s",
            f"≤ {costs.seconds:.2f} s",
            fast,
        ),
        (
            costs.title,
            f"memory, the largest ({largest.name})",
            f"{largest.peak / 1e6:.0f} MB",
            f"≤ {costs.megabytes} MB",
            small,
        ),
    )


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
