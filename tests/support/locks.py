"""Another session that holds rows, so that statements wait on the server for as long as a test wants."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

WAITING = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
PATIENCE_SECONDS = 10.0


class Holder:
    """The session that holds the rows."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def is_waited_for_by(self, sessions: int) -> None:
        """Return once that many sessions wait for a lock.

        The activity of a transaction's own time is a snapshot, hence the clearing.
        """
        async with asyncio.timeout(PATIENCE_SECONDS):
            waiting = 0
            while waiting < sessions:
                await asyncio.sleep(0.005)
                waiting = await self.waiting()

    async def waiting(self) -> int:
        """Return how many sessions wait for a lock now."""
        await self._connection.execute("SELECT pg_stat_clear_snapshot()")
        return int(await self._connection.fetchval(WAITING))


@asynccontextmanager
async def locked_threads(database_url: str) -> AsyncIterator[Holder]:
    """Lock the rows of all threads until the block ends."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM chatkit_threads FOR UPDATE")
            yield Holder(connection)
    finally:
        await connection.close()
