"""The one place where statements run: a connection from SQLAlchemy's pool, the driver's own call, and back.

Going by the driver and not by ``Connection.execute`` saves the BEGIN, the COMMIT and more time in Python than
PostgreSQL itself needs; every statement commits by itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from time import monotonic, perf_counter
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from chatkit_pgstore._cancellation import Writes
from chatkit_pgstore._compiled import Statement
from chatkit_pgstore._failures import leaves_connection_usable, underlying
from chatkit_pgstore._greenlet import KeptGreenlet
from chatkit_pgstore._known import KnownTables
from chatkit_pgstore._retry import persistently
from chatkit_pgstore._row_security import fetch_as
from chatkit_pgstore._settings import Settings
from chatkit_pgstore._turns import Turns
from chatkit_pgstore.errors import StoreError

logger = logging.getLogger("chatkit_pgstore")

T = TypeVar("T")

TAKE_BACK_SECONDS = 1.0

CONNECTED_AT = "chatkit_pgstore.connected_at"
"""In the ``info`` of a connection: the `monotonic` time when it was made."""


class Database:
    """Runs statements on an engine's pool.

    Args:
        engine: On asyncpg.
        owned: Whether `close` disposes of the engine.
        settings: How long a call and each of its attempts may take, and whether under row security.
        tables: What is known of them.
    """

    def __init__(self, engine: AsyncEngine, *, owned: bool, settings: Settings, tables: KnownTables) -> None:
        self.engine = engine
        self.tables = tables
        event.listen(engine.sync_engine, "connect", _note_the_time)
        self._owned = owned
        self._settings = settings
        self._greenlet = KeptGreenlet()
        self._writes = Writes()
        self._turns = Turns(engine)

    async def read(self, call: str, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        """Run a statement that changes nothing, and return its rows.

        Raises:
            StoreUnavailableError: No attempt succeeded within ``retry_seconds``.
            ConfigurationError: The server refuses the login.
            SchemaOutOfDateError: The tables are not there.
        """
        return await self._run(call, statement, values)

    async def write(self, call: str, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        """Run a statement that changes something, to its end even when the caller is cancelled meanwhile.

        The statement has to be idempotent: it is sent again when a connection broke and nobody knows whether it
        took effect. Raises what `read` raises.
        """
        work = self._run(call, statement, values)
        return await self._writes.carry_out(call, work)

    async def close(self) -> None:
        """Wait for writes whose callers have gone, then close the pool if it is the store's own."""
        await self._writes.wait()
        if self._owned:
            await self.engine.dispose()

    async def persistently(self, call: str, attempt: Callable[[], Awaitable[T]], seconds: float) -> tuple[T, int]:
        """Return what *attempt* returns, and how many attempts it took; an idempotent one, it is made again.

        Raises what `read` raises, and StoreUnavailableError after *seconds*.
        """

        async def bounded(deadline: float) -> T:
            async with asyncio.timeout_at(deadline):
                return await attempt()

        return await persistently(call, bounded, seconds)

    async def _run(self, call: str, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        started = perf_counter()
        attempt = partial(self._attempt_in_turn, _Call(statement.name, values))
        rows, attempts = await persistently(call, attempt, self._settings.retry_seconds)
        if logger.isEnabledFor(logging.DEBUG):
            milliseconds = (perf_counter() - started) * 1000
            logger.debug("%s: %.2f ms, %d rows, attempt %d", call, milliseconds, len(rows), attempts)
        return rows

    async def _attempt_in_turn(self, call: "_Call", deadline: float) -> list[Any]:
        end_turn = await self._turns.take(deadline)
        try:
            return await self._attempt(call, deadline)
        finally:
            end_turn()

    async def _attempt(self, call: "_Call", deadline: float) -> list[Any]:
        """Check out, ask the driver, check in; in a greenlet, else a full pool would leak the connection."""
        connection = await self._greenlet.run(partial(self._checked_out, call.not_before), deadline)
        driver = connection.driver_connection
        try:
            if driver.is_in_transaction():
                # SQL of a host's connect or checkout listener has left the adapter's transaction open; check-in
                # would roll our statement back with it.
                await self._greenlet.run(connection.dbapi_connection.commit, deadline)
            seconds = min(self._settings.attempt_timeout_seconds, deadline - asyncio.get_running_loop().time())
            rows = await self._fetched(driver, call, seconds)
        except StoreError:
            # Our own: the connection has nothing to do with it.
            raise
        except BaseException as error:
            if not leaves_connection_usable(underlying(error)):
                call.not_before = monotonic()
                try:
                    await _take_back(driver, error)
                finally:
                    _give_up(connection)
            raise
        finally:
            await self._greenlet.run(connection.close, deadline)
        return rows

    async def _fetched(self, driver: Any, call: "_Call", seconds: float) -> list[Any]:
        statements = self.tables.statements or await self.tables.look(driver, seconds)
        statement = statements[call.statement]
        arguments = statement.arguments(call.values)
        if self._settings.row_security:
            return await fetch_as(driver, call.values["user_id"], statement.sql, arguments, seconds)
        rows: list[Any] = await driver.fetch(statement.sql, *arguments, timeout=seconds)
        return rows

    def _checked_out(self, not_before: float) -> Any:
        """Return a connection that is no older than *not_before*.

        Whatever cut one connection has most often cut all, and a network that swallows bytes would take
        ``attempt_timeout_seconds`` to show it of each. The younger ones come after at most a pool of older ones.
        """
        connection = self.engine.sync_engine.raw_connection()
        while not_before > -inf and connection.info.get(CONNECTED_AT, -inf) < not_before:
            _give_up(connection)
            connection.close()
            connection = self.engine.sync_engine.raw_connection()
        return connection


@dataclass(slots=True)
class _Call:
    """One call: a statement by its name, and values by theirs; ``not_before`` is when it last lost a connection."""

    statement: str
    values: Mapping[str, Any]
    not_before: float = -inf


def _note_the_time(_: Any, record: Any) -> None:
    record.info[CONNECTED_AT] = monotonic()


def _give_up(connection: Any) -> None:
    """Drop a connection from the pool, without a word to a server that may not answer."""
    connection.driver_connection.terminate()
    connection.invalidate()


async def _take_back(driver: Any, error: BaseException) -> None:
    """Have the server give up a statement whose time was up, and which may be waiting for a lock there.

    Else it would be done when the lock is free, perhaps long after its caller was told that it failed. Closing in
    order lets the driver send the cancellation it has begun; a network that answers nothing is given up after a second.
    """
    if isinstance(error, TimeoutError):
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            # From outside: the driver's own time-out was seen to leave out the wait for the cancellation, in 0.31.
            async with asyncio.timeout(TAKE_BACK_SECONDS):
                await driver.close()
