"""Connections break and statements hang: calls go on, and what was acknowledged is there once."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from chatkit_pgstore import PostgresStore, StoreUnavailableError
from examples.embedded_postgres import EmbeddedPostgres
from tests.support.calls import BY_METHOD, fill
from tests.support.fault_proxy import End, FaultProxy
from tests.support.locks import locked_threads
from tests.support.samples import ALICE, ids_of, message, thread
from tests.support.shared import proxy_before
from tests.support.tables import END_ALL_OTHERS, fetch, fetch_value


@pytest.fixture(scope="module")
def crashing_server():
    """A server of our own, on which a commit survives a crash."""
    with EmbeddedPostgres(durable=True) as server:
        yield server


@pytest.mark.parametrize("call", BY_METHOD.values(), ids=str)
async def test_a_call_succeeds_after_all_connections_of_the_pool_were_ended(call, store, database_url):
    await fill(store)
    await asyncio.gather(*(store.load_thread("thr_1", ALICE) for _ in range(10)))
    await fetch(database_url, END_ALL_OTHERS)
    await call.made(store)
    await asyncio.gather(*(store.load_threads(9, None, "asc", ALICE) for _ in range(20)))


async def test_an_append_whose_connection_ends_on_the_way_is_there_once(store, database_url):
    await store.save_thread(thread(), ALICE)
    async with locked_threads(database_url) as holder:
        adding = asyncio.create_task(store.add_thread_item("thr_1", message("msg_1"), ALICE))
        await holder.is_waited_for_by(1)
        await fetch(database_url, f"{END_ALL_OTHERS} AND wait_event_type = 'Lock'")
        await holder.is_waited_for_by(1)
    await adding
    assert await ids_of(store) == ["msg_1"]


async def test_an_append_whose_answer_is_lost_is_there_once(database_url, make_store):
    """It was committed, nobody knows, and it is sent again."""
    async with proxy_before(database_url) as proxy:
        store = await make_store(proxy.url(database_url), attempt_timeout_seconds=0.5)
        await store.save_thread(thread(), ALICE)
        async with locked_threads(database_url) as holder:
            adding = asyncio.create_task(store.add_thread_item("thr_1", message("msg_1"), ALICE))
            await holder.is_waited_for_by(1)
            proxy.delay_seconds = 3600
        while not await fetch_value(database_url, "SELECT count(*) FROM chatkit_thread_items"):
            assert not adding.done()
        proxy.delay_seconds = 0
        await adding
        await store.add_thread_item("thr_1", message("msg_2"), ALICE)
        assert await ids_of(store) == ["msg_1", "msg_2"]
        await store.close()


@pytest.mark.parametrize("call", [BY_METHOD["load_thread"], BY_METHOD["add_thread_item"]], ids=str)
async def test_of_a_pool_of_half_open_connections_a_call_waits_for_one(call, database_url, make_store, caplog):
    """As a network leaves them that has forgotten them: nothing comes, not even a refusal."""
    server = urlsplit(database_url)
    async with FaultProxy(server.hostname, server.port or 5432) as proxy:
        store = await make_store(proxy.url(database_url), attempt_timeout_seconds=1.0)
        await fill(store)
        await asyncio.gather(*(store.load_thread("thr_1", ALICE) for _ in range(10)))
        assert proxy.connections == 10
        proxy.silence_all()
        await call.made(store)
        assert [each for each in caplog.messages if "failed" in each] == [
            f"{call.method}: attempt 1 failed (TimeoutError)"
        ]
        proxy.end_all(End.RST)


async def test_a_server_that_stays_away_is_an_error_that_names_the_time(crashing_server):
    async with PostgresStore(crashing_server.url(), retry_seconds=1.5) as store:
        await store.save_thread(thread(), ALICE)
        await asyncio.to_thread(crashing_server.kill)
        try:
            for call in (store.load_thread("thr_1", ALICE), store.save_thread(thread(), ALICE)):
                with pytest.raises(StoreUnavailableError, match=r"within 1\.5 seconds") as raised:
                    await call
                assert isinstance(raised.value.__cause__, (OSError, asyncpg.PostgresError, asyncpg.InterfaceError))
                assert store.engine.pool.checkedout() == 0
        finally:
            await asyncio.to_thread(crashing_server.start)
        assert await store.load_thread("thr_1", ALICE) == thread()


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.add_thread_item("thr_1", message("msg_1"), ALICE),
        lambda store: store.save_thread(thread(title="New"), ALICE),
        lambda store: store.delete_thread("thr_1", ALICE),
    ],
    ids=["add_thread_item", "save_thread", "delete_thread"],
)
async def test_a_write_that_hangs_is_tried_again_until_the_time_is_over(act, make_store, database_url, caplog):
    store = await make_store(attempt_timeout_seconds=0.2, retry_seconds=1.5)
    await store.save_thread(thread(), ALICE)
    async with locked_threads(database_url):
        with pytest.raises(StoreUnavailableError, match=r"within 1\.5 seconds") as raised:
            await act(store)
        assert isinstance(raised.value.__cause__, TimeoutError)
        assert store.engine.pool.checkedout() == 0
    assert len([each for each in caplog.messages if "failed (TimeoutError)" in each]) > 1


async def test_a_write_that_failed_in_time_is_not_done_later(make_store, database_url):
    store = await make_store(attempt_timeout_seconds=0.2, retry_seconds=0.7)
    await store.save_thread(thread(), ALICE)
    async with locked_threads(database_url) as holder:
        with pytest.raises(StoreUnavailableError):
            await store.add_thread_item("thr_1", message("msg_1"), ALICE)
        assert await holder.waiting() == 0
    assert await ids_of(store) == []


async def test_a_read_that_hangs_is_tried_again_until_the_time_is_over(make_store, database_url, caplog):
    store = await make_store(attempt_timeout_seconds=0.2, retry_seconds=1.5)
    await store.save_thread(thread(), ALICE)
    connection = await asyncpg.connect(database_url)
    async with connection.transaction():
        await connection.execute("LOCK TABLE chatkit_threads IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailableError, match=r"load_thread did not succeed within 1\.5 seconds"):
            await store.load_thread("thr_1", ALICE)
    await connection.close()
    assert len([each for each in caplog.messages if "failed (TimeoutError)" in each]) > 1
    assert await store.load_thread("thr_1", ALICE) == thread()


async def test_an_exhausted_pool_is_an_error_that_says_so(make_store):
    store = await make_store(pool_size=1, retry_seconds=1.0)
    await store.save_thread(thread(), ALICE)
    async with store.engine.connect():
        for call in (store.load_thread("thr_1", ALICE), store.save_thread(thread(), ALICE)):
            with pytest.raises(StoreUnavailableError, match="the pool is large enough") as raised:
                await call
            assert "QueuePool limit" in str(raised.value.__cause__)
    assert await store.load_thread("thr_1", ALICE) == thread()


async def test_a_server_that_became_read_only_is_left_for_a_new_connection(make_store):
    """After a failover the old primary takes no writes, and the name in the URL leads to the new one."""
    store = await make_store(pool_size=1)
    await store.save_thread(thread(), ALICE)
    async with store.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        await driver.execute("SET default_transaction_read_only = on")
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    assert await ids_of(store) == ["msg_1"]
