"""Retention, erasing, export and import on a cluster."""

from datetime import timedelta

import pytest

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.operations import erase, export_everybody, export_users, import_users, purge, status
from tests.support.calls import fill
from tests.support.databases import execute
from tests.support.samples import ids_of
from tests.support.tables import TABLES, fetch_value

ITEMS = ["msg_a", "msg_b", "msg_c", "tc_done"]
FILLED, NOTHING = [2, 8, 4, 1, 0, 0], [0] * len(TABLES)


@pytest.fixture
async def store(citus_url, distributed_schema):
    store = PostgresStore(citus_url, schema=distributed_schema)
    await store.initialize()
    yield store
    await store.close()


async def rows_of(user_id, url, schema):
    return [
        await fetch_value(url, f"SELECT count(*) FROM {schema}.{table} WHERE user_id = $1", user_id) for table in TABLES
    ]


async def fill_and_rate(store, user):
    await fill(store, {"user_id": user})
    await store.save_feedback("thr_1", ["msg_a"], "positive", {"user_id": user})


async def exported(store, *users):
    return [line async for line in export_users(store, *users)]


async def lines(some):
    for line in some:
        yield line


@pytest.mark.parametrize("user_id", ["old", None], ids=["of one user", "of all"])
async def test_purge_deletes_what_is_old_and_nothing_else(user_id, store, citus_url, distributed_schema):
    for user in ("old", "older", "young"):
        await fill_and_rate(store, user)
    for table in ("chatkit_threads", "chatkit_attachments"):
        aged = f"UPDATE {distributed_schema}.{table} SET updated_at = now() - interval '90 days' WHERE user_id = ANY"
        await execute(citus_url, f"{aged} (ARRAY['old', 'older'])")
    counted = await purge(store, timedelta(days=30), user_id=user_id, dry_run=True)
    purged = await purge(store, timedelta(days=30), user_id=user_id)
    assert (purged.threads, purged.attachments, purged.passed_by) == (counted.threads, counted.attachments, 0)
    assert purged.threads == (2 if user_id else 4)
    assert await rows_of("old", citus_url, distributed_schema) == NOTHING
    assert await rows_of("older", citus_url, distributed_schema) == (FILLED if user_id else NOTHING)
    assert await rows_of("young", citus_url, distributed_schema) == FILLED
    for user in ("older", "young"):
        await erase(store, user)


async def test_erase_leaves_nothing_of_a_user_and_all_of_others(store, citus_url, distributed_schema):
    for user in ("erased", "kept"):
        await fill_and_rate(store, user)
    receipt = await erase(store, "erased")
    assert (receipt.threads, receipt.items, receipt.attachments, receipt.feedback) == (2, 8, 4, 1)
    assert receipt.files_to_sweep == 0
    assert await rows_of("erased", citus_url, distributed_schema) == NOTHING
    assert await ids_of(store, context={"user_id": "kept"}) == ITEMS


async def test_what_was_exported_comes_back_equal(store):
    for user in ("first", "second"):
        await fill_and_rate(store, user)
    before = await exported(store, "first", "second")
    await erase(store, "first")
    await import_users(store, lines(before))
    assert await exported(store, "first", "second") == before
    await import_users(store, lines(before))
    assert await exported(store, "first", "second") == before


async def test_everybody_is_in_an_export_of_all(store):
    await fill(store, {"user_id": "one of all"})
    whole = [line async for line in export_everybody(store)]
    assert any('"one of all"' in line for line in whole)


async def test_status_tells_of_the_cluster(store):
    await fill(store, {"user_id": "somebody"})
    assert await status(store)
