"""The way to the newest schema: complete, repeatable, side by side, and out of the host's way."""

import asyncio
import sys

import asyncpg
import pytest
from alembic import op
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore import PostgresStore, _migrations
from chatkit_pgstore._tables import VERSION_TABLE, metadata
from tests.support.catalog import catalog_of
from tests.support.databases import execute
from tests.support.tables import fetch, fetch_value

PROCESSES = 8

INITIALIZE = """
import asyncio, sys
from chatkit_pgstore import PostgresStore

async def main():
    async with PostgresStore(sys.argv[1]) as store:
        await store.load_threads(1, None, "asc", {"user_id": "alice"})

sys.stdin.readline()
asyncio.run(main())
"""


async def initialize(url, **options):
    store = PostgresStore(url)
    try:
        await store.initialize(**options)
    finally:
        await store.close()


async def test_the_migrations_make_what_the_tables_say(empty_database_url, database_url):
    engine = create_async_engine(empty_database_url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    migrated = await catalog_of(database_url)
    without_version = {key: value for key, value in migrated.items() if VERSION_TABLE not in key[1]}
    assert without_version == await catalog_of(empty_database_url)


async def test_the_printed_sql_makes_what_the_migrations_make(empty_database_url, database_url):
    await execute(empty_database_url, _migrations.sql())
    assert await catalog_of(empty_database_url) == await catalog_of(database_url)
    await initialize(empty_database_url, migrate=False)


async def test_eight_processes_may_initialize_an_empty_database_at_once(empty_database_url):
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            INITIALIZE,
            empty_database_url,
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]
    # All have imported what they need when the line reaches them.
    outcomes = await asyncio.gather(*(process.communicate(b"now\n") for process in processes))
    assert [(process.returncode, error) for process, (_, error) in zip(processes, outcomes, strict=True)] == [
        (0, b"")
    ] * PROCESSES


async def test_initializing_twice_changes_nothing(empty_database_url):
    await initialize(empty_database_url)
    before = await catalog_of(empty_database_url)
    await initialize(empty_database_url)
    assert await catalog_of(empty_database_url) == before


ATTEMPTS = """
    SELECT query_start FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE '%pg_try_advisory_xact_lock%' AND pid <> pg_backend_pid()
"""


async def test_a_second_process_asks_for_the_lock_until_the_first_is_done(empty_database_url):
    migrating = await asyncpg.connect(empty_database_url)
    async with migrating.transaction():
        # As releases before this one take it.
        await migrating.execute(f"SELECT pg_advisory_xact_lock({_migrations.LOCK})")
        waiting = asyncio.create_task(initialize(empty_database_url))
        asked = set()
        while len(asked) < 3:
            asked.update(row["query_start"] for row in await fetch(empty_database_url, ATTEMPTS))
            assert not waiting.done()
        assert await fetch_value(empty_database_url, "SELECT to_regclass('chatkit_threads')") is None
    await waiting
    await migrating.close()


async def test_the_lock_also_holds_on_an_engine_in_autocommit(empty_database_url):
    url = empty_database_url.replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    stores = [PostgresStore(engine=engine) for _ in range(4)]
    await asyncio.gather(*(store.initialize() for store in stores))
    await engine.dispose()


async def test_the_hosts_own_migrations_are_left_alone(empty_database_url):
    await execute(empty_database_url, "CREATE TABLE alembic_version (version_num text PRIMARY KEY)")
    await execute(empty_database_url, "INSERT INTO alembic_version VALUES ('the host''s')")
    await initialize(empty_database_url)
    connection = await asyncpg.connect(empty_database_url)
    assert await connection.fetchval("SELECT string_agg(version_num, ' ') FROM alembic_version") == "the host's"
    await connection.close()


async def upgrade(url, adjust):
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    try:
        await _migrations.upgrade(engine, None, adjust)
    finally:
        await engine.dispose()


async def test_what_is_adjusted_is_part_of_the_transaction_of_the_migration(empty_database_url):
    def adjust(connection):
        connection.exec_driver_sql("ALTER TABLE chatkit_threads ADD COLUMN colour text")
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        seen.append(connection.exec_driver_sql(locks).scalar())
        seen.append(connection.exec_driver_sql("SHOW lock_timeout").scalar())
        raise ZeroDivisionError

    seen = []
    with pytest.raises(ZeroDivisionError):
        await upgrade(empty_database_url, adjust)
    assert seen == [1, "10s"]
    assert await catalog_of(empty_database_url) == {}


async def test_a_database_at_the_newest_revision_is_adjusted_too(database_url):
    def adjust(connection):
        connection.exec_driver_sql("CREATE TABLE adjusted (id int)")

    await upgrade(database_url, adjust)
    assert await fetch_value(database_url, "SELECT count(*) FROM adjusted") == 0


async def test_the_hosts_own_proxies_of_alembic_are_left_alone(empty_database_url):
    """A host may migrate in the same process, and be in the middle of it."""
    with Operations.context(MigrationContext.configure(dialect_name="postgresql")) as operations:
        await initialize(empty_database_url)
        assert op.get_context() is operations.get_context()
