"""Threads by last activity: their order, what moves while pages are read, and the index, where it was asked for."""

import asyncio
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest

from chatkit_pgstore import (
    BufferedStore,
    ConfigurationError,
    NotFoundError,
    PostgresStore,
    SchemaOutOfDateError,
    UsersTable,
)
from chatkit_pgstore._paging import EPOCH, MICROSECOND
from chatkit_pgstore.operations import enable_row_security
from chatkit_pgstore.testing import MemoryStore
from chatkit_pgstore.testing.contract import ALL, Capability
from chatkit_pgstore.testing.contract._arguments import Arguments
from chatkit_pgstore.testing.contract._isolation import Isolation
from chatkit_pgstore.testing.contract._limits import Limits
from chatkit_pgstore.testing.contract._load_threads import LoadThreads
from tests.support.calls import fill
from tests.support.roles import role_of
from tests.support.samples import ALICE, BOB, message, thread
from tests.support.tables import fetch, fetch_value
from tests.support.users import USERS, UUIDS, create_users

STANDING = "SELECT indexdef FROM pg_indexes WHERE indexname = 'chatkit_threads_by_activity'"
NOT_HELD = {Capability.ORDER_OF_THREADS, Capability.CURSORS_ARE_IDS}


class TestContract(LoadThreads, Limits, Arguments, Isolation):
    """Of what every store promises of its lists, all but the order by creation and cursors that are ids."""

    capabilities = ALL - NOT_HELD

    @pytest.fixture
    async def store(self, make_store):
        return await make_store(thread_order="updated_at")

    test_threads_are_listed_by_creation = None  # they are not


class TestContractInMemory(TestContract):
    @pytest.fixture
    def store(self):
        return MemoryStore(thread_order="updated_at")


@pytest.fixture(params=["postgres", "memory"])
async def store(request, make_store):
    """A store in which ALICE has thr_0 to thr_4, made in that order, and BOB one."""
    options = {"thread_order": "updated_at", "max_page_size": 50}
    store = await make_store(**options) if request.param == "postgres" else MemoryStore(**options)
    await store.initialize()
    for number in range(5):
        # The times of their making tell another order.
        await store.save_thread(thread(f"thr_{number}", age_seconds=number), ALICE)
    await store.save_thread(thread("thr_bob"), BOB)
    return store


async def listed(store, order="desc", limit=2, context=ALICE):
    """Return the ids of all threads, page by page."""
    found, after = [], None
    while True:
        page = await store.load_threads(limit, after, order, context)
        found += [each.id for each in page.data]
        if not page.has_more:
            assert page.after is None
            return found
        after = page.after


async def say(store, thread_id, item_id="msg_1", context=ALICE):
    await store.add_thread_item(thread_id, message(item_id, thread_id=thread_id), context)


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 6])
async def test_threads_come_by_last_activity(store, limit):
    await say(store, "thr_1")
    await store.save_thread(thread("thr_3", "Renamed"), ALICE)
    expected = ["thr_0", "thr_2", "thr_4", "thr_1", "thr_3"]
    assert await listed(store, "asc", limit) == expected
    assert await listed(store, "desc", limit) == expected[::-1]


async def test_what_moves_a_thread(store):
    async def newest():
        return (await store.load_threads(1, None, "desc", ALICE)).data[0].id

    await say(store, "thr_0")
    assert await newest() == "thr_0"
    await store.save_item("thr_1", message("msg_new"), ALICE)
    assert await newest() == "thr_1"
    await store.save_item("thr_0", message("msg_1", "Changed"), ALICE)
    await store.delete_thread_item("thr_0", "msg_1", ALICE)
    await store.load_thread("thr_0", ALICE)
    assert await newest() == "thr_1"
    await say(store, "thr_0")
    assert await newest() == "thr_0"


async def test_newest_first_nothing_comes_twice_while_threads_move(store):
    first = await store.load_threads(2, None, "desc", ALICE)
    assert [each.id for each in first.data] == ["thr_4", "thr_3"]
    await say(store, "thr_0")  # from a later page to the top
    await say(store, "thr_3")  # within the first
    await store.save_thread(thread("thr_new"), ALICE)
    second = await store.load_threads(2, first.after, "desc", ALICE)
    assert [each.id for each in second.data] == ["thr_2", "thr_1"]
    assert not second.has_more
    assert await listed(store) == ["thr_new", "thr_3", "thr_0", "thr_4", "thr_2", "thr_1"]


async def test_the_thread_of_the_cursor_may_move_or_go(store):
    first = await store.load_threads(2, None, "desc", ALICE)
    await say(store, "thr_3")
    assert [each.id for each in (await store.load_threads(9, first.after, "desc", ALICE)).data] == [
        "thr_2",
        "thr_1",
        "thr_0",
    ]
    await store.delete_thread("thr_3", ALICE)
    assert (await store.load_threads(9, first.after, "desc", ALICE)).data[0].id == "thr_2"


async def test_oldest_first_a_thread_that_moves_comes_again_at_the_end(store):
    first = await store.load_threads(2, None, "asc", ALICE)
    await say(store, "thr_0")
    rest = await store.load_threads(9, first.after, "asc", ALICE)
    assert [each.id for each in rest.data] == ["thr_2", "thr_3", "thr_4", "thr_0"]


async def test_threads_of_one_moment_come_by_their_ids(make_store, database_url):
    store = await make_store(thread_order="updated_at")
    ids = [f"thr_{number}" for number in range(7)]
    for thread_id in ids:
        await store.save_thread(thread(thread_id), ALICE)
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    await fetch(database_url, "UPDATE chatkit_threads SET updated_at = $1", moment)
    assert await listed(store, "asc") == ids
    assert await listed(store, "desc", 3) == ids[::-1]
    page = await store.load_threads(2, None, "asc", ALICE)
    assert page.after == f"{(moment - EPOCH) // MICROSECOND}:thr_1"


async def test_times_before_1970_and_long_ids_have_cursors_too(make_store, database_url):
    store = await make_store(thread_order="updated_at")
    ids = ["é" * 256, "a:b:c", "line\nbreak"]
    for days, thread_id in enumerate(ids):
        await store.save_thread(thread(thread_id), ALICE)
        long_ago = datetime(1901, 1, 1, 0, 0, 0, 1, tzinfo=UTC) + timedelta(days=days)
        await fetch(database_url, "UPDATE chatkit_threads SET updated_at = $1 WHERE id = $2", long_ago, thread_id)
    assert await listed(store, "asc", 1) == ids
    assert await listed(store, "desc", 1) == ids[::-1]


# Cursors that nobody handed out


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_foreign_or_forged_cursor_shows_nothing_but_ones_own(store, order):
    """What it says is a place in the user's own list, whoever's thread it names and whether there is one."""
    later = (datetime.now(UTC) + timedelta(days=1) - EPOCH) // MICROSECOND
    own = set(await listed(store))
    bobs = await store.load_threads(1, None, "desc", BOB)
    for thread_id in (bobs.data[0].id, "thr_of_nobody"):
        page = await store.load_threads(50, f"{later}:{thread_id}", order, ALICE)
        assert [each.id for each in page.data] == ([] if order == "asc" else await listed(store))
    everything = await store.load_threads(50, "0:a" if order == "asc" else f"{10**16}:a", order, ALICE)
    assert {each.id for each in everything.data} == own
    assert (await store.load_threads(50, "0:a", "asc", {"user_id": "nobody"})).data == []


@pytest.mark.parametrize(
    "cursor", ["thr_1", "1767323045678901", ":thr_1", "x:thr_1", "1.5:thr_1", "1:", "9" * 18 + ":thr_1", "٣:thr_1"]
)
async def test_a_cursor_that_cannot_be_read_is_not_found(store, cursor):
    for order in ("asc", "desc"):
        with pytest.raises(NotFoundError, match=f"Cursor {re.escape(cursor)} not found"):
            await store.load_threads(9, cursor, order, ALICE)


@pytest.mark.parametrize("cursor", ["", "a\0b", "1:a\0b", "1:" + "x" * 513, 7])
async def test_a_cursor_that_could_not_be_one_is_refused(store, cursor):
    with pytest.raises(ValueError, match="after must"):
        await store.load_threads(9, cursor, "asc", ALICE)


# The index


async def test_the_index_is_there_only_where_it_was_asked_for(make_store, database_url):
    await (await make_store()).initialize()
    assert await fetch(database_url, STANDING) == []
    await (await make_store(thread_order="updated_at")).initialize()
    definition = await fetch_value(database_url, STANDING)
    assert definition.endswith("(user_id, updated_at, id)")


async def test_a_check_without_the_index_says_what_to_run(make_store):
    store = await make_store(thread_order="updated_at")
    with pytest.raises(SchemaOutOfDateError, match="chatkit-pgstore migrate --thread-order updated_at"):
        await store.initialize(migrate=False)
    await store.initialize()
    await store.initialize(migrate=False)


async def test_under_row_security_the_owner_makes_it(database_url):
    async with PostgresStore(database_url) as owners:
        await enable_row_security(owners)
    async with role_of(database_url) as url:
        store = PostgresStore(url, row_security=True, thread_order="updated_at")
        try:
            with pytest.raises(SchemaOutOfDateError, match="--thread-order updated_at"):
                await store.initialize()
            async with PostgresStore(database_url, thread_order="updated_at"):
                pass
            await store.initialize()
            await fill(store)
            assert await listed(store, limit=1) == ["thr_2", "thr_1"]
        finally:
            await store.close()


async def test_an_empty_database_gets_it_with_the_tables(empty_database_url, make_store):
    store = await make_store(empty_database_url, thread_order="updated_at")
    with pytest.raises(SchemaOutOfDateError, match="has no tables"):
        await store.initialize(migrate=False)
    await store.initialize()
    assert await fetch(empty_database_url, STANDING)


@pytest.mark.parametrize("rows", [0, 3])
async def test_many_processes_may_ask_for_it_at_once(rows, make_store, database_url):
    store = await make_store()
    for number in range(rows):
        await store.save_thread(thread(f"thr_{number}"), ALICE)
    stores = [await make_store(thread_order="updated_at", pool_size=1) for _ in range(5)]
    await asyncio.gather(*(each.initialize() for each in stores))
    assert len(await fetch(database_url, STANDING)) == 1


async def test_of_a_table_with_rows_it_is_built_without_locking_writers_out(make_store, database_url, caplog):
    plain = await make_store()
    await plain.save_thread(thread("thr_1"), ALICE)
    with caplog.at_level(logging.INFO, "chatkit_pgstore"):
        await (await make_store(thread_order="updated_at")).initialize()
    assert "Building the index chatkit_threads_by_activity; writers go on" in caplog.messages
    assert len(await fetch(database_url, STANDING)) == 1


async def test_what_a_build_that_broke_off_left_is_replaced(make_store, database_url):
    await (await make_store()).save_thread(thread("thr_1"), ALICE)
    store = await make_store(thread_order="updated_at")
    await store.initialize()
    broken = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'chatkit_threads_by_activity'::regclass"
    await fetch(database_url, broken)
    with pytest.raises(SchemaOutOfDateError):
        await store.initialize(migrate=False)
    await store.initialize()
    await store.initialize(migrate=False)


async def test_with_a_schema_and_a_table_of_users_of_uuids(make_store, database_url):
    await create_users(database_url, UUIDS)
    await fetch(database_url, "CREATE SCHEMA chat")
    alice = {"user_id": UUIDS.alice}
    store = await make_store(schema="chat", users=UsersTable(USERS), thread_order="updated_at")
    await store.initialize()
    assert " ON chat.chatkit_threads " in await fetch_value(database_url, STANDING)
    await fill(store, alice)
    assert await listed(store, limit=1, context=alice) == ["thr_2", "thr_1"]
    page = await store.load_threads_where(1, None, "asc", alice, metadata={})
    rest = await store.load_threads_where(1, page.after, "asc", alice, metadata={})
    assert [page.data[0].id, rest.data[0].id] == ["thr_1", "thr_2"]


async def test_a_bound_store_lists_in_the_same_order(make_store):
    store = await make_store(thread_order="updated_at")
    await fill(store)
    async with store.engine.connect() as connection, connection.begin():
        bound = store.bind(connection)
        await say(bound, "thr_1", "msg_new")
        assert await listed(bound, limit=1) == ["thr_1", "thr_2"]
        assert await listed(store, limit=1) == ["thr_2", "thr_1"]


# Other stores


def test_an_outage_cannot_be_bridged_in_this_order(tmp_path):
    for inner in (MemoryStore(thread_order="updated_at"), PostgresStore("postgresql://h/d", thread_order="updated_at")):
        with pytest.raises(ConfigurationError, match="thread_order='updated_at' cannot be buffered"):
            BufferedStore(inner, tmp_path / "journal", database="test")


@pytest.mark.parametrize("order", ["", "created", None, 1])
def test_another_order_is_refused(order):
    with pytest.raises(ConfigurationError, match='thread_order must be "created_at" or "updated_at"'):
        PostgresStore("postgresql://h/d", thread_order=order)
