"""The command line: parse, one call, render, exit status (DESIGN.md §4).

`app` is the group of commands and the one place where errors become text and
exit status; `configuration` reads the operator's settings; `session` turns them
into the effects a build is given; `commands` holds a module a command.  Nothing
but click is imported until a command runs.
"""


def main() -> None:
    """Run the command line; the entry point of the `imagesmith` script."""
    import gc
    import os
    import sys

    for name in ("stdout", "stderr"):  # a caller may have closed them
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - open to the end
    gc.set_threshold(50_000)  # trees are large and have no cycles
    try:
        from imagesmith.cli.app import app

        app()
    except KeyboardInterrupt:  # while the modules above were loading
        sys.exit(130)
    except SystemExit as end:
        if end.code not in (130, 143):
            raise
        sys.stderr.flush()
        os._exit(end.code)  # a thread that waits for a silent server would keep the process
