"""What compression does to large documents: their bytes, and the time to write and to read them."""

from concurrent.futures import Executor
from dataclasses import dataclass

import asyncpg

from benchmarks.scale import server, targets
from benchmarks.scale.calls import times_of
from benchmarks.scale.disk import Disk, disk_of
from benchmarks.scale.loading import load
from benchmarks.scale.traffic import stretches
from chatkit_pgstore import PostgresStore

METHODS = {
    "pglz": "ALTER TABLE chatkit_thread_items ALTER COLUMN item SET COMPRESSION pglz",
    "lz4": "ALTER TABLE chatkit_thread_items ALTER COLUMN item SET COMPRESSION lz4",
    "none": "ALTER TABLE chatkit_thread_items ALTER COLUMN item SET STORAGE EXTERNAL",
}
DATABASE = "scale_compression"
READ = "load_thread_items, newest"
MISSING = ("0A000", "22023")
"""feature_not_supported, and invalid_parameter_value: the server was built without it."""


@dataclass(frozen=True)
class Compressed:
    """What one method does; nothing but its name when the server does not have it."""

    method: str
    disk: Disk | None = None
    load_seconds: float = 0.0
    page_seconds: float = 0.0


async def _prepare(url: str, change: str) -> str | None:
    """Return a database with that method; None when the server does not have it."""
    await server.drop_database(url, DATABASE)
    made = await server.make_database(url, DATABASE)
    try:
        await server.execute(made, change)
    except asyncpg.PostgresError as error:
        if error.sqlstate not in MISSING:
            raise
        return None
    return made


async def compressed(pool: Executor, url: str, method: str, items: int, calls: int) -> Compressed:
    """Load large items with one method of compression, and return what it costs."""
    made = await _prepare(url, METHODS[method])
    if made is None:
        return Compressed(method)
    seconds = load(pool, made, stretches(0, items, "large"), f"large items, {method}")
    await server.settle(made)
    async with PostgresStore(made) as store:
        times = await times_of(store, await targets.ordinary(made), 3, calls, only=(READ,))
    disk = await disk_of(made, f"large items, {method}")
    await server.drop_database(url, DATABASE)
    return Compressed(method, disk, seconds, times[0].p50)
