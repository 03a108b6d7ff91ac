"""Databases with the options of an older release, a table of users, row security or Citus: what is new has them too."""

import asyncpg
import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, pool

from chatkit_pgstore import UsersTable, _migrations, alembic
from chatkit_pgstore._append_function import functions
from chatkit_pgstore.operations import distribute, enable_row_security
from tests.support.catalog import catalog_of
from tests.support.citus_stand_in import install
from tests.support.databases import execute
from tests.support.old_rows import rows_at
from tests.support.roles import role_of
from tests.support.samples import ids_of
from tests.support.tables import EMPTY, TABLES, add_feedback_and_files, dump, fetch, fetch_value
from tests.support.users import ALL_IDS, UUIDS, create_users

FIRST = TABLES[:3]
"""The tables that revision 0001 had."""

NEW = TABLES[3:]

USERS = UsersTable("app.users")


async def by_initializing(url, make_store, **options):
    store = await make_store(url, **options)
    await store.initialize()
    return store


async def by_the_printed_sql(url, make_store, **options):
    await execute(url, _migrations.sql(start="0001", schema=options.get("schema")))
    store = await make_store(url, **options)
    await store.initialize(migrate=False)
    return store


WAYS = [by_initializing, by_the_printed_sql]


def at_the_first(url, **options):
    """Bring a database to revision 0001 with its options, as a host's migration would."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        with context.begin_transaction(), Operations.context(context):
            alembic.upgrade("0001", **options)


async def rows_of(url, user):
    """Write a user's rows at revision 0001, and return them all."""
    await execute(url, rows_at("0001").replace("'alice'", f"'{user}'"))
    return await first_rows(url)


async def first_rows(url):
    """Return the rows of the tables that revision 0001 had, without the column that came after it."""
    rows = [await fetch(url, f"SELECT * FROM {table} ORDER BY id") for table in FIRST]
    return [[{name: row[name] for name in row.keys() - {"metadata"}} for row in map(dict, each)] for each in rows]


async def types_of(url, schema="public"):
    query = "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'user_id'"
    return {table: await fetch_value(url, query, f"{schema}.{table}") for table in TABLES}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ids", ALL_IDS, ids=str)
async def test_new_tables_take_the_type_that_ids_of_users_have(ids, way, empty_database_url, make_store):
    await create_users(empty_database_url, ids)
    at_the_first(empty_database_url, users=USERS)
    before = await rows_of(empty_database_url, ids.alice)
    store = await way(empty_database_url, make_store, users=USERS)
    assert await types_of(empty_database_url) == dict.fromkeys(TABLES, ids.column_type)
    assert await first_rows(empty_database_url) == before
    await add_feedback_and_files(empty_database_url)
    assert await ids_of(store, context={"user_id": ids.alice}) == ["msg_1", "msg_2"]
    await fetch(empty_database_url, "DELETE FROM app.users")
    await fetch(empty_database_url, "DELETE FROM chatkit_files")
    assert await dump(empty_database_url) == EMPTY


async def test_it_is_what_a_new_database_with_such_users_is(empty_database_url, database_url, make_store):
    for url in (empty_database_url, database_url):
        await create_users(url, UUIDS)
    at_the_first(empty_database_url, users=USERS)
    await by_initializing(empty_database_url, make_store, users=USERS)
    await by_initializing(database_url, make_store, users=USERS)
    assert await catalog_of(empty_database_url) == await catalog_of(database_url)


@pytest.mark.parametrize("way", WAYS)
async def test_in_a_schema_of_its_own(way, empty_database_url, make_store):
    await create_users(empty_database_url, UUIDS)
    await execute(empty_database_url, "CREATE SCHEMA chat")
    at_the_first(empty_database_url, users=USERS, schema="chat")
    await way(empty_database_url, make_store, users=USERS, schema="chat")
    assert await types_of(empty_database_url, "chat") == dict.fromkeys(TABLES, "uuid")


# As the release of revision 0001 turned row security on.
POLICY = """
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    CREATE POLICY chatkit_own_rows ON {table} USING (
        user_id = CAST(NULLIF(current_setting('chatkit_pgstore.user_id', true), '') AS {type}));
"""
POLICIES = "SELECT tablename, policyname, cmd, roles, qual, with_check FROM pg_policies ORDER BY tablename"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ids", [None, UUIDS], ids=str)
async def test_new_tables_have_the_row_security_of_the_threads(ids, way, empty_database_url, make_store):
    options, kind, alice = ({}, "text", "alice") if ids is None else ({"users": USERS}, "uuid", ids.alice)
    await create_users(empty_database_url, UUIDS)
    at_the_first(empty_database_url, **options)
    for table in FIRST:
        await execute(empty_database_url, POLICY.format(table=table, type=kind))
    await rows_of(empty_database_url, alice)
    store = await way(empty_database_url, make_store, **options)
    await add_feedback_and_files(empty_database_url)
    before = await fetch(empty_database_url, POLICIES)
    assert [row["tablename"] for row in before] == sorted(TABLES)
    assert len({repr(tuple(row)[1:]) for row in before}) == 1
    await enable_row_security(store)
    assert await fetch(empty_database_url, POLICIES) == before
    async with role_of(empty_database_url) as url:
        assert await seen(url, "") == dict.fromkeys(TABLES, 0)
        assert await seen(url, UUIDS.bob) == dict.fromkeys(TABLES, 0)
        assert set((await seen(url, alice)).values()) == {1, 2}


async def seen(url, user):
    """Return how many rows of each table a transaction of *user* sees."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('chatkit_pgstore.user_id', $1, true)", user)
            return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}
    finally:
        await connection.close()


DISTRIBUTED = """
    SET citus.multi_shard_modify_mode = 'sequential';
    SELECT create_distributed_table('chatkit_threads', 'user_id', colocate_with => 'none');
    SELECT create_distributed_table('chatkit_thread_items', 'user_id', colocate_with => 'public.chatkit_threads');
    SELECT create_distributed_table('chatkit_attachments', 'user_id', colocate_with => 'public.chatkit_threads');
    SELECT create_reference_table('chatkit_schema_version');
    SELECT create_reference_table('chatkit_supported_revisions');
"""
ASKED = "SELECT what FROM asked ORDER BY id"


@pytest.mark.parametrize("way", WAYS)
async def test_new_tables_are_distributed_beside_the_threads(way, empty_database_url, make_store):
    """By hand: `distribute` of this release wants the tables of this release."""
    await install(empty_database_url)
    at_the_first(empty_database_url)
    await execute(empty_database_url, DISTRIBUTED)
    for function in functions("public", "text"):
        await execute(empty_database_url, function.create)
        await fetch(
            empty_database_url,
            "SELECT set_config('citus.multi_shard_modify_mode', 'sequential', false), create_distributed_function("
            f"'{function.signature}', 'of_user', colocate_with => 'public.chatkit_threads')",
        )
    await execute(empty_database_url, "TRUNCATE asked")
    store = await way(empty_database_url, make_store)
    assert [row["what"] for row in await fetch(empty_database_url, ASKED)] == [
        f"{table} by user_id beside chatkit_threads" for table in NEW
    ]
    keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND conrelid = ANY ($1::regclass[])"
    assert await fetch_value(empty_database_url, keys, list(NEW)) == 2
    assert (await distribute(store)).done == ()


async def test_the_stand_in_refuses_a_key_of_a_table_that_is_not_distributed(database_url):
    """Else the test before it would not see one that comes too early."""
    await install(database_url)
    await execute(database_url, DISTRIBUTED)
    with pytest.raises(asyncpg.RaiseError, match="foreign keys from local tables"):
        await execute(database_url, "CREATE TABLE late (a text, b text, FOREIGN KEY (a, b) REFERENCES chatkit_threads)")
