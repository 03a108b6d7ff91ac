"""What the commands share: options, a store to work on, progress for a reader, output for a reader or a script."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chatkit_pgstore._ids import check_id
from chatkit_pgstore._settings import Pooler
from chatkit_pgstore.store import PostgresStore

T = TypeVar("T")

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url", envvar="DATABASE_URL", metavar="URL", help="The database, as its provider prints it."
    ),
]
SchemaName = Annotated[
    str | None,
    typer.Option(
        "--schema",
        metavar="NAME",
        help="Where the tables are; it has to exist. Default: the first schema of the search path.",
    ),
]
PoolerName = Annotated[
    Pooler | None,
    typer.Option("--pooler", help="What stands before the database, where its URL does not show it."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]


def checked_user_id(user_id: str | None) -> str | None:
    """Return what ``--user`` was given, when it can be the id of a user."""
    try:
        return None if user_id is None else check_id(user_id, "user")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


User = Annotated[str, typer.Option("--user", metavar="ID", help="The user's id.", callback=checked_user_id)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@dataclass(frozen=True, slots=True)
class Target:
    """The database that a command works on."""

    database_url: str | None
    schema: str | None = None
    pooler: Pooler | None = None

    def store(self, **settings: Any) -> PostgresStore[Any]:
        """Return a store there; whoever asks closes it.

        Raises:
            ConfigurationError: The URL, or a setting, cannot be used.
        """
        if not self.database_url:
            raise typer.BadParameter("Give --database-url, or set DATABASE_URL.")
        return PostgresStore(self.database_url, schema=self.schema, pooler=self.pooler, **settings)

    def run(self, operation: Callable[[PostgresStore[Any]], Awaitable[T]], *, check: bool = True, **settings: Any) -> T:
        """Return what *operation* returns for a store there, which is closed behind it.

        Args:
            check: Whether the database has to be at the revision this release needs.
            settings: More of what `PostgresStore` takes.

        Raises:
            SchemaOutOfDateError: *check*, and it is not.
        """
        store = self.store(**settings)
        return asyncio.run(_run(store, operation, check=check))


async def _run(store: PostgresStore[Any], operation: Callable[[PostgresStore[Any]], Awaitable[T]], *, check: bool) -> T:
    try:
        if check:
            await store.initialize(migrate=False)
        return await operation(store)
    finally:
        await store.close()


Draw = Callable[..., None]


@contextmanager
def progress(description: str, total: float | None = None) -> Generator[Draw, None]:
    """Yield a function that takes how much is done so far, and draws it on the standard error if that is a terminal.

    Args:
        total: How much there is to do, which the function also takes; None: not known, and the bar only moves.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(description, total=total)

        def draw(done: float, total: float | None = total) -> None:
            bar.update(task, completed=done, total=total)

        yield draw


def say(text: str, document: Any, *, as_json: bool) -> None:
    """Print *text* for a reader or, for a script, the *document*: a dataclass or what JSON knows."""
    if as_json:
        plain = asdict(document) if is_dataclass(document) and not isinstance(document, type) else document
        text = json.dumps(plain, default=_in_json)
    sys.stdout.write(f"{text}\n")


def _in_json(value: datetime) -> str:
    return value.isoformat()
