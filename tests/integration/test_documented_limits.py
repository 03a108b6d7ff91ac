"""The limits of calls that may be sent twice; each is in the documentation, and none is a surprise."""

import os
import signal

from chatkit_pgstore import PostgresStore
from examples.embedded_postgres import EmbeddedPostgres
from tests.support.samples import ALICE, ids_of, message, thread
from tests.support.tables import fetch_value
from tests.support.waiting import eventually_true


async def test_an_add_sent_again_brings_back_an_item_deleted_in_between_at_the_end(store, database_url):
    await store.save_thread(thread(), ALICE)
    for item_id in ("msg_1", "msg_2"):
        await store.add_thread_item("thr_1", message(item_id), ALICE)
    await store.delete_thread_item("thr_1", "msg_1", ALICE)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    assert await ids_of(store) == ["msg_2", "msg_1"]
    keys = "SELECT array_agg(sort_key ORDER BY sort_key) FROM chatkit_thread_items"
    assert await fetch_value(database_url, keys) == [2, 3]


async def test_an_add_sent_again_leaves_one_sort_key_unused(store, database_url):
    await store.save_thread(thread(), ALICE)
    for item_id in ("msg_1", "msg_1", "msg_2"):
        await store.add_thread_item("thr_1", message(item_id), ALICE)
    keys = "SELECT array_agg(sort_key ORDER BY sort_key) FROM chatkit_thread_items"
    assert await fetch_value(database_url, keys) == [1, 3]


async def test_a_stale_save_of_a_thread_overwrites_a_newer_one(store):
    await store.save_thread(thread(title="First"), ALICE)
    stale = await store.load_thread("thr_1", ALICE)
    await store.save_thread(thread(title="Newer"), ALICE)
    await store.save_thread(stale, ALICE)
    assert (await store.load_thread("thr_1", ALICE)).title == "First"


async def test_a_save_of_a_thread_after_its_deletion_creates_an_empty_one(store):
    await store.save_thread(thread(title="First"), ALICE)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    stale = await store.load_thread("thr_1", ALICE)
    await store.delete_thread("thr_1", ALICE)
    await store.save_thread(stale, ALICE)
    assert await store.load_thread("thr_1", ALICE) == stale
    assert await ids_of(store) == []


async def test_an_attempt_given_up_may_be_done_by_a_server_that_was_asleep_over_a_newer_save():
    """Its process has the statement and does not run; the call succeeds by another one, and is followed by the next."""
    with EmbeddedPostgres() as server:
        async with PostgresStore(server.url(), pool_size=1, attempt_timeout_seconds=0.2) as store:
            await store.save_thread(thread(), ALICE)
            asleep = await pid_of_the_only_connection(store)
            os.kill(asleep, signal.SIGSTOP)
            await store.save_thread(thread(title="First"), ALICE)
            await store.save_thread(thread(title="Newer"), ALICE)
            assert (await store.load_thread("thr_1", ALICE)).title == "Newer"
            os.kill(asleep, signal.SIGCONT)
            await eventually_true(lambda: has_title(store, "First"))


async def pid_of_the_only_connection(store):
    async with store.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        return driver.get_server_pid()


async def has_title(store, title):
    return (await store.load_thread("thr_1", ALICE)).title == title
