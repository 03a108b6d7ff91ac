"""The server that all is loaded into, and its databases."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from chatkit_pgstore import PostgresStore
from examples.embedded_postgres import EmbeddedPostgres

MEBIBYTE = 2**20
MAIN = "scale"


def settings(shared_buffers: str | None) -> dict[str, str]:
    """Return settings that suit a large load; shared buffers are a quarter of the memory, as PostgreSQL advises."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MEBIBYTE
    return {
        "shared_buffers": shared_buffers or f"{memory // 4}MB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "30min",
        "maintenance_work_mem": "512MB",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "track_io_timing": "off",
        "stats_fetch_consistency": "none",
    }


def server(data: Path | None, shared_buffers: str | None) -> EmbeddedPostgres:
    """Return the server, not yet started."""
    return EmbeddedPostgres(data, settings=settings(shared_buffers))


async def execute(url: str, *statements: str) -> None:
    """Run statements, each by itself, on a connection of their own."""
    async with connected(url) as connection:
        for statement in statements:
            await connection.execute(statement, timeout=3600)


async def fetch_value(url: str, query: str, *arguments: Any) -> Any:
    """Return the first value of one query."""
    async with connected(url) as connection:
        return await connection.fetchval(query, *arguments, timeout=3600)


@asynccontextmanager
async def connected(url: str, **server_settings: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection that ends with the block."""
    connection = await asyncpg.connect(url, server_settings=server_settings)
    try:
        yield connection
    finally:
        await connection.close()


async def make_database(url: str, name: str) -> str:
    """Make a database with the store's tables, from its migrations, if it is not there; return its URL."""
    made = urlsplit(url)._replace(path=f"/{name}").geturl()
    if not await fetch_value(url, "SELECT count(*) FROM pg_database WHERE datname = $1", name):
        await execute(url, f"CREATE DATABASE {name}")
    async with PostgresStore(made):
        return made


async def drop_database(url: str, name: str) -> None:
    """Drop a database."""
    await execute(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def settle(url: str) -> None:
    """Have nothing left to be done in the background, by the server or by the system."""
    # Until a commit has reached the disk, vacuum marks no page as visible to all.
    await execute(url, "SET synchronous_commit = on", "CHECKPOINT", "VACUUM (ANALYZE)", "CHECKPOINT")
    # Without fsync it is the system that writes what was loaded, for minutes, and lets whoever writes meanwhile wait.
    await asyncio.to_thread(os.sync)
