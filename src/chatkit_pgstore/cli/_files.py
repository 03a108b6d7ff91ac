"""The command that sweeps: deletes the files that no attachment names any more."""

from datetime import timedelta
from importlib import import_module
from typing import Annotated, Any

import typer

from chatkit_pgstore.cli._ages import age
from chatkit_pgstore.cli._options import AsJson, DatabaseUrl, PoolerName, SchemaName, Target, say
from chatkit_pgstore.errors import ConfigurationError
from chatkit_pgstore.store import PostgresStore

FilesUrl = Annotated[
    str,
    typer.Option(
        "--files",
        metavar="URL",
        help="Where the bytes are: file:///folder, s3://bucket/prefix, gs://..., az://..., or postgresql.",
    ),
]
Grace = Annotated[
    timedelta | None,
    typer.Option("--grace", metavar="AGE", parser=age, help="Longer than an upload lasts: 1h, unless given."),
]

AN_HOUR = timedelta(hours=1)


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command()(sweep)


def sweep(
    *,
    files: FilesUrl,
    grace: Grace = None,
    database_url: DatabaseUrl = None,
    schema: SchemaName = None,
    pooler: PoolerName = None,
    as_json: AsJson = False,
) -> None:
    """Delete the files whose attachments are gone."""
    sweep_at = _sweep_at()

    async def operation(store: PostgresStore[Any]) -> Any:
        return await sweep_at(store, files, (grace or AN_HOUR).total_seconds())

    swept = Target(database_url, schema, pooler).run(operation)
    say(f"Deleted {swept.deleted:,} of {swept.looked_at:,} files.", swept, as_json=as_json)


def _sweep_at() -> Any:
    """Return what sweeps, which this command alone needs: its extra may be missing.

    Raises:
        ConfigurationError: It is.
    """
    try:
        # By the package first, which says what to install.
        import_module("chatkit_pgstore.attachments")
        return import_module("chatkit_pgstore.attachments._locations").sweep_at
    except ImportError as error:
        raise ConfigurationError(str(error)) from error
