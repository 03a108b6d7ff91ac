"""The commands that delete: purge what is old, erase a user."""

import sys
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import typer

from chatkit_pgstore import operations
from chatkit_pgstore.cli._ages import age
from chatkit_pgstore.cli._options import (
    AsJson,
    DatabaseUrl,
    PoolerName,
    SchemaName,
    Target,
    User,
    Yes,
    checked_user_id,
    progress,
    say,
)
from chatkit_pgstore.operations import Purged, Receipt
from chatkit_pgstore.store import PostgresStore

OlderThan = Annotated[
    timedelta,
    typer.Option("--older-than", metavar="AGE", parser=age, help="Without activity for so long: 90d, 12h, 4w or 30m."),
]
OneUser = Annotated[
    str | None,
    typer.Option("--user", metavar="ID", help="Only this user's. Default: everybody's.", callback=checked_user_id),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command()(purge)
    app.command()(erase)


def purge(
    *,
    older_than: OlderThan,
    user: OneUser = None,
    dry_run: DryRun = False,
    database_url: DatabaseUrl = None,
    schema: SchemaName = None,
    pooler: PoolerName = None,
    as_json: AsJson = False,
) -> None:
    """Delete the threads without activity for so long, and attachments that were never sent."""
    operation = partial(_purge, older_than=older_than, user_id=user, dry_run=dry_run)
    purged = Target(database_url, schema, pooler).run(operation)
    say(_purged(purged), purged, as_json=as_json)


async def _purge(store: PostgresStore[Any], **options: Any) -> Purged:
    with progress("Counting" if options["dry_run"] else "Purging") as draw:
        return await operations.purge(
            store, progress=lambda purged: draw(purged.looked_at, purged.to_look_at), **options
        )


def _purged(purged: Purged) -> str:
    threads, attachments = f"{purged.threads:,} threads", f"{purged.attachments:,} attachments that were never sent"
    verb = "Would purge" if purged.dry_run else "Purged"
    text = f"{verb} {threads} and {attachments}, without activity since {purged.before:%Y-%m-%d %H:%M:%S%z}."
    return f"{text} Passed by {purged.passed_by:,} in use." if purged.passed_by else text


def erase(
    *,
    user: User,
    yes: Yes = False,
    database_url: DatabaseUrl = None,
    schema: SchemaName = None,
    pooler: PoolerName = None,
    as_json: AsJson = False,
) -> None:
    """Delete every trace of a user, and print a receipt."""
    if not yes:
        _ask(user)
    receipt = Target(database_url, schema, pooler).run(lambda store: operations.erase(store, user))
    say(_receipt(receipt), receipt, as_json=as_json)


def _ask(user: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("Nobody can be asked here whether it is meant: give --yes.")
    # typer's own question writes a space to the standard output.
    sys.stderr.write(f"Delete every thread, item and attachment of the user {user!r}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise typer.Abort


def _receipt(receipt: Receipt) -> str:
    lines = (
        f"Erased the user {receipt.user_id!r} at {receipt.erased_at:%Y-%m-%d %H:%M:%S%z}",
        f"from the database {receipt.database}, schema {receipt.schema}:",
        f"  threads      {receipt.threads:,}",
        f"  items        {receipt.items:,}",
        f"  attachments  {receipt.attachments:,}",
        f"  feedback     {receipt.feedback:,}",
        f"{_left(receipt)} Not touched, for no command on these tables can:",
        *(f"  - {each}" for each in receipt.not_touched),
    )
    return "\n".join(lines)


def _left(receipt: Receipt) -> str:
    if receipt.files_to_sweep:
        return f"Left to the next sweep are {receipt.files_to_sweep:,} of this user's files, and no other row."
    return "No row of this user was left."
