"""Loads traffic by COPY, from processes of its own, with a progress bar."""

import asyncio
import multiprocessing
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from time import perf_counter

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.scale.traffic import Stretch, rows_of

WRITERS = 3
"""One more than two processors have: while one waits for the server, another makes rows."""
LINES = 1000
COLUMNS = {
    "chatkit_threads": ("user_id", "id", "thread", "last_sort_key", "created_at", "updated_at", "metadata"),
    "chatkit_attachments": ("user_id", "id", "thread_id", "attachment", "created_at", "updated_at"),
    "chatkit_thread_items": (
        "user_id",
        "thread_id",
        "id",
        "sort_key",
        "type",
        "status",
        "item",
        "created_at",
        "updated_at",
    ),
}
# The rows are right by construction; asking for ten million of their threads would take longer than writing them.
UNCHECKED = {"session_replication_role": "replica"}


def copy_stretch(url: str, stretch: Stretch) -> int:
    """Write a stretch of traffic and return how many items it had; for a process of its own."""
    rows = rows_of(stretch)
    lines = (rows.threads, rows.attachments, rows.items)
    asyncio.run(_copy(url, dict(zip(COLUMNS, lines, strict=True))))
    return len(rows.items)


async def _copy(url: str, tables: dict[str, list[str]]) -> None:
    connection = await asyncpg.connect(url, server_settings=UNCHECKED)
    try:
        for table, lines in tables.items():
            await connection.copy_to_table(table, source=_chunks(lines), columns=COLUMNS[table], timeout=600)
    finally:
        await connection.close()


async def _chunks(lines: Sequence[str]) -> AsyncIterator[bytes]:
    for start in range(0, len(lines), LINES):
        yield "".join(lines[start : start + LINES]).encode()


@contextmanager
def writers() -> Iterator[Executor]:
    """Yield the processes that write."""
    with ProcessPoolExecutor(WRITERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def load(pool: Executor, url: str, traffic: Iterable[Stretch], title: str) -> float:
    """Write *traffic*, tell how far it is, and return how many seconds it took."""
    traffic = list(traffic)
    started = perf_counter()
    waiting = [pool.submit(copy_stretch, url, each) for each in traffic]
    done = (future.result() for future in as_completed(waiting))
    total = sum(each.items for each in traffic)
    _show(done, total, title)
    return perf_counter() - started


def _show(done: Iterator[int], total: int, title: str) -> None:
    console = Console(stderr=True)
    if not console.is_terminal:
        _log(done, total, title)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=console) as progress:
        task = progress.add_task(title, total=total)
        for items in done:
            progress.advance(task, items)


def _log(done: Iterator[int], total: int, title: str) -> None:
    """Write a line for each tenth."""
    written, told, started = 0, 0, perf_counter()
    for items in done:
        written += items
        if written * 10 // total > told:
            told = written * 10 // total
            rate = written / (perf_counter() - started)
            print(f"{title}: {written:,} of {total:,} items, {rate:,.0f} a second", file=sys.stderr, flush=True)
