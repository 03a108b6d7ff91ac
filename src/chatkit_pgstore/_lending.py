"""Lends the connections of a pool to calls, in the order in which they came.

The pool's own queue does not keep that order: it wakes the first who waits, and whoever asks before that one runs takes
the connection; the one who was woken then waits at the end of the queue. A request that makes one call after the other
so overtakes all that have just begun, and on a busy event loop some of those wait until their time is over.

Out of the pool and back is also the larger part of what a call costs beside its statement. A connection that comes back
is therefore kept at hand for whoever waits, or calls before the event loop has turned three times: no longer, so that
nobody finds the pool empty while its connections are idle.
"""

import asyncio
import sys
import threading
from functools import partial
from math import inf
from time import monotonic
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from chatkit_pgstore._greenlet import KeptGreenlet

CONNECTED_AT = "chatkit_pgstore.connected_at"
"""In the ``info`` of a connection: the `monotonic` time when it was made."""

MOST_LOANS = 32
"""So many times a connection is lent on without the pool; then one who waits for the pool itself has a turn."""


TURNS_AT_HAND = 3
"""Of the event loop: in the next, who waits for a write is woken; in the one after, that caller's next write begins."""

RETURN_SECONDS = 1.0
"""Nearly always there is nothing to wait for when a connection goes back to its pool."""


class Lender(threading.local):
    """As many loans at once as the pool has connections, first come, first served; each event loop has its own.

    Args:
        engine: Whose pool it is.
        owned: Whether it is the store's own. Those of a host's are back in its pool when a call ends: the host may
            count them, dispose of them or wait for one.
    """

    def __init__(self, engine: AsyncEngine, *, owned: bool) -> None:
        self._engine = engine
        self._places = _most_connections(engine)
        self._most_loans = MOST_LOANS if owned else 0
        self._loans = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._greenlet = KeptGreenlet()
        self._at_hand: list[Any] = []
        self._is_counting = False
        self._returns: set[asyncio.Task[Any]] = set()

    async def borrow(self, not_before: float, deadline: float) -> Any:
        """Return a connection of the pool, when it is the caller's turn.

        Args:
            not_before: The `monotonic` time before which it must not have been made.
            deadline: The loop's time.

        Raises:
            TimeoutError: Neither the turn nor a connection came in time.
            Exception: What connecting raised.
        """
        await self._take_turn(deadline)
        if self._at_hand and not_before == -inf:
            return self._at_hand.pop()
        try:
            return await self._greenlet.run(partial(self._checked_out, not_before), deadline)
        except BaseException:
            self._turns.release()
            raise

    async def commit(self, connection: Any, deadline: float) -> None:
        """End the transaction that SQL of a listener has left open in SQLAlchemy's adapter."""
        await self._greenlet.run(connection.dbapi_connection.commit, deadline)

    async def take_back(self, connection: Any, deadline: float) -> None:
        """End a loan, and the turn."""
        try:
            if self._loans < self._most_loans and connection.is_valid:
                self._keep_at_hand(connection)
            else:
                self._loans = 0
                await self._greenlet.run(connection.close, deadline)
        finally:
            self._turns.release()

    async def close(self) -> None:
        """Give the pool what is at hand."""
        self._tidy_up()
        if self._returns:
            await asyncio.wait(self._returns)

    async def _take_turn(self, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._turns = loop, asyncio.Semaphore(self._places)
            # A loop that ended may have left some, and did not count to the end.
            self._is_counting = False
            self._tidy_up()
        if self._turns.locked():
            async with asyncio.timeout_at(deadline):
                await self._turns.acquire()
        else:
            await self._turns.acquire()

    def _checked_out(self, not_before: float) -> Any:
        """Return a connection of the pool that is no older than *not_before*.

        Whatever cut one connection has most often cut all, and a network that swallows bytes would take a call's
        time to show it of each. The younger ones come after at most a pool of older ones.
        """
        connection = self._engine.sync_engine.raw_connection()
        while not_before > -inf and connection.info.get(CONNECTED_AT, -inf) < not_before:
            give_up(connection)
            connection.close()
            connection = self._engine.sync_engine.raw_connection()
        return connection

    def _keep_at_hand(self, connection: Any) -> None:
        self._loans += 1
        self._at_hand.append(connection)
        if not self._is_counting:
            self._is_counting = True
            self._count(TURNS_AT_HAND)

    def _count(self, turns: int) -> None:
        """Tidy up after so many turns of the loop, or forget about it when there is nothing left at hand."""
        if self._at_hand and turns:
            asyncio.get_running_loop().call_soon(self._count, turns - 1)
        else:
            self._is_counting = False
            self._tidy_up()

    def _tidy_up(self) -> None:
        while self._at_hand:
            rest = self._greenlet.begin(self._at_hand.pop().close, RETURN_SECONDS)
            if rest is not None:
                task = asyncio.ensure_future(rest)
                self._returns.add(task)
                task.add_done_callback(self._returns.discard)


def give_up(connection: Any) -> None:
    """Drop a connection from the pool, without a word to a server that may not answer."""
    connection.driver_connection.terminate()
    connection.invalidate()


def note_the_time(_: Any, record: Any) -> None:
    """Note in a new connection when it was made; for SQLAlchemy's event ``connect``."""
    record.info[CONNECTED_AT] = monotonic()


def _most_connections(engine: AsyncEngine) -> int:
    """Return how many connections the pool opens at most; a pool without a limit needs no turns."""
    overflow: int = getattr(engine.pool, "_max_overflow", -1)
    if not isinstance(engine.pool, QueuePool) or overflow < 0:
        return sys.maxsize
    return engine.pool.size() + overflow
