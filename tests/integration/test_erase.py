"""`erase`: nothing of a user is left, and nothing of anybody else is touched."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from chatkit_pgstore import PostgresStore, StoreUnavailableError, UnknownUserError, UsersTable
from chatkit_pgstore.operations import _erase, enable_row_security, erase
from tests.support.databases import name_of
from tests.support.old_threads import write_many, write_thread, write_two_users
from tests.support.pgbouncer import running_pgbouncer
from tests.support.roles import role_of
from tests.support.samples import ALICE, thread
from tests.support.tables import EMPTY, add_feedback_and_files, dump, fetch, fetch_value
from tests.support.users import ALL_IDS, USERS, create_users
from tests.support.waiting import eventually_true


@pytest.fixture
async def filled(store):
    """Two threads of alice and one of bob."""
    await write_two_users(store)
    return store


FILES = ("chatkit_files", "chatkit_file_chunks")


async def test_everything_of_the_user_goes_and_nothing_of_another(filled, database_url):
    await add_feedback_and_files(database_url)
    bobs, before = await dump(database_url, "bob"), await dump(database_url, "alice")
    await erase(filled, "alice")
    assert await dump(database_url, "alice") == EMPTY | {table: before[table] for table in FILES}
    assert await dump(database_url, "bob") == bobs
    assert [len(before[table]) for table in (*FILES, "chatkit_feedback")] == [4, 4, 4]


async def test_the_receipt_counts_feedback_and_what_a_sweep_has_to_delete(filled, database_url):
    await add_feedback_and_files(database_url)
    receipt = await erase(filled, "alice")
    assert (receipt.feedback, receipt.files_to_sweep) == (4, 4)
    assert (await erase(filled, "alice")).files_to_sweep == 4
    await fetch(database_url, "DELETE FROM chatkit_files WHERE user_id = 'alice'")
    assert (await erase(filled, "alice")).files_to_sweep == 0


async def test_the_receipt_says_what_went_and_from_where(filled, database_url):
    before = await fetch_value(database_url, "SELECT now()")
    receipt = await erase(filled, "alice")
    assert (receipt.user_id, receipt.threads, receipt.items, receipt.attachments) == ("alice", 2, 6, 4)
    assert (receipt.database, receipt.schema) == (name_of(database_url), "public")
    assert before < receipt.erased_at < await fetch_value(database_url, "SELECT now()")
    assert any("backups" in each for each in receipt.not_touched)


async def test_a_user_who_has_nothing_gets_a_receipt_of_nothing(filled, database_url):
    before = await dump(database_url)
    receipt = await erase(filled, "nobody")
    assert (receipt.threads, receipt.items, receipt.attachments) == (0, 0, 0)
    assert await dump(database_url) == before


async def test_an_erase_that_fails_at_the_end_has_erased_nothing(filled, database_url):
    await fetch(
        database_url,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not this one''; END'",
    )
    await fetch(
        database_url,
        "CREATE TRIGGER refuse BEFORE DELETE ON chatkit_threads FOR EACH ROW WHEN (OLD.id = 'thr_2') "
        "EXECUTE FUNCTION refuse()",
    )
    before = await dump(database_url)
    with pytest.raises(Exception, match="not this one"):
        await erase(filled, "alice")
    assert [row[1:] for row in (await dump(database_url))["chatkit_thread_items"]] == [
        row[1:] for row in before["chatkit_thread_items"]
    ]


def written_between_the_rounds(monkeypatch, database_url, rounds):
    """Have alice start a thread whenever an erase has deleted what there was, in so many of its rounds."""
    look, seen = _erase._is_anything_left, []

    def write():
        async def save():
            async with PostgresStore(database_url) as other:
                await other.save_thread(thread(f"new_{len(seen)}"), ALICE)

        asyncio.run(save())

    async def look_a_little_later(*arguments):
        seen.append(None)
        if len(seen) <= rounds:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(write).result()
        return await look(*arguments)

    monkeypatch.setattr(_erase, "_is_anything_left", look_a_little_later)


async def test_what_the_user_writes_meanwhile_goes_too(filled, database_url, monkeypatch):
    written_between_the_rounds(monkeypatch, database_url, 3)
    receipt = await erase(filled, "alice")
    assert receipt.threads == 2 + 3
    assert await dump(database_url, "alice") == EMPTY


async def test_a_user_who_goes_on_writing_has_to_be_signed_out(filled, database_url, monkeypatch):
    written_between_the_rounds(monkeypatch, database_url, _erase.ROUNDS)
    with pytest.raises(StoreUnavailableError, match="Sign the user out first"):
        await erase(filled, "alice")
    assert await fetch_value(database_url, "SELECT count(*) FROM chatkit_thread_items WHERE user_id = 'alice'") == 6


async def test_a_write_under_way_is_waited_for_and_its_item_goes_too(filled, database_url):
    writer = await asyncpg.connect(database_url)
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute(
        "UPDATE chatkit_threads SET last_sort_key = 4 WHERE user_id = 'alice' AND id = 'thr_1';"
        "INSERT INTO chatkit_thread_items SELECT user_id, thread_id, 'msg_new', 4, type, status, item, created_at, "
        "updated_at FROM chatkit_thread_items WHERE user_id = 'alice' AND thread_id = 'thr_1' AND id = 'msg_0'"
    )
    erasing = asyncio.create_task(erase(filled, "alice"))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    async def waits():
        return await fetch_value(database_url, waiting)

    await eventually_true(waits)
    await transaction.commit()
    await writer.close()
    assert (await erasing).items == 7
    assert await dump(database_url, "alice") == EMPTY


async def test_a_user_of_many_threads_is_erased_whatever_time_out_the_role_has(database_url, make_store):
    await write_many(database_url, "thr", 30_000, days=1, users=1)
    # Far less than it takes, and far more than a statement before it.
    impatient = await make_store(f"{database_url}?options=-c%20statement_timeout%3D250ms")
    receipt = await erase(impatient, "user_0")
    assert (receipt.threads, receipt.items, receipt.attachments) == (30_000, 90_000, 60_000)
    assert await dump(database_url) == EMPTY


@pytest.mark.parametrize("ids", ALL_IDS, ids=str)
async def test_where_the_hosts_users_have_ids_of_another_type(ids, empty_database_url, make_store):
    await create_users(empty_database_url, ids)
    store = await make_store(empty_database_url, users=UsersTable(USERS, column="id"))
    await store.initialize()
    for user_id in (ids.alice, ids.bob):
        await write_thread(store, "thr_1", {"user_id": user_id})
    receipt = await erase(store, ids.alice)
    assert (receipt.user_id, receipt.threads, receipt.items, receipt.attachments) == (ids.alice, 1, 3, 2)
    assert await fetch(empty_database_url, "SELECT DISTINCT user_id::text FROM chatkit_thread_items") == [(ids.bob,)]
    assert await fetch_value(empty_database_url, f"SELECT count(*) FROM {USERS}") == 2
    for impossible in ids.impossible:
        with pytest.raises(UnknownUserError):
            await erase(store, impossible)


async def test_in_a_schema_of_their_own(empty_database_url, make_store):
    await fetch(empty_database_url, 'CREATE SCHEMA "Chat rooms"')
    elsewhere = await make_store(empty_database_url)
    store = await make_store(empty_database_url, schema="Chat rooms")
    for each in (elsewhere, store):
        await each.initialize()
        await write_thread(each, "thr_1")
    receipt = await erase(store, "alice")
    assert (receipt.schema, receipt.threads) == ("Chat rooms", 1)
    assert await fetch_value(empty_database_url, 'SELECT count(*) FROM "Chat rooms".chatkit_attachments') == 0
    assert await fetch_value(empty_database_url, "SELECT count(*) FROM chatkit_thread_items") == 3


async def test_behind_a_transaction_pooler(filled, database_url):
    with running_pgbouncer(database_url) as url:
        async with PostgresStore(url, pooler="transaction") as store:
            assert (await erase(store, "alice")).items == 6
    assert await dump(database_url, "alice") == EMPTY


async def test_the_application_s_role_may_do_it_under_row_security(filled, database_url, make_store):
    await enable_row_security(filled)
    bobs = await dump(database_url, "bob")
    async with role_of(database_url) as url:
        store = await make_store(url)
        assert (await erase(store, "alice")).threads == 2
        await store.close()
    assert await dump(database_url, "alice") == EMPTY
    assert await dump(database_url, "bob") == bobs


async def test_a_user_that_cannot_be_is_refused(store):
    with pytest.raises(ValueError, match="user_id must not be empty"):
        await erase(store, "")
