"""Indexes of tables in use: built beside the writers, once, and whole or not at all."""

import asyncio
import logging
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore import ConfigurationError, PostgresStore, StoreUnavailableError, _index_builds, _migrations
from tests.integration.test_snippets import environment
from tests.support.catalog import catalog_of
from tests.support.databases import execute
from tests.support.old_rows import ROWS
from tests.support.pgbouncer import running_pgbouncer
from tests.support.releases import (
    INDEX,
    INDEX_REVISION,
    STILL_SERVES_THE_LAST,
    next_release,
    release_with_index,
    released,
)
from tests.support.samples import ALICE, ids_of, message
from tests.support.tables import fetch, fetch_value
from tests.support.waiting import eventually_true

STATE = """
    SELECT (SELECT version_num FROM chatkit_schema_version) AS revision,
           (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('chatkit_threads_by_update')) AS valid
"""
BUILDING = """
    SELECT pid FROM pg_stat_progress_create_index
    WHERE datname = current_database() AND phase = 'waiting for old snapshots'
"""
BEFORE_BUILDING = BUILDING.replace("old snapshots", "writers before build")
BEHIND = (_migrations.head(), None)
BROKEN_OFF = (_migrations.head(), False)
DONE = ("9998", True)
ADVISORY_LOCKS = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
INITIALIZE = """
import asyncio, pathlib, sys
from chatkit_pgstore import PostgresStore, _revisions

async def main():
    _revisions.location = lambda _: pathlib.Path(sys.argv[2])
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    async with PostgresStore(sys.argv[1]):
        pass

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The migrations of the next release, which needs an index; from here on it is the release that runs."""
    package = release_with_index(tmp_path)
    released(package, monkeypatch)
    return package / "migrations"


@pytest.fixture
async def filled_url(database_url, folder):
    await execute(database_url, ROWS)
    return database_url


async def initialize(url, **options):
    store = PostgresStore(url, **options)
    try:
        await store.initialize()
    finally:
        await store.close()


async def state_of(url):
    [row] = await fetch(url, STATE)
    return tuple(row)


@asynccontextmanager
async def old_snapshot(url):
    """Hold a snapshot, so that a build that began has to wait before it ends."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read"):
            await connection.execute("SELECT 1")
            yield
    finally:
        await connection.close()


async def the_build_waits(url):
    await eventually_true(lambda: fetch(url, BUILDING))


async def test_writers_go_on_while_an_index_is_built(filled_url, make_store):
    writer = await make_store(filled_url)
    async with old_snapshot(filled_url):
        building = asyncio.create_task(initialize(filled_url))
        await the_build_waits(filled_url)
        for number in range(50):
            await writer.add_thread_item("thr_1", message(f"msg_new_{number}"), ALICE)
        assert await state_of(filled_url) == BROKEN_OFF
        assert await fetch(filled_url, BUILDING)
    await building
    assert await state_of(filled_url) == DONE
    assert len(await ids_of(writer)) == 52


async def test_many_processes_at_once_build_it_once(filled_url, folder):
    async with old_snapshot(filled_url):
        processes = await asyncio.gather(*(start(filled_url, folder) for _ in range(4)))
        await the_build_waits(filled_url)
        assert len(await fetch(filled_url, BUILDING)) == 1
    outcomes = await asyncio.gather(*(process.communicate() for process in processes))
    assert [error for _, error in outcomes] == [b""] * 4
    assert await state_of(filled_url) == DONE


async def test_a_build_never_waits_for_those_who_wait_for_it(filled_url):
    asks = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_try_advisory%'"
    building = await asyncpg.connect(filled_url)
    await building.execute(f"SELECT pg_advisory_lock({_migrations.LOCK})")
    waiting = asyncio.create_task(initialize(filled_url))
    await eventually_true(lambda: fetch(filled_url, f"{asks} AND pid <> pg_backend_pid()"))
    await building.execute("SET lock_timeout = '20s'")
    await building.execute(f"CREATE INDEX CONCURRENTLY {INDEX} ON chatkit_threads (user_id, updated_at)")
    assert not waiting.done()
    await building.close()
    await waiting
    assert await state_of(filled_url) == DONE


async def start(url, folder):
    """Return a process that initializes, once it has imported what it needs, which takes a busy machine its time."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        INITIALIZE,
        url,
        folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert await process.stdout.readline() == b"ready\n"
    return process


async def test_a_build_whose_connection_breaks_is_repaired_by_the_next(filled_url):
    async with old_snapshot(filled_url):
        building = asyncio.create_task(initialize(filled_url))
        await the_build_waits(filled_url)
        await execute(filled_url, f"SELECT pg_terminate_backend(pid) FROM ({BUILDING}) AS building")
        with pytest.raises(StoreUnavailableError, match="run it again"):
            await building
    assert await state_of(filled_url) == BROKEN_OFF
    await initialize(filled_url)
    assert await state_of(filled_url) == DONE


async def test_a_process_that_is_killed_while_it_builds_is_followed_by_the_next(filled_url, folder):
    async with old_snapshot(filled_url):
        process = await start(filled_url, folder)
        await the_build_waits(filled_url)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        following = asyncio.create_task(initialize(filled_url))
    await following
    assert await state_of(filled_url) == DONE


@asynccontextmanager
async def older_release_in_the_way(url, building):
    """Let a process wait for the lock on the server, as older releases do, from before the build's own snapshot on."""
    writer = await asyncpg.connect(url)
    async with writer.transaction():
        await writer.execute("UPDATE chatkit_threads SET last_sort_key = last_sort_key")
        building = asyncio.create_task(building)
        await eventually_true(lambda: fetch(url, BEFORE_BUILDING))
        older = await asyncpg.connect(url)
        # Long enough ago, as it were, that it has looked for deadlocks already.
        await older.execute("SET deadlock_timeout = '1min'")
        waiting = asyncio.create_task(older.execute(f"SELECT pg_advisory_xact_lock({_migrations.LOCK})"))
        await eventually_true(lambda: fetch(url, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
    await writer.close()
    yield building
    await waiting
    await older.close()


async def test_a_process_of_an_older_release_that_waits_on_the_server_comes_through(filled_url, caplog):
    """It and the build wait for each other, until PostgreSQL ends the build, which is then begun anew."""
    caplog.set_level(logging.INFO, "chatkit_pgstore")
    async with older_release_in_the_way(filled_url, initialize(filled_url)) as building:
        await building
    assert await state_of(filled_url) == DONE
    assert [record.message for record in caplog.records if "Building" in record.message] == [
        f"Building the index {INDEX}; writers go on"
    ] * 2


async def test_a_build_that_always_meets_one_gives_up_and_says_so(filled_url, monkeypatch):
    monkeypatch.setattr(_index_builds, "ATTEMPTS", 1)
    async with older_release_in_the_way(filled_url, initialize(filled_url)) as building:
        with pytest.raises(StoreUnavailableError, match="processes of an older release"):
            await building
    assert await state_of(filled_url) == BROKEN_OFF


async def test_nobody_waits_for_the_lock_for_ever(filled_url, monkeypatch):
    monkeypatch.setattr(_index_builds, "LOCK_WAIT_SECONDS", 0)
    connection = await asyncpg.connect(filled_url)
    await connection.execute(f"SELECT pg_advisory_lock({_migrations.LOCK})")
    with pytest.raises(StoreUnavailableError, match="has been migrating this database for"):
        await initialize(filled_url)
    await connection.close()
    assert await state_of(filled_url) == BEHIND


async def test_the_connection_goes_back_as_it_came(filled_url):
    engine = create_async_engine(filled_url.replace("postgresql:", "postgresql+asyncpg:"), pool_size=1, max_overflow=0)
    timeouts = "SELECT current_setting('statement_timeout') || current_setting('lock_timeout')"
    async with engine.connect() as connection:
        await connection.exec_driver_sql("SET statement_timeout = '77s'")
        await connection.exec_driver_sql("SET lock_timeout = '66s'")
        await connection.commit()
    await PostgresStore(engine=engine).initialize()
    async with engine.connect() as connection:
        assert (await connection.exec_driver_sql(timeouts)).scalar() == "77s66s"
        assert await fetch_value(filled_url, ADVISORY_LOCKS) == 0
        assert await connection.get_isolation_level() == "READ COMMITTED"
    await engine.dispose()
    assert await state_of(filled_url) == DONE


async def test_tables_without_rows_get_it_in_the_same_transaction(empty_database_url, database_url, folder):
    """So that a fresh database can also be made by way of a transaction pooler."""
    with running_pgbouncer(empty_database_url) as url:
        await initialize(f"{url}?pgbouncer=true")
    await initialize(database_url)
    assert await state_of(empty_database_url) == await state_of(database_url) == DONE
    assert await catalog_of(empty_database_url) == await catalog_of(database_url)


async def test_a_transaction_pooler_is_refused_and_nothing_changed(filled_url):
    with running_pgbouncer(filled_url) as url:
        with pytest.raises(ConfigurationError, match="with the URL of the server itself, or of a pooler in session"):
            await initialize(f"{url}?pgbouncer=true")
        assert await fetch_value(filled_url, ADVISORY_LOCKS) == 0
    assert await state_of(filled_url) == BEHIND


async def test_a_session_that_loses_the_lock_is_taken_for_a_poolers(filled_url):
    engine = create_async_engine(filled_url.replace("postgresql:", "postgresql+asyncpg:"))

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def reset_as_poolers_do(_connection, cursor, statement, *_rest):
        if "pg_advisory_unlock" in statement:
            cursor.execute("SELECT pg_advisory_unlock_all()")

    with pytest.raises(ConfigurationError, match="pooler"):
        await PostgresStore(engine=engine).initialize()
    await engine.dispose()


async def test_it_is_built_in_a_schema_of_its_own(empty_database_url, folder, tmp_path):
    await execute(empty_database_url, 'CREATE SCHEMA "our chats"')
    await execute(empty_database_url, _migrations.sql(end=BEHIND[0], schema="our chats"))
    await execute(empty_database_url, f'SET search_path TO "our chats"; {ROWS}')
    await initialize(empty_database_url, schema="our chats")
    where = "SELECT schemaname FROM pg_indexes WHERE indexname = $1"
    assert await fetch_value(empty_database_url, where, INDEX) == "our chats"


@pytest.mark.parametrize("schema", [None, "public"])
async def test_the_printed_sql_builds_it_between_transactions(filled_url, empty_database_url, schema):
    printed = _migrations.sql(start=BEHIND[0], schema=schema)
    place = "" if schema is None else "public."
    build = f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDEX} ON {place}chatkit_threads"
    before, after = printed.split("BEGIN;")
    assert f"DROP INDEX CONCURRENTLY IF EXISTS {place}{INDEX};" in before
    assert build in before
    assert INDEX not in after
    for _ in range(2):
        # As after a build that broke off: what is there is dropped, and the revision is not recorded twice.
        psql(before, filled_url)
    psql(f"BEGIN;{after}", filled_url)
    assert await state_of(filled_url) == DONE
    await execute(empty_database_url, _migrations.sql())
    assert await catalog_of(empty_database_url) == await catalog_of(filled_url)


async def test_what_comes_before_the_index_is_committed_before_it(database_url, tmp_path, monkeypatch):
    await execute(database_url, ROWS)
    package = next_release(tmp_path, support=STILL_SERVES_THE_LAST)
    second = package / "migrations" / "versions" / "9998_index_threads.py"
    second.write_text(INDEX_REVISION.format(down_revision="9999").strip())
    released(package, monkeypatch)
    printed = _migrations.sql(start=BEHIND[0])
    order = [printed.index(each) for each in ("ADD COLUMN colour", "COMMIT;", "CREATE INDEX CONCURRENTLY", "('9998')")]
    assert order == sorted(order)
    assert printed.rindex("BEGIN;") > order[2]
    await initialize(database_url)
    assert await state_of(database_url) == DONE
    assert await fetch(database_url, "SELECT colour FROM chatkit_threads")


def psql(script, url):
    command = ["psql", url, "--set", "ON_ERROR_STOP=1", "--file", "-"]
    variables = environment(url)
    done = subprocess.run(command, input=script, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def test_the_sql_of_an_empty_database_is_one_transaction(folder):
    printed = _migrations.sql()
    assert printed.count("BEGIN;") == printed.count("COMMIT;") == 1
    assert "CONCURRENTLY" not in printed
    assert f"\nCREATE INDEX IF NOT EXISTS {INDEX}" in printed
