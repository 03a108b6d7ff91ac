"""From a database URL, or from the host's own engine, to the engine a store works on."""

import logging
from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chatkit_pgstore._failures import is_transient
from chatkit_pgstore._settings import Settings
from chatkit_pgstore._url import ConnectionTarget, parse_url
from chatkit_pgstore.errors import ConfigurationError

logger = logging.getLogger("chatkit_pgstore")

# The driver ships no types, and those pyright infers from its defaults are narrower than what it takes.
_connect: Any = asyncpg.connect  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # see above

UNPREPARED: Mapping[str, Any] = {"statement_cache_size": 0}
"""Behind a transaction pooler a prepared statement stays with one server process, and the next call meets another."""


def engine_of(database_url: str | None, engine: object, settings: Settings) -> tuple[AsyncEngine, bool]:
    """Return the engine for a URL, or the host's, and whether it is our own.

    Raises:
        ConfigurationError: Neither or both are given, or the one cannot be used.
    """
    if (database_url is None) == (engine is None):
        raise ConfigurationError("Give PostgresStore either a database_url or engine=, one of the two.")
    if database_url is not None:
        return engine_for(database_url, settings), True
    if settings.pooler is not None:
        raise ConfigurationError(
            "pooler= is for a database_url. An engine behind a transaction pooler needs "
            'create_async_engine(..., connect_args={"statement_cache_size": 0}).'
        )
    return checked_engine(engine), False


def engine_for(database_url: str, settings: Settings) -> AsyncEngine:
    """Return an engine of our own; it connects when it is first used.

    Raises:
        ConfigurationError: The URL cannot be used.
    """
    target = parse_url(database_url)
    pools_transactions = settings.pooler == "transaction" or (settings.pooler is None and target.pools_transactions)
    engine = create_async_engine(
        target.url,
        async_creator=_Connector(target, settings, UNPREPARED if pools_transactions else {}),
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout_seconds,
        # The connection used last is the one whose caches are warm, here and in the server.
        pool_use_lifo=True,
    )
    event.listen(engine.sync_engine, "close", _close_without_waiting)
    return engine


def checked_engine(engine: object) -> AsyncEngine:
    """Return the host's *engine* when a store can work on it.

    Raises:
        ConfigurationError: It is no AsyncEngine, or not on asyncpg.
    """
    if not isinstance(engine, AsyncEngine):
        raise ConfigurationError(
            f"engine= must be a sqlalchemy.ext.asyncio.AsyncEngine, not {type(engine).__name__}. "
            'Make one with create_async_engine("postgresql+asyncpg://...").'
        )
    if engine.dialect.driver != "asyncpg":
        raise ConfigurationError(
            f"engine= must use the driver asyncpg, not {engine.dialect.driver}. "
            'Make it with create_async_engine("postgresql+asyncpg://...").'
        )
    if getattr(engine.pool, "_pre_ping", False):
        logger.warning(
            "The engine has pool_pre_ping=True, which costs every call three more round trips. The store finds "
            "a dead connection by itself and sends the call again; leave pool_pre_ping out where you can."
        )
    return engine


def _close_without_waiting(connection: Any, _: Any) -> None:
    """Say good-bye and hang up, before SQLAlchemy does: it would wait, without a limit, for the other side to do so."""
    connection.driver_connection.terminate()


class _Connector:
    """Makes a connection to the first host that takes one; after a failover that is most likely the last that did."""

    def __init__(self, target: ConnectionTarget, settings: Settings, arguments: Mapping[str, Any]) -> None:
        self._hosts = target.alternatives
        self._arguments = {**target.connect_arguments, **arguments}
        self._seconds = target.connect_timeout_seconds or settings.connect_timeout_seconds

    async def __call__(self) -> Any:
        *others, last = self._hosts
        for host in others:
            try:
                return await self._connection(host)
            except Exception as error:
                if not is_transient(error):
                    raise
                logger.debug("A host of the database URL gave no connection (%s)", type(error).__name__)
        return await self._connection(last)

    async def _connection(self, host: str) -> Any:
        driver = await _connect(host, timeout=self._seconds, **self._arguments)
        self._hosts = (host, *(each for each in self._hosts if each != host))
        return driver
