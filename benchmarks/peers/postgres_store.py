"""PostgresStore as a contender."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.peers.chatkit_messages import Context, OnStore
from benchmarks.peers.contender import POOL_SIZE
from chatkit_pgstore import PostgresStore


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[OnStore]:
    """Open the store with its defaults."""
    store: PostgresStore[Context]
    async with PostgresStore(url, pool_size=POOL_SIZE) as store:
        yield OnStore(store)
