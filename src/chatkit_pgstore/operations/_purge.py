"""Retention: threads without activity for so long go, whole, in small steps that nobody has to wait for."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from chatkit_pgstore._failures import LOCK_NOT_GRANTED, underlying
from chatkit_pgstore._ids import check_id
from chatkit_pgstore._tables import attachments, thread_items
from chatkit_pgstore.errors import ConfigurationError
from chatkit_pgstore.operations import _statements as sql
from chatkit_pgstore.operations._view import check_all_rows_are_seen
from chatkit_pgstore.operations._work import Work, work
from chatkit_pgstore.store import PostgresStore

FEWEST_ROWS, MOST_ROWS = 20, 1000
"""Deleted in one transaction, with the items that go with their threads."""

SECONDS_FOR_A_TRANSACTION = 0.02
"""What it should take, the network included: as long may a writer have to wait."""

HELD_BY_OTHERS = frozenset({LOCK_NOT_GRANTED, "40P01"})
"""SQLSTATEs: a lock was not granted in time, and a deadlock, which a server may look for even sooner."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge has done so far, or would have."""

    before: datetime
    """What was last active before this is old."""
    dry_run: bool
    """Whether it was only counted."""
    to_look_at: int | None = None
    """About how many threads and attachments there are, by PostgreSQL's last ANALYZE; None: that does not tell."""
    looked_at: int = 0
    """Threads and attachments, old or not."""
    threads: int = 0
    """Deleted, each with all its items and attachments."""
    attachments: int = 0
    """Deleted that were never sent with a message."""
    passed_by: int = 0
    """Threads and attachments that were found old, and then were in use; a later run sees to them."""


async def purge(
    store: PostgresStore[Any],
    older_than: timedelta,
    *,
    user_id: str | None = None,
    dry_run: bool = False,
    progress: Callable[[Purged], None] | None = None,
) -> Purged:
    """Delete the threads that had no activity for so long, and the attachments never sent with a message since.

    Many small transactions, each of which deletes threads whole; a purge that ends half-way leaves nothing half
    done, and the next one goes on. Each thread's age is looked at once more under its lock: one that got an item
    meanwhile stays. A thread in use is passed by.

    Args:
        older_than: Since the last item was added or the thread was saved; by the clock of the server.
        user_id: Only this user's; None: everybody's.
        dry_run: Count, and change nothing.
        progress: Called after every step.

    Raises:
        ValueError: *user_id* cannot be one.
        UnknownUserError: No user of the host's can have this *user_id*.
        StoreUnavailableError: The database could not be reached, or went away; what was done stays done.
        SchemaOutOfDateError: The tables are not there.
        ConfigurationError: *older_than* is not above zero, or reaches back too far; the server refuses the login, the
            role lacks rights, or row security hides rows from it.
    """
    if older_than <= timedelta(0):
        raise ConfigurationError(f"older_than must be above zero, not {older_than}")
    if user_id is not None:
        check_id(user_id, "user_id")
    async with _each_by_itself(store) as w:
        await check_all_rows_are_seen(w)
        [now] = (await w.connection.execute(sql.server_time())).one()
        before = _earlier(now, older_than)
        run = _Purge(w, user_id, Purged(before, dry_run, await _to_look_at(w, user_id)), progress)
        await run.walk(sql.THREADS)
        await run.walk(sql.UNSENT)
    return run.purged


async def _to_look_at(w: Work, user_id: str | None) -> int | None:
    if user_id is not None or w.layout.distributed:
        return None
    number: int | None = (await w.connection.execute(sql.estimated_rows(w.layout))).scalar_one()
    return number


def _earlier(now: datetime, older_than: timedelta) -> datetime:
    try:
        return now - older_than
    except OverflowError as error:
        raise ConfigurationError(f"older_than reaches back to before the year 1: {older_than}") from error


@asynccontextmanager
async def _each_by_itself(store: PostgresStore[Any]) -> AsyncGenerator[Work, None]:
    """Yield a connection whose statements commit by themselves: no lock is held while an answer travels."""
    async with work(store) as w:
        await w.connection.commit()
        yield Work(await w.connection.execution_options(isolation_level="AUTOCOMMIT"), w.layout)


@asynccontextmanager
async def _together(connection: AsyncConnection) -> AsyncGenerator[None, None]:
    """Make one transaction of the statements within, on a connection that commits each by itself."""
    await connection.commit()
    await connection.execution_options(isolation_level="READ COMMITTED")
    try:
        yield
        await connection.commit()
    finally:
        await connection.rollback()
        await connection.execution_options(isolation_level="AUTOCOMMIT")


class _InUseError(Exception):
    """A thread is held by somebody, or not old any more: what was deleted of it comes back."""


def _check_it_went(number: int) -> None:
    if not number:
        raise _InUseError


class _Purge:
    """One run: walks by primary key, and deletes as it goes."""

    def __init__(self, w: Work, user_id: str | None, purged: Purged, progress: Callable[[Purged], None] | None) -> None:
        self.purged = purged
        self._connection = w.connection
        self._layout = w.layout
        self._user_id = user_id
        self._progress = progress
        self._rows = FEWEST_ROWS

    async def walk(self, kind: sql.Kind) -> None:
        """Delete all of a kind that is old."""
        async for page in self._pages(kind):
            old = [row for row in page if row.is_old]
            self._add(kind, looked_at=len(page), deleted=len(old) if self.purged.dry_run else 0)
            if not self.purged.dry_run:
                for few in self._portions(old):
                    await self._delete(kind, few)

    async def _pages(self, kind: sql.Kind) -> AsyncIterator[Sequence[Row[Any]]]:
        values: dict[str, Any] = {"before": self.purged.before}
        statement = sql.page(kind, self._layout, self._user_id, behind=False)
        while page := (await self._connection.execute(statement, values)).all():
            yield page
            values["after_id"] = page[-1].id
            if self._user_id is None:
                values["after_user"] = page[-1].user
            statement = sql.page(kind, self._layout, self._user_id, behind=True)

    def _portions(self, old: Sequence[Row[Any]]) -> Iterator[list[Row[Any]]]:
        """Yield what is deleted together: so many rows, and on Citus those of one user, who are in one shard."""
        portion: list[Row[Any]] = []
        for row in old:
            full = sum(each.rows + 1 for each in portion) + row.rows >= self._rows
            if portion and (full or (self._layout.distributed and row.user != portion[0].user)):
                yield portion
                portion = []
            portion.append(row)
        if portion:
            yield portion

    async def _delete(self, kind: sql.Kind, rows: list[Row[Any]]) -> None:
        """Delete what nobody else holds; where somebody holds an item of a thread, the others one by one."""
        started = monotonic()
        try:
            deleted = await self._deleted(kind, rows)
        except DBAPIError as error:
            if getattr(underlying(error), "sqlstate", None) not in HELD_BY_OTHERS:
                raise
            if len(rows) > 1:
                for row in rows:
                    await self._delete(kind, [row])
                return
            deleted = 0
        self._pace(monotonic() - started)
        self._add(kind, deleted=deleted, passed_by=len(rows) - deleted)

    async def _deleted(self, kind: sql.Kind, rows: list[Row[Any]]) -> int:
        if self._layout.distributed:
            statement = sql.delete_old_of(rows[0].user, kind, self._layout)
            return await self._number(statement, {"ids": [row.id for row in rows], "before": self.purged.before})
        if rows[0].rows > MOST_ROWS:
            return await self._deleted_in_parts(kind, rows[0])
        return await self._number(sql.delete_old(kind, self._layout), self._values(rows))

    async def _deleted_in_parts(self, kind: sql.Kind, row: Row[Any]) -> int:
        """Delete a long thread, its items before it is locked itself; nothing of it, if it is not old any more."""
        values = self._values([row])
        try:
            async with _together(self._connection):
                await self._connection.execute(sql.be_brief())
                for table in (thread_items, attachments):
                    await self._connection.execute(sql.delete_with_thread(table, self._layout), values)
                _check_it_went(await self._number(sql.delete_old(kind, self._layout), values))
        except _InUseError:
            return 0
        return 1

    async def _number(self, statement: Executable, values: dict[str, Any]) -> int:
        return len((await self._connection.execute(statement, values)).all())

    def _values(self, rows: Sequence[Row[Any]]) -> dict[str, Any]:
        return {
            "users": [row.user for row in rows],
            "ids": [row.id for row in rows],
            "before": self.purged.before,
        }

    def _pace(self, seconds: float) -> None:
        """Choose how many rows go next, by how long the last ones took."""
        wanted = int(self._rows * min(2.0, SECONDS_FOR_A_TRANSACTION / max(seconds, 0.001)))
        self._rows = max(FEWEST_ROWS, min(wanted, MOST_ROWS))

    def _add(self, kind: sql.Kind, *, looked_at: int = 0, deleted: int = 0, passed_by: int = 0) -> None:
        purged = self.purged
        self.purged = replace(
            purged,
            looked_at=purged.looked_at + looked_at,
            threads=purged.threads + (deleted if kind is sql.THREADS else 0),
            attachments=purged.attachments + (deleted if kind is sql.UNSENT else 0),
            passed_by=purged.passed_by + passed_by,
        )
        if self._progress is not None:
            self._progress(self.purged)
