"""Crash proof: processes append while backends are terminated and the server is killed and started again."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

from chatkit_pgstore import PostgresStore
from examples.embedded_postgres import EmbeddedPostgres
from tests.chaos.figures import Figures, listening
from tests.chaos.shared_threads import SharedThread, SharedThreads
from tests.chaos.writer import USER, writer
from tests.support.samples import thread
from tests.support.tables import fetch, fetch_value
from tests.support.waiting import eventually_true

PROCESSES, TASKS = 2, 4
ITEMS_BETWEEN = 2 * PROCESSES * TASKS
TERMINATE, KILL = "backends terminated", "server killed with SIGKILL and started again"
TERMINATE_ALL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
WRITTEN = "SELECT coalesce(sum(last_sort_key), 0) FROM chatkit_threads"


async def crashes(server: EmbeddedPostgres, *, terminations: int = 50, kills: int = 10) -> Figures:
    """Let processes append while backends are terminated, all at once each time, and the server crashes.

    Args:
        server: One on which a commit survives a crash.
        terminations: At least as many as *kills*.
    """
    figures = Figures()
    with listening(figures):
        await _crash(server, _in_turn(terminations, kills), figures)
    return figures


async def _crash(server: EmbeddedPostgres, faults: Iterator[str], figures: Figures) -> None:
    shared = SharedThread("thr_shared_0")
    async with PostgresStore(server.url()) as store:
        threads = SharedThreads(store, USER)
        await store.save_thread(thread(shared.thread_id), threads.context)
        async with AsyncExitStack() as stack:
            writers = [
                await stack.enter_async_context(writer(server.url(), str(number), TASKS)) for number in range(PROCESSES)
            ]
            await asyncio.gather(*(each.is_ready() for each in writers))
            await _disturb(server, faults, figures)
            for each in writers:
                appends = await each.stop(figures)
                shared.appends.update({append.text: append for append in appends})
        shared.judge(await threads.texts_of(shared, store), figures)


def _in_turn(terminations: int, kills: int) -> Iterator[str]:
    for number in range(terminations):
        yield TERMINATE
        if (number + 1) * kills // terminations > number * kills // terminations:
            yield KILL


async def _disturb(server: EmbeddedPostgres, faults: Iterator[str], figures: Figures) -> None:
    """Let each fault meet writers who are at work."""
    for fault in faults:
        await _more_is_written(server.url())
        figures.faults[fault] += 1
        if fault == TERMINATE:
            await fetch(server.url(), TERMINATE_ALL)
        else:
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
    await _more_is_written(server.url())


async def _more_is_written(database_url: str) -> None:
    wanted = await fetch_value(database_url, WRITTEN) + ITEMS_BETWEEN

    async def is_written() -> bool:
        return await fetch_value(database_url, WRITTEN) >= wanted

    await eventually_true(is_written)
