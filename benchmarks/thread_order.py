"""Measure what the index of ``thread_order="updated_at"`` costs an append.

    python benchmarks/thread_order.py [--rounds 15] [--block 200] [--threads 1000]

Two databases on one embedded server, one with the index and one without; blocks of appends alternate between them, one
call at a time, each to another thread. An index that holds the time of the last activity keeps PostgreSQL from updating
the thread's row in place (HOT). Figures are printed and nothing is asserted; docs/how-to/history.md has some.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asyncpg
from chatkit.types import AssistantMessageContent, AssistantMessageItem, ThreadMetadata

from chatkit_pgstore import PostgresStore
from examples.embedded_postgres import EmbeddedPostgres

# Vacuum would come by when it likes, and hit one database more than the other; so would a checkpoint.
SERVER_SETTINGS = {"autovacuum": "off", "checkpoint_timeout": "1h", "max_wal_size": "16GB"}
ALICE = {"user_id": "alice"}
TEXT = "The quick brown fox jumps over the lazy dog. " * 10
WITHOUT, WITH = "created_at", "updated_at"
UPDATES = """
    SELECT n_tup_upd AS updates, n_tup_hot_upd AS in_place FROM pg_stat_user_tables WHERE relname = 'chatkit_threads'
"""


@dataclass
class Contender:
    """One of the two databases, and what was measured on it."""

    order: str
    store: PostgresStore[Any]
    watch: asyncpg.Connection
    thread_ids: Iterable[str]
    seconds: list[float] = field(default_factory=list)
    wal_bytes: list[float] = field(default_factory=list)

    async def append(self, block: int) -> None:
        """Make a block of appends, and note what one took."""
        place = await self.watch.fetchval("SELECT pg_current_wal_insert_lsn()")
        started = perf_counter()
        for thread_id, _ in zip(self.thread_ids, range(block), strict=False):
            await self.store.add_thread_item(thread_id, self._message(thread_id), ALICE)
        self.seconds.append((perf_counter() - started) / block)
        written = await self.watch.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)", place)
        self.wal_bytes.append(float(written) / block)

    async def updates(self) -> tuple[int, int]:
        """Return how many updates rows of threads have had so far, and how many were made in place."""
        # A session hands its figures in only now and then.
        await self.store.engine.dispose()
        row = await self.watch.fetchrow(UPDATES)
        return row["updates"], row["in_place"]

    def _message(self, thread_id: str) -> AssistantMessageItem:
        return AssistantMessageItem(
            id=self.store.generate_item_id("message", THREAD, ALICE),
            thread_id=thread_id,
            created_at=datetime.now(UTC),
            content=[AssistantMessageContent(text=TEXT)],
        )


THREAD = ThreadMetadata(id="thr", created_at=datetime.now(UTC))


def main() -> None:
    """Run what the command line asks for, and print it as a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="blocks of each; the median counts")
    parser.add_argument("--block", type=int, default=200, help="appends per block")
    parser.add_argument("--threads", type=int, default=1000, help="threads that are appended to in turn")
    options = parser.parse_args()
    with EmbeddedPostgres(settings=SERVER_SETTINGS) as server:
        asyncio.run(_measure(server, options.rounds, options.block, options.threads))


async def _measure(server: EmbeddedPostgres, rounds: int, block: int, threads: int) -> None:
    contenders = [await _opened(server, order, threads) for order in (WITHOUT, WITH)]
    for contender in contenders:
        await contender.append(threads)  # each thread's row has its first new version, and the server its caches
        contender.seconds.clear()
        contender.wal_bytes.clear()
    before = [await contender.updates() for contender in contenders]
    for number in range(rounds):
        # Who goes first takes turns, too.
        for contender in contenders if number % 2 else contenders[::-1]:
            await contender.append(block)
    after = [await contender.updates() for contender in contenders]
    shares = [_share(*pair) for pair in zip(before, after, strict=True)]
    _print(contenders, shares, rounds, block)
    for contender in contenders:
        await contender.store.close()
        await contender.watch.close()


async def _opened(server: EmbeddedPostgres, order: str, threads: int) -> Contender:
    setup = await asyncpg.connect(server.url())
    await setup.execute(f"CREATE DATABASE {order}")
    await setup.close()
    store: PostgresStore[Any] = PostgresStore(server.url(order), pool_size=1, thread_order=order)
    await store.initialize()
    ids = [f"thr_{number}" for number in range(threads)]
    for thread_id in ids:
        await store.save_thread(ThreadMetadata(id=thread_id, created_at=datetime.now(UTC)), ALICE)
    return Contender(order, store, await asyncpg.connect(server.url(order)), cycle(ids))


def _share(before: tuple[int, int], after: tuple[int, int]) -> float:
    updates, in_place = (then - first for first, then in zip(before, after, strict=True))
    return in_place / updates


def _print(contenders: Sequence[Contender], shares: Sequence[float], rounds: int, block: int) -> None:
    print(f"Medians of {rounds} blocks of {block} appends each; ratio is with the index to without it.\n")
    print("| an append | without the index | with it | ratio |\n|---|--:|--:|--:|")
    without, with_it = contenders
    times = [median(each.seconds) * 1000 for each in contenders]
    wal = [median(each.wal_bytes) for each in contenders]
    ratios = [second / first for first, second in zip(without.seconds, with_it.seconds, strict=True)]
    print(f"| milliseconds | {times[0]:.2f} | {times[1]:.2f} | {median(ratios):.2f} |")
    print(f"| bytes of WAL | {wal[0]:,.0f} | {wal[1]:,.0f} | {wal[1] / wal[0]:.2f} |")
    print(f"| thread's row updated in place (HOT) | {shares[0]:.0%} | {shares[1]:.0%} | |")


if __name__ == "__main__":
    main()
