"""A store bound to the caller's connection: what it writes and what the caller writes is one transaction."""

import asyncio
import logging

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from chatkit_pgstore import (
    ConfigurationError,
    NotFoundError,
    PostgresStore,
    SchemaOutOfDateError,
    StoreUnavailableError,
)
from chatkit_pgstore.testing import MemoryStore
from tests.support.calls import CALLS, fill
from tests.support.locks import locked_threads
from tests.support.pgbouncer import running_pgbouncer
from tests.support.samples import ALICE, ids_of, message, thread
from tests.support.shared import proxy_before
from tests.support.tables import fetch, fetch_value

ORDERS = "SELECT count(*) FROM orders"


@pytest.fixture
async def engine(database_url):
    """The engine of a host that has a table of its own."""
    await fetch(database_url, "CREATE TABLE orders (id int PRIMARY KEY)")
    engine = create_async_engine(database_url.replace("postgresql:", "postgresql+asyncpg:"))
    yield engine
    await engine.dispose()


@pytest.fixture
def hosts_store(engine):
    return PostgresStore(engine=engine)


async def order_and_thread(store, connection):
    bound = store.bind(connection)
    await bound.save_thread(thread(), ALICE)
    await connection.execute(text("INSERT INTO orders VALUES (1)"))
    await bound.add_thread_item("thr_1", message("msg_1"), ALICE)
    assert await ids_of(bound) == ["msg_1"]


async def test_an_order_and_its_thread_are_committed_together(hosts_store, engine, database_url):
    async with engine.begin() as connection:
        await order_and_thread(hosts_store, connection)
        assert await fetch_value(database_url, ORDERS) == 0
        with pytest.raises(NotFoundError):
            await hosts_store.load_thread("thr_1", ALICE)
    assert await fetch_value(database_url, ORDERS) == 1
    assert await ids_of(hosts_store) == ["msg_1"]


async def test_an_order_and_its_thread_are_rolled_back_together(hosts_store, engine, database_url):
    async with engine.connect() as connection:
        await order_and_thread(hosts_store, connection)
        await connection.rollback()
        assert await fetch_value(database_url, ORDERS) == 0
        with pytest.raises(NotFoundError):
            await hosts_store.load_thread("thr_1", ALICE)


async def test_a_session_takes_its_threads_along(hosts_store, engine, database_url):
    async with AsyncSession(engine) as session:
        await order_and_thread(hosts_store, session)
        await session.rollback()
        assert await fetch_value(database_url, ORDERS) == 0
        await order_and_thread(hosts_store, session)
        await session.commit()
    assert await ids_of(hosts_store) == ["msg_1"]


async def test_a_savepoint_takes_back_what_came_after_it(hosts_store, engine):
    async with engine.begin() as connection:
        bound = hosts_store.bind(connection)
        await bound.save_thread(thread(), ALICE)
        savepoint = await connection.begin_nested()
        await bound.add_thread_item("thr_1", message("msg_1"), ALICE)
        await savepoint.rollback()
        await bound.add_thread_item("thr_1", message("msg_2"), ALICE)
    assert await ids_of(hosts_store) == ["msg_2"]


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_every_call_has_its_answer_and_leaves_the_transaction_usable(call, hosts_store, engine):
    memory = MemoryStore()
    await fill(memory)
    expected = await call.made(memory)
    async with engine.begin() as connection:
        bound = hosts_store.bind(connection)
        await fill(bound)
        assert await call.made(bound) == expected
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_bad_input_leaves_the_transaction_usable(hosts_store, engine):
    async with engine.begin() as connection:
        bound = hosts_store.bind(connection)
        await bound.save_thread(thread(), ALICE)
        with pytest.raises(ValueError, match="must not hold a NUL"):
            await bound.load_thread("a\0b", ALICE)
        assert await bound.load_thread("thr_1", ALICE) == thread()


async def test_a_call_in_an_open_transaction_is_one_round_trip(database_url):
    async with proxy_before(database_url) as proxy:
        engine = create_async_engine(proxy.url(database_url).replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.begin() as connection:
            bound = PostgresStore(engine=engine).bind(connection)
            await fill(bound)
            await bound.load_thread("thr_1", ALICE)
            proxy.reset()
            await bound.load_thread("thr_2", ALICE)
            assert proxy.round_trips == 1
        await engine.dispose()


async def test_by_way_of_a_pooler_too(database_url):
    with running_pgbouncer(database_url) as url:
        engine = create_async_engine(
            url.replace("postgresql:", "postgresql+asyncpg:"), connect_args={"statement_cache_size": 0}
        )
        store = PostgresStore(engine=engine)
        async with engine.connect() as connection:
            bound = store.bind(connection)
            await fill(bound)
            await connection.rollback()
        assert (await store.load_threads(9, None, "asc", ALICE)).data == []
        await engine.dispose()


async def test_a_lost_connection_is_the_callers_to_repeat(hosts_store, engine, database_url):
    async with engine.connect() as connection:
        bound = hosts_store.bind(connection)
        await bound.save_thread(thread(), ALICE)
        process = await connection.scalar(text("SELECT pg_backend_pid()"))
        await fetch(database_url, f"SELECT pg_terminate_backend({process}, 5000)")
        with pytest.raises(StoreUnavailableError, match=r"add_thread_item failed in a transaction.*do all of it again"):
            await bound.add_thread_item("thr_1", message("msg_1"), ALICE)
        await connection.invalidate()


async def test_a_statement_that_takes_too_long_is_the_callers_to_repeat(engine, database_url):
    store = PostgresStore(engine=engine, attempt_timeout_seconds=0.2)
    await store.save_thread(thread(), ALICE)
    async with locked_threads(database_url), engine.connect() as connection:
        with pytest.raises(StoreUnavailableError, match="TimeoutError"):
            await store.bind(connection).add_thread_item("thr_1", message("msg_1"), ALICE)
        await connection.invalidate()


async def test_missing_tables_say_what_to_do(hosts_store, engine, database_url):
    await fetch(database_url, "DROP TABLE chatkit_thread_items, chatkit_attachments, chatkit_threads CASCADE")
    async with engine.connect() as connection:
        with pytest.raises(SchemaOutOfDateError, match="chatkit-pgstore migrate") as raised:
            await hosts_store.bind(connection).load_thread("thr_1", ALICE)
    assert isinstance(raised.value.__cause__, asyncpg.UndefinedTableError)


async def test_a_cancelled_call_is_rolled_back_with_its_transaction(hosts_store, engine, database_url):
    await hosts_store.save_thread(thread(), ALICE)

    async def transaction():
        async with engine.begin() as connection:
            await hosts_store.bind(connection).add_thread_item("thr_1", message("msg_1"), ALICE)

    async with locked_threads(database_url) as holder:
        task = asyncio.create_task(transaction())
        await holder.is_waited_for_by(1)
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    assert await ids_of(hosts_store) == []


async def test_without_a_transaction_there_is_nothing_to_be_part_of(hosts_store, engine):
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(ConfigurationError, match="in autocommit"):
            await hosts_store.bind(connection).save_thread(thread(), ALICE)


async def test_what_is_bound_neither_migrates_nor_closes_anything(hosts_store, engine):
    async with engine.begin() as connection, AsyncSession(connection) as session, AsyncSession(engine) as other:
        for target in (connection, session, other):
            bound = hosts_store.bind(target)
            assert bound.engine.sync_engine is engine.sync_engine
            with pytest.raises(ConfigurationError, match=r"initialize\(\) is for the store itself"):
                await bound.initialize()
            await bound.close()
        assert await connection.scalar(text("SELECT 1")) == 1


def test_it_has_to_be_a_connection_or_a_session(hosts_store, engine):
    with pytest.raises(ConfigurationError, match=r"AsyncConnection or AsyncSession, not AsyncEngine"):
        hosts_store.bind(engine)


async def test_a_call_is_logged_without_its_content(hosts_store, engine, caplog):
    caplog.set_level(logging.DEBUG, logger="chatkit_pgstore")
    async with engine.begin() as connection:
        await hosts_store.bind(connection).save_thread(thread(title="secret"), ALICE)
    [logged] = [each for each in caplog.messages if each.startswith("save_thread")]
    assert logged.endswith(" 0 rows, bound")
    assert "secret" not in caplog.text
