"""What would not run, or did not."""

from __future__ import annotations

import attrs

from imagesmith.errors.root import ImagesmithError


@attrs.frozen(kw_only=True, eq=False, str=False)
class ClosureIncomplete(ImagesmithError):
    """A program would not load: libraries are missing or cannot be loaded."""

    status = 9
    code = "closure"

    problems: tuple[str, ...]
    """One line per missing or unloadable object, with requester and places searched."""
    missing: tuple[str, ...] = ()
    """Names that nothing answered, for who knows which packages may have them."""

    @property
    def message(self) -> str:
        return "closure incomplete: " + "\n  ".join(self.problems)


@attrs.frozen
class ScriptEffects:
    """What a maintainer script would do, and an image has not."""

    package: str
    name: str
    """`preinst` or `postinst`."""
    digests: tuple[str, ...]
    """Of the script on each architecture, in hexadecimal digits."""
    skipped: tuple[str, ...]
    """One line for each command, with the reason."""


@attrs.frozen(kw_only=True, eq=False, str=False)
class EffectsUnacknowledged(ImagesmithError):
    """Maintainer scripts of shipped packages do more than is reproduced, and nobody said so."""

    status = 9
    code = "effects-unacknowledged"

    scripts: tuple[ScriptEffects, ...]
    hint: str | None = attrs.field()

    @hint.default
    def _pasteable(self) -> str:
        """Return what acknowledges everything, for a recipe."""
        said = "if the image does without, say so in the recipe:"
        return said + "".join(
            f'\n[[script]]\npackage = "{each.package}"\nname = "{each.name}"\nsha256 = ["'
            + '", "'.join(each.digests)
            + '"]\nbecause = ""'
            for each in self.scripts
        )

    @property
    def message(self) -> str:
        lines = [
            f"{each.package} {each.name}: {line}" for each in self.scripts for line in each.skipped
        ]
        count = len(self.scripts)
        said = "a maintainer script does" if count == 1 else f"{count} maintainer scripts do"
        return "\n  ".join([f"{said} more than is reproduced", *lines])


@attrs.frozen(kw_only=True, eq=False, str=False)
class CheckFailed(ImagesmithError):
    """A finished image does not do what its recipe says it does."""

    status = 1
    code = "check-failed"

    document: str
    failures: tuple[str, ...]
    """Of each check that failed, a line with what was expected, and lines that explain it."""

    @property
    def message(self) -> str:
        count = len(self.failures)
        said = "1 check failed" if count == 1 else f"{count} checks failed"
        lines = [line for failure in self.failures for line in failure.splitlines()]
        return "\n  ".join([f"{self.document}: {said}", *lines])


@attrs.frozen(kw_only=True, eq=False, str=False)
class ProgramRefused(ImagesmithError):
    """What an image names as its program cannot be run; the status is a shell's."""

    status = 126
    code = "program-refused"

    path: str
    problem: str

    @property
    def message(self) -> str:
        return f"{self.path}: {self.problem}"


@attrs.frozen(kw_only=True, eq=False, str=False)
class ProgramNotFound(ProgramRefused):
    """The image does not have its program, or not what that is started by."""

    status = 127
    code = "program"

    sought: tuple[str, ...] = ()
    """Where in the image it would be: paths, any one of which would do."""
