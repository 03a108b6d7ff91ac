"""Whoever is cancelled, and however: a write that has begun is stored, and the pool stays whole."""

import asyncio
import logging
import random
from contextlib import suppress

import anyio
import pytest

from tests.support.calls import CALLS, fill
from tests.support.locks import locked_threads
from tests.support.samples import ALICE, ids_of, message, thread
from tests.support.shared import proxy_before
from tests.support.tables import dump
from tests.support.waiting import eventually

CANCELS = 200
POOL_SIZE = 10
LONGEST_WAIT_SECONDS = 0.1
"""Until the cancel; about what all calls together take, so that they are met everywhere."""


@pytest.fixture
async def proxy(database_url):
    """A network that is slow enough for a cancel to meet a statement on its way."""
    async with proxy_before(database_url, delay_seconds=0.002) as proxy:
        yield proxy


@pytest.fixture
async def distant_store(proxy, database_url, make_store):
    store = await make_store(proxy.url(database_url), pool_size=POOL_SIZE)
    await store.save_thread(thread(), ALICE)
    await asyncio.gather(*(store.load_thread("thr_1", ALICE) for _ in range(POOL_SIZE)))
    proxy.reset()
    return store


async def natively(call, seconds):
    """Make a call in a task that is cancelled after so many seconds; return whether that met it."""
    task = asyncio.create_task(call())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


async def natively_again_and_again(call, seconds):
    task = asyncio.create_task(call())
    await asyncio.sleep(seconds)
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    return task.cancelled()


async def by_anyio(call, seconds):
    """Make a call in a scope that is cancelled after so many seconds, which cancels every further await."""
    with anyio.move_on_after(seconds) as scope:
        await call()
        await anyio.lowlevel.checkpoint()
    return scope.cancelled_caught


KINDS = pytest.mark.parametrize(
    "cancelled", [natively, natively_again_and_again, by_anyio], ids=lambda kind: kind.__name__
)


async def cancelled_at_random(cancelled, calls):
    """Make all calls at once, cancel each at some moment, and see that a good part of them was met."""
    choice = random.Random(7)
    waits = [choice.uniform(0, LONGEST_WAIT_SECONDS) for _ in calls]
    met = await asyncio.gather(*(cancelled(call, wait) for call, wait in zip(calls, waits, strict=True)))
    assert sum(met) > CANCELS / 10


async def see_that_the_pool_is_whole(store):
    assert store.engine.pool.checkedout() == 0
    pages = await asyncio.gather(*(store.load_threads(9, None, "asc", ALICE) for _ in range(2 * POOL_SIZE)))
    assert [[each.id for each in page.data] for page in pages] == [["thr_1"]] * len(pages)
    assert (store.engine.pool.checkedout(), store.engine.pool.checkedin()) == (0, POOL_SIZE)


@KINDS
async def test_a_write_that_has_begun_is_stored(cancelled, distant_store, proxy):
    begun = []

    async def write():
        begun.append(f"msg_{len(begun)}")
        await distant_store.add_thread_item("thr_1", message(begun[-1]), ALICE)

    await cancelled_at_random(cancelled, [write] * CANCELS)
    assert sorted(await ids_of(distant_store)) == sorted(begun)
    assert proxy.connections == 0  # not one of them was broken
    await see_that_the_pool_is_whole(distant_store)


@pytest.mark.parametrize("cancelled", [natively, by_anyio])
async def test_what_a_server_writes_on_being_cancelled_is_stored_too(cancelled, distant_store):
    """The SDK stores a partial reply and a marker when its client goes away in the middle of a stream."""
    ids = []

    async def respond():
        name = f"msg_{len(ids)}"
        ids.extend([f"{name}_partial", f"{name}_marker"])
        try:
            await anyio.sleep_forever()
        finally:
            await distant_store.add_thread_item("thr_1", message(f"{name}_partial"), ALICE)
            await distant_store.add_thread_item("thr_1", message(f"{name}_marker"), ALICE)

    assert all(await asyncio.gather(*(cancelled(respond, 0.01) for _ in range(20))))
    assert sorted(await ids_of(distant_store)) == sorted(ids)


WRITES = [
    call for call in CALLS if call.raises is None and call.name.split()[1] in ("new", "existing", "found", "with")
]


@pytest.mark.parametrize("call", [call for call in WRITES if not call.method.startswith("load")], ids=str)
async def test_every_kind_of_write_that_has_begun_takes_effect(call, store, database_url):
    await fill(store)
    before = await dump(database_url)
    task = asyncio.create_task(call.made(store))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await dump(database_url) != before


@KINDS
async def test_reads_that_are_cancelled_leave_the_pool_whole(cancelled, distant_store):
    for number in range(5):
        await distant_store.add_thread_item("thr_1", message(f"msg_{number}"), ALICE)

    async def read():
        assert await ids_of(distant_store) == [f"msg_{number}" for number in range(5)]

    await cancelled_at_random(cancelled, [read] * CANCELS)
    await see_that_the_pool_is_whole(distant_store)
    await asyncio.gather(*(read() for _ in range(5 * POOL_SIZE)))


async def test_a_connection_whose_read_was_cancelled_is_not_waited_for(proxy, database_url, make_store, caplog):
    store = await make_store(proxy.url(database_url), pool_size=1)
    await store.save_thread(thread(), ALICE)
    await store.load_thread("thr_1", ALICE)
    proxy.reset()
    proxy.delay_seconds = 3600  # what is sent now has no answer, not even to a cancel
    reading = asyncio.create_task(store.load_thread("thr_1", ALICE))
    await eventually(lambda: proxy.round_trips)
    proxy.delay_seconds = 0
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await store.load_thread("thr_1", ALICE) == thread()
    assert (proxy.connections, caplog.messages) == (1, [])


async def test_close_waits_for_writes_whose_callers_were_cancelled(store, make_store, database_url):
    closing = await make_store(pool_size=POOL_SIZE)
    await store.save_thread(thread(), ALICE)
    ids = [f"msg_{number}" for number in range(POOL_SIZE)]
    async with locked_threads(database_url) as holder:
        callers = [asyncio.create_task(closing.add_thread_item("thr_1", message(each), ALICE)) for each in ids]
        await holder.is_waited_for_by(len(ids))
        for caller in callers:
            caller.cancel()
        close = asyncio.create_task(closing.close())
        done, _ = await asyncio.wait([close, *callers], timeout=0.05)
        assert done == set()
    await close
    assert sorted(await ids_of(store)) == ids
    await asyncio.wait(callers)
    assert all(caller.cancelled() for caller in callers)


async def test_a_write_that_waits_for_a_connection_is_stored(make_store):
    store = await make_store(pool_size=1)
    await store.save_thread(thread(), ALICE)
    async with store.engine.connect():
        caller = asyncio.create_task(store.add_thread_item("thr_1", message("msg_1"), ALICE))
        await asyncio.sleep(0)
        caller.cancel()
    with suppress(asyncio.CancelledError):
        await caller
    assert caller.cancelled()
    assert await ids_of(store) == ["msg_1"]


async def test_a_write_that_fails_after_its_caller_was_cancelled_is_logged(make_store, caplog):
    store = await make_store(pool_size=1, retry_seconds=0.1)
    await store.save_thread(thread(), ALICE)
    async with store.engine.connect():
        caller = asyncio.create_task(store.add_thread_item("thr_1", message("msg_1"), ALICE))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "add_thread_item failed after its caller was cancelled" in record.getMessage()
    assert await ids_of(store) == []
