"""The host's apt as a judge: its own state directory, one synthetic archive, no network."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

AVAILABLE = shutil.which("apt-get") is not None


_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}


@attrs.frozen
class Apt:
    """An apt that knows nothing but what it was given."""

    options: tuple[str, ...]

    def install(self, names: Sequence[str]) -> Mapping[str, str] | None:
        """Return what `names` would install on an empty system, or None if apt refuses."""
        # --print-uris stops after choosing: ordering would refuse loops of Pre-Depends
        options = (*self.options, "-y", "--print-uris", "--no-install-recommends")
        command = ("apt-get", *options, "install", *names)
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=_ENVIRONMENT)
        if ran.returncode != 0:
            return None
        found = re.findall(r"^'\S+' ([^ _]+)_([^ _]+)_[^ _]+\.deb ", ran.stdout, re.MULTILINE)
        return {name: version.replace("%3a", ":") for name, version in found}


def apt_for(state: Path, archive: Path, suites: Sequence[str], *, arch: str = "amd64") -> Apt:
    """Return an apt, in the new directory `state`, that has read the `suites` of `archive`."""
    options = _options(state, state / "lists", arch)
    lines = (f"deb [trusted=yes] file:{archive} {suite} main\n" for suite in suites)
    (state / "sources.list").write_text("".join(lines))
    subprocess.run(
        ("apt-get", *options, "-q", "update"), check=True, capture_output=True, env=_ENVIRONMENT
    )
    return Apt(options)


def host_apt(state: Path, lists: Path, *, arch: str = "amd64") -> Apt:
    """Return an apt, in the new directory `state`, that has read what the host's has."""
    options = _options(state, lists, arch)
    options = (*options, "-o", "Dir::Etc=/etc/apt", *_SOURCES)
    subprocess.run(
        ("apt-cache", *options, "gencaches"), check=True, capture_output=True, env=_ENVIRONMENT
    )
    return Apt(options)


_SOURCES = ("-o", "Dir::Etc::sourcelist=sources.list", "-o", "Dir::Etc::sourceparts=sources.list.d")


def _options(state: Path, lists: Path, arch: str) -> tuple[str, ...]:
    for folder in ("lists/partial", "cache/archives/partial", "empty", "log"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    settings = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::State::Lists": lists,
        "Dir::Cache": state / "cache",
        "Dir::Cache::pkgcache": "pkgcache.bin",
        "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
        "Dir::Etc": state / "empty",
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": state / "empty",
        "Dir::Log": state / "log",
        "APT::Architecture": arch,
        "APT::Architectures": arch,
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    return tuple(part for name, value in settings.items() for part in ("-o", f"{name}={value}"))
