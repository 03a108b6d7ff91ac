"""The faults of a run, in two lanes at the same time: the network's, and the server's."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import asyncpg

from examples.embedded_postgres import EmbeddedPostgres
from tests.chaos.figures import Figures
from tests.support.fault_proxy import Cut, End, FaultProxy, Silence, Way

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
AT_WORK = "AND state = 'active'"
ANY_ONE = "ORDER BY random() LIMIT 1"
MOST_BYTES = 3000
"""Within which a cut falls: more than any call sends, less than some answers have."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault, and how often it is drawn beside the others."""

    name: str
    weight: int
    act: Callable[[Random], Awaitable[None]]


class Faults:
    """Breaks things until the run is over, and leaves everything mended.

    Args:
        server: The server.
        proxies: Those before it.
        seed: Fixes which faults come, their parameters and the pauses between them.
    """

    def __init__(self, server: EmbeddedPostgres, proxies: Sequence[FaultProxy], figures: Figures, *, seed: str) -> None:
        self._server = server
        self._proxies = proxies
        self._figures = figures
        self._seed = seed

    async def run(self, over: asyncio.Event) -> None:
        network = [
            Fault("", 12, self._cut),  # counted by the proxy, once it has met a connection
            Fault("", 3, self._silence),
            Fault("", 1, self._silence_all),
            Fault("all connections cut", 2, self._cut_all),
            Fault("delay", 4, self._delay),
            Fault("connections refused", 2, self._refuse),
        ]
        backends = [
            Fault("pg_terminate_backend of one", 4, self._backends("pg_terminate_backend", ANY_ONE)),
            Fault("pg_terminate_backend of those at work", 6, self._backends("pg_terminate_backend", AT_WORK)),
            Fault("pg_terminate_backend of all", 4, self._backends("pg_terminate_backend", "")),
            Fault("pg_cancel_backend of those at work", 6, self._backends("pg_cancel_backend", AT_WORK)),
            Fault("server killed with SIGKILL", 2, self._kill),
            Fault("immediate shutdown", 1, self._shutdown(signal.SIGQUIT)),
            Fault("fast shutdown", 1, self._shutdown(signal.SIGINT)),
        ]
        await asyncio.gather(self._lane("network", network, 0.1, over), self._lane("server", backends, 0.4, over))
        for proxy in self._proxies:
            proxy.disarm()
            self._figures.faults.update(proxy.met)

    async def _lane(self, name: str, faults: Sequence[Fault], pause_seconds: float, over: asyncio.Event) -> None:
        random = Random(f"{self._seed} {name}")
        weights = [fault.weight for fault in faults]
        while not over.is_set():
            [fault] = random.choices(faults, weights)
            await fault.act(random)
            if fault.name:
                self._figures.faults[fault.name] += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), random.expovariate(1 / pause_seconds))

    async def _cut(self, random: Random) -> None:
        cut = Cut(random.choice([*Way]), random.randrange(MOST_BYTES), random.choice([*End]))
        random.choice(self._proxies).arm(cut)

    async def _cut_all(self, random: Random) -> None:
        random.choice(self._proxies).end_all(random.choice([*End]))

    async def _silence(self, random: Random) -> None:
        random.choice(self._proxies).arm(Silence())

    async def _silence_all(self, random: Random) -> None:
        random.choice(self._proxies).silence_all()

    async def _delay(self, random: Random) -> None:
        proxy = random.choice(self._proxies)
        proxy.delay_seconds = random.uniform(0.001, 0.05)
        await asyncio.sleep(random.uniform(0.05, 0.3))
        proxy.delay_seconds = 0.0

    async def _refuse(self, random: Random) -> None:
        proxy = random.choice(self._proxies)
        proxy.refuse()
        proxy.end_all(End.RST)
        await asyncio.sleep(random.uniform(0.05, 0.8))
        proxy.accept()

    def _backends(self, function: str, which: str) -> Callable[[Random], Awaitable[None]]:
        async def act(_: Random) -> None:
            connection = await asyncpg.connect(self._server.url())
            await connection.execute(f"SELECT {function}(pid) {OTHERS} {which}")
            await connection.close()

        return act

    async def _kill(self, _: Random) -> None:
        await asyncio.to_thread(self._server.kill)
        await asyncio.to_thread(self._server.start)

    def _shutdown(self, how: signal.Signals) -> Callable[[Random], Awaitable[None]]:
        async def act(_: Random) -> None:
            os.kill(self._server.process_id, how)
            # It is left to be reaped by the one who started it.
            await asyncio.to_thread(os.waitid, os.P_PID, self._server.process_id, os.WEXITED | os.WNOWAIT)
            await asyncio.to_thread(self._server.start)

        return act
