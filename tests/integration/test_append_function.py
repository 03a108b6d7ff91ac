"""The functions that write items on Citus give what the statements give that they stand for, here without a cluster.

`tests/citus` runs the same contract on a cluster, where there is one.
"""

import asyncio
import logging
from uuid import UUID

import asyncpg
import pytest

from chatkit_pgstore import ConfigurationError, NotFoundError, PostgresStore, UnknownUserError, UsersTable
from chatkit_pgstore._append_function import APPEND_ITEM, REPLACE_ITEM, functions
from chatkit_pgstore._tables import thread_items
from chatkit_pgstore.testing import MemoryStore
from tests.support.calls import CALLS, fill
from tests.support.citus import make_functions
from tests.support.contracts import ContractOnAlteredTables
from tests.support.databases import execute
from tests.support.locks import locked_threads
from tests.support.samples import ALICE, BOB, ids_of, message, thread, tool_call
from tests.support.shared import shared_database
from tests.support.tables import dump, fetch, fetch_value

WRITERS, ITEMS = 64, 10
ODD = 'it\'s "odd"; $body$ %s'
OURS = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'chatkit%'"
SORT_KEYS = "SELECT id, sort_key FROM chatkit_thread_items ORDER BY sort_key"


@pytest.fixture(scope="module")
def shared_database_url(server_url, template_database):
    with shared_database(server_url, template_database) as url:
        asyncio.run(make_functions(url))
        yield url


class TestContract(ContractOnAlteredTables):
    pass


@pytest.fixture
async def store(database_url, make_store):
    await make_functions(database_url)
    store = await make_store(pool_size=16)
    await store.initialize()
    return store


async def broken(name, database_url):
    """Let a function do nothing but fail."""
    for function in functions("public", "text"):
        if name in function.signature:
            literal = function.body.replace("'", "''")
            create = function.create.replace(literal, "BEGIN RAISE EXCEPTION ''called''; END")
            await execute(database_url, create)


@pytest.mark.parametrize(("method", "name"), [("add_thread_item", APPEND_ITEM), ("save_item", REPLACE_ITEM)])
async def test_items_are_written_by_the_functions_where_they_are(method, name, store, database_url):
    await broken(name, database_url)
    with pytest.raises(asyncpg.RaiseError, match="called"):
        await getattr(store, method)("thr_1", message("msg_1"), ALICE)


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_every_call_gives_what_the_store_in_memory_gives(call, store):
    memory = MemoryStore()
    await fill(memory)
    await fill(store)
    assert await call.made(store) == await call.made(memory)


ROWS = """
    SELECT thread_id, id, sort_key, type, status, item::text, created_at, updated_at BETWEEN $2 AND now() AS written_now
    FROM chatkit_thread_items WHERE user_id = $1 ORDER BY thread_id, sort_key
"""


async def test_the_rows_are_to_every_column_those_that_the_statements_write(database_url, make_store):
    async def written_for(user):
        store = await make_store()
        await store.initialize()
        began = await fetch_value(database_url, "SELECT now()")
        await fill(store, {"user_id": user})
        for write in (store.add_thread_item, store.save_item):
            for item_id in ("msg_a", f"msg_{write.__name__}"):
                await write("thr_1", message(item_id, write.__name__), {"user_id": user})
        return await fetch(database_url, ROWS, user, began)

    by_statements = await written_for("alice")
    await make_functions(database_url)
    assert await written_for("bob") == by_statements
    assert all(row["written_now"] for row in by_statements)


@pytest.mark.parametrize("method", ["add_thread_item", "save_item"])
async def test_of_64_writers_each_item_is_there_once_and_the_keys_have_no_gap(method, store, database_url, caplog):
    caplog.set_level(logging.WARNING, logger="chatkit_pgstore")
    await store.save_thread(thread(), ALICE)

    async def write(writer):
        for number in range(ITEMS):
            await getattr(store, method)("thr_1", message(f"msg_{writer}_{number}"), ALICE)

    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    rows = await fetch(database_url, SORT_KEYS)
    assert sorted(row["id"] for row in rows) == sorted(f"msg_{w}_{n}" for w in range(WRITERS) for n in range(ITEMS))
    assert [row["sort_key"] for row in rows] == list(range(1, WRITERS * ITEMS + 1))
    assert await ids_of(store) == [row["id"] for row in rows]
    assert caplog.messages == []


@pytest.mark.parametrize("method", ["add_thread_item", "save_item"])
async def test_an_item_written_by_many_at_once_is_there_once(method, store, caplog):
    caplog.set_level(logging.WARNING, logger="chatkit_pgstore")
    await store.save_thread(thread(), ALICE)
    write = getattr(store, method)
    await asyncio.gather(*(write("thr_1", message("msg_1", str(number)), ALICE) for number in range(32)))
    assert await ids_of(store) == ["msg_1"]
    assert caplog.messages == []


async def test_replacing_an_item_locks_no_thread(store, database_url):
    await store.save_thread(thread(), ALICE)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    async with locked_threads(database_url):
        await asyncio.wait_for(store.save_item("thr_1", message("msg_1", "Again"), ALICE), 2)
    assert (await store.load_item("thr_1", "msg_1", ALICE)).content[0].text == "Again"


async def test_pending_replaces_pending_but_never_finished(store):
    await store.save_thread(thread(), ALICE)
    for completed, expected in ((False, "pending"), (True, "completed"), (False, "completed")):
        await store.add_thread_item("thr_1", tool_call("tc_1", completed=completed), ALICE)
        assert (await store.load_item("thr_1", "tc_1", ALICE)).status == expected


@pytest.mark.parametrize("method", ["add_thread_item", "save_item"])
async def test_a_thread_of_another_user_is_none(method, store, database_url):
    await store.save_thread(thread(), ALICE)
    before = await dump(database_url)
    for context in (BOB, {"user_id": "ALICE"}, {"user_id": "alice "}):
        with pytest.raises(NotFoundError):
            await getattr(store, method)("thr_1", message("msg_1"), context)
    assert await dump(database_url) == before


async def test_an_append_is_stored_when_its_caller_is_cancelled(store, database_url):
    await store.save_thread(thread(), ALICE)
    async with locked_threads(database_url) as holder:
        write = asyncio.create_task(store.add_thread_item("thr_1", message("msg_1"), ALICE))
        await holder.is_waited_for_by(1)
        write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    assert await ids_of(store) == ["msg_1"]


async def test_within_a_transaction_of_the_callers(store):
    await store.save_thread(thread(), ALICE)
    async with store.engine.connect() as connection:
        bound = store.bind(connection)
        await bound.add_thread_item("thr_1", message("msg_1"), ALICE)
        assert await ids_of(bound) == ["msg_1"]
        await connection.rollback()
    assert await ids_of(store) == []


@pytest.mark.parametrize("schema", ["chat", ODD])
async def test_in_a_schema_of_its_own_whatever_the_search_path_says(schema, empty_database_url, make_store):
    quoted = '"' + schema.replace('"', '""') + '"'
    await execute(empty_database_url, f"CREATE SCHEMA {quoted}; CREATE SCHEMA other")
    await (await make_store(empty_database_url, schema=schema)).initialize()
    await make_functions(empty_database_url, quoted)
    elsewhere = f"{empty_database_url}?options=-c%20search_path%3Dother"
    store = await make_store(elsewhere, schema=schema)
    await store.initialize()
    await fill(store)
    assert await ids_of(store) == ["msg_a", "msg_b", "msg_c", "tc_done"]
    assert await fetch_value(empty_database_url, f"SELECT count(*) FROM {quoted}.chatkit_thread_items") == 8


USERS = {
    "uuid": (str(UUID(int=5)), str(UUID(int=6)), "nobody"),
    "integer": ("5", "6", "05"),
    "bigint": (str(2**40), "-1", str(2**63)),
    "text": ("alice", "bob", "carol"),
}


@pytest.mark.parametrize("user_type", USERS)
async def test_with_users_of_every_type(user_type, database_url, make_store):
    mine, theirs, nobody = USERS[user_type]
    await execute(database_url, f"CREATE TABLE users (id {user_type} PRIMARY KEY)")
    await execute(database_url, f"INSERT INTO users VALUES ('{mine}'), ('{theirs}')")
    store = await make_store(users=UsersTable("public.users"))
    await store.initialize()
    await make_functions(database_url, user_type=user_type)
    await store.initialize()
    for user in (mine, theirs):
        await fill(store, {"user_id": user})
        assert await ids_of(store, context={"user_id": user}) == ["msg_a", "msg_b", "msg_c", "tc_done"]
    with pytest.raises((UnknownUserError, NotFoundError)):
        await store.add_thread_item("thr_1", message("msg_x"), {"user_id": nobody})


async def test_they_are_no_way_around_a_roles_rights(store, database_url):
    """Whoever calls them needs the rights to the tables, as the statements do."""
    await store.save_thread(thread(), ALICE)
    role = "reader_" + database_url.rpartition("/")[2][-8:]
    await execute(database_url, f"CREATE ROLE {role}")
    try:
        await execute(database_url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        for name in (APPEND_ITEM, REPLACE_ITEM):
            call = f"SELECT {name}('alice', 'thr_1', 'msg_1', 'assistant_message', NULL, '{{}}', now())"
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for table"):
                await execute(database_url, f"SET ROLE {role}; {call}")
    finally:
        await execute(database_url, f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_role_without_the_right_to_call_them_is_told_so(store, database_url):
    role = "writer_" + database_url.rpartition("/")[2][-8:]
    await execute(database_url, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    try:
        await execute(database_url, "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC")
        await execute(database_url, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
        url = database_url.replace("//postgres", f"//{role}:secret", 1)
        async with PostgresStore(url) as theirs:
            await theirs.save_thread(thread(), ALICE)
            with pytest.raises(ConfigurationError, match="permission denied for function chatkit_append_item"):
                await theirs.add_thread_item("thr_1", message("msg_1"), ALICE)
    finally:
        await execute(database_url, f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_search_path_of_the_callers_leads_nobody_astray(store, database_url):
    """A function or operator of the caller's schema never stands for one of PostgreSQL's."""
    await store.save_thread(thread(), ALICE)
    await execute(
        database_url,
        "CREATE SCHEMA trap; CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'",
    )
    call = "SELECT public.chatkit_append_item('alice', 'thr_1', 'msg_1', 'assistant_message', NULL, '{}', $1)"
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET search_path = trap, pg_catalog")
        moment = await connection.fetchval("SELECT pg_catalog.now()")
        assert await connection.fetchval(call, moment) == 1
    finally:
        await connection.close()


async def test_a_migration_makes_no_function(database_url, make_store):
    await (await make_store()).initialize()
    assert await fetch_value(database_url, OURS) == 0


def test_an_insert_names_every_column_of_the_table():
    for function in functions("public", "text"):
        columns = function.body.partition("INSERT INTO")[2].partition("(")[2].partition(")")[0]
        assert sorted(each.strip() for each in columns.split(",")) == sorted(thread_items.columns.keys())
