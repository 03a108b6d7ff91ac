"""How a call is sent again: at once, on a connection that is not of yesterday, and no longer than it may."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from chatkit_pgstore import PostgresStore, StoreUnavailableError
from tests.support.fault_proxy import FaultProxy
from tests.support.locks import locked_threads
from tests.support.samples import ALICE, ids_of, message, thread
from tests.support.tables import END_ALL_OTHERS, fetch
from tests.support.waiting import eventually

PATIENCE_SECONDS = 15.0


@pytest.fixture
async def store_on(database_url, make_store):
    """Returns a store on an engine of the host's, made with these options and a filled pool."""
    engines = []

    async def make(**options):
        engine = create_async_engine(database_url.replace("postgresql:", "postgresql+asyncpg:"), **options)
        engines.append(engine)
        store = await make_store(engine=engine)
        await store.save_thread(thread(), ALICE)
        await asyncio.gather(*(store.load_thread("thr_1", ALICE) for _ in range(5)))
        return store

    yield make
    for engine in engines:
        await engine.dispose()


def failures(caplog):
    return [each for each in caplog.messages if "failed" in each]


async def test_of_a_pool_of_dead_connections_a_call_meets_one(store_on, database_url, caplog):
    """This pool hands out the one that has waited longest; each of the others is as dead."""
    store = await store_on(pool_size=5, pool_use_lifo=False)
    await fetch(database_url, END_ALL_OTHERS)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    assert len(failures(caplog)) == 1
    assert await ids_of(store) == ["msg_1"]


async def test_after_a_dispose_a_call_meets_one_dead_connection_too(store_on, database_url, caplog):
    store = await store_on(pool_size=5, pool_use_lifo=False)
    await store.engine.dispose()
    await asyncio.gather(*(store.load_thread("thr_1", ALICE) for _ in range(5)))
    await fetch(database_url, END_ALL_OTHERS)
    await store.load_thread("thr_1", ALICE)
    assert len(failures(caplog)) == 1


async def test_connections_from_before_the_store_are_older_than_any_loss(database_url, make_store, caplog):
    engine = create_async_engine(
        database_url.replace("postgresql:", "postgresql+asyncpg:"), pool_size=5, pool_use_lifo=False
    )
    connections = [await engine.connect() for _ in range(5)]
    for connection in connections:
        await connection.close()
    store = await make_store(engine=engine)
    await fetch(database_url, END_ALL_OTHERS)
    await store.save_thread(thread(), ALICE)
    assert len(failures(caplog)) == 1
    await engine.dispose()


@pytest.mark.parametrize("pool", [NullPool, AsyncAdaptedQueuePool], ids=lambda pool: pool.__name__)
async def test_any_pool_serves_a_call_again(pool, store_on, database_url):
    store = await store_on(poolclass=pool)
    await fetch(database_url, END_ALL_OTHERS)
    assert await store.load_thread("thr_1", ALICE) == thread()


async def test_many_stores_on_one_engine_leave_one_mark_on_it(store_on, make_store):
    store = await store_on()
    marks = len(store.engine.sync_engine.pool.dispatch.connect)
    for _ in range(5):
        await make_store(engine=store.engine)
    assert len(store.engine.sync_engine.pool.dispatch.connect) == marks


async def test_a_read_between_two_attempts_is_cancelled_at_once(make_store, unused_tcp_port):
    store = await make_store(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/none", retry_seconds=60)
    reading = asyncio.create_task(store.load_thread("thr_1", ALICE))
    await asyncio.sleep(0.2)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert store.engine.pool.checkedout() == 0


async def test_the_error_tells_the_failure_that_says_most(make_store, unused_tcp_port):
    store = await make_store(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/none", retry_seconds=0.3)
    with pytest.raises(StoreUnavailableError, match=r"save_thread did not succeed within 0\.3 seconds") as raised:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await store.save_thread(thread(), ALICE)
    assert isinstance(raised.value.__cause__, OSError)
    assert "attempts (ConnectionRefusedError" in str(raised.value)


async def test_what_is_not_worth_it_is_said_on_any_attempt(store_on, database_url, caplog):
    """The first attempt loses its connection, the second finds the tables gone."""
    store = await store_on()
    await fetch(database_url, END_ALL_OTHERS)
    await fetch(database_url, "DROP TABLE chatkit_thread_items, chatkit_attachments, chatkit_threads CASCADE")
    with pytest.raises(Exception, match="chatkit-pgstore migrate") as raised:
        await store.load_thread("thr_1", ALICE)
    assert isinstance(raised.value.__cause__, asyncpg.UndefinedTableError)
    assert len(failures(caplog)) == 1


async def test_a_statement_cancelled_by_the_server_is_sent_again(make_store, database_url, caplog):
    """Its own ``statement_timeout`` ends it in the same way."""
    store = await make_store()
    await store.save_thread(thread(), ALICE)
    async with locked_threads(database_url) as holder:
        adding = asyncio.create_task(store.add_thread_item("thr_1", message("msg_1"), ALICE))
        await holder.is_waited_for_by(1)
        await fetch(database_url, END_ALL_OTHERS.replace("terminate", "cancel") + " AND wait_event_type = 'Lock'")
        await eventually(lambda: failures(caplog))
    await adding
    assert await ids_of(store) == ["msg_1"]


async def test_closing_does_not_wait_for_half_open_connections(database_url):
    server = urlsplit(database_url)
    async with FaultProxy(server.hostname, server.port or 5432) as proxy:
        store = PostgresStore(proxy.url(database_url))
        await store.save_thread(thread(), ALICE)
        await asyncio.gather(*(store.load_thread("thr_1", ALICE) for _ in range(10)))
        proxy.silence_all()
        async with asyncio.timeout(10):
            await store.close()
