"""What an operator wants to know of the tables at a glance."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Executable, Row, Table

from chatkit_pgstore import _migrations
from chatkit_pgstore._tables import attachments, feedback, files, thread_items, threads
from chatkit_pgstore._users import TABLES
from chatkit_pgstore.errors import SchemaError
from chatkit_pgstore.operations import _status_statements as sql
from chatkit_pgstore.operations._moving_work import patient
from chatkit_pgstore.operations._statements import place_and_time
from chatkit_pgstore.operations._view import check_all_rows_are_seen
from chatkit_pgstore.operations._work import Work
from chatkit_pgstore.store import PostgresStore

MOST_BYTES_TO_COUNT = 256 * 1024 * 1024
"""Of a table without its indexes: a larger one is not read to the end unless that is asked for."""

T = TypeVar("T")

Sizes = dict[Table, Row[Any]]
"""Of the tables that are there: at an older revision some are not yet."""


@dataclass(frozen=True, slots=True)
class Figure(Generic[T]):
    """A figure, and whether it was counted."""

    value: T
    is_exact: bool
    """False: PostgreSQL's estimate, as of its last ANALYZE; of a time, that it is no earlier."""


@dataclass(frozen=True, slots=True)
class TableSize:
    """How much room a table takes."""

    table: str
    bytes: int
    """All of it, with its indexes."""
    index_bytes: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in the tables."""

    database: str
    schema: str
    tables: tuple[TableSize, ...]
    total_bytes: int
    threads: Figure[int]
    items: Figure[int]
    attachments: Figure[int]
    feedback: Figure[int]
    """Items that somebody rated."""
    files: Figure[int]
    """Of attachments, as `chatkit_pgstore.attachments` keeps them."""
    bytes_of_files: Figure[int | None]
    """Of those whose upload is complete; None: they are too many to be counted unasked."""
    files_to_sweep: Figure[int | None]
    """Those that no attachment names, new ones included; None: as above."""
    users: Figure[int]
    """Those that have a thread."""
    last_activity: Figure[datetime | None]
    """When an item was last added to a thread, or a thread was saved; None: there are no threads."""


@dataclass(frozen=True, slots=True)
class Status:
    """What `status` found."""

    server_version: str
    revision: str | None
    """Of the tables; None: there are none."""
    newest_revision: str
    """What this release of chatkit-pgstore brings a database to."""
    contents: Contents | None
    """None: there are no tables."""


async def status(store: PostgresStore[Any], *, exact: bool = False) -> Status:
    """Return what there is, and how much of it, without changing anything.

    Args:
        exact: Count large tables, too, and however long it takes. Otherwise what is above 256 MB is estimated.

    Raises:
        StoreUnavailableError: The database could not be reached.
        ConfigurationError: The server refuses the login, the role lacks rights, row security hides rows from it, or
            there is no such schema.
    """
    with suppress(SchemaError):  # which the revision tells
        # Reaches for the server with patience, and says what to do where it cannot be reached.
        await store.initialize(migrate=False)
    state = await _migrations.found(store.engine, store.schema)
    async with store.engine.connect() as connection:
        version = (await connection.execute(sql.server_version())).scalar_one()
    contents = None if state.revision is None else await _contents(store, exact=exact)
    return Status(version, state.revision, _migrations.head(), contents)


async def _contents(store: PostgresStore[Any], *, exact: bool) -> Contents:
    async with patient(store) as w:
        await check_all_rows_are_seen(w)
        place = (await w.connection.execute(place_and_time(w.layout))).one()
        look = _Look(w, exact=exact or w.layout.distributed)
        tables = {table: size for table in TABLES if (size := await look.sizes(table)) is not None}
        number_of_threads = await look.rows(threads, tables)
        return Contents(
            database=place.database,
            schema=place.schema,
            tables=tuple(TableSize(table.name, size.bytes, size.index_bytes) for table, size in tables.items()),
            total_bytes=sum(size.bytes for size in tables.values()),
            threads=number_of_threads,
            items=await look.rows(thread_items, tables),
            attachments=await look.rows(attachments, tables),
            feedback=await look.rows(feedback, tables),
            files=await look.rows(files, tables),
            bytes_of_files=await look.figure(sql.bytes_of_files(), tables, files),
            files_to_sweep=await look.figure(sql.files_without_attachment(), tables, files, attachments),
            users=await look.users(number_of_threads),
            last_activity=await look.last_activity(tables),
        )


class _Look:
    """Counts what is small, and estimates what is not."""

    def __init__(self, w: Work, *, exact: bool) -> None:
        self._connection = w.connection
        self._layout = w.layout
        self._exact = exact

    async def sizes(self, table: Table) -> Row[Any] | None:
        return (await self._connection.execute(sql.sizes(table, self._layout))).one_or_none()

    async def figure(self, statement: Executable, tables: Sizes, *of: Table) -> Figure[int | None]:
        """Return what there is no estimate for: nothing where a table is large, zero where it is not there yet."""
        if any(table not in tables for table in of):
            return Figure(0, is_exact=True)
        if not all(self._is_counted(tables[table]) for table in of):
            return Figure(None, is_exact=False)
        return Figure((await self._connection.execute(statement)).scalar_one(), is_exact=True)

    async def rows(self, table: Table, tables: Sizes) -> Figure[int]:
        size = tables.get(table)
        if size is None:
            return Figure(0, is_exact=True)
        if self._is_counted(size):
            return Figure((await self._connection.execute(sql.number_of_rows(table))).scalar_one(), is_exact=True)
        return Figure(round(size.rows_of_a_page * size.pages), is_exact=False)

    async def users(self, number_of_threads: Figure[int]) -> Figure[int]:
        if not number_of_threads.is_exact:
            statement = sql.estimated_users(self._layout, number_of_threads.value)
            if (estimate := (await self._connection.execute(statement)).scalar()) is not None:
                return Figure(round(estimate), is_exact=False)
        return Figure((await self._connection.execute(sql.number_of_users())).scalar_one(), is_exact=True)

    async def last_activity(self, tables: Sizes) -> Figure[datetime | None]:
        if self._is_counted(tables[threads]):
            return Figure((await self._connection.execute(sql.last_activity())).scalar_one(), is_exact=True)
        ends = [sql.last_activity_at_the_end(table, tables[table].pages) for table in (threads, thread_items)]
        times = [(await self._connection.execute(end)).scalar() for end in ends]
        return Figure(max((time for time in times if time is not None), default=None), is_exact=False)

    def _is_counted(self, size: Row[Any]) -> bool:
        """A table that was never analysed is counted, for want of an estimate."""
        return self._exact or size.bytes_to_read <= MOST_BYTES_TO_COUNT or size.rows_of_a_page is None
