"""One run of the command line: its options, and the effects they select."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from imagesmith.errors import UsageError

if TYPE_CHECKING:  # what a command does not use is not imported
    from imagesmith.build.effects import Effects
    from imagesmith.cli.configuration import Configuration
    from imagesmith.fetch import Fetcher
    from imagesmith.store import Store
    from imagesmith.trust.opinion import Opinion
    from imagesmith.trust.policy import Policy


@attrs.define(kw_only=True, slots=False)
class Session:
    """The options every command understands."""

    quiet: bool = False
    verbose: int = 0
    progress: str = "auto"
    as_json: bool = False
    store: str | None = None
    config: str | None = None
    offline: bool = False
    jobs: int | None = None
    _opening: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @cached_property
    def configuration(self) -> Configuration:
        """What config.toml says."""
        from imagesmith.cli import configuration

        return configuration.load(Path(self.config) if self.config else None, os.environ)

    @property
    def store_path(self) -> Path:
        """Where the store lies: option, configuration, or the user's cache."""
        from imagesmith.cli import configuration

        if self.store:
            return Path(self.store)
        return self.configuration.store or (
            configuration.directory(os.environ, "XDG_CACHE_HOME", ".cache") / "store"
        )

    @cached_property
    def opened(self) -> Store:
        """The store, opened by the first who needs it."""
        from imagesmith.store import Store

        return Store.open(self.store_path)

    def effects(
        self, *, mirrors: tuple[str, ...] = (), keyrings: tuple[str, ...] | None = None
    ) -> Effects:
        """Open the store and, unless offline, a way to fetch; both end with the command.

        Certificates are read only for whoever names `keyrings`, be they none.
        """
        from imagesmith.build.effects import Effects
        from imagesmith.cli import progress

        click.get_current_context().with_resource(self.opened.in_use())
        return Effects(
            store=self.opened,
            stream=None if self.offline else self._stream,
            mirrors=self._mirrors(mirrors),
            certificates=() if keyrings is None else self._certificates(keyrings),
            opinion=None if keyrings is None else self.opinion,
            now=int(time.time()),
            jobs=self.jobs or self.configuration.jobs or len(os.sched_getaffinity(0)),
            progress=progress.reporter(self.progress, sys.stderr, quiet=self.quiet),
            note=self.detail,
            warn=self.warn,
        )

    def _certificates(self, keyrings: tuple[str, ...]) -> tuple[bytes, ...]:
        from imagesmith.cli import configuration

        named = tuple(Path(file) for file in keyrings) or self.configuration.keyrings
        return configuration.keyrings(named)

    def _stream(
        self, location: str, *, size: int | None, limit: int, offset: int = 0
    ) -> Iterator[bytes]:
        """Fetch; the connections are opened by the first one who needs them."""
        with self._opening:  # downloads start on several threads
            fetcher = self._fetcher
        return fetcher.stream(location, size=size, limit=limit, offset=offset)

    @cached_property
    def _fetcher(self) -> Fetcher:
        from imagesmith.fetch import Fetcher, Options

        return Fetcher(Options(proxy=self.configuration.proxy), environ=os.environ)

    def close(self) -> None:
        """Close the connections, if there are any."""
        if "_fetcher" in self.__dict__:
            self._fetcher.__exit__()

    def _mirrors(self, options: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
        """Return the mirrors of a suite: options first, then configuration, then the host's apt."""
        from imagesmith.cli import configuration

        named: dict[str, tuple[str, ...]] = {}
        for option in options:
            suite, equals, base = option.partition("=")
            if not equals or "/" in suite:
                suite, base = "*", option
            here = configuration.location(base, Path())
            named[suite] = (*named.get(suite, ()), here)
        settings = self.configuration.mirrors

        def mirrors(suite: str) -> tuple[str, ...]:
            for known in (named, settings):
                found = known.get(suite, known.get("*"))
                if found:
                    return found
            return configuration.host_mirrors(suite)

        return mirrors

    def policy(self, option: str | None) -> Policy:
        """Read the trust policy that was named, or the configured one."""
        from imagesmith.cli import configuration, documents
        from imagesmith.trust import keyring, policy

        default = configuration.directory(os.environ, "XDG_CONFIG_HOME", ".config") / "trust.toml"
        named = Path(option) if option else self.configuration.trust
        if named is None and not default.exists():
            hint = f"name one with --trust FILE, or write {default}"
            raise UsageError(problem="no trust policy", hint=hint)
        path = named or default
        text = documents.read(path)

        def certificate(name: str) -> bytes:
            return documents.read_start(path.parent / name, limit=keyring.MAX_OCTETS)

        return policy.parse(text, document=str(path), read=certificate)

    @cached_property
    def opinion(self) -> Opinion | None:
        """Who else must accept a signature: pysequoia where it is installed."""
        from imagesmith.trust import opinion

        return opinion.sequoia(now=int(time.time()))

    def note(self, text: str) -> None:
        """Tell people something on stderr, unless quiet."""
        from imagesmith.cli.app import shown

        if not self.quiet:
            click.echo(shown(text), err=True)

    def warn(self, text: str) -> None:
        """Tell people on stderr what they should look at, unless quiet."""
        from imagesmith.cli.app import report

        if not self.quiet:
            report("warning", text)

    def detail(self, text: str) -> None:
        """Tell people who asked for more."""
        if self.verbose:
            self.note(text)

    def result(self, text: str, document: Any = None) -> None:
        """Print the one result: `text`, or `document` as JSON with --json."""
        from imagesmith.cli.app import shown

        if self.as_json:
            import json

            click.echo(json.dumps(document, indent=2, ensure_ascii=True))
        else:
            click.echo(shown(text))

    def drawing(self, text: str) -> None:
        """Print a result whose pieces were made safe for a terminal, coloured where wanted."""
        from imagesmith.cli.app import colour

        click.echo(text, color=colour(sys.stdout))


def shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command understand --json, -q and -v after its name as well."""

    def remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value:
            setattr(ctx.ensure_object(Session), str(parameter.name), value)

    everywhere = partial(click.option, callback=remember, expose_value=False, is_eager=True)
    for option in (
        everywhere("-v", "--verbose", count=True, help="Say more."),
        everywhere("-q", "--quiet", is_flag=True, help="Say nothing but results and errors."),
        everywhere("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
    ):
        command = option(command)
    return command


def mirrored(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say where artefacts may lie."""
    return click.option(
        "--mirror",
        "mirrors",
        multiple=True,
        metavar="[SUITE=]BASE",
        envvar="IMAGESMITH_MIRRORS",
        help="Fetch from this base location (URL or directory); may be repeated.",
    )(command)
