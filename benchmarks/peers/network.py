"""How long the bare round trip is: what the proxy costs by itself, and whether it keeps its word."""

from statistics import median
from time import perf_counter

import asyncpg

from benchmarks.measured import Table
from benchmarks.peers.latency import DISTANCES, NEAR
from benchmarks.peers.opening import Field
from benchmarks.peers.proxy import DelayingProxy
from benchmarks.peers.settings import Amount

DIRECT = "without the proxy"
LEAST = 30


async def round_trips(made: Field, proxy: DelayingProxy, amount: Amount) -> dict[str, float]:
    """Return the seconds of one round trip, by what lies between client and server."""
    url = made.server.url()
    found = {DIRECT: await _round_trip(url, amount.most_calls)}
    for distance in DISTANCES:
        proxy.delay(distance / 1000)
        calls = amount.most_calls if distance == NEAR else LEAST
        found[f"through it, {distance} ms each way"] = await _round_trip(proxy.url(url), calls)
    proxy.delay(0)
    return found


async def _round_trip(url: str, calls: int) -> float:
    connection = await asyncpg.connect(url)
    try:
        statement = await connection.prepare("SELECT 1")
        seconds = []
        for _ in range(calls):
            started = perf_counter()
            await statement.fetchval()
            seconds.append(perf_counter() - started)
    finally:
        await connection.close()
    return median(seconds)


def table(found: dict[str, float]) -> Table:
    """Return the round trips."""
    return Table(
        name="network",
        title="Milliseconds of a bare round trip: a prepared `SELECT 1` on one connection",
        columns=["", "milliseconds"],
        rows=[[name, f"{seconds * 1000:.3f}"] for name, seconds in found.items()],
        note="Where a distance is 0 ms, other tables are measured without the proxy, which so costs nobody anything.",
    )
