"""What is measured becomes a table that says no more than was measured."""

from __future__ import annotations

from bench import table
from bench.clock import Timing
from bench.table import Costs, Reading, Section, Target

OURS = Timing(name="ours", seconds=(0.4, 0.2, 0.3), peak=100 * 1024)
FLOOR = Timing(name="floor", seconds=(0.1, 0.2, 0.2))
ABSENT = Timing(name="peer")
SECTION = Section(
    title="curl",
    explains="Curl.",
    timings=(OURS, FLOOR, ABSENT),
    targets=(Target(against="floor", most=2.0), Target(against="peer", most=0.3)),
)
COSTS = Costs(
    title="hostile",
    explains="Hostile.",
    floor="hash",
    readings=(
        Reading(name="slow", octets=1_000_000, seconds=0.3, floor=0.001, peak=1_000_000),
        Reading(name="large", octets=1_000, seconds=0.1, floor=0.001, peak=40_000_000),
    ),
    seconds=0.2,
    megabytes=50,
)


def test_a_section_shows_medians_spread_and_ratios() -> None:
    """Every timing has a line; ours is the one compared, not installed is said."""
    rendered = table.render(SECTION)

    assert rendered.splitlines() == [
        "## curl",
        "",
        "Curl.",
        "",
        "|  | seconds | fastest to slowest | runs | imagesmith ÷ this | peak MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| ours | 0.300 | 0.200 to 0.400 | 3 |  | 100 |",
        "| floor | 0.200 | 0.100 to 0.200 | 3 | 1.50 |  |",
        "| peer | not installed |  |  |  |  |",
    ]


def test_a_promise_is_kept_missed_or_unknown() -> None:
    """The summary has a line a promise, and one for the memory of each section."""
    slow = Section(
        title="slow",
        explains="",
        timings=(Timing(name="ours", seconds=(1.0,), peak=400 * 1024), FLOOR),
        targets=(Target(against="floor", most=2.0),),
    )

    assert table.summary([SECTION, slow]).splitlines()[2:] == [
        "| curl | floor | 1.50 | ≤ 2.00 | kept |",
        "| curl | peer |  | ≤ 0.30 | not installed |",
        "| slow | floor | 5.00 | ≤ 2.00 | missed |",
        "| curl | memory | 100 MiB | ≤ 300 MiB | kept |",
        "| slow | memory | 400 MiB | ≤ 300 MiB | missed |",
    ]


def test_costs_show_every_input_beside_its_floor() -> None:
    """The promise is about the worst of them."""
    assert table.render(COSTS).splitlines()[4:] == [
        "|  | bytes | seconds | ÷ hash | peak MB |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| slow | 1,000,000 | 0.3000 | 300.0 | 1.0 |",
        "| large | 1,000 | 0.1000 | 100.0 | 40.0 |",
    ]
    assert table.summary([COSTS]).splitlines()[2:] == [
        "| hostile | time, the slowest (slow) | 0.30 s | ≤ 0.20 s | missed |",
        "| hostile | memory, the largest (large) | 40 MB | ≤ 50 MB | kept |",
    ]


def test_seconds_have_about_three_digits() -> None:
    """Milliseconds below a second, fewer digits above."""
    assert [table.seconds(value) for value in (0.0524, 1.014, 28.79)] == ["0.052", "1.01", "28.8"]
