import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.support.fault_proxy import Cut, End, FaultProxy, Silence, Way
from tests.support.tables import fetch_value
from tests.support.waiting import eventually, eventually_true

# A proxy that keeps a connection by mistake must fail these tests, not hang them.
PATIENCE_SECONDS = 10
LOST = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)


@pytest.fixture
async def proxy(empty_database_url):
    server = urlsplit(empty_database_url)
    async with FaultProxy(server.hostname, server.port or 5432) as proxy:
        yield proxy


@pytest.fixture
async def connection(proxy, empty_database_url):
    connection = await connect(proxy, empty_database_url)
    yield connection
    connection.terminate()


def connect(proxy, database_url):
    return asyncpg.connect(proxy.url(database_url), timeout=PATIENCE_SECONDS, command_timeout=PATIENCE_SECONDS)


async def test_what_is_not_broken_passes_unchanged(connection):
    text = "".join(chr(ord("a") + number % 26) for number in range(1_000_000))
    assert await connection.fetchval("SELECT $1::text", text) == text


@pytest.mark.parametrize("end", End)
@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("after_bytes", [0, 1, 20])
async def test_a_connection_is_cut_within_a_message(way, after_bytes, end, proxy, connection):
    await connection.fetchval("SELECT 1")
    proxy.arm(Cut(way, after_bytes, end))
    with pytest.raises(LOST):
        await connection.fetchval("SELECT 1")
    assert proxy.met == {f"cut {way} ({end})": 1}
    await eventually(lambda: proxy.connections == 0)


async def test_only_one_connection_meets_a_cut(proxy, connection, empty_database_url):
    proxy.arm(Cut(Way.TO_SERVER, 0, End.RST))
    with pytest.raises(LOST):
        await connection.fetchval("SELECT 1")
    again = await connect(proxy, empty_database_url)
    assert await again.fetchval("SELECT 1") == 1
    await again.close()


async def test_a_cut_is_met_only_by_as_many_bytes(proxy, connection):
    proxy.arm(Cut(Way.TO_SERVER, 10**6, End.RST))
    assert await connection.fetchval("SELECT 1") == 1
    assert not proxy.met
    with pytest.raises(LOST):
        await connection.fetchval("SELECT length($1::text)", "x" * 10**6)


async def test_a_write_whose_answer_is_cut_off_is_done(proxy, connection, empty_database_url):
    await connection.execute("CREATE TABLE numbers (number int)")
    proxy.arm(Cut(Way.TO_CLIENT, 0, End.RST))
    with pytest.raises(LOST):
        await connection.execute("INSERT INTO numbers VALUES (1)")
    assert await fetch_value(empty_database_url, "SELECT count(*) FROM numbers") == 1


async def test_a_half_open_connection_is_kept_and_says_nothing(proxy, connection):
    proxy.arm(Silence())
    with pytest.raises(TimeoutError):
        await connection.fetchval("SELECT 1", timeout=0.05)
    assert (proxy.connections, proxy.met) == (1, {"half-open": 1})
    connection.terminate()
    await eventually(lambda: proxy.connections == 0)


async def test_all_connections_go_silent_and_new_ones_work(proxy, connection, empty_database_url):
    proxy.silence_all()
    with pytest.raises(TimeoutError):
        await connection.fetchval("SELECT 1", timeout=0.05)
    again = await connect(proxy, empty_database_url)
    assert await again.fetchval("SELECT 1") == 1
    await again.close()


@pytest.mark.parametrize("end", End)
async def test_all_connections_are_cut_at_once(end, proxy, connection):
    proxy.end_all(end)
    await eventually(connection.is_closed)


async def test_connections_are_refused_for_a_while(proxy, connection, empty_database_url):
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy, empty_database_url)
    assert await connection.fetchval("SELECT 1") == 1
    proxy.accept()
    await (await connect(proxy, empty_database_url)).close()


async def test_no_socket_is_lost_when_connections_come_while_they_are_refused(proxy, empty_database_url):
    """A lost one warns when it is collected, which fails the test."""
    for _ in range(20):
        coming = [asyncio.create_task(connect(proxy, empty_database_url)) for _ in range(5)]
        await asyncio.sleep(0)
        proxy.refuse()
        proxy.end_all(End.RST)
        proxy.accept()
        for result in await asyncio.gather(*coming, return_exceptions=True):
            if isinstance(result, asyncpg.Connection):
                result.terminate()
    await eventually(lambda: proxy.connections == 0)


async def test_bytes_come_later_by_the_delay_each_way(proxy, connection):
    await connection.fetchval("SELECT 1")
    proxy.delay_seconds = 0.02
    clock = asyncio.get_running_loop().time
    start = clock()
    await connection.fetchval("SELECT 1")
    # No answer can come sooner, however fast the machine; how much later is nobody's promise.
    assert clock() - start >= 0.04


@pytest.mark.parametrize("fenced", [True, False])
async def test_a_fence_holds_the_end_back_until_the_server_is_done(fenced, proxy, connection, empty_database_url):
    proxy.fenced = fenced
    await connection.execute("CREATE TABLE numbers (number int)")
    holder = await asyncpg.connect(empty_database_url)
    async with holder.transaction():
        await holder.execute("LOCK TABLE numbers")
        writing = asyncio.create_task(connection.execute("INSERT INTO numbers VALUES (1)"))
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await eventually_true(lambda: fetch_value(empty_database_url, waiting))
        proxy.end_all(End.RST)
        if not fenced:
            await eventually(writing.done)
        assert writing.done() != fenced
    await holder.close()
    with pytest.raises(LOST):
        await writing


async def test_a_server_that_is_not_there_ends_the_connection():
    with_nobody = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = with_nobody.sockets[0].getsockname()[1]
    with_nobody.close()
    await with_nobody.wait_closed()
    async with FaultProxy("127.0.0.1", port) as proxy:
        with pytest.raises(LOST):
            await connect(proxy, "postgresql://postgres@db.example/postgres")
