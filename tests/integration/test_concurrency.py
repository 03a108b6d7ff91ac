"""Many writers at once: nothing is lost, doubled, misplaced or orphaned, and nobody deadlocks."""

import asyncio
import logging
from contextlib import AsyncExitStack

import asyncpg
import pytest

from chatkit_pgstore import NotFoundError
from tests.support.appender import appender, see_that_what_returned_first_comes_first
from tests.support.samples import ALICE, attachment, ids_of, message, thread, tool_call
from tests.support.tables import dump, fetch

PROCESSES, TASKS, ITEMS = 4, 16, 10
SORT_KEYS = "SELECT id, sort_key FROM chatkit_thread_items ORDER BY sort_key"


@pytest.fixture
def no_attempt_fails(caplog):
    """See that no call had to be sent again, as a deadlock or a conflict of keys would make it."""
    caplog.set_level(logging.WARNING, logger="chatkit_pgstore")
    yield
    # caplog.messages are those of the teardown, by now.
    assert [record.getMessage() for record in caplog.get_records("call")] == []


async def test_64_tasks_in_4_processes_append_to_one_thread(store, database_url):
    await store.save_thread(thread(), ALICE)
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(appender(database_url, str(number), TASKS, ITEMS))
            for number in range(PROCESSES)
        ]
        await asyncio.gather(*(process.is_ready() for process in processes))
        writing = asyncio.gather(*(process.run() for process in processes))
        await see_no_gap_while(writing, database_url)
        appends = [append for done in await writing for append in done]
    keys = {row["id"]: row["sort_key"] for row in await fetch(database_url, SORT_KEYS)}
    assert sorted(keys) == sorted(append.item_id for append in appends)
    assert list(keys.values()) == list(range(1, PROCESSES * TASKS * ITEMS + 1))
    assert await ids_of(store) == list(keys)
    see_that_what_returned_first_comes_first(appends, list(keys))


async def see_no_gap_while(writing, database_url):
    """Whoever looks, whenever, sees the keys 1 to n: a later key is never there before an earlier one."""
    observer = await asyncpg.connect(database_url)
    seen = set()
    while not writing.done():
        keys = [row["sort_key"] for row in await observer.fetch(SORT_KEYS)]
        assert keys == list(range(1, len(keys) + 1))
        seen.add(len(keys))
    await observer.close()
    assert len(seen) > PROCESSES  # it did look while they wrote


@pytest.mark.parametrize("method", ["add_thread_item", "save_item"])
async def test_an_item_written_first_by_many_at_once_is_there_once(method, store, database_url, no_attempt_fails):
    await store.save_thread(thread(), ALICE)
    await store.add_thread_item("thr_1", message("msg_before"), ALICE)
    texts = [f"by task {number}" for number in range(32)]
    write = getattr(store, method)
    await asyncio.gather(*(write("thr_1", message("msg_1", text), ALICE) for text in texts))
    await store.add_thread_item("thr_1", message("msg_behind"), ALICE)
    assert await ids_of(store) == ["msg_before", "msg_1", "msg_behind"]
    assert (await store.load_item("thr_1", "msg_1", ALICE)).content[0].text in texts


async def test_a_pending_document_never_wins_over_a_completed_one(store, no_attempt_fails):
    await store.save_thread(thread(), ALICE)
    for number in range(20):
        item_id = f"tc_{number}"
        await asyncio.gather(
            *(
                store.add_thread_item("thr_1", tool_call(item_id, completed=completed), ALICE)
                for completed in (False, True, False, False)
            )
        )
        assert (await store.load_item("thr_1", item_id, ALICE)).status == "completed"


async def test_a_thread_and_an_attachment_saved_first_by_many_at_once_are_there_once(
    store, database_url, no_attempt_fails
):
    await asyncio.gather(*(store.save_thread(thread(title=str(number)), ALICE) for number in range(32)))
    await asyncio.gather(*(store.save_attachment(attachment("atc_1", "thr_1"), ALICE) for _ in range(32)))
    assert await row_counts(database_url) == (1, 0, 1)


async def test_appends_and_saves_of_the_same_items_each_keep_their_place(store, no_attempt_fails):
    await store.save_thread(thread(), ALICE)
    ids = [f"msg_{number}" for number in range(10)]
    for item_id in ids:
        await store.add_thread_item("thr_1", message(item_id), ALICE)
    writes = (store.add_thread_item, store.save_item)
    again = [write("thr_1", message(item_id), ALICE) for item_id in ids for write in writes]
    await asyncio.gather(*again, store.save_thread(thread(title="Renamed"), ALICE))
    assert await ids_of(store) == ids


async def test_a_thread_deleted_while_others_write_leaves_no_orphan(store, database_url, no_attempt_fails):
    ended = set()
    for number in range(30):
        await store.save_thread(thread(), ALICE)
        await store.add_thread_item("thr_1", message("msg_old"), ALICE)
        await store.save_attachment(attachment("atc_old", "thr_1"), ALICE)
        calls = [store.add_thread_item("thr_1", message(f"msg_{each}"), ALICE) for each in range(6)]
        calls.insert(number % 6, store.delete_thread("thr_1", ALICE))
        calls += [store.save_item("thr_1", message(each), ALICE) for each in ("msg_old", "msg_new")]
        calls += [store.save_attachment(attachment(each, "thr_1"), ALICE) for each in ("atc_old", "atc_new")]
        ended |= {type(result) for result in await asyncio.gather(*calls, return_exceptions=True)}
        assert await row_counts(database_url) == (0, 0, 0)
    assert ended == {type(None), NotFoundError}


async def row_counts(database_url):
    rows = await dump(database_url)
    return tuple(len(rows[table]) for table in ("chatkit_threads", "chatkit_thread_items", "chatkit_attachments"))
