"""The one place where statements run: a connection from SQLAlchemy's pool, the driver's own call, and back.

Going by the driver and not by ``Connection.execute`` saves the BEGIN, the COMMIT and more time in Python than
PostgreSQL itself needs; every statement commits by itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from random import uniform
from time import perf_counter
from typing import Any, TypeVar

import anyio
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only, greenlet_spawn

from chatkit_pgstore._compiled import Statement
from chatkit_pgstore._failures import explained, is_transient, leaves_connection_usable, underlying
from chatkit_pgstore._settings import Settings
from chatkit_pgstore.errors import StoreUnavailableError

logger = logging.getLogger("chatkit_pgstore")

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 1.0


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
        self._writes: set[asyncio.Task[list[Any]]] = set()

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
        task = asyncio.create_task(work, name=f"chatkit_pgstore.{call}")
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await _to_its_end(task)

    async def close(self) -> None:
        """Wait for writes whose callers have gone, then close the pool if it is the store's own."""
        if self._writes:
            await asyncio.wait(self._writes)
        if self._owned:
            await self.engine.dispose()

    async def persistently(self, call: str, attempt: Callable[[], Awaitable[T]], seconds: float) -> tuple[T, int]:
        """Return what *attempt* returns, and how many attempts it took; an idempotent one, it is made again.

        Raises what `read` raises, and StoreUnavailableError after *seconds*.
        """
        attempts, pause = 0, FIRST_PAUSE_SECONDS
        failure: BaseException | None = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    attempts += 1
                    try:
                        return await attempt(), attempts
                    except Exception as error:
                        failure = underlying(error)
                        if not is_transient(failure):
                            raise explained(failure) from error
                    logger.warning("%s: attempt %d failed (%s)", call, attempts, type(failure).__name__)
                    await asyncio.sleep(uniform(pause / 2, pause))  # noqa: S311  # jitter, no secret
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        except TimeoutError:
            raise _unavailable(call, seconds, attempts, failure) from failure

    async def _run(self, call: str, statement: Statement, arguments: list[Any]) -> list[Any]:
        started = perf_counter()
        rows, attempts = await self.persistently(
            call,
            lambda: greenlet_spawn(self._attempt, statement.sql, arguments),
            self._settings.retry_seconds,
        )
        if logger.isEnabledFor(logging.DEBUG):
            milliseconds = (perf_counter() - started) * 1000
            logger.debug("%s: %.2f ms, %d rows, attempt %d", call, milliseconds, len(rows), attempts)
        return rows

    def _attempt(self, sql: str, arguments: list[Any]) -> list[Any]:
        """Check out, ask the driver, check in: all in one greenlet, else a full pool would leak the connection."""
        connection = self.engine.sync_engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            if driver.is_in_transaction():
                # SQL of a host's connect or checkout listener has left the adapter's transaction open; check-in
                # would roll our statement back with it.
                connection.dbapi_connection.commit()
            timeout = self._settings.attempt_timeout_seconds
            rows: list[Any] = await_only(driver.fetch(sql, *arguments, timeout=timeout))
        except BaseException as error:
            if not leaves_connection_usable(underlying(error)):
                driver = connection.driver_connection
                driver.terminate()
                connection.invalidate(error)
            raise
        finally:
            connection.close()
        return rows


async def _to_its_end(task: asyncio.Task[list[Any]]) -> list[Any]:
    """Return the result of *task*, holding back every cancellation until there is one.

    The shield stops anyio's cancellation, which would come again at every await; a native ``task.cancel()``
    passes through it and is kept until the write is done.
    """
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait((task,))
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled() and (failure := task.exception()) is not None:
        logger.error("%s failed after its caller was cancelled: %s", task.get_name(), failure)
    raise cancelled


def _unavailable(call: str, seconds: float, attempts: int, failure: BaseException | None) -> StoreUnavailableError:
    cause = "no attempt came to an end" if failure is None else f"{type(failure).__name__}: {failure}"
    return StoreUnavailableError(
        f"{call} did not succeed within {seconds:g} seconds and {attempts} attempts ({cause}). "
        "Check that the server is up and can be reached, and that the pool is large enough."
    )
