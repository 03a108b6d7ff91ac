"""Databases that are behind or ahead of the release that meets them, with conversations in them."""

import asyncio
import logging
import os
import sys
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest
from chatkit.types import ThreadMetadata

from chatkit_pgstore import PostgresStore, SchemaOutOfDateError, SchemaTooNewError, UsersTable, _migrations, _revisions
from chatkit_pgstore.testing import MemoryStore
from tests.support.calls import CALLS, fill
from tests.support.databases import execute
from tests.support.old_rows import FOLDER, ROWS, rows_at
from tests.support.releases import SERVES_THE_LAST_NO_MORE, STILL_SERVES_THE_LAST, next_release, release_at, released
from tests.support.tables import fetch

CONVERSATION = Path(__file__).parent / "conversation.py"
ALICE = {"user_id": "alice"}
REVISIONS = sorted(_revisions.known())


async def use(url, *, migrate, **options):
    """Initialize a store and return what it finds."""
    store = PostgresStore(url, **options)
    try:
        await store.initialize(migrate=migrate)
        thread = await store.load_thread("thr_1", ALICE)
        items = await store.load_thread_items("thr_1", None, 10, "asc", ALICE)
        attachment = await store.load_attachment("atc_1", ALICE)
        return thread.title, [item.id for item in items.data], attachment.name
    finally:
        await store.close()


SINCE = {"chatkit_feedback": "0002", "chatkit_files": "0004", "chatkit_file_chunks": "0004"}
"""The revisions that brought tables, of which the rows have one each."""

FOUND = ("Before", ["msg_1", "msg_2"], "notes.txt")


def test_every_revision_has_rows_to_be_upgraded_with():
    assert sorted(file.stem for file in FOLDER.glob("*.sql")) == REVISIONS


@pytest.mark.parametrize("revision", REVISIONS)
async def test_rows_of_every_released_revision_survive_the_upgrade(empty_database_url, revision):
    await execute(empty_database_url, _migrations.sql(end=revision))
    await execute(empty_database_url, rows_at(revision))
    assert await use(empty_database_url, migrate=True) == FOUND
    for table, since in SINCE.items():
        rows = await fetch(empty_database_url, f"SELECT FROM {table} WHERE user_id = 'alice'")
        assert len(rows) == (1 if revision >= since else 0), table


async def test_an_empty_database_is_told_what_it_needs(empty_database_url):
    with pytest.raises(SchemaOutOfDateError) as caught:
        await use(empty_database_url, migrate=False)
    assert str(caught.value) == (
        f"The database has no tables of chatkit-pgstore, but revision {_migrations.head()} is needed. "
        "Run `chatkit-pgstore migrate`, or await store.initialize() at start-up."
    )


async def test_a_call_on_an_empty_database_says_the_same(empty_database_url):
    store = PostgresStore(empty_database_url)
    with pytest.raises(SchemaOutOfDateError, match="chatkit-pgstore migrate"):
        await store.load_thread("thr_1", ALICE)
    await store.close()


async def test_a_database_that_is_behind_is_told_from_where_to_where(database_url, tmp_path, monkeypatch):
    last = _migrations.head()
    await execute(database_url, ROWS)
    released(next_release(tmp_path, support=STILL_SERVES_THE_LAST), monkeypatch)
    with pytest.raises(SchemaOutOfDateError, match=f"at revision {last}, but revision 9999 is needed"):
        await use(database_url, migrate=False)
    assert await use(database_url, migrate=True) == FOUND
    assert await use(database_url, migrate=False) == FOUND


async def test_the_printed_sql_of_the_next_release_begins_where_the_database_is(database_url, tmp_path, monkeypatch):
    last = _migrations.head()
    await execute(database_url, ROWS)
    released(next_release(tmp_path, support=STILL_SERVES_THE_LAST), monkeypatch)
    printed = _migrations.sql(start=last)
    assert "CREATE TABLE" not in printed
    await execute(database_url, printed)
    assert await use(database_url, migrate=False) == FOUND


async def test_a_newer_schema_that_still_serves_this_release_is_used_with_a_warning(database_url, tmp_path, caplog):
    await execute(database_url, ROWS)
    await upgraded_by_the_next_release(database_url, tmp_path, STILL_SERVES_THE_LAST)
    with caplog.at_level(logging.WARNING, "chatkit_pgstore"):
        assert await use(database_url, migrate=True) == FOUND
    assert "The database is at revision 9999, newer than this release's" in caplog.text


async def test_this_release_does_everything_on_a_newer_schema_that_still_serves_it(database_url, tmp_path, store):
    await upgraded_by_the_next_release(database_url, tmp_path, STILL_SERVES_THE_LAST)
    memory = MemoryStore()
    await store.delete_thread("thr_9", ALICE)
    for call in CALLS:
        for each in (memory, store):
            await each.delete_thread("thr_1", ALICE)
            await fill(each)
        assert await call.made(store) == await call.made(memory), call


async def test_releases_run_on_the_schema_that_says_it_serves_them(database_url, tmp_path):
    served = [row["revision"] for row in await fetch(database_url, "SELECT revision FROM chatkit_supported_revisions")]
    assert _migrations.head() in served
    for revision in served:
        await run_release(release_at(revision, tmp_path), database_url)


async def test_the_release_before_runs_on_the_schema_of_the_next(database_url, tmp_path):
    await upgraded_by_the_next_release(database_url, tmp_path, STILL_SERVES_THE_LAST)
    await run_release(release_at(_migrations.head(), tmp_path), database_url)


async def run_release(source, url):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        CONVERSATION,
        url,
        env=os.environ | {"PYTHONPATH": str(source)},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    assert printed.decode().startswith(str(source))


async def test_an_option_of_the_database_outlives_the_upgrade(database_url, tmp_path):
    """A table of users is no revision: it is there before and after one."""
    await execute(database_url, "CREATE TABLE users (id text PRIMARY KEY); INSERT INTO users VALUES ('alice')")
    await execute(database_url, ROWS)
    option = {"users": UsersTable("users")}
    assert await use(database_url, migrate=True, **option) == FOUND
    await upgraded_by_the_next_release(database_url, tmp_path, STILL_SERVES_THE_LAST, **option)
    assert await use(database_url, migrate=False, **option) == FOUND
    await execute(database_url, "DELETE FROM users")
    assert await fetch(database_url, "SELECT FROM chatkit_threads") == []


@pytest.mark.parametrize("migrate", [True, False])
async def test_a_newer_schema_that_no_longer_serves_this_release_is_refused(database_url, tmp_path, migrate):
    await upgraded_by_the_next_release(database_url, tmp_path, SERVES_THE_LAST_NO_MORE)
    with pytest.raises(SchemaTooNewError, match="revision 9999, which no longer serves this release"):
        await use(database_url, migrate=migrate)


async def upgraded_by_the_next_release(url, folder, support, **options):
    with pytest.MonkeyPatch.context() as monkeypatch:
        released(next_release(folder, support=support), monkeypatch)
        store = PostgresStore(url, **options)
        await store.initialize()
        await store.save_thread(ThreadMetadata(id="thr_9", created_at=datetime.now()), ALICE)
        await store.close()


async def test_a_migration_that_fails_leaves_nothing_behind(database_url, tmp_path, monkeypatch):
    released(next_release(tmp_path, support="SELECT 1/0"), monkeypatch)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await use(database_url, migrate=True)
    connection = await asyncpg.connect(database_url)
    columns = await connection.fetch("SELECT attname FROM pg_attribute WHERE attrelid = 'chatkit_threads'::regclass")
    await connection.close()
    assert "colour" not in [row["attname"] for row in columns]


async def test_a_statement_timeout_of_the_role_does_not_stop_a_migration(database_url, tmp_path, monkeypatch):
    await execute(database_url, ROWS)
    released(next_release(tmp_path, support="SELECT pg_sleep(0.5)"), monkeypatch)
    assert await use(f"{database_url}?options=-c%20statement_timeout%3D400", migrate=True) == FOUND
