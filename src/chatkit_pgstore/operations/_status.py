"""What an operator wants to know of the tables at a glance."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Row, Table

from chatkit_pgstore import _migrations
from chatkit_pgstore._tables import attachments, thread_items, threads
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
        tables = {table: await look.sizes(table) for table in (threads, thread_items, attachments)}
        number_of_threads = await look.rows(threads, tables[threads])
        return Contents(
            database=place.database,
            schema=place.schema,
            tables=tuple(TableSize(table.name, size.bytes, size.index_bytes) for table, size in tables.items()),
            total_bytes=sum(size.bytes for size in tables.values()),
            threads=number_of_threads,
            items=await look.rows(thread_items, tables[thread_items]),
            attachments=await look.rows(attachments, tables[attachments]),
            users=await look.users(number_of_threads),
            last_activity=await look.last_activity(tables),
        )


class _Look:
    """Counts what is small, and estimates what is not."""

    def __init__(self, w: Work, *, exact: bool) -> None:
        self._connection = w.connection
        self._layout = w.layout
        self._exact = exact

    async def sizes(self, table: Table) -> Row[Any]:
        return (await self._connection.execute(sql.sizes(table, self._layout))).one()

    async def rows(self, table: Table, size: Row[Any]) -> Figure[int]:
        if self._is_counted(size):
            return Figure((await self._connection.execute(sql.number_of_rows(table))).scalar_one(), is_exact=True)
        return Figure(round(size.rows_of_a_page * size.pages), is_exact=False)

    async def users(self, number_of_threads: Figure[int]) -> Figure[int]:
        if not number_of_threads.is_exact:
            statement = sql.estimated_users(self._layout, number_of_threads.value)
            if (estimate := (await self._connection.execute(statement)).scalar()) is not None:
                return Figure(round(estimate), is_exact=False)
        return Figure((await self._connection.execute(sql.number_of_users())).scalar_one(), is_exact=True)

    async def last_activity(self, tables: dict[Table, Row[Any]]) -> Figure[datetime | None]:
        if self._is_counted(tables[threads]):
            return Figure((await self._connection.execute(sql.last_activity())).scalar_one(), is_exact=True)
        ends = [sql.last_activity_at_the_end(table, tables[table].pages) for table in (threads, thread_items)]
        times = [(await self._connection.execute(end)).scalar() for end in ends]
        return Figure(max((time for time in times if time is not None), default=None), is_exact=False)

    def _is_counted(self, size: Row[Any]) -> bool:
        """A table that was never analysed is counted, for want of an estimate."""
        return self._exact or size.bytes_to_read <= MOST_BYTES_TO_COUNT or size.rows_of_a_page is None
