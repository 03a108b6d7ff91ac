"""Behind a real PgBouncer in transaction mode, where no two statements need meet the same server process."""

import asyncio
import logging
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import text

from chatkit_pgstore import ConfigurationError, PostgresStore
from tests.support.calls import CALLS, fill
from tests.support.comparer import comparer
from tests.support.databases import create_database, drop_database
from tests.support.pgbouncer import SERVER_CONNECTIONS, running_pgbouncer
from tests.support.samples import ALICE, ids_of
from tests.support.shared import proxy_before

logger = logging.getLogger(__name__)

PROCESSES, TASKS = 4, 4
CALLS_AT_LEAST = 1600


@pytest.fixture(scope="module")
def pooled_url(server_url, template_database):
    """The URL of a migrated database, by way of the pooler."""
    database_url = asyncio.run(create_database(server_url, template_database))
    try:
        with running_pgbouncer(database_url) as url:
            yield url
    finally:
        asyncio.run(drop_database(server_url, database_url))


@pytest.fixture(params=["?pgbouncer=true", ""], ids=["by the URL", "by the argument"])
async def pooled_store(request, pooled_url):
    pooler = None if request.param else "transaction"
    async with PostgresStore(pooled_url + request.param, pooler=pooler, pool_size=1) as store:
        yield store


async def prepared_statements(pooled_url):
    """Return the names of the statements that each server connection keeps prepared."""
    clients = [await asyncpg.connect(pooled_url, statement_cache_size=0) for _ in range(SERVER_CONNECTIONS)]
    for client in clients:
        await client.execute("BEGIN")
    processes = [await client.fetchval("SELECT pg_backend_pid()") for client in clients]
    assert len(set(processes)) == SERVER_CONNECTIONS
    names = [row["name"] for client in clients for row in await client.fetch("SELECT name FROM pg_prepared_statements")]
    for client in clients:
        await client.close()
    return names


async def test_four_processes_on_two_server_connections_get_their_own_answers(pooled_url):
    url = f"{pooled_url}?pgbouncer=true"
    found = await asyncio.gather(*(comparer(url, f"process {number}", TASKS) for number in range(PROCESSES)))
    calls = sum(each["calls"] for each in found)
    wrong = [each for one in found for each in one["wrong"]]
    logger.info("%d calls by %d processes with %d tasks each: %d wrong", calls, PROCESSES, TASKS, len(wrong))
    assert wrong == []
    assert calls >= CALLS_AT_LEAST
    assert await prepared_statements(pooled_url) == []


@asynccontextmanager
async def the_other_server_connection(pooled_url):
    """Keep the one that was used last busy, so that the next call meets the other one."""
    client = await asyncpg.connect(pooled_url, statement_cache_size=0)
    try:
        await client.execute("BEGIN")
        yield
    finally:
        await client.close()


async def test_a_store_that_was_not_told_of_the_pooler_says_what_to_do(pooled_url):
    store = PostgresStore(pooled_url, pool_size=1)
    await store.load_threads(1, None, "asc", ALICE)
    with pytest.raises(ConfigurationError, match=r"transaction pooler.*Add pgbouncer=true"):
        async with the_other_server_connection(pooled_url):
            await store.load_threads(1, None, "asc", ALICE)
    await store.close()


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_a_warm_call_is_two_round_trips(call, pooled_url):
    async with proxy_before(pooled_url) as proxy:
        store = PostgresStore(proxy.url(f"{pooled_url}?pgbouncer=true"), pool_size=1)
        await fill(store, context := {"user_id": f"trips: {call}"})
        await call.made(store, 1, context)
        proxy.reset()
        await call.made(store, 2, context)
        assert proxy.round_trips == 2
        await store.close()


async def test_a_store_that_was_told_goes_by_any_server_connection(pooled_store, pooled_url):
    await fill(pooled_store)
    await ids_of(pooled_store)
    async with the_other_server_connection(pooled_url):
        assert await ids_of(pooled_store) == ["msg_a", "msg_b", "msg_c", "tc_done"]


async def test_statements_of_the_hosts_own_on_the_engine_get_their_own_answers(pooled_store):
    """SQLAlchemy keeps statements, too, and all of them have the same empty name."""
    async with pooled_store.engine.connect() as connection:
        for expected in (1, "a", 1, "a"):
            assert await connection.scalar(text(f"SELECT {expected!r}")) == expected


async def test_processes_migrate_at_once_by_way_of_a_pooler(server_url):
    database_url = await create_database(server_url)
    with running_pgbouncer(database_url) as url:
        stores = [PostgresStore(f"{url}?pgbouncer=true", pool_size=1) for _ in range(4)]
        await asyncio.gather(*(store.initialize() for store in stores))
        await fill(stores[0])
        assert await ids_of(stores[1]) == ["msg_a", "msg_b", "msg_c", "tc_done"]
        for store in stores:
            await store.close()
        assert await prepared_statements(url) == []
    await drop_database(server_url, database_url)
