"""Prints figures, and what they were measured on."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import asyncpg

from benchmarks.contenders import DEDICATED, NAMES, POOL, POOL_SIZE
from benchmarks.results import Result

LIBRARIES = ("chatkit-pgstore", "openai-chatkit", "SQLAlchemy", "asyncpg", "greenlet", "anyio", "pydantic")
SERVER_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "autovacuum", "jit")
HEAD = (
    "call",
    "store µs",
    "pool µs",
    "dedicated µs",
    "store/pool",
    "spread",
    "target",
    "store/dedicated",
    "spread",
    "trips store, pool, dedicated",
)


@dataclass(frozen=True)
class Surroundings:
    """What the figures were measured on, and how."""

    method: str
    machine: str
    software: str
    server: str
    libraries: str
    pools: str


async def surroundings(url: str, rounds: int, block: int) -> Surroundings:
    """Return what the server at *url* and this process are."""
    connection = await asyncpg.connect(url)
    try:
        server = await connection.fetchval("SHOW server_version")
        settings = [f"{name}={await connection.fetchval(f'SHOW {name}')}" for name in SERVER_SETTINGS]
    finally:
        await connection.close()
    return Surroundings(
        method=f"median of {rounds} rounds of {block} calls each; blocks alternate, one call at a time; "
        "a ratio is taken in each round, and its median shown",
        machine=f"{_processor()}, {_cpus()}, {platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f}",
        software=f"Python {platform.python_version()}, PostgreSQL {server} on loopback TCP",
        server=", ".join(settings),
        libraries=", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        pools=f"store: pool_size={POOL_SIZE}; asyncpg.Pool: min_size=max_size={POOL_SIZE}, defaults otherwise",
    )


def markdown(results: Sequence[Result], where: Surroundings) -> str:
    """Return a Markdown table of *results*, and under it where they come from."""
    rows = [HEAD, ["---", *["--:"] * (len(HEAD) - 1)], *(_cells(result) for result in results)]
    table = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*table, "", *(f"- {name}: {what}" for name, what in asdict(where).items())])


def _cells(result: Result) -> list[str]:
    times = [f"{result.microseconds(name):.0f}" for name in NAMES]
    trips = ", ".join(str(result.round_trips[name]) for name in NAMES)
    to_pool, to_dedicated = result.ratios(POOL), result.ratios(DEDICATED)
    return [
        result.call,
        *times,
        f"{median(to_pool):.2f}",
        _spread(to_pool),
        _verdict(median(to_pool), result.target),
        f"{median(to_dedicated):.2f}",
        _spread(to_dedicated),
        trips,
    ]


def _spread(ratios: Sequence[float]) -> str:
    return f"{min(ratios):.2f}-{max(ratios):.2f}"


def _verdict(ratio: float, target: float | None) -> str:
    if target is None:
        return "none"
    return f"{target:.2f} {'reached' if ratio <= target else 'missed'}"


def _processor() -> str:
    """Return the processor's name; Linux alone tells more than its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({platform.machine()})" if names else platform.machine()


def _cpus() -> str:
    """Return how many processors there are; on Linux, how many of them this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} CPUs"
    return f"{os.cpu_count()} CPUs"
