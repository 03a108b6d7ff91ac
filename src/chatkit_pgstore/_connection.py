"""The one place where statements run: a connection from SQLAlchemy's pool, the driver's own call, and back.

Going by the driver and not by ``Connection.execute`` saves the BEGIN, the COMMIT and more time in Python than
PostgreSQL itself needs; every statement commits by itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from random import uniform
from time import perf_counter
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from chatkit_pgstore._cancellation import Writes
from chatkit_pgstore._compiled import Statement
from chatkit_pgstore._failures import explained, is_transient, leaves_connection_usable, underlying
from chatkit_pgstore._greenlet import KeptGreenlet
from chatkit_pgstore._settings import Settings
from chatkit_pgstore.errors import StoreUnavailableError

logger = logging.getLogger("chatkit_pgstore")

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 1.0
TAKE_BACK_SECONDS = 1.0


class Database:
    """Runs statements on an engine's pool.

    Args:
        engine: On asyncpg.
        owned: Whether `close` disposes of the engine.
        settings: How long a call and each of its attempts may take.
    """

    def __init__(self, engine: AsyncEngine, *, owned: bool, settings: Settings) -> None:
        self.engine = engine
        self._owned = owned
        self._settings = settings
        self._greenlet = KeptGreenlet()
        self._writes = Writes()

    async def read(self, call: str, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        """Run a statement that changes nothing, and return its rows.

        Raises:
            StoreUnavailableError: No attempt succeeded within ``retry_seconds``.
            ConfigurationError: The server refuses the login.
            SchemaOutOfDateError: The tables are not there.
        """
        return await self._run(call, statement, statement.arguments(values))

    async def write(self, call: str, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        """Run a statement that changes something, to its end even when the caller is cancelled meanwhile.

        The statement has to be idempotent: it is sent again when a connection broke and nobody knows whether it
        took effect. Raises what `read` raises.
        """
        work = self._run(call, statement, statement.arguments(values))
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

        return await _again_and_again(call, bounded, seconds)

    async def _run(self, call: str, statement: Statement, arguments: list[Any]) -> list[Any]:
        started = perf_counter()
        attempt = partial(self._attempt, statement.sql, arguments)
        rows, attempts = await _again_and_again(call, attempt, self._settings.retry_seconds)
        if logger.isEnabledFor(logging.DEBUG):
            milliseconds = (perf_counter() - started) * 1000
            logger.debug("%s: %.2f ms, %d rows, attempt %d", call, milliseconds, len(rows), attempts)
        return rows

    async def _attempt(self, sql: str, arguments: list[Any], deadline: float) -> list[Any]:
        """Check out, ask the driver, check in; in a greenlet, else a full pool would leak the connection."""
        connection = await self._greenlet.run(self.engine.sync_engine.raw_connection, deadline)
        driver = connection.driver_connection
        try:
            if driver.is_in_transaction():
                # SQL of a host's connect or checkout listener has left the adapter's transaction open; check-in
                # would roll our statement back with it.
                await self._greenlet.run(connection.dbapi_connection.commit, deadline)
            seconds = min(self._settings.attempt_timeout_seconds, deadline - asyncio.get_running_loop().time())
            rows: list[Any] = await driver.fetch(sql, *arguments, timeout=seconds)
        except BaseException as error:
            if not leaves_connection_usable(underlying(error)):
                try:
                    await _take_back(driver, error)
                finally:
                    driver.terminate()
                    connection.invalidate(error)
            raise
        finally:
            await self._greenlet.run(connection.close, deadline)
        return rows


async def _take_back(driver: Any, error: BaseException) -> None:
    """Have the server give up a statement whose time was up, and which may be waiting for a lock there.

    Else it would be done when the lock is free, perhaps long after its caller was told that it failed. Closing in
    order lets the driver send the cancellation it has begun; a network that answers nothing is given up after a second.
    """
    if isinstance(error, TimeoutError):
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            # Not the driver's own time-out, which before 0.31 leaves out the wait for the cancellation.
            async with asyncio.timeout(TAKE_BACK_SECONDS):
                await driver.close()


async def _again_and_again(call: str, attempt: Callable[[float], Awaitable[T]], seconds: float) -> tuple[T, int]:
    """Make an attempt until one succeeds; each is told the loop's time at which it has to end."""
    now = asyncio.get_running_loop().time
    deadline = now() + seconds
    attempts, pause = 0, FIRST_PAUSE_SECONDS
    failure: BaseException | None = None
    while True:
        attempts += 1
        try:
            return await attempt(deadline), attempts
        except Exception as error:
            latest = underlying(error)
            if not is_transient(latest):
                raise explained(latest) from error
        if failure is None or not isinstance(latest, TimeoutError):  # which says less than what failed before it
            failure = latest
        logger.warning("%s: attempt %d failed (%s)", call, attempts, type(latest).__name__)
        wait = uniform(pause / 2, pause)  # noqa: S311  # jitter, no secret
        if now() + wait >= deadline:
            raise _unavailable(call, seconds, attempts, failure) from failure
        await asyncio.sleep(wait)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _unavailable(call: str, seconds: float, attempts: int, failure: BaseException) -> StoreUnavailableError:
    cause = "no attempt came to an end" if isinstance(failure, TimeoutError) else f"{type(failure).__name__}: {failure}"
    return StoreUnavailableError(
        f"{call} did not succeed within {seconds:g} seconds and {attempts} attempts ({cause}). "
        "Check that the server is up and can be reached, and that the pool is large enough."
    )
