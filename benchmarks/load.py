"""Put a ChatKit server under load: many conversations at once, on a pool of few connections.

    python benchmarks/load.py [--conversations 1000] [--seconds 300] [--pool-size 10] [--seed 1] [--think-seconds 20]

Everything runs in one process: the readers, the server and its scripted assistant, on PostgresStore. The database is
that of ``DATABASE_URL``, where the readers' rows are deleted in the end, or an embedded one. Figures are printed. The
exit code is 1 if there was an error, if a task or a connection is left over, if memory grew, if anything that was
acknowledged is not there, in its place and as it was, or if a reader saw what is another's.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from uuid import uuid4

import asyncpg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load_figures import Figures, Memory, printed
from benchmarks.load_ledger import ThreadLedger, digest_of
from benchmarks.load_reader import Reader, items_of
from benchmarks.load_server import RecordedStore, ScriptedServer, Visitor
from benchmarks.server import server_url

CHECKS_AT_ONCE = 20
SAMPLES = 300
OPEN_TRANSACTIONS = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'
"""


def main() -> int:
    """Run the load that the command line asks for, print its figures, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=1000, help="how many are under way at once")
    parser.add_argument("--seconds", type=float, default=300, help="for how long new things are done")
    parser.add_argument("--pool-size", type=int, default=10, help="connections to the database")
    parser.add_argument("--seed", type=int, default=1, help="what readers do, and in which order, follows from it")
    parser.add_argument("--think-seconds", type=float, default=20, help="mean pause between two things a reader does")
    options = parser.parse_args()
    print(" ".join(f"--{name.replace('_', '-')} {value:g}" for name, value in vars(options).items()), flush=True)
    with server_url() as url:
        figures = asyncio.run(run(RecordedStore(url, pool_size=options.pool_size), url, options))
    print("\n".join(printed(figures)))
    for complaint in figures.complaints():
        print(f"FAILED: {complaint}")
    return 1 if figures.complaints() else 0


async def run(store: RecordedStore, url: str, options: argparse.Namespace) -> Figures:
    """Put *store* under load, and return what was done and what is left over."""
    figures = Figures(store.seconds, Memory(options.seconds))
    prefix = f"reader-{uuid4().hex[:8]}"
    with _log_counted(figures):
        await store.initialize()
        figures.tasks_at_start = len(asyncio.all_tasks())
        await _under_load(store, prefix, options, figures)
        figures.tasks_at_end = len(asyncio.all_tasks())
        await _look_at_connections(store, url, figures)
        store.start_the_clock()
        await _verify(store, figures)
        await store.close()
    await _count_rows(url, prefix, figures)
    return figures


async def _under_load(store: RecordedStore, prefix: str, options: argparse.Namespace, figures: Figures) -> None:
    server = ScriptedServer(store)
    readers = [
        Reader(
            server,
            store,
            figures,
            user_id=f"{prefix}-{number}",
            seed=f"{options.seed} {number}",
            think_seconds=options.think_seconds,
        )
        for number in range(options.conversations)
    ]
    for number, reader in enumerate(readers):
        reader.neighbour = readers[number - 1]
    started, processor = perf_counter(), process_time()
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch_memory(figures.memory, started, options.seconds))
        for reader in readers:
            group.create_task(reader.converse_until(lambda: perf_counter() - started > options.seconds))
    figures.elapsed = perf_counter() - started
    figures.processor_seconds = process_time() - processor


async def _watch_memory(memory: Memory, started: float, seconds: float) -> None:
    while (elapsed := perf_counter() - started) < seconds:
        memory.sample(elapsed)
        await asyncio.sleep(seconds / SAMPLES)


async def _look_at_connections(store: RecordedStore, url: str, figures: Figures) -> None:
    connection = await asyncpg.connect(url)
    try:
        # By now the last calls' are back in the pool, which takes a few turns of the loop.
        figures.connections_checked_out = store.engine.pool.checkedout()
        figures.connections_in_transaction = await connection.fetchval(OPEN_TRANSACTIONS)
    finally:
        await connection.close()


async def _verify(store: RecordedStore, figures: Figures) -> None:
    """Read every thread there is, and hold it against what was acknowledged."""
    places = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def verify(user_id: str, ledgers: dict[str, ThreadLedger]) -> None:
        async with places:
            await _verify_user(store, user_id, ledgers, figures)

    async with asyncio.TaskGroup() as group:
        for user_id, ledgers in store.ledger.threads.items():
            group.create_task(verify(user_id, ledgers))


async def _verify_user(store: RecordedStore, user_id: str, ledgers: dict[str, ThreadLedger], figures: Figures) -> None:
    context = Visitor(user_id, dice=None)
    found = await _thread_ids(store, context)
    for stray in found - set(ledgers):
        is_anothers = any(stray in others for others in store.ledger.threads.values())
        figures.findings.of_another_user += is_anothers
        figures.findings.unexpected += not is_anothers
    for thread_id, ledger in ledgers.items():
        items = await items_of(store, thread_id, context)
        figures.rows_verified += len(items)
        figures.done["threads verified at the end"] += 1
        if ledger.digest is None:
            figures.findings.add(ledger.compared(items))
        elif thread_id not in found or digest_of(items) != ledger.digest:
            figures.findings.changed += 1


async def _thread_ids(store: RecordedStore, context: Visitor) -> set[str]:
    found: set[str] = set()
    after, has_more = None, True
    while has_more:
        page = await store.load_threads(100, after, "desc", context)
        found |= {thread.id for thread in page.data}
        after, has_more = page.after, page.has_more
    return found


async def _count_rows(url: str, prefix: str, figures: Figures) -> None:
    """Count the readers' items as the tables have them, and delete the readers' rows."""
    connection = await asyncpg.connect(url)
    try:
        count = "SELECT count(*) FROM chatkit_thread_items WHERE user_id LIKE $1"
        figures.rows_left = await connection.fetchval(count, f"{prefix}-%")
        for table in ("chatkit_threads", "chatkit_attachments"):
            await connection.execute(f"DELETE FROM {table} WHERE user_id LIKE $1", f"{prefix}-%")  # noqa: S608 - names of ours
    finally:
        await connection.close()


class _Counter(logging.Handler):
    """Counts what the SDK and the store log: errors, and attempts that were made again."""

    def __init__(self, figures: Figures) -> None:
        super().__init__(logging.WARNING)
        self._figures = figures

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record."""
        if record.name == "chatkit_pgstore" and "attempt" in record.getMessage():
            self._figures.attempts_made_again += 1
        else:
            self._figures.errors[f"logged by {record.name}: {record.getMessage()}"] += 1


@contextmanager
def _log_counted(figures: Figures) -> Iterator[None]:
    counter = _Counter(figures)
    loggers = [logging.getLogger(name) for name in ("asyncio", "chatkit", "chatkit_pgstore")]
    for logger in loggers:
        logger.addHandler(counter)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(counter)


if __name__ == "__main__":
    sys.exit(main())
