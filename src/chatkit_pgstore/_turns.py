"""Lets calls at a pool's connections in the order in which they came.

The pool's own queue does not: it wakes the first who waits, and whoever asks before that one runs takes the connection;
the one who was woken then waits at the end of the queue. A request that makes one call after the other so overtakes
all that have just begun, and on a busy event loop some of those wait until their time is over.
"""

import asyncio
import sys
import threading
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool


class Turns(threading.local):
    """As many turns at once as the pool has connections, first come, first served; each event loop has its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._turns = _most_connections(engine)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def take(self, deadline: float) -> Callable[[], None]:
        """Return when it is the caller's turn, with what ends it.

        Raises:
            TimeoutError: It did not come before the loop's time *deadline*.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._places = loop, asyncio.Semaphore(self._turns)
        places = self._places
        if places.locked():
            async with asyncio.timeout_at(deadline):
                await places.acquire()
        else:
            await places.acquire()
        return places.release


def _most_connections(engine: AsyncEngine) -> int:
    """Return how many connections the pool opens at most; a pool without a limit needs no turns."""
    overflow: int = getattr(engine.pool, "_max_overflow", -1)
    if not isinstance(engine.pool, QueuePool) or overflow < 0:
        return sys.maxsize
    return engine.pool.size() + overflow
