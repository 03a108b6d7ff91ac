"""One run: the parts, one after the other."""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from time import perf_counter

from benchmarks.awake import processors_awake
from benchmarks.scale import bloat, buffers, compression, disk, indexes, migrating, server, targets
from benchmarks.scale.calls import times_of
from benchmarks.scale.findings import Findings, Stage
from benchmarks.scale.judging import SMALL_MESSAGES
from benchmarks.scale.loading import load, writers
from benchmarks.scale.traffic import stretches, whales
from chatkit_pgstore import PostgresStore
from examples.embedded_postgres import EmbeddedPostgres

SMALLEST = 10_000
INDEXES_AT = 1_000_000
"""Without an index some calls read a whole table: that has to be read in a second."""
SMALL_ITEMS, LARGE_ITEMS = 1_000_000, 20_000
TARGETS, COLD_TARGETS = 40, 10
UPDATED_ITEMS, UPDATES = 500_000, 1_000_000
PART_OF_ALTERNATIVES = 5
"""Alternatives are tried with a fifth of the items and updates."""
SMALL_DATABASE = "scale_small"
LOADED = "SELECT coalesce(max(items), 0) FROM scale_loaded"
NOTE_LOADED = "CREATE TABLE IF NOT EXISTS scale_loaded (items bigint)"


def sizes(items: int) -> list[int]:
    """Return the decades up to *items*, and *items*."""
    decades = [SMALLEST * 10**power for power in range(12)]
    return [*(each for each in decades if each < items), items]


class Run:
    """Fills one server, and measures what the options ask for."""

    def __init__(self, postgres: EmbeddedPostgres, pool: Executor, options: Namespace) -> None:
        self._postgres = postgres
        self._pool = pool
        self._options = options
        self._found = Findings()

    def findings(self) -> Findings:
        """Measure all parts, or those before an interruption."""
        asyncio.run(server.execute(self._postgres.url(), *bloat.QUIET))
        try:
            self._parts()
        except KeyboardInterrupt:
            print("interrupted: what follows was measured before", file=sys.stderr, flush=True)
        return self._found

    def _parts(self) -> None:
        parts = {
            "calls": self._sizes,
            "cold": self._cold,
            "disk": self._disk,
            "compression": self._compression,
            "bloat": self._bloat,
            "migrations": self._migrations,
        }
        for name, part in parts.items():
            if name == "calls" or name not in self._options.skip:
                started = perf_counter()
                part()
                print(f"{name}: {perf_counter() - started:.0f} s", file=sys.stderr, flush=True)

    @property
    def _url(self) -> str:
        return self._postgres.url(server.MAIN)

    def _sizes(self) -> None:
        """Load size after size, and measure the calls at each."""
        asyncio.run(server.make_database(self._postgres.url(), server.MAIN))
        asyncio.run(server.execute(self._url, NOTE_LOADED))
        present = asyncio.run(server.fetch_value(self._url, LOADED))
        wanted = [size for size in sizes(self._options.items) if size >= present] or [present]
        for items in wanted:
            stage = self._loaded(items, present)
            self._found.stages.append(stage)
            if "calls" not in self._options.skip:
                self._measure(stage, first=present == 0)
            elif present == 0:
                self._load_whales()
            present = items
            if "indexes" not in self._options.skip and items == min(wanted[-1], max(INDEXES_AT, wanted[0])):
                self._indexes(items)
        self._found.stages[-1].bytes = self._bytes()

    def _loaded(self, items: int, present: int) -> Stage:
        """Load what is missing."""
        stage = Stage(items)
        if items > present:
            stage.load_seconds = load(self._pool, self._url, stretches(present, items), f"to {items:,} items")
            asyncio.run(server.fetch_value(self._url, "INSERT INTO scale_loaded VALUES ($1)", items))
        stage.settle_seconds = self._settle()
        stage.bytes = self._bytes()
        return stage

    def _settle(self) -> float:
        started = perf_counter()
        asyncio.run(server.settle(self._url))
        return perf_counter() - started

    def _bytes(self) -> int:
        return int(asyncio.run(server.fetch_value(self._url, "SELECT pg_database_size(current_database())")))

    def _load_whales(self) -> None:
        traffic = whales(self._options.threads_of_one, self._options.items_of_one)
        load(self._pool, self._url, traffic, "a user with many threads, and a long thread")
        self._settle()

    def _measure(self, stage: Stage, *, first: bool) -> None:
        """Measure ordinary users, at the smallest size alone on the server, and then the others."""
        asyncio.run(self._measure_calls(stage, [asyncio.run(targets.ordinary(self._url))]))
        if first:
            self._load_whales()
        asyncio.run(self._measure_calls(stage, asyncio.run(targets.whales(self._url))))

    async def _measure_calls(self, stage: Stage, groups: Sequence[targets.Targets]) -> None:
        for group in groups:
            with processors_awake():
                async with PostgresStore(self._url) as store:
                    stage.times += await times_of(store, group, self._options.rounds, self._options.calls)
            stage.touched += await buffers.touched(self._url, group, TARGETS)

    def _everybody(self) -> list[targets.Targets]:
        return [asyncio.run(targets.ordinary(self._url)), *asyncio.run(targets.whales(self._url))]

    def _indexes(self, items: int) -> None:
        self._found.indexes = asyncio.run(indexes.index_costs(self._url, self._everybody()))
        self._found.indexes_at = items

    def _cold(self) -> None:
        for group in self._everybody():
            self._found.cold = [*self._found.cold, *asyncio.run(buffers.cold(self._url, group, COLD_TARGETS))]

    def _disk(self) -> None:
        small = asyncio.run(server.make_database(self._postgres.url(), SMALL_DATABASE))
        load(self._pool, small, stretches(0, min(SMALL_ITEMS, self._options.items), "small"), SMALL_MESSAGES)
        asyncio.run(server.settle(small))
        self._found.disks.append(asyncio.run(disk.disk_of(small, SMALL_MESSAGES)))
        asyncio.run(server.drop_database(self._postgres.url(), SMALL_DATABASE))
        self._found.disks.append(asyncio.run(disk.disk_of(self._url, "all, as mixed")))
        self._found.classes = asyncio.run(disk.classes_of(self._url))

    def _compression(self) -> None:
        items = min(LARGE_ITEMS, self._options.items)
        for method in compression.METHODS:
            made = compression.compressed(self._pool, self._postgres.url(), method, items, self._options.calls)
            self._found.compressed.append(asyncio.run(made))

    def _bloat(self) -> None:
        for name, items, updates in self._updates():
            made = bloat.bloat(self._pool, self._postgres.url(), name, items, updates)
            self._found.bloats.append(asyncio.run(made))

    def _updates(self) -> Iterator[tuple[str, int, int]]:
        whole = min(1.0, self._options.items / UPDATES)
        items, updates = int(UPDATED_ITEMS * whole), int(UPDATES * whole)
        yield bloat.AS_MIGRATED, items, updates
        for name in bloat.ALTERNATIVES:
            yield name, items // PART_OF_ALTERNATIVES, updates // PART_OF_ALTERNATIVES

    def _migrations(self) -> None:
        self._found.migrations = asyncio.run(migrating.migrations(self._postgres.url(), self._url))


def run(postgres: EmbeddedPostgres, options: Namespace) -> Findings:
    """Return what was found out on a started server."""
    with writers() as pool:
        return Run(postgres, pool, options).findings()
