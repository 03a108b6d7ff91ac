"""An engine that the host made: its listeners, threads, loops and pool are served, and no call waits for ever."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest
from greenlet import greenlet
from sqlalchemy import NullPool, event
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.errors import StoreUnavailableError
from tests.support.locks import locked_threads
from tests.support.samples import ALICE, thread

TENANT = ContextVar("TENANT", default="nobody")


@pytest.fixture
async def make_engine(database_url):
    """Make an engine as a host does, disposed of after the test."""
    engines = []

    def make(**options):
        engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://"), **options)
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        await engine.dispose()


async def test_a_listener_sees_the_context_of_the_call_that_checks_out(make_engine, make_store):
    engine = make_engine(pool_size=2)
    store = await make_store(engine=engine)
    seen = []

    @event.listens_for(engine.sync_engine, "checkout")
    def note_tenant(*_):
        seen.append(TENANT.get())

    async def call(tenant):
        TENANT.set(tenant)
        await store.load_threads(1, None, "asc", ALICE)
        await store.save_thread(thread(), ALICE)

    await asyncio.gather(*(call(f"tenant {number}") for number in range(10)))
    assert sorted(seen) == sorted(f"tenant {number}" for number in range(10) for _ in range(2))


def call_in_a_loop(store):
    async def calls():
        pages = await asyncio.gather(*(store.load_threads(1, None, "asc", ALICE) for _ in range(5)))
        return [page.has_more for page in pages]

    return asyncio.run(calls())


async def test_threads_with_loops_of_their_own_share_a_store(make_engine):
    store = PostgresStore(engine=make_engine(poolclass=NullPool))
    for _ in range(3):
        with ThreadPoolExecutor(1) as thread_of_its_own:
            assert await asyncio.wrap_future(thread_of_its_own.submit(call_in_a_loop, store)) == [False] * 5


async def test_a_loop_may_run_in_a_greenlet(make_engine):
    store = PostgresStore(engine=make_engine(poolclass=NullPool))

    def one_after_another():
        return [greenlet(call_in_a_loop).switch(store) for _ in range(3)]

    assert await asyncio.to_thread(one_after_another) == [[False] * 5] * 3


async def test_connections_beyond_the_pool_size_are_closed_and_none_is_lost(make_engine, make_store):
    engine = make_engine(pool_size=1, max_overflow=9)
    store = await make_store(engine=engine)
    for _ in range(3):
        await asyncio.gather(*(store.load_threads(1, None, "asc", ALICE) for _ in range(10)))
    assert (engine.pool.checkedin(), engine.pool.checkedout(), engine.pool.overflow()) == (1, 0, 0)


async def test_a_call_does_not_wait_longer_than_it_may_where_the_pool_would(make_engine, make_store):
    engine = make_engine(pool_size=1, max_overflow=0, pool_timeout=60)
    store = await make_store(engine=engine, retry_seconds=1.0)
    async with engine.connect(), asyncio.timeout(30):
        with pytest.raises(StoreUnavailableError, match="no attempt came to an end"):
            await store.load_threads(1, None, "asc", ALICE)
    await store.load_threads(1, None, "asc", ALICE)


async def test_an_attempt_does_not_take_longer_than_the_call_may(make_store, database_url):
    store = await make_store(retry_seconds=1.0, attempt_timeout_seconds=60)
    await store.save_thread(thread(), ALICE)
    async with locked_threads(database_url), asyncio.timeout(30):
        with pytest.raises(StoreUnavailableError, match="no attempt came to an end"):
            await store.save_thread(thread(), ALICE)
