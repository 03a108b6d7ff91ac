"""The ``chatkit-pgstore`` command. Needs the extra ``cli``, and says so where it is missing."""

import sys
from collections.abc import Sequence

try:
    from chatkit_pgstore.cli._app import run as _run
except ModuleNotFoundError as error:
    if error.name != "typer":
        raise
    from chatkit_pgstore.cli._missing import run as _run

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments*, or with those of this process, and return its exit code.

    0: done. 1: it failed and said why. 2: it was called wrongly. 3: the database has to be migrated first.
    130: interrupted.
    """
    return _run(sys.argv[1:] if arguments is None else arguments)
