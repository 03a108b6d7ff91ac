"""A server that cannot be used: `initialize` says so within 8 seconds, with what to do, and without the password.

The time is the one that this suite asserts: an operator who waits for longer takes the program for hung.
"""

import asyncio
import logging
import tempfile
import traceback
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from chatkit_pgstore import ConfigurationError, PostgresStore, StoreUnavailableError
from examples.embedded_postgres import EmbeddedPostgres
from tests.support.samples import ALICE, attachment, message, thread
from tests.support.waiting import turns_of_the_loop

LIMIT_SECONDS = 8
PASSWORD = "correct#horse%battery"
WRONG_PASSWORD = "s3cr3t-and-wrong"
SECRETS = (PASSWORD, quote(PASSWORD, safe=""), WRONG_PASSWORD)
ACCESS = """
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""


@pytest.fixture(scope="module")
def guarded_server():
    """A server that asks everybody but its superuser for a password."""
    # Where nobody, as whom root's server runs, can read it.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        access = Path(folder) / "pg_hba.conf"
        access.write_text(ACCESS)
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(settings={"hba_file": str(access)}) as server:
            asyncio.run(create_roles(server.url()))
            yield server


async def create_roles(url):
    connection = await asyncpg.connect(url)
    for role in ("owner", "app", "guest"):
        await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    await connection.execute("CREATE DATABASE chats OWNER owner")
    await connection.execute("CREATE DATABASE unmigrated")
    await connection.execute("CREATE DATABASE locked_up")
    await connection.execute("REVOKE CONNECT ON DATABASE locked_up FROM PUBLIC")
    await connection.close()


@pytest.fixture
def url_of(guarded_server):
    def url(user="owner", password=PASSWORD, database="chats"):
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{guarded_server.port}/{database}"

    return url


@pytest.fixture(autouse=True)
def no_password_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    yield
    # caplog.text is that of the teardown, by now.
    logged = [f"{record.getMessage()} {record.__dict__}" for record in caplog.get_records("call")]
    assert [line for line in logged if any(secret in line for secret in SECRETS)] == []


async def failure_of_start(url):
    """Return the error of making a store and initializing it, which comes in time and holds no password."""
    store = None
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            store = PostgresStore(url)
            await store.initialize()
    except (ConfigurationError, StoreUnavailableError) as error:
        told = f"{error} {error!r} {store!r} {store and store.engine!r} {''.join(traceback.format_exception(error))}"
        assert [secret for secret in SECRETS if secret in told] == []
        assert store is None or store.engine.pool.checkedout() == 0
        return error
    finally:
        if store is not None:
            await store.close()
    raise AssertionError(f"{url} was good enough")


async def test_the_right_password_is_taken(url_of):
    async with PostgresStore(url_of()) as store:
        await store.save_thread(thread(), ALICE)
        assert await store.load_thread("thr_1", ALICE) == thread()
        await store.delete_thread("thr_1", ALICE)


REFUSED = {
    "wrong password": {"password": WRONG_PASSWORD},
    "no such role": {"user": "nobody_by_that_name"},
    "no such database": {"database": "chatz"},
}


@pytest.mark.parametrize("part", REFUSED.values(), ids=REFUSED)
async def test_a_refused_login_says_what_to_check(part, url_of):
    error = await failure_of_start(url_of(**part))
    assert isinstance(error, ConfigurationError)
    assert "Check user, password and database name in the URL" in str(error)


RIGHTS = {
    "no CREATE": ({"user": "guest", "database": "unmigrated"}, "schema public"),
    "no CONNECT": ({"database": "locked_up"}, 'database "locked_up"'),
}


@pytest.mark.parametrize(("part", "what"), RIGHTS.values(), ids=RIGHTS)
async def test_a_role_without_rights_is_told_which(part, what, url_of):
    error = await failure_of_start(url_of(**part))
    assert isinstance(error, ConfigurationError)
    assert f"lacks rights: permission denied for {what}" in str(error)


async def test_a_role_without_grants_on_the_tables_is_told_so_by_every_call(url_of):
    async with PostgresStore(url_of()):
        pass
    store = PostgresStore(url_of(user="app"))
    for call in (
        store.initialize(),
        store.load_thread("thr_1", ALICE),
        store.save_thread(thread(), ALICE),
        store.add_thread_item("thr_1", message("msg_1"), ALICE),
        store.save_attachment(attachment("atc_1"), ALICE),
    ):
        with pytest.raises(ConfigurationError, match="grant the application's role SELECT, INSERT, UPDATE and DELETE"):
            await call
    await turns_of_the_loop()
    assert store.engine.pool.checkedout() == 0
    await store.close()


WRONG_URLS = {
    "empty": "",
    "no URL": "my database",
    "another database": f"mysql://alice:{WRONG_PASSWORD}@db.example/chats",
    "another driver": f"postgresql+psycopg2://alice:{WRONG_PASSWORD}@db.example/chats",
    "a port that is none": f"postgresql://alice:{WRONG_PASSWORD}@db.example:port/chats",
    "an unknown parameter": f"postgresql://alice:{WRONG_PASSWORD}@db.example/chats?sslmod=require",
    "an unknown sslmode": f"postgresql://alice:{WRONG_PASSWORD}@db.example/chats?sslmode=sometimes",
}


@pytest.mark.parametrize("url", WRONG_URLS.values(), ids=WRONG_URLS)
async def test_a_wrong_url_is_an_error_before_anything_connects(url):
    assert isinstance(await failure_of_start(url), ConfigurationError)


@asynccontextmanager
async def listener(answer):
    """Listen, and yield the port; *answer* is called with each connection's writer."""

    async def converse(reader, writer):
        connections.add(writer)
        await answer(reader, writer)

    connections = set()
    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in connections:
            writer.transport.abort()
        await server.wait_closed()


async def silence(reader, _):
    while await reader.read(1024):
        pass


async def hanging_up(_, writer):
    writer.close()


async def another_protocol(reader, writer):
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def test_a_server_that_cannot_be_reached_is_an_error_in_time(guarded_server):
    """All of them at once, for each takes its time."""
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(listener(each)) for each in (silence, hanging_up, another_protocol)]
        async with listener(silence) as closed_port:
            pass
        login = f"postgresql://alice:{WRONG_PASSWORD}"
        urls = {
            "nobody listens": f"{login}@127.0.0.1:{closed_port}/chats",
            "a name that does not resolve": f"{login}@nowhere.invalid/chats",
            "it never answers": f"{login}@127.0.0.1:{ports[0]}/chats",
            "it hangs up": f"{login}@127.0.0.1:{ports[1]}/chats",
            "it is no PostgreSQL": f"{login}@127.0.0.1:{ports[2]}/chats",
            "it speaks no TLS": f"{login}@127.0.0.1:{guarded_server.port}/chats?sslmode=require",
        }
        errors = dict(zip(urls, await asyncio.gather(*map(failure_of_start, urls.values())), strict=True))
    for name, error in errors.items():
        assert isinstance(error, StoreUnavailableError), name
        assert "initialize did not succeed within 7 seconds" in str(error), name
        assert "Check that the server is up and can be reached" in str(error), name
        assert error.__cause__ is not None, name


async def test_a_slow_server_is_reached_when_it_comes_up_in_time(guarded_server, url_of):
    """As when the program and its database are started together."""
    url = url_of()
    await asyncio.to_thread(guarded_server.kill)
    store = PostgresStore(url)
    starting = asyncio.create_task(store.initialize())
    await asyncio.to_thread(guarded_server.start)
    await starting
    await store.close()
