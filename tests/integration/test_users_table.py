"""``users=``: ids of the type the host's table has, foreign keys to it, and what does not suit is refused."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chatkit_pgstore import (
    ConfigurationError,
    NotFoundError,
    PostgresStore,
    SchemaOutOfDateError,
    UnknownUserError,
    UsersTable,
)
from chatkit_pgstore._compiled import statements_by_name
from chatkit_pgstore._layout import Layout
from chatkit_pgstore._users import reference
from chatkit_pgstore.cli import main
from chatkit_pgstore.testing import MemoryStore
from tests.support.calls import BY_METHOD, CALLS, fill
from tests.support.catalog import catalog_of
from tests.support.databases import create_database, drop_database
from tests.support.samples import ALICE, attachment, ids_of, items_of, message, thread
from tests.support.shared import proxy_before
from tests.support.tables import EMPTY, TABLES, add_feedback_and_files, dump, fetch, fetch_value
from tests.support.users import ALL_IDS, BIGINTS, INTEGERS, TEXTS, USERS, UUIDS, create_users

FILES = ("chatkit_files", "chatkit_file_chunks")
"""They stay for the sweep, which deletes what they stand for."""

TABLE = UsersTable(USERS, column="id")


def context(user_id):
    return {"user_id": user_id}


@pytest.fixture(params=ALL_IDS, ids=str)
def ids(request):
    return request.param


@pytest.fixture
async def hosts_url(ids, empty_database_url):
    await create_users(empty_database_url, ids)
    return empty_database_url


@pytest.fixture
async def users_store(hosts_url, make_store):
    store = await make_store(hosts_url, users=TABLE)
    await store.initialize()
    return store


async def types_of(url):
    query = "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'user_id'"
    return {await fetch_value(url, query, table) for table in TABLES}


async def test_every_table_takes_the_type(ids, users_store, hosts_url):
    assert await types_of(hosts_url) == {ids.column_type}
    await users_store.initialize(migrate=False)


@pytest.fixture(scope="module")
def database_of_each_type(server_url):
    """The URL of a migrated database, by the type of its users' ids."""

    async def create(ids):
        url = await create_database(server_url)
        await create_users(url, ids)
        async with PostgresStore(url, users=TABLE):
            return url

    urls = {ids: asyncio.run(create(ids)) for ids in ALL_IDS}
    yield urls
    for url in urls.values():
        asyncio.run(drop_database(server_url, url))


@pytest.mark.parametrize("call", [call for call in CALLS if call.name != "load_threads none"], ids=str)
async def test_every_call_means_what_it_means(call, ids, database_of_each_type):
    memory, user = MemoryStore(), context(ids.alice)
    await fill(memory)
    store = PostgresStore(database_of_each_type[ids], users=TABLE)
    await fill(store, user)
    try:
        assert await call.made(store, context=user) == await call.made(memory)
    finally:
        await fetch(database_of_each_type[ids], f"TRUNCATE {', '.join(TABLES)}")
        await store.close()


async def test_deleting_a_user_deletes_their_chats_and_nobody_elses(ids, users_store, hosts_url):
    for user_id in (ids.alice, ids.bob):
        await fill(users_store, context(user_id))
    await add_feedback_and_files(hosts_url)
    before = await dump(hosts_url)
    await fetch(hosts_url, f"DELETE FROM {USERS} WHERE id = '{ids.alice}'")
    left = await dump(hosts_url)
    assert {table: left[table] for table in FILES} == {table: before[table] for table in FILES}
    for table in set(TABLES) - set(FILES):
        assert len(left[table]) * 2 == len(before[table]) > 0
        assert set(left[table]) < set(before[table])
    assert await ids_of(users_store, context=context(ids.bob)) == ["msg_a", "msg_b", "msg_c", "tc_done"]
    assert await ids_of(users_store, context=context(ids.alice)) == []


async def test_a_user_who_is_not_there_can_store_nothing(ids, users_store, hosts_url):
    nobody = context(ids.nobody)
    for write, row in ((users_store.save_thread, thread()), (users_store.save_attachment, attachment("atc_1"))):
        with pytest.raises(UnknownUserError, match=r"not in the table of users.*nothing was written"):
            await write(row, nobody)
    with pytest.raises(NotFoundError):
        await users_store.add_thread_item("thr_1", message("msg_1"), nobody)
    assert (await users_store.load_threads(9, None, "asc", nobody)).data == []
    assert all(rows == [] for rows in (await dump(hosts_url)).values())


async def test_an_id_that_cannot_be_one_is_refused_by_every_call(ids, users_store, hosts_url):
    await fill(users_store, context(ids.alice))
    before = await dump(hosts_url)
    for user_id in ids.impossible:
        for call in BY_METHOD.values():
            with pytest.raises(UnknownUserError, match=f"ids of users are of type {ids.type} here"):
                await call.act(users_store, 1, context(user_id))
    assert await dump(hosts_url) == before


@pytest.mark.parametrize("ids", [UUIDS], ids=str)
async def test_such_an_id_costs_no_connection(ids, users_store, hosts_url, make_store):
    async with proxy_before(hosts_url) as proxy:
        store = await make_store(proxy.url(hosts_url), users=TABLE, pool_size=1)
        await store.load_threads(1, None, "asc", context(ids.alice))
        proxy.reset()
        for _ in range(3):
            with pytest.raises(UnknownUserError):
                await store.load_threads(1, None, "asc", context("alice"))
        await store.load_threads(1, None, "asc", context(ids.alice))
        assert (proxy.round_trips, proxy.connections) == (1, 0)
        await store.close()


@pytest.mark.parametrize("ids", [UUIDS], ids=str)
async def test_a_uuid_is_one_user_however_it_is_written(ids, users_store):
    await fill(users_store, context(ids.alice))
    for written in (UUID(ids.alice), ids.alice.upper(), f"urn:uuid:{ids.alice}", ids.alice.replace("-", "")):
        assert await ids_of(users_store, context=context(written)) == ["msg_a", "msg_b", "msg_c", "tc_done"]


async def test_the_hosts_table_is_left_as_it_is(ids, hosts_url, make_store):
    async def description():
        columns = "SELECT * FROM information_schema.columns WHERE table_schema = 'app'"
        indexes = "SELECT * FROM pg_indexes WHERE schemaname = 'app'"
        rows = f"SELECT xmin, ctid, * FROM {USERS}"
        keys = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'app.users'::regclass"
        return [await fetch(hosts_url, query) for query in (columns, indexes, rows, keys)]

    before = await description()
    store = await make_store(hosts_url, users=TABLE)
    await store.initialize()
    await fill(store, context(ids.alice))
    assert await description() == before


async def test_an_initialised_store_has_nothing_left_to_do(users_store, hosts_url, make_store):
    keys = "SELECT oid, xmin, conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY oid"
    before = await fetch(hosts_url, keys)
    await (await make_store(hosts_url, users=TABLE)).initialize()
    assert await fetch(hosts_url, keys) == before


async def test_the_command_does_so_too(ids, hosts_url, make_store, capsys):
    arguments = ["--database-url", hosts_url, "--users", USERS]
    assert await asyncio.to_thread(main, ["migrate", *arguments]) == 0
    assert await types_of(hosts_url) == {ids.column_type}
    await (await make_store(hosts_url, users=TABLE)).initialize(migrate=False)
    assert await asyncio.to_thread(main, ["migrate", *arguments, "--users-column", "uid"]) == 1
    assert "app.users has no column uid" in capsys.readouterr().err


async def test_processes_do_so_at_once(hosts_url, make_store, ids):
    stores = [await make_store(hosts_url, users=TABLE) for _ in range(4)]
    await asyncio.gather(*(store.initialize() for store in stores))
    await fill(stores[0], context(ids.alice))
    assert await ids_of(stores[3], context=context(ids.alice)) == ["msg_a", "msg_b", "msg_c", "tc_done"]


@pytest.mark.parametrize("call", BY_METHOD.values(), ids=str)
@pytest.mark.parametrize("ids", [BIGINTS], ids=str)
async def test_a_warm_call_is_one_round_trip(call, ids, users_store, hosts_url, make_store):
    async with proxy_before(hosts_url) as proxy:
        store = await make_store(proxy.url(hosts_url), users=TABLE, pool_size=1)
        await fill(store, context(ids.alice))
        await call.made(store, 1, context(ids.alice))
        proxy.reset()
        await call.made(store, 2, context(ids.alice))
        assert (proxy.round_trips, proxy.connections) == (1, 0)
        await store.close()


@pytest.mark.parametrize("ids", [UUIDS, INTEGERS], ids=str)
async def test_a_store_that_was_not_told_says_so_or_sees_for_itself(ids, users_store, hosts_url, make_store):
    store = await make_store(hosts_url)
    with pytest.raises(ConfigurationError, match=r"ids of users have another type.*pass users=UsersTable"):
        await store.load_threads(1, None, "asc", context(ids.alice))
    await store.initialize(migrate=False)
    await fill(store, context(ids.alice))


@pytest.mark.parametrize("ids", [UUIDS], ids=str)
async def test_a_user_and_their_first_thread_come_in_one_transaction(ids, users_store):
    nobody = context(ids.nobody)
    async with users_store.engine.begin() as connection:
        await connection.execute(text(f"INSERT INTO {USERS} (id) VALUES ('{ids.nobody}')"))
        await users_store.bind(connection).save_thread(thread(), nobody)
    assert (await users_store.load_thread("thr_1", nobody)).id == "thr_1"


@pytest.mark.parametrize("ids", [TEXTS], ids=str)
async def test_a_bound_call_of_somebody_unknown_is_told_so(ids, users_store):
    async with users_store.engine.connect() as connection:
        with pytest.raises(UnknownUserError):
            await users_store.bind(connection).save_thread(thread(), context(ids.nobody))


@pytest.mark.parametrize("ids", [UUIDS], ids=str)
async def test_odd_names_are_written_as_in_sql(ids, empty_database_url, make_store):
    await fetch(empty_database_url, 'CREATE SCHEMA "My app"')
    await fetch(empty_database_url, 'CREATE TABLE "My app"."User: %s" (name text, "the: id" uuid UNIQUE)')
    await fetch(empty_database_url, 'CREATE SCHEMA "Chat: %"')
    users = UsersTable('"My app"."User: %s"', column="the: id")
    store = await make_store(empty_database_url, users=users, schema="Chat: %")
    await store.initialize()
    await store.initialize(migrate=False)
    with pytest.raises(UnknownUserError):
        await store.save_thread(thread(), context(ids.alice))
    await fetch(empty_database_url, f"""INSERT INTO "My app"."User: %s" VALUES ('a', '{ids.alice}')""")
    await fill(store, context(ids.alice))


@pytest.fixture
async def filled_url(ids, empty_database_url, make_store):
    """A database that was migrated and used without a table of users, which it now has."""
    store = await make_store(empty_database_url)
    await store.initialize()
    for user_id in (ids.alice, ids.bob):
        await fill(store, context(user_id))
    await add_feedback_and_files(empty_database_url)
    await create_users(empty_database_url, ids)
    return empty_database_url


async def test_conversations_that_are_there_stay(ids, filled_url, make_store):
    pages = [await items_of(await make_store(filled_url), context=context(user)) for user in (ids.alice, ids.bob)]
    store = await make_store(filled_url, users=TABLE)
    with pytest.raises(SchemaOutOfDateError, match=r"chatkit-pgstore migrate --users app.users --users-column id"):
        await store.initialize(migrate=False)
    await store.initialize()
    assert await types_of(filled_url) == {ids.column_type}
    assert [await items_of(store, context=context(user)) for user in (ids.alice, ids.bob)] == pages
    catalog = await catalog_of(filled_url)
    assert {name for kind, name in catalog if kind == "statistics"} == {"chatkit_thread_items_user_thread"}
    keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND confdeltype = 'c'"
    assert await fetch_value(filled_url, keys) == 6
    await fetch(filled_url, f"DELETE FROM {USERS}")
    await fetch(filled_url, "DELETE FROM chatkit_files")
    assert await dump(filled_url) == EMPTY


async def test_conversations_of_users_who_are_not_there_are_refused(ids, filled_url, make_store):
    await fetch(filled_url, f"DELETE FROM {USERS} WHERE id = '{ids.bob}'")
    before = [await catalog_of(filled_url), await dump(filled_url)]
    store = await make_store(filled_url, users=TABLE)
    with pytest.raises(ConfigurationError, match=r"conversations of users who are not there.*Nothing was changed"):
        await store.initialize()
    assert [await catalog_of(filled_url), await dump(filled_url)] == before


@pytest.mark.parametrize("ids", [UUIDS, INTEGERS, BIGINTS], ids=str)
@pytest.mark.parametrize("stranger", ["alice@example.com", "9" * 30])
async def test_conversations_of_users_whose_ids_do_not_suit_are_refused(ids, stranger, filled_url, make_store):
    await (await make_store(filled_url)).save_thread(thread(), context(stranger))
    before = [await catalog_of(filled_url), await dump(filled_url)]
    store = await make_store(filled_url, users=TABLE)
    with pytest.raises(ConfigurationError, match=f"users whose ids are no {ids.type}"):
        await store.initialize()
    assert [await catalog_of(filled_url), await dump(filled_url)] == before


@pytest.mark.parametrize("ids", [UUIDS], ids=str)
async def test_another_table_of_users_takes_the_place_of_the_first(ids, users_store, hosts_url, make_store):
    await fetch(hosts_url, "CREATE TABLE people (number text PRIMARY KEY)")
    store = await make_store(hosts_url, users=UsersTable("people", column="number"))
    await store.initialize()
    catalog = await catalog_of(hosts_url)
    assert {catalog["column", f"{table}.user_id"] for table in TABLES} == {"text C not null"}
    await fetch(hosts_url, "INSERT INTO people VALUES ('carol')")
    await fill(store, context("carol"))
    assert await fetch_value(hosts_url, "SELECT count(*) FROM pg_constraint WHERE conname LIKE '%_user_fkey'") == 2
    with pytest.raises(SchemaOutOfDateError, match="do not refer to app.users"):
        await users_store.initialize(migrate=False)


BAD = {
    "no such table": (UsersTable("app.people"), r"no table app\.people"),
    "no such schema": (UsersTable("apps.users"), r"no table apps\.users"),
    "no name": (UsersTable('app."users'), r'no table app\."users|cannot be read as'),
    "too many names": (UsersTable("a.b.c.d.e"), r"cannot be read as the name of a table"),
    "no such column": (UsersTable(USERS, column="uid"), r"app\.users has no column uid"),
    "a system column": (UsersTable(USERS, column="ctid"), r"app\.users has no column ctid"),
    "another type": (UsersTable("app.other", column="number"), r"number is of type numeric, but"),
    "an array": (UsersTable("app.other", column="list"), r"list is of type integer\[\], but"),
    "not unique": (UsersTable(USERS, column="name"), r"Nothing makes app\.users\.name unique"),
    "unique in part": (UsersTable("app.other", column="half"), r"Nothing makes app\.other\.half unique"),
    "unique with another": (UsersTable("app.other", column="pair"), r"Nothing makes app\.other\.pair unique"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("ids", [UUIDS], ids=str)
async def test_what_cannot_be_referred_to_is_refused_before_anything_is_made(bad, hosts_url, make_store):
    await fetch(hosts_url, "CREATE TABLE app.other (number numeric PRIMARY KEY, list int[], half int, pair int)")
    await fetch(hosts_url, "CREATE UNIQUE INDEX ON app.other (half) WHERE half > 0")
    await fetch(hosts_url, "CREATE UNIQUE INDEX ON app.other (pair, half)")
    users, message_of_error = BAD[bad]
    before = await catalog_of(hosts_url)
    store = await make_store(hosts_url, users=users)
    with pytest.raises(ConfigurationError, match=message_of_error):
        await store.initialize()
    assert await catalog_of(hosts_url) == before == {}


@pytest.mark.parametrize("ids", [UUIDS], ids=str)
async def test_a_failure_of_another_kind_is_not_blamed_on_the_name(ids, users_store):
    async with users_store.engine.connect() as connection:
        with pytest.raises(DBAPIError, match="division by zero"):
            await connection.execute(text("SELECT 1 / 0"))
        with pytest.raises(DBAPIError, match="transaction is aborted"):
            await connection.run_sync(reference, TABLE, None)


@pytest.mark.parametrize("ids", [UUIDS], ids=str)
async def test_a_role_that_may_not_refer_to_it_is_told_so(ids, hosts_url, make_store):
    role = f"migrator_{hosts_url[-12:]}"
    await fetch(hosts_url, f"CREATE ROLE {role} LOGIN")
    try:
        await fetch(hosts_url, f"GRANT CREATE ON SCHEMA public TO {role}")
        await fetch(hosts_url, f"GRANT USAGE ON SCHEMA app TO {role}")
        store = await make_store(hosts_url.replace("postgres@", f"{role}@"), users=TABLE)
        with pytest.raises(ConfigurationError, match=r"lacks rights.*users"):
            await store.initialize()
        assert await catalog_of(hosts_url) == {}
        await fetch(hosts_url, f"GRANT REFERENCES ON {USERS} TO {role}")
        await store.initialize()
        await store.close()
    finally:
        await fetch(hosts_url, f"DROP OWNED BY {role}")
        await fetch(hosts_url, f"DROP ROLE {role}")


@pytest.mark.parametrize("name", ["", " ", "a\n", None, 5])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ConfigurationError, match="takes the name of a table"):
        UsersTable(name)
    with pytest.raises(ConfigurationError, match="name of a column"):
        UsersTable("users", column=name if name != " " else "")


def test_users_has_to_be_such_a_table():
    with pytest.raises(ConfigurationError, match=r"users must be a UsersTable\("):
        PostgresStore("postgresql://localhost/x", users="app.users")


@pytest.mark.parametrize("ids", [UUIDS], ids=str)
async def test_tables_that_went_meanwhile_are_told_of(users_store, hosts_url, make_store):
    store = await make_store(hosts_url, users=TABLE)
    await fetch(hosts_url, "DROP TABLE chatkit_threads CASCADE")
    with pytest.raises(SchemaOutOfDateError, match="chatkit-pgstore migrate"):
        await store.load_threads(1, None, "asc", ALICE)


async def test_a_page_is_read_by_its_index(ids, users_store, hosts_url):
    await fill(users_store, context(ids.alice))
    connection = await asyncpg.connect(hosts_url)
    try:
        await connection.execute(
            "SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan"
        )
        for name, statement in statements_by_name(Layout(None, ids.column_type)).items():
            await connection.execute(f"PREPARE {name} AS {statement.sql}")
            nulls = ", ".join(["NULL"] * len(statement.parameters))
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE {name} ({nulls})"))
            assert "Seq Scan" not in plan, name
            assert "Filter: (user_id" not in plan, name
    finally:
        await connection.close()
