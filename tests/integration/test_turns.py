"""Calls get a connection in the order in which they came, and nobody waits for one longer than a call may take."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from chatkit_pgstore import StoreUnavailableError
from tests.support.locks import locked_threads
from tests.support.samples import ALICE, message, thread


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
