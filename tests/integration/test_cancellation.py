"""Whoever is cancelled, and however: a write that has begun is stored, and the pool stays whole."""

import asyncio
import logging
import random
from contextlib import suppress
from functools import partial

import anyio
import pytest

from chatkit_pgstore import NotFoundError
from chatkit_pgstore.testing import MemoryStore
from tests.support.calls import BY_METHOD, CALLS, fill
from tests.support.locks import locked_threads
from tests.support.samples import ALICE, attachment, ids_of, items_of, message, thread
from tests.support.shared import proxy_before
from tests.support.tables import dump
from tests.support.waiting import eventually, turns_of_the_loop

CANCELS = 500
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
    """Make all calls at once, cancel each at some moment, and see that a good part of them was met; tell which."""
    choice = random.Random(7)
    waits = [choice.uniform(0, LONGEST_WAIT_SECONDS) for _ in calls]
    met = await asyncio.gather(*(cancelled(call, wait) for call, wait in zip(calls, waits, strict=True)))
    assert sum(met) > CANCELS / 10
    return met


async def see_that_the_pool_is_whole(store):
    await turns_of_the_loop()
    assert store.engine.pool.checkedout() == 0
    pages = await asyncio.gather(*(store.load_threads(1, None, "asc", ALICE) for _ in range(2 * POOL_SIZE)))
    assert [[each.id for each in page.data] for page in pages] == [["thr_1"]] * len(pages)
    await turns_of_the_loop()
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


ROUNDS = CANCELS // len(BY_METHOD) + 1


async def prepare(store, number):
    """Write what the calls of one round find, and what they delete."""
    for name in ("thr", "thr_to_delete"):
        await store.save_thread(thread(f"{name}_{number}"), ALICE)
    for name in ("msg", "msg_to_delete"):
        await store.add_thread_item(f"thr_{number}", message(name, thread_id=f"thr_{number}"), ALICE)
    for name in ("atc", "atc_to_delete"):
        await store.save_attachment(attachment(f"{name}_{number}"), ALICE)


def one_of_each(store, number):
    """Return a call of every method, on what no other call changes."""
    thread_id = f"thr_{number}"
    return {
        "load_thread": partial(store.load_thread, thread_id, ALICE),
        "save_thread": partial(store.save_thread, thread(f"thr_new_{number}"), ALICE),
        "load_threads": partial(store.load_threads, 9, None, "asc", ALICE),
        "delete_thread": partial(store.delete_thread, f"thr_to_delete_{number}", ALICE),
        "load_thread_items": partial(store.load_thread_items, thread_id, None, 9, "asc", ALICE),
        "add_thread_item": partial(store.add_thread_item, thread_id, message("msg_new", thread_id=thread_id), ALICE),
        "save_item": partial(store.save_item, thread_id, message("msg", "Saved", thread_id), ALICE),
        "load_item": partial(store.load_item, thread_id, "msg", ALICE),
        "delete_thread_item": partial(store.delete_thread_item, thread_id, "msg_to_delete", ALICE),
        "save_attachment": partial(store.save_attachment, attachment(f"atc_new_{number}", thread_id), ALICE),
        "load_attachment": partial(store.load_attachment, f"atc_{number}", ALICE),
        "delete_attachment": partial(store.delete_attachment, f"atc_to_delete_{number}", ALICE),
    }


async def everything_in(store):
    threads = (await store.load_threads(1000, None, "asc", ALICE)).data
    items = {each.id: await items_of(store, each.id) for each in threads}
    names = [f"{name}_{number}" for name in ("atc", "atc_new", "atc_to_delete") for number in range(ROUNDS)]
    attachments = []
    for name in names:
        with suppress(NotFoundError):
            attachments.append(await store.load_attachment(name, ALICE))
    return threads, items, attachments


@KINDS
async def test_cancellations_of_all_methods_leave_what_the_same_calls_leave_without_them(
    cancelled, distant_store, store, proxy
):
    other = MemoryStore()
    calls = [each for number in range(ROUNDS) for each in one_of_each(distant_store, number).items()]
    random.Random(7).shuffle(calls)
    for number in range(ROUNDS):
        await prepare(store, number)
        await prepare(other, number)
        for call in one_of_each(other, number).values():
            await call()
    met = await cancelled_at_random(cancelled, [call for _, call in calls])
    assert {name for (name, _), is_met in zip(calls, met, strict=True) if is_met} == set(BY_METHOD)
    assert await everything_in(store) == await everything_in(other)
    await asyncio.gather(*(distant_store.load_thread("thr_1", ALICE) for _ in range(2 * POOL_SIZE)))
    await turns_of_the_loop()
    assert (distant_store.engine.pool.checkedout(), distant_store.engine.pool.checkedin()) == (0, POOL_SIZE)


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
    store = await make_store(pool_size=1, retry_seconds=1.0)
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
