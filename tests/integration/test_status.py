"""`status`: what there is is counted, what is large is estimated and said to be."""

import pytest

from chatkit_pgstore import ConfigurationError, UsersTable, _migrations
from chatkit_pgstore.operations import Figure, _status, enable_row_security, status
from tests.support.databases import execute, name_of
from tests.support.old_threads import leave_alone, write_many, write_thread, write_two_users
from tests.support.pgbouncer import running_pgbouncer
from tests.support.releases import SERVES_THE_LAST_NO_MORE, next_release, released
from tests.support.roles import role_of
from tests.support.samples import ALICE
from tests.support.tables import TABLES, add_feedback_and_files, dump, fetch, fetch_value
from tests.support.users import ALL_IDS, USERS, create_users

HEAD = _migrations.head()
LAST = "SELECT max(updated_at) FROM chatkit_threads"


@pytest.fixture
async def filled(store):
    await write_two_users(store)
    return store


@pytest.fixture
def _everything_is_large(monkeypatch):
    monkeypatch.setattr(_status, "MOST_BYTES_TO_COUNT", 0)


def exactly(value):
    return Figure(value, is_exact=True)


async def test_what_there_is_is_counted(filled, database_url):
    found = await status(filled)
    contents = found.contents
    assert (contents.database, contents.schema) == (name_of(database_url), "public")
    assert (contents.threads, contents.items, contents.attachments) == (exactly(3), exactly(9), exactly(6))
    assert contents.users == exactly(2)
    assert contents.last_activity == exactly(await fetch_value(database_url, LAST))


async def test_feedback_and_files_are_counted_and_those_to_be_swept(filled, database_url):
    await add_feedback_and_files(database_url)
    await filled.delete_attachment("thr_1_sent", ALICE)
    await filled.delete_thread("thr_2", ALICE)
    await fetch(database_url, "UPDATE chatkit_files SET size = NULL WHERE user_id = 'bob' AND id = 'thr_1_sent'")
    contents = (await status(filled)).contents
    assert contents.feedback == exactly(4)
    assert (contents.files, contents.bytes_of_files) == (exactly(6), exactly(25))
    assert contents.files_to_sweep == exactly(2)


@pytest.mark.usefixtures("_everything_is_large")
async def test_of_many_files_the_bytes_are_not_counted_unasked(filled, database_url):
    await add_feedback_and_files(database_url)
    await execute(database_url, "ANALYZE")
    contents = (await status(filled)).contents
    assert contents.files == Figure(6, is_exact=False)
    assert contents.bytes_of_files == contents.files_to_sweep == Figure(None, is_exact=False)
    contents = (await status(filled, exact=True)).contents
    assert (contents.bytes_of_files, contents.files_to_sweep) == (exactly(30), exactly(0))


async def test_tables_of_an_older_revision_are_looked_at(empty_database_url, make_store):
    await execute(empty_database_url, _migrations.sql(end="0001"))
    found = await status(await make_store(empty_database_url))
    assert (found.revision, found.newest_revision) == ("0001", HEAD)
    assert [each.table for each in found.contents.tables] == list(TABLES[:3])
    for figure in ("threads", "feedback", "files", "bytes_of_files", "files_to_sweep"):
        assert getattr(found.contents, figure) == exactly(0)


async def test_the_server_and_the_revision_are_named(filled, database_url):
    found = await status(filled)
    assert found.server_version == await fetch_value(database_url, "SHOW server_version")
    assert (found.revision, found.newest_revision) == (HEAD, HEAD)


async def test_sizes_are_those_of_the_server(filled, database_url):
    contents = (await status(filled)).contents
    for table in contents.tables:
        query = "SELECT pg_total_relation_size(to_regclass($1)), pg_indexes_size(to_regclass($1))"
        [sizes] = await fetch(database_url, query, table.table)
        assert (table.bytes, table.index_bytes) == tuple(sizes)
    assert {table.table for table in contents.tables} == set(TABLES)
    assert contents.total_bytes == sum(table.bytes for table in contents.tables)


async def test_a_database_without_our_tables_is_told(empty_database_url, make_store):
    found = await status(await make_store(empty_database_url))
    assert (found.revision, found.newest_revision, found.contents) == (None, HEAD, None)
    assert found.server_version == await fetch_value(empty_database_url, "SHOW server_version")


async def test_tables_that_are_behind_are_told_and_looked_at(filled, tmp_path, monkeypatch):
    released(next_release(tmp_path, support=SERVES_THE_LAST_NO_MORE), monkeypatch)
    found = await status(filled)
    assert (found.revision, found.newest_revision) == (HEAD, "9999")
    assert found.contents.threads == exactly(3)


async def test_empty_tables_have_no_last_activity(store):
    contents = (await status(store)).contents
    assert contents.last_activity == exactly(None)
    assert contents.users == exactly(0)


async def test_nothing_is_changed(filled, database_url):
    before = await dump(database_url)
    await status(filled, exact=True)
    assert await dump(database_url) == before


@pytest.mark.usefixtures("_everything_is_large")
async def test_what_is_large_is_estimated_and_says_so(store, database_url):
    await write_many(database_url, "thr", 3000, days=100)
    await execute(database_url, "VACUUM ANALYZE")
    contents = (await status(store)).contents
    assert contents.threads == Figure(3000, is_exact=False)
    assert contents.items == Figure(9000, is_exact=False)
    assert contents.attachments == Figure(6000, is_exact=False)
    assert contents.users == Figure(50, is_exact=False)
    assert contents.last_activity == Figure(await fetch_value(database_url, LAST), is_exact=False)


@pytest.mark.usefixtures("_everything_is_large")
async def test_an_estimate_follows_the_growth_of_a_table(store, database_url):
    await write_many(database_url, "thr", 3000, days=100)
    await execute(database_url, "VACUUM ANALYZE")
    await execute(database_url, "ALTER TABLE chatkit_threads SET (autovacuum_enabled = false)")
    await write_many(database_url, "more", 3000, days=1)
    threads = (await status(store)).contents.threads
    assert not threads.is_exact
    assert abs(threads.value - 6000) < 600


@pytest.mark.usefixtures("_everything_is_large")
async def test_users_are_a_part_of_the_threads_where_each_has_few(store, database_url):
    await write_many(database_url, "thr", 3000, days=1, users=3000)
    await execute(database_url, "ANALYZE")
    users = (await status(store)).contents.users
    assert not users.is_exact
    assert users.value == 3000


@pytest.mark.usefixtures("_everything_is_large")
async def test_exact_counts_what_is_large(store, database_url):
    await write_many(database_url, "thr", 3000, days=100)
    await execute(database_url, "ANALYZE")
    await leave_alone(database_url, 3, like="thr_17")
    contents = (await status(store, exact=True)).contents
    assert (contents.threads, contents.items, contents.users) == (exactly(3000), exactly(9000), exactly(50))
    assert contents.last_activity == exactly(await fetch_value(database_url, LAST))


@pytest.mark.usefixtures("_everything_is_large")
async def test_what_was_never_analysed_is_counted(filled):
    contents = (await status(filled)).contents
    assert (contents.threads, contents.users) == (exactly(3), exactly(2))


@pytest.mark.usefixtures("_everything_is_large")
async def test_a_role_that_sees_no_statistics_of_users_counts_them(filled, database_url, make_store):
    await execute(database_url, "ANALYZE")
    await execute(database_url, "DELETE FROM pg_statistic WHERE starelid = 'chatkit_threads'::regclass")
    contents = (await status(filled)).contents
    assert not contents.threads.is_exact
    assert contents.users == exactly(2)


@pytest.mark.parametrize("ids", ALL_IDS, ids=str)
async def test_where_the_hosts_users_have_ids_of_another_type(ids, empty_database_url, make_store):
    await create_users(empty_database_url, ids)
    store = await make_store(empty_database_url, users=UsersTable(USERS, column="id"))
    await store.initialize()
    await write_thread(store, "thr_1", {"user_id": ids.alice})
    assert (await status(store)).contents.users == exactly(1)


@pytest.mark.usefixtures("_everything_is_large")
async def test_in_a_schema_of_their_own(empty_database_url, make_store):
    await fetch(empty_database_url, 'CREATE SCHEMA "Chat rooms"')
    elsewhere = await make_store(empty_database_url)
    store = await make_store(empty_database_url, schema="Chat rooms")
    for each in (elsewhere, store):
        await each.initialize()
    await write_thread(store, "thr_1")
    await execute(empty_database_url, "ANALYZE")
    contents = (await status(store)).contents
    assert (contents.schema, contents.threads.value, contents.users.value) == ("Chat rooms", 1, 1)
    assert (await status(elsewhere)).contents.threads.value == 0


async def test_behind_a_transaction_pooler(filled, database_url, make_store):
    with running_pgbouncer(database_url) as url:
        store = await make_store(url, pooler="transaction")
        assert (await status(store)).contents.items == exactly(9)
        await store.close()


async def test_row_security_that_would_hide_rows_is_told(filled, database_url, make_store):
    await enable_row_security(filled)
    async with role_of(database_url) as url:
        store = await make_store(url)
        with pytest.raises(ConfigurationError, match="Use the login of the owner"):
            await status(store)
        await store.close()


@pytest.mark.usefixtures("_everything_is_large")
async def test_where_citus_holds_the_tables_it_is_asked_and_all_is_counted(filled, database_url):
    for name, size in (("citus_total_relation_size", 3000), ("citus_table_size", 1000)):
        await fetch(
            database_url, f"CREATE FUNCTION {name}(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT {size}::bigint'"
        )
    await fetch(database_url, "CREATE FUNCTION chatkit_append_item() RETURNS void LANGUAGE sql AS ''")
    await execute(database_url, "ANALYZE")
    contents = (await status(filled)).contents
    assert contents.total_bytes == 18_000
    assert {table.index_bytes for table in contents.tables} == {2000}
    assert (contents.threads, contents.users) == (exactly(3), exactly(2))
