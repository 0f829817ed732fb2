"""Recording: the program of a plan, run in all of its packages, and what it used of them.

What the image has without a record is left out, and so is what comes along with
something recorded: the libraries of a program, the directory of a file.  What is left
is a list that a person can review.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from imagesmith.build import execute, exporting
from imagesmith.build.contents import Contents
from imagesmith.build.effects import Effects
from imagesmith.build.execute import Rootfs
from imagesmith.build.plan import Plan
from imagesmith.errors import HostError
from imagesmith.manifest import record as records
from imagesmith.manifest.record import Command, Record
from imagesmith.model.tree import Directory, Tree, parents, sort_key
from imagesmith.sandbox.starting import launch, mounts
from imagesmith.sandbox.starting.launch import Host
from imagesmith.sandbox.starting.program import Asked
from imagesmith.sandbox.trees.lending import Exported
from imagesmith.sandbox.watching import hits, observe
from imagesmith.sandbox.watching.accesses import Access


@attrs.frozen(kw_only=True)
class Recorded:
    """What came of recording a command."""

    record: Record
    statuses: tuple[int, ...]
    """The exit status of each run."""
    unstable: tuple[str, ...]
    """Paths that some of the runs used and others did not, sorted."""
    unspelled: tuple[str, ...]
    """Paths that no record can hold."""
    already: int
    """How many of the paths that were used the image has anyway."""
    owners: Mapping[str, tuple[str, ...]]
    """The packages that brought each recorded path."""


def record(plan: Plan, asked: Asked, effects: Effects, host: Host, *, runs: int = 1) -> Recorded:
    """Run a plan's program, or what is asked for, in all of its packages; so many times.

    HostError where nothing can be run or traced; the errors of `launch.prepare` for a program.
    """
    unrecorded = attrs.evolve(plan, recorded=())
    with Contents(effects.store) as contents:
        made = execute.rootfs(unrecorded, contents, effects)
        tree = exporting.full(unrecorded, made.packages, contents)
        with exporting.lent(tree, unrecorded, effects.store) as exported:
            observed = [_observed(exported, plan, asked, host) for _ in range(runs)]
        used = [hits.hits(tree, accesses, elsewhere=_lent(asked)) for _, accesses in observed]
        every = _strongest(used)
        new = {path: kind for path, kind in every.items() if path not in made.tree}
        spelled = {path for path in new if records.is_spelled(path)}
        kept = _needed(unrecorded, spelled, contents, effects)
    return Recorded(
        record=Record(
            arch=plan.arch,
            commands=(_command(plan, asked),),
            uses={path: new[path] for path in kept},
        ),
        statuses=tuple(status for status, _ in observed),
        unstable=tuple(path for path in kept if not all(path in each for each in used)),
        unspelled=tuple(sorted(new.keys() - spelled, key=sort_key)),
        already=len(every) - len(new),
        owners={path: made.overlay.owners.get(path, ()) for path in kept},
    )


def _strongest(used: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    """Return what any run used, and what counts most of how it did."""
    found: dict[str, str] = {}
    for each in used:
        found |= {path: records.strongest(found.get(path), kind) for path, kind in each.items()}
    return found


def _observed(
    exported: Exported, plan: Plan, asked: Asked, host: Host
) -> tuple[int, Sequence[Access]]:
    """Run a command once; HostError where its trace leaves a doubt about what it did."""
    prepared = launch.prepare(exported, _with_program(plan, asked), host)
    status, found = observe.observe(prepared, host)
    if found.strange or not found.is_started:
        line = found.strange[0] if found.strange else "nothing about the program"
        hint = "tell which version of strace it is: strace --version"
        raise HostError(path="strace", problem=f"wrote what is not understood: {line}", hint=hint)
    start = Access(prepared.path, "execute")  # for an emulator it is but an argument
    return status, (start, *found.all)


def _with_program(plan: Plan, asked: Asked) -> Asked:
    """Return what is asked for, with the first seed where nothing says what runs."""
    config = plan.image.config
    if asked.entrypoint is None and not (config.entrypoint or config.cmd) and plan.trace.seeds:
        return asked._replace(entrypoint=plan.trace.seeds[0])
    return asked


def _command(plan: Plan, asked: Asked) -> Command:
    """Return what a record says of a command."""
    config, wanted = plan.image.config, _with_program(plan, asked)
    if wanted.entrypoint is None:
        words = (*config.entrypoint, *(wanted.arguments or config.cmd))
    else:
        words = (*filter(None, (wanted.entrypoint,)), *wanted.arguments)
    env = tuple(sorted({setting.partition("=")[0] for setting in asked.env}))
    return Command(command=words, env=env, network=asked.network)


def _lent(asked: Asked) -> tuple[str, ...]:
    """Return the image paths at which something of the host lies."""
    files = mounts.HOST_FILES if asked.network else ()
    return (*files, *(path.rstrip("/") for _, path, _ in asked.volumes))


def _needed(plan: Plan, used: set[str], contents: Contents, effects: Effects) -> tuple[str, ...]:
    """Return those of `used` without which an image would lack one of them, sorted."""

    def built(paths: set[str]) -> Rootfs:
        return execute.rootfs(attrs.evolve(plan, recorded=tuple(sorted(paths))), contents, effects)

    complete = built(used)
    implied = {*_libraries(complete), *_above(used, complete.tree)}
    few = used - implied
    tree = built(few).tree
    return tuple(sorted(few | {path for path in used if path not in tree}, key=sort_key))


def _libraries(made: Rootfs) -> Iterator[str]:
    """Yield what some program or library of a rootfs needs."""
    for load in made.closure.loads:
        yield from (each.real for each in load.objects if each.needed_by is not None)


def _above(paths: set[str], tree: Tree) -> Iterator[str]:
    """Yield the directories that hold one of `paths`."""
    for path in paths:
        yield from (above for above in parents(path) if isinstance(tree.entry(above), Directory))
