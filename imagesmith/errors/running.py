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
