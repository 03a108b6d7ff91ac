"""``schema=``: all tables in a schema of their own, whatever the search path says and whatever else is there."""

import asyncio

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore import BufferedStore, ConfigurationError, PostgresStore, SchemaOutOfDateError
from chatkit_pgstore.cli import main
from chatkit_pgstore.testing import MemoryStore
from tests.support.calls import CALLS, fill
from tests.support.pgbouncer import running_pgbouncer
from tests.support.samples import ALICE, ids_of, message, thread
from tests.support.tables import fetch, fetch_value

# A name that has to be quoted, and holds what quoting is for.
ODD = 'Chat "rooms" % of $1, :users'
OURS = """
    SELECT schemaname || '.' || tablename AS name FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""
TABLES = [
    "chatkit_attachments",
    "chatkit_feedback",
    "chatkit_file_chunks",
    "chatkit_files",
    "chatkit_schema_version",
    "chatkit_supported_revisions",
    "chatkit_thread_items",
    "chatkit_threads",
]


@pytest.fixture(params=["chat", ODD])
async def schema(request, empty_database_url):
    quoted = request.param.replace('"', '""')
    await fetch(empty_database_url, f'CREATE SCHEMA "{quoted}"')
    return request.param


@pytest.fixture
async def schema_store(schema, empty_database_url, make_store):
    store = await make_store(empty_database_url, schema=schema)
    await store.initialize()
    return store


async def test_all_tables_are_there_and_nowhere_else(schema, schema_store, empty_database_url):
    assert [row["name"] for row in await fetch(empty_database_url, OURS)] == [f"{schema}.{table}" for table in TABLES]
    await schema_store.initialize(migrate=False)


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_every_call_finds_them(call, schema_store):
    memory = MemoryStore()
    await fill(memory)
    await fill(schema_store)
    assert await call.made(schema_store) == await call.made(memory)


async def test_two_stores_in_two_schemas_know_nothing_of_each_other(empty_database_url, make_store):
    for name in ("one", "two"):
        await fetch(empty_database_url, f"CREATE SCHEMA {name}")
    stores = [await make_store(empty_database_url, schema=name) for name in (None, "one", "two")]
    await asyncio.gather(*(store.initialize() for store in stores))
    for number, store in enumerate(stores):
        await store.save_thread(thread(), ALICE)
        await store.add_thread_item("thr_1", message(f"msg_{number}"), ALICE)
    assert [await ids_of(store) for store in stores] == [["msg_0"], ["msg_1"], ["msg_2"]]


async def test_tables_of_the_hosts_with_such_names_are_left_alone(empty_database_url, make_store):
    for name in ("threads", "messages", "users", "alembic_version"):
        await fetch(empty_database_url, f"CREATE TABLE {name} (id int)")
    await fetch(empty_database_url, "CREATE SCHEMA chat")
    store = await make_store(empty_database_url, schema="chat")
    await store.initialize()
    await fill(store)
    theirs = [row["name"] for row in await fetch(empty_database_url, OURS) if row["name"].startswith("public.")]
    assert theirs == ["public.alembic_version", "public.messages", "public.threads", "public.users"]


async def test_the_search_path_has_no_say_in_it(empty_database_url, make_store):
    for name in ("chat", "other"):
        await fetch(empty_database_url, f"CREATE SCHEMA {name}")
    store = await make_store(f"{empty_database_url}?options=-c%20search_path%3Dother", schema="chat")
    await store.initialize()
    await fill(store)
    assert await fetch_value(empty_database_url, "SELECT count(*) FROM chat.chatkit_threads") == 2


async def test_a_bound_store_and_a_hosts_engine_find_them_too(schema, schema_store, empty_database_url):
    engine = create_async_engine(empty_database_url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        await fill(PostgresStore(engine=engine, schema=schema).bind(connection))
    assert await ids_of(schema_store) == ["msg_a", "msg_b", "msg_c", "tc_done"]
    await engine.dispose()


async def test_by_way_of_a_pooler(empty_database_url):
    await fetch(empty_database_url, "CREATE SCHEMA chat")
    with running_pgbouncer(empty_database_url) as url:
        async with PostgresStore(f"{url}?pgbouncer=true", schema="chat") as store:
            await fill(store)
            assert await ids_of(store) == ["msg_a", "msg_b", "msg_c", "tc_done"]


async def test_a_schema_that_is_not_there_is_refused_and_nothing_changed(empty_database_url, make_store):
    store = await make_store(empty_database_url, schema="chat")
    for migrate in (True, False):
        with pytest.raises(ConfigurationError, match='no schema "chat" in this database. Create it first'):
            await store.initialize(migrate=migrate)
    assert await fetch(empty_database_url, OURS) == []


async def test_an_empty_schema_is_out_of_date(empty_database_url, make_store):
    await fetch(empty_database_url, "CREATE SCHEMA chat")
    store = await make_store(empty_database_url, schema="chat")
    with pytest.raises(SchemaOutOfDateError):
        await store.initialize(migrate=False)
    with pytest.raises(SchemaOutOfDateError) as raised:
        await store.load_thread("thr_1", ALICE)
    assert isinstance(raised.value.__cause__, asyncpg.UndefinedTableError)


async def test_the_command_takes_it_too(schema, empty_database_url, capsys):
    arguments = ["--database-url", empty_database_url, "--schema", schema]
    assert await asyncio.to_thread(main, ["check", *arguments]) == 3
    assert await asyncio.to_thread(main, ["migrate", *arguments]) == 0
    assert await asyncio.to_thread(main, ["check", *arguments]) == 0
    assert "is at revision" in capsys.readouterr().out


async def test_the_sql_for_a_dba_goes_there(schema, empty_database_url, make_store, capsys):
    assert await asyncio.to_thread(main, ["sql", "--schema", schema]) == 0
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(capsys.readouterr().out)
    await connection.close()
    store = await make_store(empty_database_url, schema=schema)
    await store.initialize(migrate=False)
    await fill(store)


@pytest.mark.parametrize("name", ["", "a\0b", "a\nb", "x" * 64, "é" * 32, 5])
def test_what_cannot_be_a_name_is_refused(name):
    with pytest.raises(ConfigurationError, match="schema must be the name of a schema, of 1 to 63 bytes"):
        PostgresStore("postgresql://host/database", schema=name)


def test_a_journal_for_one_schema_is_not_one_for_another(tmp_path):
    inner = PostgresStore("postgresql://host/database", schema="chat")
    settings = BufferedStore(inner, tmp_path / "journal")._calls.settings
    assert settings.database == "host:5432/database, schema chat"
