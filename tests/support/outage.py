"""Outages: of a real server, by refusing its connections, and of a store in memory, by a switch."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from chatkit.store import Store

from chatkit_pgstore import StoreUnavailableError
from chatkit_pgstore.buffered import BufferedStore
from chatkit_pgstore.testing import MemoryStore
from tests.support.fault_proxy import End, FaultProxy
from tests.support.samples import ALICE, message, thread
from tests.support.waiting import eventually

SOON = 0.3
"""The ``retry_seconds`` of a store in an outage: how long its first call takes to notice."""


@asynccontextmanager
async def severable(database_url: str) -> AsyncIterator[FaultProxy]:
    """Lend a proxy before the server that *database_url* leads to."""
    server = urlsplit(database_url)
    async with FaultProxy(str(server.hostname), server.port or 5432) as proxy:
        yield proxy


def sever(proxy: FaultProxy) -> None:
    """Let the server be away, for everybody who comes through *proxy*."""
    proxy.refuse()
    proxy.end_all(End.RST)


async def caught_up(store: BufferedStore[Any]) -> None:
    """Return once the database is back and has everything."""
    await eventually(lambda: not store.is_buffering and not store.pending)


class AwayStore(MemoryStore[Any]):
    """A store in memory that can be away, and that notes every call it is asked for.

    Attributes:
        is_away: Whether every call raises StoreUnavailableError.
        calls: What was called, and about which id.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.is_away = False
        self.calls: list[tuple[str, Any]] = []


def _with_switch(name: str) -> Any:
    method = getattr(MemoryStore, name)

    async def switched(self: AwayStore, *arguments: Any) -> Any:
        self.calls.append((name, arguments[0]))
        try:
            if self.is_away:
                raise StoreUnavailableError("it is away")
            return await method(self, *arguments)
        finally:
            # On its way back others may be about the same rows.
            for _ in range(3):
                await asyncio.sleep(0)

    return switched


for each in Store.__abstractmethods__:
    setattr(AwayStore, each, _with_switch(each))


PROBE = ("load_threads", 1)
"""The call by which a store is asked whether it is back."""


async def put(inner, thread_id="thr_1", items=3, context=ALICE):
    """Write a thread as another process would."""
    await MemoryStore.save_thread(inner, thread(thread_id), context)
    for number in range(items):
        await MemoryStore.add_thread_item(inner, thread_id, message(f"msg_{number}", thread_id=thread_id), context)


async def read(store, thread_id="thr_1", *, limit=100, order="asc", context=ALICE):
    """Read a thread as a browser does that opens it."""
    await store.load_thread(thread_id, context)
    after, has_more = None, True
    while has_more:
        page = await store.load_thread_items(thread_id, after, limit, order, context)
        after, has_more = page.after, page.has_more


async def is_known(store, thread_id, context=ALICE):
    try:
        await store.load_thread(thread_id, context)
        await store.load_thread_items(thread_id, None, 100, "asc", context)
    except StoreUnavailableError:
        return False
    return True


async def written_by_another(inner, *items, title=None, **fields):
    """Write to thr_1 as another process does, whose database is there."""
    changed = thread(title=title).model_copy(update=fields)
    await MemoryStore.save_thread(inner, changed, ALICE)
    for each in items:
        await MemoryStore.add_thread_item(inner, "thr_1", each, ALICE)


async def back(inner, store):
    inner.is_away = False
    await caught_up(store)


def writes_to(inner):
    return [call for call in inner.calls if not call[0].startswith("load")]
