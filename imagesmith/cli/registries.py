"""Registries as a host knows them: which protocol is spoken, and who is logged in."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from imagesmith.cli import documents
from imagesmith.cli.session import Session
from imagesmith.errors import HostError, UsageError
from imagesmith.fetch.exchange import Client
from imagesmith.fetch.web import Options
from imagesmith.oci.registry import login as logins
from imagesmith.oci.registry import session as sessions
from imagesmith.oci.registry.login import Login
from imagesmith.oci.registry.name import ImageName
from imagesmith.oci.registry.repository import Repository

_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_UNKNOWN = b"credentials not found"
"""What a credential program says of a host that it does not know."""
PATIENCE = 60
"""Seconds that a credential program may take."""


@contextmanager
def repository(
    session: Session,
    place: ImageName,
    asked: Mapping[str, Any],
    *,
    scope: str,
    sources: tuple[str, ...] = (),
) -> Iterator[Repository]:
    """Lend a repository of a registry, spoken to as the options `asked` and logins say."""
    if session.offline:
        raise UsageError(problem=f"{place}: a registry cannot be asked offline")
    # What is spoken to this machine in the open must not pass through another.
    options = Options(proxy=None if place.is_local else session.configuration.proxy)
    with Client(options, {} if place.is_local else os.environ) as client:
        plain = place.is_local if asked["plain"] is None else asked["plain"]
        conversation = sessions.Session(
            place=place,
            exchange=client.exchange,
            login=login(place, asked["authfile"]),
            plain=plain,
            scope=scope,
            sources=sources,
        )
        yield Repository(session=conversation, options=options)


def login(place: ImageName, authfile: str | None) -> Login | None:
    """Return the login of the first file that has one for `place`; one that is named must be."""
    named = authfile or os.environ.get("REGISTRY_AUTH_FILE")
    for path in [Path(named)] if named else _files(os.environ):
        if named or documents.is_present(path):
            text = documents.read(path, limit=logins.MAX_FILE)
            found = logins.find(
                text, place.host, place.name, document=str(path), program=credentials
            )
            if found is not None:
                return found
    return None


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield where podman and docker keep logins, in podman's order (containers-auth.json(5))."""
    home = Path(environ.get("HOME") or "/")
    if environ.get("XDG_RUNTIME_DIR"):
        yield Path(environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json"
    else:
        yield Path("/run/containers") / str(os.getuid()) / "auth.json"
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "containers" / "auth.json"
    yield Path(environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json"


def credentials(name: str, host: str) -> Mapping[str, Any] | None:
    """Ask the program `docker-credential-NAME` who is logged in at `host`; None if nobody is."""
    program = f"docker-credential-{name}"
    if not _PROGRAM.match(name):
        raise HostError(path=program, problem="not the name of a credential program")
    try:
        ended = subprocess.run(  # noqa: S603 - named in the user's own file of logins
            [program, "get"],
            input=host.encode(),
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
    except OSError as error:
        raise documents.refused(Path(program), error) from None
    except subprocess.TimeoutExpired:
        raise HostError(path=program, problem=f"silent for {PATIENCE} seconds") from None
    if ended.returncode:
        if _UNKNOWN in (ended.stdout + ended.stderr).lower():
            return None
        raise HostError(path=program, problem=f"ended with status {ended.returncode}")
    try:
        found = dict(json.loads(ended.stdout))
        return {key: found[key] for key in ("Username", "Secret")}
    except (KeyError, RecursionError, TypeError, ValueError):
        raise HostError(path=program, problem="said something else than a login") from None


def spoken(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how a registry is spoken to."""
    optional = partial(click.option, show_default=False)
    for option in (
        optional("--authfile", help="File of logins; default: where podman and docker keep them."),
        optional(
            "--plain-http/--https",
            "plain",
            default=None,
            help="Speak http, or https; default: http to this machine, https to any other.",
        ),
    ):
        command = option(command)
    return command
