"""One chaos run: players and appenders at work, faults among them, and the judgement afterwards."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.testing import MemoryStore
from examples.embedded_postgres import EmbeddedPostgres
from tests.chaos.anything import EVERYBODYS
from tests.chaos.faults import Faults
from tests.chaos.figures import Figures, listening
from tests.chaos.player import DisagreementError, Player
from tests.chaos.shared_threads import Appender, SharedThreads
from tests.support.databases import OPEN_TRANSACTIONS
from tests.support.fault_proxy import End, FaultProxy
from tests.support.tables import fetch
from tests.support.waiting import eventually, eventually_true

USERS = ("alice", "bob", "carol")
WORKERS_OF_DAVE = 3
APPENDERS = 4
POOL_SIZE = 5
SECONDS = {"attempt_timeout_seconds": 1.0, "connect_timeout_seconds": 1.0, "retry_seconds": 60.0}
"""An attempt is given up sooner than by default, so that half-open connections cost a run less time. A call may meet
one outage after the other, each of them far shorter than the default budget."""
CLOSING_SECONDS = 30.0
PATIENCE_SECONDS = 90.0
"""After the end of the run, for the last calls: more than one may take."""


async def chaos(server: EmbeddedPostgres, seconds: float, seed: int) -> Figures:
    """Run for so long, and tell what was seen."""
    figures = Figures()
    with listening(figures):
        await Chaos(server, figures, f"seed {seed}").run(seconds)
    return figures


class Chaos:
    """A run on a server of its own.

    The rows that are compared exactly are reached through a proxy that tells a client of a cut only when the
    server is done with what it had got. Without that, an attempt that nobody waits for any more could be carried out
    after the same writer's next write, on a backend that is slow to wake.
    """

    def __init__(self, server: EmbeddedPostgres, figures: Figures, seed: str) -> None:
        self._server = server
        self._figures = figures
        self._seed = seed
        address = ("127.0.0.1", server.port)
        self._proxies = (FaultProxy(*address, fenced=True), FaultProxy(*address))

    async def run(self, seconds: float) -> None:
        async with AsyncExitStack() as stack:
            stores = [await stack.enter_async_context(self._store_behind(proxy)) for proxy in self._proxies]
            players, shared = self._players(stores[0]), SharedThreads(stores[1], "dave")
            appenders = [Appender(f"appender-{n}", shared, self._figures, seed=self._seed) for n in range(APPENDERS)]
            await self._play(seconds, [*players, *appenders])
            await self._judge(players, shared)
            for store, proxy in zip(stores, self._proxies, strict=True):
                await self._see_that_the_pool_is_whole(store, proxy)

    @asynccontextmanager
    async def _store_behind(self, proxy: FaultProxy) -> AsyncIterator[PostgresStore]:
        async with proxy:
            store = PostgresStore(proxy.url(self._server.url()), pool_size=POOL_SIZE, **SECONDS)
            await store.initialize()
            try:
                yield store
            finally:
                await self._close(store, proxy)

    async def _close(self, store: PostgresStore, proxy: FaultProxy) -> None:
        """Close the store, some of whose connections may be half-open still."""
        closing = asyncio.create_task(store.close())
        await asyncio.wait({closing}, timeout=CLOSING_SECONDS)
        if not closing.done():
            self._figures.failed += 1
            self._figures.complain("close() does not end")
            proxy.end_all(End.RST)
        await closing

    def _players(self, store: PostgresStore) -> list[Player]:
        stores = (MemoryStore(), store)
        alone = [
            Player(user, user, EVERYBODYS, stores, self._figures, is_alone=True, seed=self._seed) for user in USERS
        ]
        together = [
            Player(name, "dave", EVERYBODYS.of(name), stores, self._figures, is_alone=False, seed=self._seed)
            for name in (f"dave-{number}" for number in range(WORKERS_OF_DAVE))
        ]
        return alone + together

    async def _play(self, seconds: float, workers: Sequence[Player | Appender]) -> None:
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, over.set)
        breaking = asyncio.create_task(Faults(self._server, self._proxies, self._figures, seed=self._seed).run(over))
        await all_at_work(workers, over, self._figures, seconds + PATIENCE_SECONDS)
        over.set()
        await breaking

    async def _judge(self, players: Sequence[Player], shared: SharedThreads) -> None:
        """Look at everything once more, past the proxies."""
        async with PostgresStore(self._server.url()) as direct:
            for player in players:
                if not player.has_failed:
                    await _unless_it_differs(player.look_at_everything(direct))
            for thread in shared.threads:
                thread.judge(await shared.texts_of(thread, direct), self._figures)

    async def _see_that_the_pool_is_whole(self, store: PostgresStore, proxy: FaultProxy) -> None:
        """No connection is checked out, lost or too many, and none is idle in a transaction."""
        pool: Any = store.engine.pool
        reads = [store.load_threads(1, None, "asc", {"user_id": "erin"}) for _ in range(4 * POOL_SIZE)]
        for result in await asyncio.gather(*reads, return_exceptions=True):
            if isinstance(result, Exception):
                self._figures.failed += 1
                self._figures.complain(f"load_threads failed after the run: {result!r}")
        try:
            await eventually(lambda: pool.checkedout() == 0 and pool.checkedin() == proxy.connections <= POOL_SIZE)
            await eventually_true(self._nobody_is_idle_in_a_transaction)
        except TimeoutError:
            self._figures.broken_pools += 1
            idle = await fetch(self._server.url(), OPEN_TRANSACTIONS)
            self._figures.complain(f"{pool.status()}; {proxy.connections} connections open; in transaction: {idle}")

    async def _nobody_is_idle_in_a_transaction(self) -> bool:
        return not await fetch(self._server.url(), OPEN_TRANSACTIONS)


async def all_at_work(
    workers: Sequence[Player | Appender], over: asyncio.Event, figures: Figures, patience_seconds: float
) -> None:
    """Let all work until it is over, or until each has seen something wrong; report those who do not come to an end."""
    strangers = asyncio.all_tasks()
    tasks = {asyncio.create_task(_work(worker, over)): worker for worker in workers}
    done, hanging = await asyncio.wait(tasks, timeout=patience_seconds)
    for task in hanging:
        figures.failed += 1
        figures.complain(f"{tasks[task].name}: a call that does not end: {tasks[task].doing}")
    if hanging:
        # Writes are tasks of their own, which hold the cancellations of their callers back.
        for task in asyncio.all_tasks() - strangers:
            task.cancel()
    for task in done:
        task.result()


async def _work(worker: Player | Appender, over: asyncio.Event) -> None:
    while not over.is_set():
        if await _unless_it_differs(worker.step()):
            break


async def _unless_it_differs(work: Any) -> bool:
    try:
        await work
    except DisagreementError:
        return True
    return False
