"""What a call costs depends on the rows it asks for, and never on how many there are.

Pages touched are counted and not time, with the plans that PostgreSQL makes for given values, with those it makes
once for all values, and with what it chooses by itself after a few calls.
"""

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from tests.support.databases import create_database, drop_database, execute, name_of
from tests.support.plans import STATEMENTS, Use, load, planner
from tests.support.shared import shared_database

logger = logging.getLogger(__name__)

MODES = ("auto", "force_generic_plan", "force_custom_plan")
LIMITS = (2, 21, 101, 1001)

# Measured: 6 for a read of one row; 52 for a write, with its indexes, their splits and foreign keys; 15 beside a
# row's own page for a page behind a cursor.
MOST_FOR_A_READ = 8
MOST_FOR_A_WRITE = 80
MOST_FOR_A_PAGE = 20
MOST_FOR_EACH_ROW = 1.2

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


def uses(statement, user):
    """Return the uses of a statement by a user: of what is there and what is not, from every place, of every size."""
    ids = {
        "threads": user["threads"],
        "items": user["items"],
        "attachments": (user["attachment"],),
    }[table_of(statement)]
    if statement.name == "delete_thread" and user is TALKER:
        ids = ()  # it has 50,000 items, which have to go with it
    for known in (*ids, "unknown"):
        for limit in LIMITS if "limit" in statement.parameters else (1,):
            place = {"id": known, "after": known, "limit": limit, "thread_id": user["threads"][0]}
            name = f"{statement.name} of {user['user_id']}, {known}, {limit} rows"
            yield Use(name, statement, {"user_id": user["user_id"], **WRITTEN, **place})


def table_of(statement):
    return next(each for each in ("attachment", "item", "thread") if each in statement.name.split("_of_")[-1]) + "s"


def most_buffers(use):
    if "limit" in use.statement.parameters:
        return MOST_FOR_A_PAGE + MOST_FOR_EACH_ROW * use.rows
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


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_statement_touches_as_many_pages_as_it_has_rows(name, mode, written_database_url):
    async with planner(written_database_url, mode) as own:
        assert "\n\n".join(await complaints_about(STATEMENTS[name], own)) == ""


READS = [name for name in STATEMENTS if name.startswith(("load", "page"))]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", READS)
async def test_a_read_after_a_vacuum_touches_as_many_pages_as_it_has_rows(name, mode, vacuumed_database_url):
    async with planner(vacuumed_database_url, mode) as own:
        assert "\n\n".join(await complaints_about(STATEMENTS[name], own)) == ""


NEWCOMER = """
    INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at)
    SELECT 'newcomer', 'thr_' || n, '{}', 0, now() - n * interval '1 second', now() FROM generate_series(1, 20) AS n
"""


@pytest.mark.parametrize("mode", MODES)
async def test_the_first_page_of_50000_threads_reads_as_many_index_rows_as_that_of_20(mode, written_database_url):
    statement, limit = STATEMENTS["page_of_threads_desc"], 19 + 1
    found = {}
    async with planner(written_database_url, mode) as own, own.without(NEWCOMER):
        for user in ("newcomer", COLLECTOR["user_id"]):
            use = Use(statement.name, statement, {"user_id": user, "limit": limit})
            plan = await own.plan_of(use, next(iter(uses(statement, SMALL))))
            [scan] = [node for node in plan.nodes if "Index Name" in node]
            found[user] = (scan["Index Name"], scan["Actual Rows"], plan.buffers)
    logger.info("%s: index, index rows and buffers of a page of 19: %s", mode, found)
    assert {(index, rows) for index, rows, _ in found.values()} == {("chatkit_threads_by_creation", limit)}


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
    "the key of items": ("load_item", "ALTER TABLE chatkit_thread_items DROP CONSTRAINT chatkit_thread_items_pkey"),
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
