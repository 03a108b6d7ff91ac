"""Row security: PostgreSQL itself shows the application's role one user's rows, those that the transaction names."""

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import text

from chatkit_pgstore import (
    ConfigurationError,
    NotFoundError,
    PostgresStore,
    SchemaOutOfDateError,
    UnknownUserError,
    UsersTable,
)
from chatkit_pgstore.cli import main
from chatkit_pgstore.operations import enable_row_security
from chatkit_pgstore.testing import MemoryStore
from tests.support.calls import BY_METHOD, CALLS, fill
from tests.support.databases import check_nothing_is_open, create_database, drop_database
from tests.support.pgbouncer import SERVER_CONNECTIONS, running_pgbouncer
from tests.support.roles import GRANTS, as_role, role_in, role_of
from tests.support.samples import ALICE, BOB, ids_of, message, thread
from tests.support.shared import proxy_before
from tests.support.tables import TABLES, add_feedback_and_files, dump, fetch, fetch_value
from tests.support.users import USERS, UUIDS, create_users

SETTING = "chatkit_pgstore.user_id"
ALL = ["msg_a", "msg_b", "msg_c", "tc_done"]


async def turn_on(url, **settings):
    async with PostgresStore(url, **settings) as owners:
        await enable_row_security(owners)


@pytest.fixture
async def app_url(database_url):
    """The URL of the application's role, on tables with policies."""
    await turn_on(database_url)
    async with role_of(database_url) as url:
        yield url


@pytest.fixture
async def app_store(app_url, make_store):
    """A store under row security with one connection, so that what a call leaves behind meets the next."""
    store = await make_store(app_url, row_security=True, pool_size=1)
    yield store
    await store.close()


@pytest.fixture(scope="module")
def secured_urls(server_url, template_database):
    """The URLs of an owner and of the application's role, on a database that the tests of this module share."""
    owners_url = asyncio.run(create_database(server_url, template_database))
    role = f"app_{owners_url[-12:]}"

    async def prepare():
        await turn_on(owners_url)
        await fetch(owners_url, f"CREATE ROLE {role} LOGIN")
        for grant in GRANTS:
            await fetch(owners_url, grant.format(role=role))

    asyncio.run(prepare())
    yield owners_url, as_role(owners_url, role)
    asyncio.run(drop_database(server_url, owners_url))
    asyncio.run(fetch(server_url, f"DROP ROLE {role}"))


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_every_call_means_what_it_means(call, secured_urls):
    memory, context = MemoryStore(), {"user_id": f"own: {call}"}
    await fill(memory)
    store = PostgresStore(secured_urls[1], row_security=True, pool_size=1)
    await fill(store, context)
    assert await call.made(store, context=context) == await call.made(memory)
    await check_nothing_is_open([store], secured_urls[0])
    await store.close()


@pytest.mark.parametrize("call", BY_METHOD.values(), ids=str)
@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
async def test_a_warm_call_is_three_round_trips_and_one_without(call, on, secured_urls):
    owners_url, app_url = secured_urls
    async with proxy_before(app_url) as proxy:
        url = proxy.url(app_url if on else owners_url)
        store = PostgresStore(url, row_security=on, pool_size=1)
        await fill(store, context := {"user_id": f"{on}: {call}"})
        await call.made(store, 1, context)
        proxy.reset()
        await call.made(store, 2, context)
        assert (proxy.round_trips, proxy.connections) == (3 if on else 1, 0)
        await store.close()


async def rows_seen(connection):
    return {table: len(await connection.fetch(f"SELECT FROM {table}")) for table in TABLES}


@asynccontextmanager
async def connected(url):
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        yield connection
    finally:
        await connection.close()


async def show(connection, user_id):
    await connection.execute("SELECT set_config($1, $2, true)", SETTING, user_id)


async def test_raw_sql_sees_nothing_and_with_the_setting_one_users_rows(app_store, app_url, database_url):
    for context in (ALICE, BOB):
        await fill(app_store, context)
    await app_store.delete_thread("thr_2", BOB)
    await add_feedback_and_files(database_url)
    async with connected(app_url) as connection:
        assert await rows_seen(connection) == dict.fromkeys(TABLES, 0)
        async with connection.transaction():
            await show(connection, "alice")
            assert await rows_seen(connection) == dict(zip(TABLES, (2, 8, 4, 4, 4, 4), strict=True))
            assert await connection.fetchval("SELECT count(*) FROM chatkit_threads WHERE user_id = 'bob'") == 0
            await show(connection, "bob")
            assert await rows_seen(connection) == dict(zip(TABLES, (1, 4, 3, 2, 3, 3), strict=True))
        assert await rows_seen(connection) == dict.fromkeys(TABLES, 0)


@pytest.mark.parametrize("table", TABLES)
async def test_raw_sql_can_neither_take_nor_plant_another_users_rows(table, app_store, app_url, database_url):
    for context in (ALICE, BOB):
        await fill(app_store, context)
    await add_feedback_and_files(database_url)
    before = await dump(database_url, "bob")
    async with connected(app_url) as connection:
        for statement in (f"DELETE FROM {table} WHERE user_id = 'bob'", f"UPDATE {table} SET user_id = user_id"):
            async with connection.transaction():
                await show(connection, "alice")
                await connection.execute(statement)
        for statement in (
            f"UPDATE {table} SET user_id = 'bob'",
            f'INSERT INTO {table} SELECT (json_populate_record(t, \'{{"user_id": "bob"}}\')).* FROM {table} AS t',
        ):
            async with connection.transaction():
                await show(connection, "alice")
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(f"SAVEPOINT here; {statement}")
                await connection.execute("ROLLBACK TO SAVEPOINT here")
    assert await dump(database_url, "bob") == before


async def test_a_connection_of_the_stores_is_left_without_a_user(app_store):
    await fill(app_store)
    assert await ids_of(app_store) == ALL
    with pytest.raises(NotFoundError):
        await app_store.load_thread("thr_x", ALICE)
    async with app_store.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert not raw.driver_connection.is_in_transaction()
        assert await connection.scalar(text(f"SELECT current_setting('{SETTING}', true)")) == ""
        assert await connection.scalar(text("SELECT count(*) FROM chatkit_threads")) == 0


ODD_USERS = ("o'neil", "x', true); DROP TABLE chatkit_threads; --", "\\'; SELECT 1 --", "Ωμέγα 🙂", "%s $1 :a", " ")


@pytest.mark.parametrize("user_id", ODD_USERS)
async def test_a_users_id_is_never_read_as_sql(user_id, app_store, database_url):
    context = {"user_id": user_id}
    await fill(app_store, context)
    assert await ids_of(app_store, context=context) == ALL
    assert await fetch_value(database_url, "SELECT DISTINCT user_id FROM chatkit_threads") == user_id


async def test_behind_a_transaction_pooler_users_do_not_mix(secured_urls):
    owners_url, app_url = secured_urls
    users = [{"user_id": f"pooled {number}"} for number in range(16)]
    with running_pgbouncer(app_url) as pooled_url:
        store = PostgresStore(pooled_url, pooler="transaction", row_security=True, pool_size=len(users))
        await asyncio.gather(*(fill(store, user) for user in users))
        assert await asyncio.gather(*(ids_of(store, context=user) for user in users for _ in range(10))) == [ALL] * 160
        clients = [await asyncpg.connect(pooled_url, statement_cache_size=0) for _ in range(SERVER_CONNECTIONS)]
        for client in clients:
            await client.execute("BEGIN")
        assert len({await client.fetchval("SELECT pg_backend_pid()") for client in clients}) == SERVER_CONNECTIONS
        for client in clients:
            assert await rows_seen(client) == dict.fromkeys(TABLES, 0)
            await show(client, "pooled 3")
            assert (await rows_seen(client))["chatkit_thread_items"] == 8
            await client.execute("COMMIT")
            assert await rows_seen(client) == dict.fromkeys(TABLES, 0)
            await client.close()
        await store.close()
    assert await fetch_value(owners_url, "SELECT count(*) FROM chatkit_threads WHERE user_id LIKE 'pooled%'") == 32


async def test_behind_a_transaction_pooler_a_warm_call_is_four_round_trips(secured_urls):
    with running_pgbouncer(secured_urls[1]) as pooled_url:
        async with proxy_before(pooled_url) as proxy:
            store = PostgresStore(proxy.url(pooled_url), pooler="transaction", row_security=True, pool_size=1)
            await fill(store, context := {"user_id": "pooled trips"})
            proxy.reset()
            await ids_of(store, context=context)
            assert (proxy.round_trips, proxy.connections) == (4, 0)
            await store.close()


@pytest.mark.parametrize("attributes", ["SUPERUSER", "BYPASSRLS"])
async def test_a_role_that_sees_everything_is_refused(attributes, app_url, database_url, make_store):
    async with role_of(database_url, attributes) as url:
        await refused(await make_store(url, row_security=True))


async def test_the_owner_is_refused_and_whoever_is_a_member_of_it(app_url, database_url, make_store):
    async with role_of(database_url) as owner, role_of(database_url) as member:
        await fetch(database_url, f"GRANT {role_in(owner)} TO {role_in(member)}")
        for table in TABLES:
            await fetch(database_url, f"ALTER TABLE {table} OWNER TO {role_in(owner)}")
        for url in (owner, member):
            await refused(await make_store(url, row_security=True))
        for table in TABLES:
            await fetch(database_url, f"ALTER TABLE {table} OWNER TO postgres")


async def refused(store):
    for call in (store.initialize(), store.initialize(migrate=False), store.save_thread(thread(), ALICE)):
        with pytest.raises(
            ConfigurationError, match=r"would see every user's rows.*Use a role that only reads and writes"
        ):
            await call
    await store.close()


async def test_tables_without_policies_are_refused(database_url, make_store):
    async with role_of(database_url) as url:
        store = await make_store(url, row_security=True)
        with pytest.raises(ConfigurationError, match=r"no policies.*chatkit-pgstore migrate --row-security"):
            await store.load_threads(1, None, "asc", ALICE)
        await turn_on(database_url)
        assert (await store.load_threads(1, None, "asc", ALICE)).data == []
        await store.close()


async def test_a_store_under_row_security_does_not_migrate(empty_database_url, make_store):
    store = await make_store(empty_database_url, row_security=True)
    with pytest.raises(SchemaOutOfDateError):
        await store.initialize()
    assert await fetch(empty_database_url, "SELECT FROM pg_tables WHERE tablename LIKE 'chatkit%'") == []


async def test_a_store_without_it_sees_nothing_as_the_applications_role(app_store, app_url, make_store):
    await fill(app_store)
    other = await make_store(app_url)
    assert (await other.load_threads(9, None, "asc", ALICE)).data == []
    await other.close()


async def test_turning_it_on_again_changes_nothing_to_see(app_store, database_url):
    await fill(app_store)
    policies = "SELECT * FROM pg_policies ORDER BY tablename"
    before = await fetch(database_url, policies)
    await turn_on(database_url)
    assert await fetch(database_url, policies) == before
    assert [row["tablename"] for row in before] == sorted(TABLES)
    assert await ids_of(app_store) == ALL


async def test_the_command_turns_it_on_with_the_tables(empty_database_url, make_store):
    arguments = ["migrate", "--row-security", "--database-url", empty_database_url]
    for _ in range(2):
        assert await asyncio.to_thread(main, arguments) == 0
    async with role_of(empty_database_url) as url:
        store = await make_store(url, row_security=True)
        await fill(store)
        assert await ids_of(store) == ALL
        await store.close()


async def test_tables_that_are_distributed_are_refused(database_url, make_store):
    await fetch(database_url, "CREATE FUNCTION chatkit_append_item() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    with pytest.raises(ConfigurationError, match="distributed by Citus"):
        await enable_row_security(await make_store(database_url))
    assert await fetch(database_url, "SELECT FROM pg_policies") == []


async def test_only_the_owner_can_turn_it_on(database_url, make_store):
    async with role_of(database_url) as url:
        store = await make_store(url)
        with pytest.raises(ConfigurationError, match="lacks rights"):
            await enable_row_security(store)
        await store.close()
    assert await fetch(database_url, "SELECT FROM pg_policies") == []


async def test_a_cancelled_write_is_stored_and_its_connection_is_whole(app_store):
    await fill(app_store)
    for number in range(20):
        writing = asyncio.create_task(app_store.add_thread_item("thr_1", message(f"msg_{number}"), ALICE))
        for _ in range(number):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait([writing])
    await app_store.add_thread_item("thr_1", message("msg_last"), ALICE)
    kept = await ids_of(app_store)
    assert kept[-1] == "msg_last"
    # Whatever had been begun is there: a task that was cancelled before its first step never began.
    assert kept[len(ALL) : -1] == [f"msg_{number}" for number in range(20)][-len(kept[len(ALL) : -1]) :]
    assert len(kept) >= len(ALL) + 19


async def test_a_call_whose_connection_is_killed_is_sent_again(app_store, app_url, database_url):
    await fill(app_store)
    role = role_in(app_url)
    await fetch(database_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")
    await app_store.add_thread_item("thr_1", message("msg_new"), ALICE)
    assert await ids_of(app_store) == [*ALL, "msg_new"]


async def test_a_bound_store_sets_the_user_in_the_callers_transaction(app_store):
    async with app_store.engine.begin() as connection:
        bound = app_store.bind(connection)
        for context in (ALICE, BOB):
            await fill(bound, context)
        assert await ids_of(bound) == ALL
    assert await ids_of(app_store, context=BOB) == ALL


async def test_ids_of_another_type_a_schema_of_its_own_and_a_refused_write(empty_database_url, make_store):
    await create_users(empty_database_url, UUIDS)
    await fetch(empty_database_url, 'CREATE SCHEMA "My chat"')
    settings = {"users": UsersTable(USERS), "schema": "My chat"}
    await turn_on(empty_database_url, **settings)
    grants = (
        'GRANT USAGE ON SCHEMA "My chat" TO {role}',
        'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "My chat" TO {role}',
        "GRANT USAGE ON SCHEMA app TO {role}",
    )
    async with role_of(empty_database_url, grants=grants) as url:
        store = await make_store(url, row_security=True, **settings)
        await store.initialize()
        await fill(store, {"user_id": UUIDS.alice})
        await fill(store, {"user_id": UUIDS.bob})
        assert await ids_of(store, context={"user_id": UUIDS.alice}) == ALL
        with pytest.raises(UnknownUserError):
            await store.save_thread(thread(), {"user_id": UUIDS.nobody})
        await check_nothing_is_open([store], empty_database_url)
        assert await ids_of(store, context={"user_id": UUIDS.bob}) == ALL
        async with store.engine.connect() as connection:
            assert await connection.scalar(text('SELECT count(*) FROM "My chat".chatkit_threads')) == 0
        await store.close()
    await fetch(empty_database_url, "CREATE TABLE app.people (id bigint PRIMARY KEY)")
    others = await make_store(empty_database_url, schema="My chat", users=UsersTable("app.people"))
    with pytest.raises(ConfigurationError, match="cannot be done to tables under row security"):
        await others.initialize()


def test_it_is_on_or_off():
    with pytest.raises(ConfigurationError, match="row_security must be True or False, not 'on'"):
        PostgresStore("postgresql://localhost/x", row_security="on")
