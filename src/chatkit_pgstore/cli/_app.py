"""The commands together, and what their errors become."""

import os
import sys
from collections.abc import Sequence

import typer
from sqlalchemy.exc import DBAPIError

from chatkit_pgstore._failures import underlying
from chatkit_pgstore.cli import _files, _moving, _retention, _schema
from chatkit_pgstore.errors import NotFoundError, SchemaOutOfDateError, StoreError

FAILED = 1
HAS_TO_BE_MIGRATED = 3

app = typer.Typer(
    name="chatkit-pgstore",
    help="The tables of chatkit-pgstore, and what is in them.",
    no_args_is_help=True,
    add_completion=False,
    # Plain text, as logs and scripts want it. Rich's tracebacks would show local variables, and so passwords.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_schema.register(app)
_retention.register(app)
_moving.register(app)
_files.register(app)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; what a store, a file or the network has against it is told."""
    try:
        code = _ended(arguments)
        # Here, and not when Python ends: a full disk would be told by a traceback there.
        sys.stdout.flush()
    except (StoreError, NotFoundError, OSError, DBAPIError) as error:
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"chatkit-pgstore: {_reason(error)}\n")
        code = HAS_TO_BE_MIGRATED if isinstance(error, SchemaOutOfDateError) else FAILED
    _forget_what_cannot_be_written()
    return code


def _ended(arguments: Sequence[str]) -> int:
    code: object = 0
    try:
        typer.main.get_command(app)(list(arguments), prog_name="chatkit-pgstore")
    except SystemExit as ended:
        code = ended.code
    return code if isinstance(code, int) else 0


def _forget_what_cannot_be_written() -> None:
    """Have it go nowhere, for Python tries once more at its end: a closed pipe, a full disk.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reason(error: Exception) -> str:
    """Return what *error* says; of one of the server's only its message, for the details may show what is in a row."""
    return str(underlying(error).args[0]) if isinstance(error, DBAPIError) else str(error)
