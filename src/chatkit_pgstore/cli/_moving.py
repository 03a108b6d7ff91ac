"""The commands that move conversations: export, import, copy."""

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from chatkit_pgstore.cli._options import AsJson, DatabaseUrl, PoolerName, SchemaName, Target, progress, say
from chatkit_pgstore.cli._other_store import named, store_of
from chatkit_pgstore.operations import (
    Copied,
    Imported,
    copy_user,
    export_everybody,
    export_users,
    import_users,
)
from chatkit_pgstore.store import PostgresStore

LINES_PER_REPORT = 1000
SHOWN_DIFFERENCES = 20

Users = Annotated[list[str] | None, typer.Option("--user", metavar="ID", help="A user's id; may be repeated.")]
Everybody = Annotated[bool, typer.Option("--all", help="Every user there is.")]
Output = Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Default: the standard output.")]
Input = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Default: the standard input.")]
NewUser = Annotated[str | None, typer.Option("--user", metavar="ID", help="Import all of it as this user's.")]
From = Annotated[str, typer.Option("--from", metavar="MODULE:NAME", help="The other store, or what makes it.")]
CopiedUsers = Annotated[list[str], typer.Option("--user", metavar="ID", help="A user's id; may be repeated.")]
Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        metavar="MODULE:NAME",
        help="Makes the other store's request context from a user's id. Default: a dictionary with user_id.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command("export")(export_)
    app.command("import")(import_)
    app.command("copy")(copy_)


def export_(
    *,
    user: Users = None,
    everybody: Everybody = False,
    output: Output = None,
    database_url: DatabaseUrl = None,
    schema: SchemaName = None,
    pooler: PoolerName = None,
) -> None:
    """Write all that users have as JSON Lines, all of it as of one moment."""
    if bool(user) == everybody:
        raise typer.BadParameter("Give --user, once or more, or --all.")
    Target(database_url, schema, pooler).run(lambda store: _export(store, user, output))


def import_(
    *,
    file: Input = None,
    user: NewUser = None,
    database_url: DatabaseUrl = None,
    schema: SchemaName = None,
    pooler: PoolerName = None,
    as_json: AsJson = False,
) -> None:
    """Bring in what export has written: of each user all, or nothing."""
    if file is None and sys.stdin.isatty():
        raise typer.BadParameter("Give a file, or pipe one in.")
    with file.open("rb") if file else nullcontext(sys.stdin.buffer) as source, progress("Importing lines") as done:
        found = Target(database_url, schema, pooler).run(
            lambda store: import_users(store, source, user_id=user, progress=done)
        )
    say(_told_of_import(found), found, as_json=as_json)


def copy_(
    *,
    source: From,
    user: CopiedUsers,
    context: Context = None,
    database_url: DatabaseUrl = None,
    schema: SchemaName = None,
    pooler: PoolerName = None,
    as_json: AsJson = False,
) -> None:
    """Move users' histories out of another ChatKit Store, and compare both sides at the end."""
    with progress("Copying threads") as done:
        copied = Target(database_url, schema, pooler).run(lambda store: _copy(store, source, user, context, done))
    told = [line for user_id, each in copied.items() for line in _told_of_copy(user_id, each)]
    say("\n".join(told), {user_id: asdict(each) for user_id, each in copied.items()}, as_json=as_json)
    if any(each.differences for each in copied.values()):
        raise typer.Exit(1)


async def _export(store: PostgresStore[Any], users: list[str] | None, output: Path | None) -> None:
    lines = export_users(store, *users) if users else export_everybody(store)
    with output.open("wb") if output else nullcontext(sys.stdout.buffer) as file, progress("Exporting lines") as done:
        async with aclosing(lines):
            number = 0
            async for line in lines:
                file.write(line.encode())
                number += 1
                if number % LINES_PER_REPORT == 0:
                    done(number)
                if users and line.startswith('{"kind":"end"'):
                    sys.stderr.write(_told_of_export(json.loads(line)))


def _told_of_export(end: dict[str, Any]) -> str:
    counts = ", ".join(f"{end[kind]} {kind}" for kind in ("threads", "items", "attachments"))
    return f"{end['user_id']}: {counts}, feedback on {end['feedback']}\n"


def _told_of_import(found: Imported) -> str:
    told = (
        f"{found.users} users, {found.threads} threads, {found.items} items, {found.attachments} attachments, "
        f"feedback on {found.feedback}; "
        f"{found.already_there} of these rows were there already"
    )
    if found.unreadable:
        told += f"; {found.unreadable} cannot be read by the installed SDK, and are kept as they are"
    return told


async def _copy(
    store: PostgresStore[Any], source: str, users: list[str], context: str | None, done: Callable[[int], None]
) -> dict[str, Copied]:
    other = await store_of(named(source, "--from"), "--from")
    context_of = None if context is None else named(context, "--context")
    try:
        return {user_id: await copy_user(other, store, user_id, context=context_of, progress=done) for user_id in users}
    finally:
        await _close(other)


async def _close(other: Any) -> None:
    """Close the other store, if it is one that can be closed: nobody else has it in this process."""
    close = getattr(other, "close", None)
    if callable(close):
        closed = close()
        if inspect.isawaitable(closed):
            await closed


def _told_of_copy(user_id: str, copied: Copied) -> Iterator[str]:
    counts = f"{copied.threads} threads, {copied.items} items, {copied.attachments} attachments"
    counts += f", feedback on {copied.feedback}"
    yield f"{user_id}: {counts}; {copied.written} written; {'NOT EQUAL' if copied.differences else 'equal'}"
    if copied.missing_attachments:
        yield f"  {copied.missing_attachments} attachments that messages name are not in the other store"
    yield from (f"  {difference}" for difference in copied.differences[:SHOWN_DIFFERENCES])
    if len(copied.differences) > SHOWN_DIFFERENCES:
        yield f"  and {len(copied.differences) - SHOWN_DIFFERENCES} more"
