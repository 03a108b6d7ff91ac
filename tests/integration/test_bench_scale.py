"""What the benchmark of scale loads is what the store itself would have written, and it goes on from there."""

import asyncio
import json
from dataclasses import replace
from random import Random

import pytest

from benchmarks.scale import calls, replies, targets
from benchmarks.scale.buffers import STATEMENT_OF, cold, touched
from benchmarks.scale.disk import classes_of, disk_of
from benchmarks.scale.documents import PASTED, kinds, piece
from benchmarks.scale.findings import Findings, Stage
from benchmarks.scale.indexes import index_costs
from benchmarks.scale.judging import guarded
from benchmarks.scale.loading import copy_stretch
from benchmarks.scale.migrating import migrations
from benchmarks.scale.plots import plots
from benchmarks.scale.server import execute
from benchmarks.scale.tables import tables
from benchmarks.scale.traffic import COLLECTOR, STRETCH, TALKER, rows_of, stretches, whales
from chatkit_pgstore._codec import ITEMS, item_values
from chatkit_pgstore._revisions import known
from tests.support.samples import ids_of, items_of, message
from tests.support.tables import fetch, fetch_value

ITEM_COUNT, LONG, MANY = 1000, 150, 60
LAST_KEYS = """
    SELECT count(*) FROM chatkit_threads AS t WHERE last_sort_key IS DISTINCT FROM coalesce((
        SELECT max(sort_key) FROM chatkit_thread_items AS i WHERE i.user_id = t.user_id AND i.thread_id = t.id
    ), 0)
"""
ORPHANS = """
    SELECT count(*) FROM (SELECT user_id, thread_id FROM chatkit_thread_items
        UNION ALL SELECT user_id, thread_id FROM chatkit_attachments) AS i
    WHERE NOT EXISTS (SELECT FROM chatkit_threads AS t WHERE t.user_id = i.user_id AND t.id = i.thread_id)
"""


@pytest.fixture
async def loaded_url(database_url):
    """A database with a thousand items of ordinary users, a user with many threads, and a long thread."""
    for stretch in (*stretches(0, ITEM_COUNT), *whales(MANY, LONG)):
        assert await asyncio.to_thread(copy_stretch, database_url, stretch) == stretch.items
    await execute(database_url, "VACUUM (ANALYZE)")
    return database_url


async def test_each_document_is_what_the_codec_writes_of_the_item_it_reads(loaded_url):
    rows = await fetch(loaded_url, "SELECT id, type, status, item::text, created_at FROM chatkit_thread_items")
    assert len(rows) == ITEM_COUNT + MANY + LONG
    for item_id, item_type, status, document, created_at in rows:
        written = item_values(ITEMS.decode(item_id, document))
        assert written == {
            "id": item_id,
            "type": item_type,
            "status": status,
            "item": document,
            "created_at": created_at,
        }


async def test_every_row_has_its_thread_and_every_thread_knows_its_last_sort_key(loaded_url):
    assert await fetch_value(loaded_url, LAST_KEYS) == 0
    assert await fetch_value(loaded_url, ORPHANS) == 0
    assert await fetch_value(loaded_url, "SELECT count(*) FROM chatkit_attachments") > 0


async def test_the_store_reads_the_long_thread_and_appends_to_it(loaded_url, store):
    talker = {"user_id": TALKER}
    [thread] = (await store.load_threads(10, None, "desc", talker)).data
    before = await ids_of(store, thread.id, talker)
    assert len(before) == len(set(before)) == LONG
    await store.add_thread_item(thread.id, message("msg_new", thread_id=thread.id), talker)
    assert await ids_of(store, thread.id, talker) == [*before, "msg_new"]
    newest = await store.load_thread_items(thread.id, None, 20, "desc", talker)
    assert [item.id for item in newest.data] == ["msg_new", *reversed(before[-19:])]


async def test_the_store_lists_and_deletes_many_threads(loaded_url, store):
    collector = {"user_id": COLLECTOR}
    first = await store.load_threads(40, None, "desc", collector)
    second = await store.load_threads(40, first.after, "desc", collector)
    listed = [*first.data, *second.data]
    assert len({thread.id for thread in listed}) == MANY
    assert [thread.created_at for thread in listed] == sorted((t.created_at for t in listed), reverse=True)
    await store.delete_thread(listed[0].id, collector)
    assert await items_of(store, listed[0].id, collector) == []


async def test_every_call_is_measured_and_leaves_as_many_rows_as_there_were(loaded_url, store):
    count = "SELECT (SELECT count(*) FROM chatkit_threads) + (SELECT count(*) FROM chatkit_thread_items)"
    before = await fetch_value(loaded_url, count)
    groups = [await targets.ordinary(loaded_url), *await targets.whales(loaded_url)]
    stage = Stage(ITEM_COUNT)
    for group in groups:
        times = await calls.times_of(store, group, rounds=1, calls=2)
        pages = await touched(loaded_url, group, 2)
        assert [each.call for each in times] == [each.call for each in pages] == group.calls(STATEMENT_OF)
        assert all(len(call.rounds[0]) == 2 for call in times)
        assert all(0 < each.middle < 200 for each in pages)
        stage.times += times
        stage.touched += pages
        for each in await cold(loaded_url, group, 1):
            [fetched] = each.pages
            assert 0 < fetched < 200
    assert await fetch_value(loaded_url, count) == before
    check_what_is_told(stage)


def check_what_is_told(stage):
    """Of one size there is no ratio and no line; of a second one like it there are, and all are flat."""
    alone, twice = Findings([stage]), Findings([stage, replace(stage, items=10 * ITEM_COUNT)])
    assert [table.name for table in tables(alone)] == ["targets", "load", "p99", "p50", "buffers"]
    assert plots(alone) == []
    assert guarded(alone) == {}
    assert [len(table.rows) for table in tables(twice)][2:] == [len(stage.times)] * 3
    assert sum(len(plot.series) for plot in plots(twice)[:4]) == len(stage.times)
    assert set(guarded(twice).values()) == {1.0}


async def test_what_items_take_on_the_disk_is_all_accounted_for(loaded_url):
    found = await disk_of(loaded_url, "all")
    whole = await fetch_value(loaded_url, "SELECT pg_total_relation_size('chatkit_thread_items')")
    documents = await fetch_value(loaded_url, "SELECT sum(length(item::text)) FROM chatkit_thread_items")
    assert (found.whole, found.documents) == (whole, documents)
    assert sum(each.items for each in await classes_of(loaded_url)) == found.items == ITEM_COUNT + MANY + LONG


async def test_indexes_are_all_there_again_after_what_they_cost_was_measured(loaded_url):
    indexes = "SELECT array_agg(indexname::text ORDER BY indexname::text) FROM pg_indexes WHERE tablename = ANY($1)"
    written = [["chatkit_threads", "chatkit_thread_items", "chatkit_attachments"]]
    before = await fetch_value(loaded_url, indexes, *written)
    groups = [await targets.ordinary(loaded_url), *await targets.whales(loaded_url)]
    costs = await index_costs(loaded_url, groups, rows=3)
    assert sorted(each.name for each in costs) == before == await fetch_value(loaded_url, indexes, *written)
    assert all(each.without.log < each.before.log for each in costs)


async def test_migrations_are_timed_on_full_tables_which_stay_as_they_are(server_url, loaded_url, store):
    found = await migrations(server_url, loaded_url)
    assert [each.revision for each in found] == sorted(known())
    assert [each.locks for each in found if each.revision == "0001"] == ["none"]
    assert all(each.seconds > 0 for each in found)
    collector = {"user_id": COLLECTOR}
    assert (
        len((await store.load_threads_where(MANY, None, "desc", collector, metadata={"agent": "billing"})).data) == MANY
    )


async def test_running_replies_are_saved_by_the_statements_of_the_store(loaded_url, store):
    updates = replies.UPDATES * replies.TOGETHER * replies.CONNECTIONS
    await replies.run(loaded_url, updates)
    saved_again = "SELECT id, item::text FROM chatkit_thread_items WHERE updated_at <> created_at"
    rows = await fetch(loaded_url, saved_again)
    assert len(rows) == replies.TOGETHER * replies.CONNECTIONS
    longest = replies.LETTERS * replies.UPDATES
    assert {len(ITEMS.decode(*row).content[0].text) for row in rows} == {longest}
    assert await fetch_value(loaded_url, LAST_KEYS) == 0


def test_rows_of_a_thread_stand_among_those_of_others():
    rows = [line.split("\t")[1] for line in rows_of(next(stretches(0, ITEM_COUNT))).items]
    neighbours = sum(one == other for one, other in zip(rows, rows[2:], strict=False))
    assert neighbours < len(rows) / 2


def test_stretches_are_whole_whatever_the_sizes():
    made = [*stretches(0, 10_000), *stretches(10_000, 130_000)]
    assert [each.items for each in made] == [10_000, STRETCH, STRETCH, 20_000]
    assert {each.threads / each.items for each in made} == {0.1}
    assert {each.threads / each.users for each in made} == {10}


@pytest.mark.parametrize("name", kinds())
def test_the_longest_text_of_a_kind_makes_a_document(name):
    kind = kinds()[name]
    dice = Random(1)
    text = piece(dice, max(kind.lengths))
    values = {"id": "msg_1", "thread": "thr_1", "at": "2025-01-01T00:00:00.000001Z", "text": text, "file": "atc_1"}
    document = kind.document % values
    assert json.loads(document)["id"] == "msg_1"
    assert item_values(ITEMS.decode("msg_1", document))["item"] == document
    if name.startswith("small"):
        ids = len("msg_" + 32 * "0") + len("thr_" + 32 * "0") - len("msg_1thr_1")
        assert len(document) + ids < 1000
    assert len(text) <= PASTED
