"""Statements on a connection of the caller's, within the transaction that is open there."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any, NoReturn

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from chatkit_pgstore._compiled import Statement
from chatkit_pgstore._engine import checked_engine
from chatkit_pgstore._failures import explained, is_transient, underlying
from chatkit_pgstore._known import KnownTables
from chatkit_pgstore._row_security import names_the_user
from chatkit_pgstore._settings import Settings
from chatkit_pgstore.errors import ConfigurationError, StoreUnavailableError

logger = logging.getLogger("chatkit_pgstore")


class BoundDatabase:
    """Runs each statement once, and leaves commit, rollback and the connection to whose they are.

    Args:
        target: The caller's.
        settings: How long a statement may take, and whether under row security.
        tables: What is known of them.

    Raises:
        ConfigurationError: *target* is neither a connection nor a session, or not on asyncpg.
    """

    def __init__(self, target: object, settings: Settings, tables: KnownTables) -> None:
        if not isinstance(target, (AsyncConnection, AsyncSession)):
            raise ConfigurationError(
                f"bind() takes a sqlalchemy.ext.asyncio.AsyncConnection or AsyncSession, not {type(target).__name__}."
            )
        if isinstance(target, AsyncConnection):
            checked_engine(target.engine)
        self._target = target
        self._settings = settings
        self.tables = tables

    @property
    def engine(self) -> AsyncEngine:
        """The engine that the caller's connection is of."""
        bind = self._target.engine if isinstance(self._target, AsyncConnection) else self._target.bind
        if isinstance(bind, AsyncConnection):
            return bind.engine
        return checked_engine(bind)

    async def read(self, call: str, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        """Run a statement and return its rows.

        Raises:
            StoreUnavailableError: The connection is lost, or the statement took too long. The transaction is, too.
            ConfigurationError: There is no transaction, for the connection is in autocommit.
        """
        started = perf_counter()
        try:
            rows = await self._fetched(statement, values)
        except Exception as error:
            raise _meaning(call, underlying(error)) from error
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s: %.2f ms, %d rows, bound", call, (perf_counter() - started) * 1000, len(rows))
        return rows

    async def _fetched(self, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        driver = await self._driver()
        seconds = self._settings.attempt_timeout_seconds
        statement = (self.tables.statements or await self.tables.look(driver, seconds))[statement.name]
        arguments = statement.arguments(values)
        if self._settings.row_security:
            await driver.execute(names_the_user(values["user_id"]), timeout=seconds)
        rows: list[Any] = await driver.fetch(statement.sql, *arguments, timeout=seconds)
        return rows

    async def write(self, call: str, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        """Run a statement that takes effect when the caller commits; raises what `read` raises."""
        return await self.read(call, statement, values)

    async def close(self) -> None:
        """Do nothing: the connection is the caller's."""

    async def persistently(self, call: str, _attempt: Callable[[], Awaitable[Any]], _seconds: float) -> NoReturn:
        """Refuse what needs connections of its own.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(f"{call}() is for the store itself, not for what bind() returned.")

    async def _driver(self) -> Any:
        """Return the driver's connection, with a transaction open on the server.

        SQLAlchemy begins one there no sooner than with its first statement; ours, which goes by the driver, would be
        committed by itself before that.
        """
        target = self._target
        connection = await target.connection() if isinstance(target, AsyncSession) else target
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        if not driver.is_in_transaction():
            await connection.execute(text("SELECT 1"))
            if not driver.is_in_transaction():
                raise ConfigurationError(
                    "The connection given to bind() is in autocommit: there is no transaction to be part of. Use one "
                    "without isolation_level AUTOCOMMIT, or the store itself."
                )
        return driver


def _meaning(call: str, error: BaseException) -> BaseException:
    if not is_transient(error):
        return explained(error)
    return StoreUnavailableError(
        f"{call} failed in a transaction of the caller's ({type(error).__name__}: {error}). Nothing of that "
        "transaction can be relied on: roll it back, and do all of it again."
    )
