"""From a database URL, or from the host's own engine, to the engine a store works on."""

import logging
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chatkit_pgstore._settings import Settings
from chatkit_pgstore._url import parse_url
from chatkit_pgstore.errors import ConfigurationError

logger = logging.getLogger("chatkit_pgstore")

# The driver ships no types, and those pyright infers from its defaults are narrower than what it takes.
_connect: Any = asyncpg.connect  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # see above


def engine_for(database_url: str, settings: Settings) -> AsyncEngine:
    """Return an engine of our own; it connects when it is first used.

    Raises:
        ConfigurationError: The URL cannot be used.
    """
    target = parse_url(database_url)
    timeout = target.connect_timeout_seconds or settings.connect_timeout_seconds

    async def connection() -> Any:
        return await _connect(target.dsn, timeout=timeout, **target.connect_arguments)

    return create_async_engine(
        target.url,
        async_creator=connection,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout_seconds,
        # The connection used last is the one whose caches are warm, here and in the server.
        pool_use_lifo=True,
    )


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
