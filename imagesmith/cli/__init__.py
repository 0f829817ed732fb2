"""The command line: parse, one call, render, exit status (DESIGN.md §4).

`app` is the group of commands and the one place where errors become text and
exit status; `configuration` reads the operator's settings; `session` turns them
into the effects a build is given; `commands` holds a module a command; `drawing`
and `graph` show what a program loads, in the words of `wording`; `quick` runs an
image again before anything else is loaded.  Nothing but click is imported until a
command runs.
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
        if sys.argv[1:2] == ["run"]:
            _run_quickly()
        from imagesmith.cli.app import app

        app()
    except KeyboardInterrupt:  # while the modules above were loading
        sys.exit(130)
    except SystemExit as end:
        if end.code not in (130, 143):
            raise
        sys.stderr.flush()
        os._exit(end.code)  # a thread that waits for a silent server would keep the process


def _run_quickly() -> None:
    """Run an image that ran before and exit, if that is all there is to do."""
    import os
    import sys

    from imagesmith.cli import quick

    try:
        status = quick.run(sys.argv[1:], os.environ)
    except Exception as error:  # noqa: BLE001 - where the errors of commands end as well
        from imagesmith.cli.app import status_of

        status = status_of(error)
    if status is not None:
        sys.stderr.flush()
        os._exit(status)  # there is nothing to tidy up, and that takes time
