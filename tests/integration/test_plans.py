"""What a call costs depends on the rows it asks for, and never on how many there are.

Pages touched are counted and not time, with the plans that PostgreSQL makes for given values, with those it makes
once for all values, and with what it chooses by itself after a few calls.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.databases import create_database, drop_database, execute, name_of
from tests.support.plans import ITEMS, STATEMENTS, THREADS, Use, load, planner
from tests.support.shared import shared_database

logger = logging.getLogger(__name__)

MODES = ("auto", "force_generic_plan", "force_custom_plan")
LIMITS = (2, 21, 101, 1001)
IN_THE_MIDDLE = datetime.now(UTC) - timedelta(seconds=9000)

# Measured: 6 for a read of one row; 52 for a write, with its indexes, their splits and foreign keys; 15 beside a
# row's own page for a page behind a cursor.
MOST_FOR_A_READ = 8
MOST_FOR_A_WRITE = 80
MOST_FOR_A_PAGE = 20
MOST_FOR_EACH_ROW = 1.2
# 0.35 for the items of one thread where none of their pages is visible to all; else they are counted in the index.
MOST_FOR_EACH_COUNTED = 0.5

SMALL = {
    "user_id": "user_17",
    "threads": ("thr_17", "thr_8017", "thr_16017"),
    "items": ("msg_1", "msg_4"),
    "attachment": "atc_17",
}
COLLECTOR = {
    "user_id": "collector",
    "threads": ("thr_30000", "thr_19999", "thr_40000"),  # in the middle, the oldest, the newest
    "items": (),
    "attachment": "atc_30001",
}
TALKER = {
    "user_id": "talker",
    "threads": ("thr_1",),
    "items": ("msg_25000", "msg_1", "msg_50000"),
    "attachment": "atc_none",
}
USERS = (SMALL, COLLECTOR, TALKER)
WRITTEN = {
    "thread": "{}",
    "item": "{}",
    "attachment": "{}",
    "expected": "{}",
    "metadata": "{}",
    "kind": "positive",
    "type": "end_of_turn",
    "status": None,
    "created_at": datetime(2026, 1, 2, tzinfo=UTC),
}


@pytest.fixture(scope="module")
def vacuumed_database_url(server_url, template_database):
    """Where nothing was written since the last vacuum: every page is visible to all, every index could do alone."""
    with shared_database(server_url, template_database) as url:
        asyncio.run(load(url))
        yield url


@pytest.fixture(scope="module")
def written_database_url(server_url, vacuumed_database_url):
    """Where something was: PostgreSQL weighs its indexes otherwise."""
    with shared_database(server_url, name_of(vacuumed_database_url)) as url:
        asyncio.run(execute(url, "UPDATE chatkit_threads SET updated_at = now() WHERE user_id LIKE 'user_17%'"))
        asyncio.run(execute(url, "UPDATE chatkit_thread_items SET updated_at = now() WHERE user_id LIKE 'user_17%'"))
        asyncio.run(execute(url, "ANALYZE"))
        yield url


ACTIVITY = "CREATE INDEX chatkit_threads_by_activity ON chatkit_threads (user_id, updated_at, id)"


@pytest.fixture(scope="module")
def by_activity_database_url(server_url, vacuumed_database_url):
    """Where threads are listed by last activity."""
    with shared_database(server_url, name_of(vacuumed_database_url)) as url:
        asyncio.run(execute(url, ACTIVITY))
        asyncio.run(execute(url, "VACUUM ANALYZE chatkit_threads"))
        yield url


def uses(statement, user):
    """Return the uses of a statement by a user: of what is there and what is not, from every place, of every size."""
    ids = {
        "threads": user["threads"],
        "items": user["items"],
        "attachments": (user["attachment"],),
        "feedback": user["items"][:1],
    }[table_of(statement)]
    if statement.name == "delete_thread" and user is TALKER:
        ids = ()  # it has 50,000 items, which have to go with it
    for known in (*ids, "unknown"):
        for limit in LIMITS if "limit" in statement.parameters else (1,):
            place = {"id": known, "after": known, "limit": limit, "thread_id": user["threads"][0]}
            place |= {"item_ids": f"{{{known}}}", "thread_ids": f"{{{known}}}", "after_time": IN_THE_MIDDLE}
            name = f"{statement.name} of {user['user_id']}, {known}, {limit} rows"
            yield Use(name, statement, {"user_id": user["user_id"], **WRITTEN, **place})


def table_of(statement):
    if statement.name in ("load_feedback", "count_items"):
        return {"load_feedback": "feedback", "count_items": "threads"}[statement.name]
    named = statement.name.split("_of_")[-1].replace("feedback", "item")
    return next(each for each in ("attachment", "item", "thread") if each in named) + "s"


def most_buffers(use):
    if "limit" in use.statement.parameters:
        return MOST_FOR_A_PAGE + MOST_FOR_EACH_ROW * use.rows
    if use.statement.name in ("load_feedback", "count_items") and use.values["user_id"] == "talker":
        rows = {"load_feedback": ITEMS / 10 * MOST_FOR_EACH_ROW, "count_items": ITEMS * MOST_FOR_EACH_COUNTED}
        return MOST_FOR_A_READ + rows[use.statement.name]
    return MOST_FOR_A_READ if use.statement.name.startswith("load") else MOST_FOR_A_WRITE


async def complaints_about(statement, planner):
    """Return the uses that cost more than they may, with their plans."""
    ordinary = next(iter(uses(statement, SMALL)))
    found = []
    for user in USERS:
        for use in uses(statement, user):
            plan = await planner.plan_of(use, ordinary)
            if plan.buffers > most_buffers(use) or plan.seq_scans or plan.rows_sorted > use.rows:
                found.append(f"{use}: {plan.buffers} buffers, {plan.rows_sorted} rows sorted\n{plan.drawn()}")
    return found


FILTERED = [name for name in STATEMENTS if "_where" in name]
BY_ACTIVITY = [name for name in STATEMENTS if "_by_activity" in name]
ANYWHERE = [name for name in STATEMENTS if name not in FILTERED + BY_ACTIVITY]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ANYWHERE)
async def test_a_statement_touches_as_many_pages_as_it_has_rows(name, mode, written_database_url):
    async with planner(written_database_url, mode) as own:
        assert "\n\n".join(await complaints_about(STATEMENTS[name], own)) == ""


READS = [name for name in ANYWHERE if name.startswith(("load", "page"))]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", READS)
async def test_a_read_after_a_vacuum_touches_as_many_pages_as_it_has_rows(name, mode, vacuumed_database_url):
    async with planner(vacuumed_database_url, mode) as own:
        assert "\n\n".join(await complaints_about(STATEMENTS[name], own)) == ""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [name for name in STATEMENTS if "thread" in name and name not in FILTERED])
async def test_with_the_index_of_last_activity_too(name, mode, by_activity_database_url):
    """Which is in nobody's way, and makes the other list of threads as cheap."""
    async with planner(by_activity_database_url, mode) as own:
        assert "\n\n".join(await complaints_about(STATEMENTS[name], own)) == ""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FILTERED)
async def test_a_filter_walks_the_threads_of_its_user_and_no_others(name, mode, by_activity_database_url):
    """To the end where nothing has the metadata; where all have them, as far as a page without a filter."""
    statement = STATEMENTS[name]
    async with planner(by_activity_database_url, mode) as own:
        ordinary = next(iter(uses(statement, SMALL)))
        for user, threads in ((SMALL, 5), (COLLECTOR, THREADS)):
            for metadata, most in (("{}", 20), ('{"agent": "nobody"}', threads)):
                place = {"after": user["threads"][0], "after_time": IN_THE_MIDDLE, "metadata": metadata, "limit": 20}
                plan = await own.plan_of(Use(name, statement, {"user_id": user["user_id"], **place}), ordinary)
                assert plan.buffers <= MOST_FOR_A_PAGE + MOST_FOR_EACH_ROW * most, plan.drawn()
                assert not plan.seq_scans or user is COLLECTOR, plan.drawn()


NEWCOMER = """
    INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at)
    SELECT 'newcomer', 'thr_' || n, '{}', 0, now() - n * interval '1 second', now() FROM generate_series(1, 20) AS n
"""


@pytest.mark.parametrize("mode", MODES)
async def test_the_first_page_of_50000_threads_reads_as_many_index_rows_as_that_of_20(mode, written_database_url):
    await check_the_first_page("page_of_threads_desc", "chatkit_threads_by_creation", mode, written_database_url)


@pytest.mark.parametrize("mode", MODES)
async def test_so_does_the_first_page_by_last_activity(mode, by_activity_database_url):
    name, index = "page_of_threads_by_activity_desc", "chatkit_threads_by_activity"
    await check_the_first_page(name, index, mode, by_activity_database_url)


async def check_the_first_page(name, index, mode, url):
    statement, limit = STATEMENTS[name], 19 + 1
    found = {}
    async with planner(url, mode) as own, own.without(NEWCOMER):
        for user in ("newcomer", COLLECTOR["user_id"]):
            use = Use(statement.name, statement, {"user_id": user, "limit": limit})
            plan = await own.plan_of(use, next(iter(uses(statement, SMALL))))
            [scan] = [node for node in plan.nodes if "Index Name" in node]
            found[user] = (scan["Index Name"], scan["Actual Rows"], plan.buffers)
    logger.info("%s: index, index rows and buffers of a page of 19: %s", mode, found)
    assert {(used, rows) for used, rows, _ in found.values()} == {(index, limit)}


WITHOUT = {
    "the statistics": ("page_of_items_desc_after", "DROP STATISTICS chatkit_thread_items_user_thread"),
    "created_at in the primary key": (
        "page_of_threads_desc_after",
        "ALTER TABLE chatkit_threads DROP CONSTRAINT chatkit_threads_pkey CASCADE",
        "ALTER TABLE chatkit_threads ADD CONSTRAINT chatkit_threads_pkey PRIMARY KEY (user_id, id)",
    ),
    "the order of threads": ("page_of_threads_asc", "DROP INDEX chatkit_threads_by_creation"),
    "the order of items": (
        "page_of_items_asc",
        "ALTER TABLE chatkit_thread_items DROP CONSTRAINT chatkit_thread_items_by_sort_key",
    ),
    "the key of items": (
        "load_item",
        "ALTER TABLE chatkit_thread_items DROP CONSTRAINT chatkit_thread_items_pkey CASCADE",
    ),
    "the key of attachments": (
        "load_attachment",
        "ALTER TABLE chatkit_attachments DROP CONSTRAINT chatkit_attachments_pkey",
    ),
}


@pytest.mark.parametrize(("name", "changes"), [(each[0], each[1:]) for each in WITHOUT.values()], ids=WITHOUT)
async def test_each_index_and_the_statistics_are_needed(name, changes, vacuumed_database_url):
    """And so the guard above is known to bark."""
    complaints = []
    for mode in MODES:
        async with planner(vacuumed_database_url, mode) as own, own.without(*changes):
            complaints += await complaints_about(STATEMENTS[name], own)
    assert complaints


@pytest.mark.parametrize("name", ["page_of_threads_by_activity_asc", "page_of_threads_by_activity_desc_after"])
async def test_the_index_of_last_activity_is_needed(name, vacuumed_database_url):
    async with planner(vacuumed_database_url, "auto") as own:
        assert await complaints_about(STATEMENTS[name], own)


@pytest.mark.parametrize("mode", MODES)
async def test_deleting_a_thread_touches_what_goes_with_it_and_nothing_else(mode, written_database_url):
    async with planner(written_database_url, mode) as own:
        assert await most_of_a_delete(own) < MOST_FOR_A_WRITE


async def most_of_a_delete(own):
    """Return the pages touched by deleting a thread with four items, an attachment, or both."""
    ordinary, *others = uses(STATEMENTS["delete_thread"], SMALL)
    others += uses(STATEMENTS["delete_thread"], COLLECTOR)
    return max([await own.pages_touched_by(use, ordinary) for use in others])


async def test_the_index_on_the_threads_of_attachments_is_needed(server_url, written_database_url):
    url = await create_database(server_url, name_of(written_database_url))
    try:
        await execute(url, "DROP INDEX chatkit_attachments_by_thread")
        async with planner(url, "auto") as own:
            assert await most_of_a_delete(own) > MOST_FOR_A_WRITE
    finally:
        await drop_database(server_url, url)
