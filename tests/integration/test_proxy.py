import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.support.proxy import RoundTripProxy


def before(database_url, **options):
    server = urlsplit(database_url)
    return RoundTripProxy(server.hostname, server.port or 5432, **options)


def connect(proxy, database_url):
    # A proxy that swallows something must fail these tests, not hang them.
    return asyncpg.connect(proxy.url(database_url), timeout=10, command_timeout=10)


@pytest.fixture
async def proxy(empty_database_url):
    async with before(empty_database_url) as proxy:
        yield proxy


@pytest.fixture
async def connection(proxy, empty_database_url):
    connection = await connect(proxy, empty_database_url)
    yield connection
    await connection.close(timeout=10)


async def test_a_warm_statement_is_one_round_trip(proxy, connection):
    await connection.fetchval("SELECT 1")
    proxy.reset()
    assert await connection.fetchval("SELECT 1") == 1
    assert proxy.round_trips == 1


async def test_a_statement_that_is_prepared_first_is_two_round_trips(proxy, connection):
    proxy.reset()
    await connection.fetchval("SELECT 1")
    assert proxy.round_trips == 2


async def test_a_transaction_of_one_statement_is_three_round_trips(proxy, connection):
    await connection.fetchval("SELECT 1")
    proxy.reset()
    async with connection.transaction():
        await connection.fetchval("SELECT 1")
    assert proxy.round_trips == 3


async def test_a_pool_of_asyncpg_pays_a_second_round_trip_on_release(proxy, empty_database_url):
    async with asyncpg.create_pool(proxy.url(empty_database_url), min_size=1, max_size=1) as pool:
        await pool.fetchval("SELECT 1")
        proxy.reset()
        await pool.fetchval("SELECT 1")
        assert proxy.round_trips == 2


async def test_what_is_sent_without_waiting_is_one_round_trip(proxy, connection):
    await connection.execute("CREATE TABLE numbers (number int)")
    statement = "INSERT INTO numbers VALUES ($1)"
    await connection.executemany(statement, [(0,)])
    proxy.reset()
    await connection.executemany(statement, [(number,) for number in range(10)])
    assert proxy.round_trips == 1


async def test_round_trips_and_connections_are_added_up(proxy, empty_database_url):
    connections = await asyncio.gather(*(connect(proxy, empty_database_url) for _ in range(3)))
    assert proxy.connections == 3
    for connection in connections:
        await connection.fetchval("SELECT 1")
    proxy.reset()
    for connection in connections:
        await connection.fetchval("SELECT 1")
    assert (proxy.round_trips, proxy.connections) == (3, 0)
    await asyncio.gather(*(connection.close(timeout=10) for connection in connections))


@pytest.mark.parametrize("delay_seconds", [0.0, 0.001])
async def test_large_values_pass_unchanged_in_one_round_trip(empty_database_url, delay_seconds):
    text = "".join(chr(ord("a") + number % 26) for number in range(1_000_000))
    async with before(empty_database_url, delay_seconds=delay_seconds) as proxy:
        connection = await connect(proxy, empty_database_url)
        await connection.fetchval("SELECT $1::text", "")
        proxy.reset()
        assert await connection.fetchval("SELECT $1::text", text) == text
        assert proxy.round_trips == 1
        await connection.close(timeout=10)


async def test_an_answer_takes_the_delay_twice(proxy, connection):
    await connection.fetchval("SELECT 1")
    proxy.delay_seconds = 0.02
    clock = asyncio.get_running_loop().time
    start = clock()
    await connection.fetchval("SELECT 1")
    # No answer can come sooner, however fast the machine; how much later is nobody's promise.
    assert clock() - start >= 0.04


async def test_the_database_user_and_options_of_a_url_stay(proxy):
    parts = urlsplit(proxy.url("postgresql://ann:p%40ss@db.example:6543/chats?application_name=shop"))
    assert (parts.username, parts.password) == ("ann", "p%40ss")
    assert (parts.hostname, parts.path, parts.query) == ("127.0.0.1", "/chats", "application_name=shop")
    assert parts.port != 6543


async def test_a_server_that_ends_a_connection_ends_it_behind_the_proxy(connection, empty_database_url):
    ended = asyncio.Event()
    connection.add_termination_listener(lambda _: ended.set())
    administrator = await asyncpg.connect(empty_database_url)
    await administrator.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
    await administrator.close()
    await asyncio.wait_for(ended.wait(), timeout=10)


async def test_a_server_that_is_not_there_ends_the_connection():
    with_nobody = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = with_nobody.sockets[0].getsockname()[1]
    with_nobody.close()
    await with_nobody.wait_closed()
    async with RoundTripProxy("127.0.0.1", port) as proxy:
        with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
            await asyncpg.connect(proxy.url("postgresql://postgres@db.example/postgres"), timeout=5)


async def test_leaving_the_proxy_ends_its_connections(empty_database_url):
    ended = asyncio.Event()
    async with asyncio.timeout(10):
        async with before(empty_database_url) as proxy:
            connection = await connect(proxy, empty_database_url)
            connection.add_termination_listener(lambda _: ended.set())
        await ended.wait()
