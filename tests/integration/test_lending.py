"""Calls get connections in the order in which they came; one that comes back is lent on, and not kept from the pool."""

import asyncio
from contextlib import contextmanager
from importlib.metadata import version

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from chatkit_pgstore import NotFoundError, StoreUnavailableError
from chatkit_pgstore._lending import MOST_LOANS
from tests.support.locks import locked_threads
from tests.support.samples import ALICE, message, thread
from tests.support.tables import END_ALL_OTHERS, fetch
from tests.support.waiting import turns_of_the_loop


@pytest.fixture
async def engine_with(database_url):
    """``engine_with(pool_size=1)``: a host's engine, disposed of after the test."""
    engines = []

    def make(**options):
        url = database_url.replace("postgresql:", "postgresql+asyncpg:")
        engines.append(create_async_engine(url, **options))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.dispose()


async def in_order_of_return(store, *callers):
    """Let each caller make three calls, one after the other, and return who was served when."""
    served = []

    async def calls(name):
        for _ in range(3):
            await store.load_thread("thr_1", ALICE)
            served.append(name)

    await asyncio.gather(*(calls(name) for name in callers))
    return "".join(served)


async def test_who_calls_again_and_again_lets_others_go_first(make_store):
    store = await make_store(pool_size=1)
    await store.save_thread(thread(), ALICE)
    assert await in_order_of_return(store, "a", "b", "c") == "abcabcabc"


async def test_on_a_hosts_engine_too(make_store, engine_with):
    store = await make_store(engine=engine_with(pool_size=1, max_overflow=0))
    await store.save_thread(thread(), ALICE)
    assert await in_order_of_return(store, "a", "b", "c") == "abcabcabc"


@pytest.mark.parametrize("options", [{"poolclass": NullPool}, {"pool_size": 1, "max_overflow": -1}], ids=str)
async def test_a_pool_without_a_limit_needs_no_turns(options, make_store, engine_with, database_url):
    store = await make_store(engine=engine_with(**options))
    await store.save_thread(thread(), ALICE)
    async with locked_threads(database_url) as holder:
        writes = [asyncio.create_task(store.add_thread_item("thr_1", message(f"msg_{n}"), ALICE)) for n in range(5)]
        await holder.is_waited_for_by(5)
    await asyncio.gather(*writes)


async def test_a_turn_that_does_not_come_is_an_error_when_the_calls_time_is_over(make_store, database_url):
    store = await make_store(pool_size=1, retry_seconds=0.5)
    await store.save_thread(thread(), ALICE)
    async with locked_threads(database_url):
        # Both begin at once, and so are over at once: one has the turn for as long as the other may wait for it.
        writes = [store.add_thread_item("thr_1", message(f"msg_{n}"), ALICE) for n in range(2)]
        errors = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(error) for error in errors] == [StoreUnavailableError, StoreUnavailableError]
    assert (await store.load_thread("thr_1", ALICE)).id == "thr_1"


async def test_a_caller_who_is_cancelled_gives_the_turn_back(make_store, database_url):
    store = await make_store(pool_size=1)
    await store.save_thread(thread(), ALICE)
    async with locked_threads(database_url) as holder:
        write = asyncio.create_task(store.add_thread_item("thr_1", message("msg_1"), ALICE))
        await holder.is_waited_for_by(1)
        reads = [asyncio.create_task(store.load_thread("thr_1", ALICE)) for _ in range(3)]
        await asyncio.sleep(0)
        for read in reads:
            read.cancel()
    await write
    assert (await store.load_thread("thr_1", ALICE)).id == "thr_1"


@contextmanager
def counted_checkouts(engine):
    """How often a connection left the pool of *engine*."""
    checkouts = []

    def note(*_):
        checkouts.append(1)

    event.listen(engine.sync_engine, "checkout", note)
    yield checkouts
    event.remove(engine.sync_engine, "checkout", note)


async def test_a_call_that_follows_at_once_has_the_connection_of_the_one_before(make_store):
    store = await make_store()
    with counted_checkouts(store.engine) as checkouts:
        for _ in range(5):
            await store.load_threads(1, None, "asc", ALICE)
    assert len(checkouts) == 1


async def test_who_waits_has_the_connection_of_the_one_before(make_store):
    store = await make_store(pool_size=1)
    with counted_checkouts(store.engine) as checkouts:
        await asyncio.gather(*(store.load_threads(1, None, "asc", ALICE) for _ in range(5)))
    assert len(checkouts) == 1


async def test_a_write_and_a_read_lend_to_each_other(make_store):
    store = await make_store()
    with counted_checkouts(store.engine) as checkouts:
        for _ in range(5):
            await store.save_thread(thread(), ALICE)
            await store.load_thread("thr_1", ALICE)
            await store.save_thread(thread(), ALICE)
            await store.save_thread(thread(), ALICE)
    assert len(checkouts) == 1


async def test_nobody_keeps_a_connection_when_the_loop_has_turned(make_store):
    store = await make_store()
    for _ in range(3):
        await store.load_threads(1, None, "asc", ALICE)
        await turns_of_the_loop()
        assert (store.engine.pool.checkedout(), store.engine.pool.checkedin()) == (0, 1)


async def test_a_connection_of_a_host_is_back_when_the_call_ends(make_store, engine_with):
    engine = engine_with(pool_size=1, max_overflow=0)
    store = await make_store(engine=engine)
    for _ in range(3):
        await store.load_threads(1, None, "asc", ALICE)
        assert (engine.pool.checkedout(), engine.pool.checkedin()) == (0, 1)


@pytest.mark.skipif(
    version("sqlalchemy").startswith("2.0."),
    reason="on SQLAlchemy 2.0 who waits for the pool was seen to wait for as long as calls follow without a pause",
)
async def test_who_waits_for_the_pool_itself_has_a_turn_between_calls_without_end(make_store):
    store = await make_store(pool_size=1)
    served = 0

    async def calls():
        nonlocal served
        while True:
            await store.load_threads(1, None, "asc", ALICE)
            served += 1

    callers = [asyncio.create_task(calls()) for _ in range(2)]
    await asyncio.sleep(0)
    async with store.engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    assert served <= 2 * MOST_LOANS


async def test_a_call_that_failed_for_its_own_reasons_leaves_a_connection_to_lend(make_store):
    store = await make_store()
    with counted_checkouts(store.engine) as checkouts:
        for _ in range(5):
            with pytest.raises(NotFoundError):
                await store.load_thread("unknown", ALICE)
    assert len(checkouts) == 1


async def test_a_connection_that_was_lost_is_not_lent_on(make_store, database_url):
    store = await make_store(pool_size=2)
    await asyncio.gather(store.load_threads(1, None, "asc", ALICE), store.load_threads(1, None, "asc", ALICE))
    await fetch(database_url, END_ALL_OTHERS)
    with counted_checkouts(store.engine) as checkouts:
        for _ in range(5):
            await store.load_threads(1, None, "asc", ALICE)
    assert len(checkouts) > 1


async def test_closing_takes_back_what_is_at_hand(make_store):
    store = await make_store()
    pool = store.engine.pool
    await store.load_threads(1, None, "asc", ALICE)
    assert pool.checkedout() == 1
    await store.close()
    assert pool.checkedout() == 0


async def test_what_a_listener_left_open_is_ended_before_the_connection_is_back(make_store):
    """SQL of a listener for check-ins makes SQLAlchemy talk to the server when a connection goes back."""
    store = await make_store(pool_size=1)
    event.listen(store.engine.sync_engine, "reset", lambda connection, *_: connection.cursor().execute("SELECT 1"))
    await store.load_threads(1, None, "asc", ALICE)
    await store.close()
    assert store.engine.pool.checkedout() == 0
