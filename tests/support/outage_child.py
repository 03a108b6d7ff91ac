"""A process that journals a conversation and writes it to the database, to be killed at a moment of the test's choice.

``python -m tests.support.outage_child URL JOURNAL MOMENT``; it prints the moment when it has come, and waits to die:

- ``pending``: the whole conversation is in the journal, and the database away;
- ``acknowledged``: the database has acknowledged an item that is still in the journal.
"""

import asyncio
import sys
from contextlib import suppress
from typing import Any

from chatkit_pgstore import PostgresStore, StoreUnavailableError
from chatkit_pgstore.buffered import BufferedStore
from chatkit_pgstore.buffered._journal import Journal
from tests.support.outage import SOON, sever, severable
from tests.support.samples import ALICE, message, thread

ITEMS = tuple(f"msg_{number}" for number in range(6))
LAST_REMOVED = 3


async def converse(url: str, journal: str, moment: str) -> None:
    """Hold the conversation, and stop at the *moment*."""
    async with severable(url) as proxy:
        inner = PostgresStore(proxy.url(url), retry_seconds=SOON)
        store = BufferedStore[Any](inner, journal, database="the test's")
        await store.initialize()
        sever(proxy)
        with suppress(StoreUnavailableError):
            await store.load_threads(1, None, "asc", ALICE)
        await store.save_thread(thread(title="In the outage"), ALICE)
        for each in ITEMS:
            await store.add_thread_item("thr_1", message(each), ALICE)
        if moment == "pending":
            await wait_to_die(moment)
        Journal.acknowledge = stopping_at(moment)  # type: ignore[method-assign]  # the moment is inside
        proxy.accept()
        await asyncio.Event().wait()


def stopping_at(moment: str) -> Any:
    """Return how a write is taken off the journal until the process stops."""
    acknowledge, taken_off = Journal.acknowledge, 0

    async def stopping(journal: Journal, user_id: str, number: int) -> None:
        nonlocal taken_off
        taken_off += 1
        if taken_off > LAST_REMOVED:
            await wait_to_die(moment)
        await acknowledge(journal, user_id, number)

    return stopping


async def wait_to_die(moment: str) -> None:
    """Say that the moment has come."""
    print(moment, flush=True)  # noqa: T201  # what the test waits for
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(converse(*sys.argv[1:]))
