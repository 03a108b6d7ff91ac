"""`purge`: what is old goes, whole; what is in use stays, and nobody waits."""

import asyncio
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore import ConfigurationError, NotFoundError, PostgresStore, UnknownUserError, UsersTable
from chatkit_pgstore.operations import _purge, enable_row_security, purge
from tests.support.dawdling import slow_down, speed_up
from tests.support.old_threads import (
    half_threads,
    ids_in,
    leave_alone,
    write_many,
    write_thread,
)
from tests.support.pgbouncer import running_pgbouncer
from tests.support.roles import role_of
from tests.support.samples import ALICE, BOB, attachment, ids_of, message
from tests.support.tables import EMPTY, add_feedback_and_files, dump, fetch, fetch_value
from tests.support.users import ALL_IDS, USERS, create_users
from tests.support.waiting import eventually_true

AGE = timedelta(days=90)
DAYS = 100


@pytest.fixture
async def filled(store, database_url):
    """Two old threads of alice, one of bob, and one of each in use; with each thread an unsent attachment."""
    for context, thread_ids in ((ALICE, ("old_1", "old_2", "used_1")), (BOB, ("old_3", "used_2"))):
        for thread_id in thread_ids:
            await write_thread(store, thread_id, context)
    await leave_alone(database_url, DAYS)
    return store


@asynccontextmanager
async def held(database_url, query):
    """Run a query in a transaction that stays open until the block ends."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute(query)
            yield
    finally:
        await connection.close()


def at_once(*steps):
    """Run each step in a loop of another thread, while this one waits, when called for the first, second... time."""
    remaining = list(steps)

    def carry_out(*_):
        if remaining:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(asyncio.run, remaining.pop(0)).result()

    return carry_out


async def add_item(database_url, thread_id, context=ALICE):
    async with PostgresStore(database_url) as other:
        await other.add_thread_item(thread_id, message("msg_new", thread_id=thread_id), context)


async def test_what_is_old_goes_and_what_is_in_use_stays(filled, database_url):
    used = await dump_of_used(database_url)
    purged = await purge(filled, AGE)
    assert (purged.threads, purged.attachments, purged.passed_by, purged.dry_run) == (3, 3, 0, False)
    assert await ids_in(database_url) == ["used_1", "used_2"]
    assert await ids_in(database_url, "chatkit_attachments") == [
        *("used_1_sent", "used_1_unsent", "used_2_sent", "used_2_unsent")
    ]
    assert await fetch_value(database_url, "SELECT count(*) FROM chatkit_thread_items") == 6
    assert await dump_of_used(database_url) == used


async def test_feedback_goes_with_its_thread_and_files_stay_for_the_sweep(filled, database_url):
    await add_feedback_and_files(database_url)
    files = await fetch_value(database_url, "SELECT count(*) FROM chatkit_files")
    await purge(filled, AGE)
    rated = await fetch(database_url, "SELECT DISTINCT thread_id FROM chatkit_feedback ORDER BY 1")
    assert [row["thread_id"] for row in rated] == ["used_1", "used_2"]
    assert await fetch_value(database_url, "SELECT count(*) FROM chatkit_files") == files == 10


async def dump_of_used(database_url):
    return {table: [row for row in rows if '"used_' in row[-1]] for table, rows in (await dump(database_url)).items()}


async def test_a_dry_run_counts_and_changes_nothing(filled, database_url):
    before = await dump(database_url)
    counted = await purge(filled, AGE, dry_run=True)
    assert await dump(database_url) == before
    assert counted.dry_run
    purged = await purge(filled, AGE)
    assert (counted.threads, counted.attachments) == (purged.threads, purged.attachments) == (3, 3)


async def test_the_age_is_by_the_clock_of_the_server(filled):
    purged = await purge(filled, timedelta(days=DAYS + 1))
    assert (purged.threads, purged.attachments) == (0, 0)
    assert abs(datetime.now(UTC) - purged.before - timedelta(days=DAYS + 1)) < timedelta(minutes=1)


async def test_with_a_user_the_rows_of_others_stay(filled, database_url):
    bobs = await dump(database_url, "bob")
    purged = await purge(filled, AGE, user_id="alice")
    assert (purged.threads, purged.attachments) == (2, 2)
    assert await dump(database_url, "bob") == bobs


async def test_more_than_one_step_of_one_user(store, database_url):
    await write_many(database_url, "old", 60_000, days=DAYS)
    purged = await purge(store, AGE, user_id="user_7")
    assert (purged.threads, purged.attachments) == (1200, 1200)
    assert await fetch_value(database_url, "SELECT count(*) FROM chatkit_threads") == 58_800


async def test_a_thread_that_gets_an_item_after_it_was_found_old_stays_whole(filled, database_url):
    adds = at_once(add_item(database_url, "old_2"))
    purged = await purge(filled, AGE, progress=adds)
    assert (purged.threads, purged.passed_by) == (2, 1)
    assert await ids_of(filled, "old_2") == ["msg_0", "msg_1", "msg_2", "msg_new"]
    assert await filled.load_attachment("old_2_sent", ALICE)


async def test_an_attachment_that_is_sent_after_it_was_found_old_stays(filled, database_url):
    async def send():
        async with PostgresStore(database_url) as other:
            await other.save_attachment(attachment("old_1_unsent", "used_1"), ALICE)

    async def nothing():
        pass

    # The threads are looked at, and deleted; then the attachments are looked at.
    purged = await purge(filled, AGE, progress=at_once(nothing(), nothing(), send()))
    assert (purged.attachments, purged.passed_by) == (2, 1)
    assert (await filled.load_attachment("old_1_unsent", ALICE)).thread_id == "used_1"


async def test_an_old_attachment_of_a_thread_in_use_stays(filled, database_url):
    await leave_alone(database_url, DAYS, like="used_1_sent")
    await purge(filled, AGE)
    assert (await filled.load_attachment("used_1_sent", ALICE)).thread_id == "used_1"


async def test_a_thread_in_use_is_passed_by_and_not_waited_for(filled, database_url):
    async with held(database_url, "SELECT FROM chatkit_threads WHERE id = 'old_2' FOR KEY SHARE"):
        purged = await purge(filled, AGE)
        assert (purged.threads, purged.passed_by) == (2, 1)
    assert len(await ids_of(filled, "old_2")) == 3
    assert (await purge(filled, AGE)).threads == 1


async def test_a_thread_whose_item_is_being_saved_is_passed_by_and_the_others_go(filled, database_url):
    query = "UPDATE chatkit_thread_items SET status = 'x' WHERE thread_id = 'old_2' AND id = 'msg_1'"
    async with held(database_url, query):
        purged = await purge(filled, AGE)
        assert (purged.threads, purged.passed_by) == (2, 1)
    assert len(await ids_of(filled, "old_2")) == 3
    assert (await purge(filled, AGE)).threads == 1


async def test_an_error_of_the_server_is_not_taken_for_a_thread_in_use(filled, database_url):
    await fetch(
        database_url,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'",
    )
    await fetch(
        database_url,
        "CREATE TRIGGER refuse BEFORE DELETE ON chatkit_threads FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    before = await dump(database_url)
    with pytest.raises(Exception, match="no"):
        await purge(filled, AGE)
    assert await dump(database_url) == before


@pytest.fixture
def _every_thread_is_long(monkeypatch):
    monkeypatch.setattr(_purge, "FEWEST_ROWS", 2)
    monkeypatch.setattr(_purge, "MOST_ROWS", 2)


@pytest.mark.usefixtures("_every_thread_is_long")
async def test_a_long_thread_goes_whole(filled, database_url):
    purged = await purge(filled, AGE)
    assert (purged.threads, purged.attachments, purged.passed_by) == (3, 3, 0)
    assert await ids_in(database_url) == ["used_1", "used_2"]
    assert await half_threads(database_url) == 0


@pytest.mark.usefixtures("_every_thread_is_long")
async def test_a_long_thread_in_use_stays_whole(filled, database_url):
    before = await dump(database_url, "alice")
    async with held(database_url, "SELECT FROM chatkit_threads WHERE user_id = 'alice' FOR KEY SHARE"):
        purged = await purge(filled, AGE, user_id="alice")
    assert (purged.threads, purged.passed_by) == (0, 2)
    kept = await dump(database_url, "alice")
    # Deleted and come back: a row's first column is who deleted it last.
    assert kept["chatkit_thread_items"] == before["chatkit_thread_items"]
    assert kept["chatkit_threads"] == before["chatkit_threads"]


@pytest.mark.usefixtures("_every_thread_is_long")
async def test_a_long_thread_that_gets_an_item_meanwhile_stays_whole(filled, database_url):
    purged = await purge(filled, AGE, progress=at_once(add_item(database_url, "old_2")))
    assert (purged.threads, purged.passed_by) == (2, 1)
    assert len(await ids_of(filled, "old_2")) == 4


async def test_a_purge_that_was_killed_leaves_nothing_half_done_and_is_taken_up_by_the_next(store, database_url):
    total = 3000
    await write_many(database_url, "old", total, days=DAYS)
    await slow_down(database_url, "DELETE", "chatkit_threads")
    command = (sys.executable, "-m", "chatkit_pgstore.cli", "purge", "--older-than", "90d")
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | {"DATABASE_URL": database_url})

    async def has_begun():
        return await fetch_value(database_url, "SELECT count(*) FROM chatkit_threads") < total

    await eventually_true(has_begun)
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL

    async def is_over():
        query = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()"
        return await fetch_value(database_url, query)

    await eventually_true(is_over)
    left = len(await ids_in(database_url))
    assert 0 < left < total
    assert await half_threads(database_url) == 0
    await speed_up(database_url)
    assert (await purge(store, AGE)).threads == left
    assert await dump(database_url) == EMPTY


async def test_two_at_once_share_the_work(store, database_url, make_store):
    await write_many(database_url, "old", 3000, days=DAYS)
    both = await asyncio.gather(purge(store, AGE), purge(await make_store(), AGE))
    assert sum(purged.threads for purged in both) == 3000
    assert await ids_in(database_url) == []


async def test_writers_lose_nothing_while_it_goes_on(store, database_url, make_store):
    await write_many(database_url, "old", 3000, days=DAYS)
    await write_many(database_url, "used", 300, days=1)
    before = await fetch_value(database_url, "SELECT count(*) FROM chatkit_threads WHERE id LIKE 'used%'")
    writers, over = await make_store(pool_size=4), asyncio.Event()

    async def write(number):
        added = []
        while not over.is_set():
            kind, thread = ("old", len(added) * 4 + number) if len(added) % 2 else ("used", len(added) % 300)
            thread = thread % (3000 if kind == "old" else 300) + 1
            key = (f"user_{thread % 50}", f"{kind}_{thread}", f"new_{number}_{len(added)}")
            try:
                await writers.add_thread_item(key[1], message(key[2], thread_id=key[1]), {"user_id": key[0]})
            except NotFoundError:
                assert kind == "old"
                key = None
            added.append(key)
        return [key for key in added if key]

    tasks = [asyncio.create_task(write(number)) for number in range(4)]
    purged = await purge(store, AGE)
    over.set()
    added = [key for keys in await asyncio.gather(*tasks) for key in keys]
    assert purged.threads > 0
    assert await half_threads(database_url) == 0
    assert await fetch_value(database_url, "SELECT count(*) FROM chatkit_threads WHERE id LIKE 'used%'") == before
    query = "SELECT user_id, thread_id, id FROM chatkit_thread_items WHERE id LIKE 'new%'"
    assert {tuple(row) for row in await fetch(database_url, query)} == set(added)


@pytest.mark.parametrize("ids", ALL_IDS, ids=str)
async def test_where_the_hosts_users_have_ids_of_another_type(ids, empty_database_url, make_store):
    await create_users(empty_database_url, ids)
    store = await make_store(empty_database_url, users=UsersTable(USERS, column="id"))
    await store.initialize()
    contexts = [{"user_id": user_id} for user_id in (ids.alice, ids.bob)]
    for context in contexts:
        for thread_id in ("old_1", "used_1"):
            await write_thread(store, thread_id, context)
            await store.delete_attachment(f"{thread_id}_sent", context)
    await leave_alone(empty_database_url, DAYS)
    assert (await purge(store, AGE, user_id=ids.alice)).threads == 1
    purged = await purge(store, AGE)
    assert (purged.threads, purged.attachments) == (1, 1)
    assert await ids_in(empty_database_url) == ["used_1", "used_1"]
    for impossible in ids.impossible:
        with pytest.raises(UnknownUserError):
            await purge(store, AGE, user_id=impossible)


async def test_several_steps_where_ids_are_uuids(empty_database_url, make_store, monkeypatch):
    ids = ALL_IDS[0]
    await create_users(empty_database_url, ids)
    store = await make_store(empty_database_url, users=UsersTable(USERS, column="id"))
    await store.initialize()
    await fetch(
        empty_database_url,
        f"""
        INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at)
        SELECT u.id, 'old_' || n, '{{}}', 0, now(), now() - interval '{DAYS} days'
        FROM {USERS} AS u, generate_series(1, 1500) AS n
        """,
    )
    assert (await purge(store, AGE)).threads == 3000


async def test_in_a_schema_of_their_own(empty_database_url, make_store):
    await fetch(empty_database_url, 'CREATE SCHEMA "Chat rooms"')
    elsewhere = await make_store(empty_database_url)
    store = await make_store(empty_database_url, schema="Chat rooms")
    for each in (elsewhere, store):
        await each.initialize()
        await write_thread(each, "old_1")
    await leave_alone(empty_database_url, DAYS, schema="Chat rooms")
    await leave_alone(empty_database_url, DAYS)
    purged = await purge(store, AGE)
    assert (purged.threads, purged.attachments) == (1, 1)
    assert await ids_in(empty_database_url, schema="Chat rooms") == []
    assert await ids_in(empty_database_url) == ["old_1"]


async def isolation_of(engine):
    """Return what the adapter of the driver's connection keeps it at, autocommit too."""
    async with engine.connect() as connection:
        return (await connection.get_raw_connection()).dbapi_connection.isolation_level


@pytest.mark.parametrize("isolation", ["AUTOCOMMIT", "SERIALIZABLE"])
async def test_on_an_engine_of_the_host_that_has_one_connection(filled, database_url, make_store, isolation):
    url = database_url.replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(url, pool_size=1, max_overflow=0, isolation_level=isolation)
    before = await isolation_of(engine)
    store = await make_store(engine=engine)
    assert (await purge(store, AGE)).threads == 3
    assert await isolation_of(engine) == before
    await engine.dispose()


async def test_behind_a_transaction_pooler(filled, database_url):
    with running_pgbouncer(database_url) as url:
        async with PostgresStore(url, pooler="transaction") as store:
            purged = await purge(store, AGE)
    assert (purged.threads, purged.attachments, purged.passed_by) == (3, 3, 0)


async def test_row_security_that_would_hide_rows_is_told(filled, database_url, make_store):
    await enable_row_security(filled)
    async with role_of(database_url) as url:
        store = await make_store(url)
        with pytest.raises(ConfigurationError, match="Use the login of the owner"):
            await purge(store, AGE)
        await store.close()
    assert (await purge(filled, AGE)).threads == 3


async def test_where_citus_holds_the_tables_each_statement_is_about_one_user(filled, database_url):
    await fetch(database_url, "CREATE FUNCTION chatkit_append_item() RETURNS void LANGUAGE sql AS ''")
    purged = await purge(filled, AGE)
    assert (purged.threads, purged.attachments, purged.passed_by) == (3, 3, 0)
    assert await ids_in(database_url) == ["used_1", "used_2"]


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=-1), timedelta(days=999_999)])
async def test_an_age_that_cannot_be_is_refused(filled, database_url, age):
    before = await dump(database_url)
    with pytest.raises(ConfigurationError, match="older_than"):
        await purge(filled, age)
    assert await dump(database_url) == before


async def test_a_user_that_cannot_be_is_refused(store):
    with pytest.raises(ValueError, match="user_id must not be empty"):
        await purge(store, AGE, user_id="")


async def test_progress_is_told_as_it_goes(filled, database_url):
    await fetch(database_url, "ANALYZE chatkit_threads, chatkit_attachments")
    told = []
    purged = await purge(filled, AGE, progress=told.append)
    assert told[-1] == purged
    assert [each.looked_at for each in told] == sorted(each.looked_at for each in told)
    assert purged.looked_at == 5 + 7
    assert purged.to_look_at == 5 + 10


async def test_how_much_there_is_to_look_at_is_known_of_everybody_and_after_an_analyze(filled, database_url):
    assert (await purge(filled, AGE, dry_run=True)).to_look_at is None
    await fetch(database_url, "ANALYZE chatkit_threads, chatkit_attachments")
    assert (await purge(filled, AGE, dry_run=True)).to_look_at == 15
    assert (await purge(filled, AGE, dry_run=True, user_id="alice")).to_look_at is None
