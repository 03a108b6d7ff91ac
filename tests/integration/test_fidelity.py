"""What stands in the tables is what the SDK handed over, to the byte, in the order it came."""

import time
from datetime import UTC, datetime, timedelta, timezone
from itertools import product

import pytest
from chatkit.types import LockedStatus, Page, Thread

from tests.support.samples import ALICE, MOMENT, attachment, ids_of, message, thread, tool_call
from tests.support.tables import fetch, fetch_value

ITEM_TEXT = "SELECT item::text FROM chatkit_thread_items WHERE id = $1"
NAIVE = datetime(2026, 3, 4, 5, 6, 7, 89)  # the SDK's own datetime.now() has no zone
AWARE = NAIVE.replace(tzinfo=timezone(timedelta(hours=5, minutes=45)))
TEXTS = {
    "NUL": "before\0behind",
    "emoji": "👩‍👩‍👧‍👦 and 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "a megabyte": "0123456789abcdef" * 65536,
    "a megabyte of three bytes each": "€" * 350_000,
    "what looks like an escape": r"\u0000 \n \\ $1 %s {} '' \"",
    "white space": "\r\n\t \u2028\u00a0\ufeff",
    "both directions": "\u202eabc\u202c שלום",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_a_document_stands_in_the_table_byte_for_byte(text, store, database_url):
    await store.save_thread(thread(title=text), ALICE)
    item, file = message("msg_1", text), attachment("atc_1", name=text)
    await store.add_thread_item("thr_1", item, ALICE)
    await store.save_attachment(file, ALICE)
    assert await fetch_value(database_url, ITEM_TEXT, "msg_1") == item.model_dump_json()
    of_thread = await fetch_value(database_url, "SELECT thread::text FROM chatkit_threads")
    of_file = await fetch_value(database_url, "SELECT attachment::text FROM chatkit_attachments")
    assert (of_thread, of_file) == (thread(title=text).model_dump_json(), file.model_dump_json())
    assert await store.load_item("thr_1", "msg_1", ALICE) == item
    assert await store.load_thread("thr_1", ALICE) == thread(title=text)
    assert await store.load_attachment("atc_1", ALICE) == file


NUMBERS = [1234567890123456789012345, -(2**80), 2**63, 1e308, 5e-324, 0.1, -0.0, 10**400]


async def test_numbers_of_any_size_come_back(store):
    await store.save_thread(thread(), ALICE)
    call = tool_call("tc_1", completed=True).model_copy(update={"arguments": {"numbers": NUMBERS}})
    await store.add_thread_item("thr_1", call, ALICE)
    numbers = (await store.load_item("thr_1", "tc_1", ALICE)).arguments["numbers"]
    assert [repr(number) for number in numbers] == [repr(number) for number in NUMBERS]


@pytest.mark.parametrize("moment", [NAIVE, AWARE, NAIVE.replace(tzinfo=UTC)], ids=str)
async def test_a_time_comes_back_with_the_zone_it_had_or_without(moment, store, database_url):
    saved = thread().model_copy(update={"created_at": moment})
    item = message("msg_1").model_copy(update={"created_at": moment})
    await store.save_thread(saved, ALICE)
    await store.add_thread_item("thr_1", item, ALICE)
    times = [
        (await store.load_thread("thr_1", ALICE)).created_at,
        (await store.load_threads(1, None, "asc", ALICE)).data[0].created_at,
        (await store.load_item("thr_1", "msg_1", ALICE)).created_at,
    ]
    assert [(each, each.utcoffset()) for each in times] == [(moment, moment.utcoffset())] * 3
    column = await fetch_value(database_url, "SELECT created_at FROM chatkit_threads")
    assert column == moment.astimezone(UTC)


@pytest.fixture
def in_zone(monkeypatch):
    """``in_zone("XXX12")``: let this process live twelve hours west of Greenwich until the test ends."""

    def move(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


async def test_a_rename_from_a_process_in_another_zone_does_not_move_a_thread(store, database_url, in_zone):
    query = "SELECT created_at FROM chatkit_threads"
    await store.save_thread(thread().model_copy(update={"created_at": NAIVE}), ALICE)
    before = await fetch_value(database_url, query)
    in_zone("XXX12")
    await store.save_thread(thread(title="Renamed").model_copy(update={"created_at": NAIVE}), ALICE)
    assert await fetch_value(database_url, query) == before
    await store.delete_thread("thr_1", ALICE)
    await store.save_thread(thread().model_copy(update={"created_at": NAIVE}), ALICE)
    assert await fetch_value(database_url, query) == NAIVE.replace(tzinfo=timezone(timedelta(hours=-12)))


async def test_items_of_one_instant_keep_the_order_they_came_in(store):
    await store.save_thread(thread(), ALICE)
    ids = [f"msg_{7 * number % 50}" for number in range(50)]
    for item_id in ids:
        await store.add_thread_item("thr_1", message(item_id), ALICE)
    for order, limit in product(("asc", "desc"), (1, 7, 49, 50, 51)):
        walked = [each.id for each in await walk(lambda *page: store.load_thread_items("thr_1", *page), order, limit)]
        assert walked == (ids if order == "asc" else ids[::-1])


async def walk(listing, order, limit):
    """Return what all pages hold, in the order of the pages; each but the last is full."""
    found, after = [], None
    while True:
        page = await listing(after, limit, order, ALICE)
        found += page.data
        if not page.has_more:
            assert page.after is None
            return found
        assert len(page.data) == limit
        assert page.after not in (None, after)
        after = page.after


async def test_threads_of_one_instant_are_listed_once_each_by_the_bytes_of_their_ids(store):
    ids = [f"thr_{name}" for name in ("B", "a", "Z", "é", "z", "10", "9", "_", "ß", "\U0001f600", "\uffff")]
    for thread_id in ids:
        await store.save_thread(thread(thread_id), ALICE)
    by_bytes = sorted(ids, key=str.encode)
    for order, limit in product(("asc", "desc"), (1, 3, 11)):

        def listing(after, limit, order, context):
            return store.load_threads(limit, after, order, context)

        walked = [each.id for each in await walk(listing, order, limit)]
        assert walked == (by_bytes if order == "asc" else by_bytes[::-1])


async def test_of_a_thread_with_items_the_metadata_alone_is_stored(store, database_url):
    whole = Thread(**thread(title="Title").model_dump(), items=Page(data=[message("msg_1", "not to be stored")]))
    await store.save_thread(whole, ALICE)
    stored = await fetch_value(database_url, "SELECT thread::text FROM chatkit_threads")
    assert stored == thread(title="Title").model_dump_json()
    assert await ids_of(store) == []


async def test_saving_again_replaces_the_whole_document_and_keeps_the_place(store, database_url):
    await store.save_thread(thread(), ALICE)
    for item_id in ("msg_1", "tc_1", "msg_2"):
        await store.add_thread_item("thr_1", message(item_id), ALICE)
    await store.save_item("thr_1", tool_call("tc_1", completed=True), ALICE)
    (row,) = await fetch(database_url, "SELECT * FROM chatkit_thread_items WHERE id = 'tc_1'")
    assert (row["sort_key"], row["type"], row["status"]) == (2, "client_tool_call", "completed")
    assert row["item"] == tool_call("tc_1", completed=True).model_dump_json()
    locked = thread(title="Locked").model_copy(update={"status": LockedStatus(reason="Spam"), "metadata": {"a": [1]}})
    await store.save_thread(locked, ALICE)
    assert await store.load_thread("thr_1", ALICE) == locked


async def test_a_threads_row_tells_its_last_activity(store, database_url):
    seen = []
    for act in (
        store.save_thread(thread(), ALICE),
        store.add_thread_item("thr_1", message("msg_1"), ALICE),
        store.save_thread(thread(title="Renamed"), ALICE),
    ):
        await act
        (row,) = await fetch(database_url, "SELECT created_at, updated_at FROM chatkit_threads")
        assert row["created_at"] == MOMENT
        seen.append(row["updated_at"])
    assert seen == sorted(set(seen))
