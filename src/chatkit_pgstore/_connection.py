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
from chatkit_pgstore._known import KnownTables
from chatkit_pgstore._lending import Lender, give_up, note_the_time
from chatkit_pgstore._retry import persistently
from chatkit_pgstore._row_security import fetch_as
from chatkit_pgstore._settings import Settings
from chatkit_pgstore.errors import StoreError

logger = logging.getLogger("chatkit_pgstore")

T = TypeVar("T")

CANCEL_SECONDS = 1.0


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
        event.listen(engine.sync_engine, "connect", note_the_time)
        self._owned = owned
        self._settings = settings
        self._writes = Writes()
        self._lender = Lender(engine, owned=owned)

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
        return await self._writes.carry_out(call, partial(self._run, call, statement, values))

    async def close(self) -> None:
        """Wait for writes whose callers have gone, then close the pool if it is the store's own."""
        await self._writes.wait()
        await self._lender.close()
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
        attempt = partial(self._attempt, _Call(statement.name, values))
        rows, attempts = await persistently(call, attempt, self._settings.retry_seconds)
        if logger.isEnabledFor(logging.DEBUG):
            milliseconds = (perf_counter() - started) * 1000
            logger.debug("%s: %.2f ms, %d rows, attempt %d", call, milliseconds, len(rows), attempts)
        return rows

    async def _attempt(self, call: "_Call", deadline: float) -> list[Any]:
        connection = await self._lender.borrow(call.not_before, deadline)
        driver = connection.driver_connection
        try:
            if driver.is_in_transaction():
                # SQL of a host's connect or checkout listener has left the adapter's transaction open; check-in
                # would roll our statement back with it.
                await self._lender.commit(connection, deadline)
            seconds = min(self._settings.attempt_timeout_seconds, deadline - asyncio.get_running_loop().time())
            rows = await self._fetched(driver, call, seconds)
        except StoreError:
            # Our own: the connection has nothing to do with it.
            raise
        except BaseException as error:
            if not leaves_connection_usable(underlying(error)):
                call.not_before = monotonic()
                try:
                    await _cancel(driver, error)
                finally:
                    give_up(connection)
            raise
        finally:
            await self._lender.take_back(connection, deadline)
        return rows

    async def _fetched(self, driver: Any, call: "_Call", seconds: float) -> list[Any]:
        statements = self.tables.statements or await self.tables.look(driver, seconds)
        statement = statements[call.statement]
        arguments = statement.arguments(call.values)
        if self._settings.row_security:
            return await fetch_as(driver, call.values["user_id"], statement.sql, arguments, seconds)
        rows: list[Any] = await driver.fetch(statement.sql, *arguments, timeout=seconds)
        return rows


@dataclass(slots=True)
class _Call:
    """One call: a statement by its name, and values by theirs; ``not_before`` is when it last lost a connection."""

    statement: str
    values: Mapping[str, Any]
    not_before: float = -inf


async def _cancel(driver: Any, error: BaseException) -> None:
    """Have the server give up a statement whose time was up, and which may be waiting for a lock there.

    Else it would be done when the lock is free, perhaps long after its caller was told that it failed. Closing in
    order lets the driver send the cancellation it has begun; a network that answers nothing is given up after a second.
    """
    if isinstance(error, TimeoutError):
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            # From outside: the driver's own time-out was seen to leave out the wait for the cancellation, in 0.31.
            async with asyncio.timeout(CANCEL_SECONDS):
                await driver.close()
