"""BufferedStore over a real PostgreSQL: an outage in the middle of a conversation, and what is there afterwards."""

import asyncio
import logging
import sys
from pathlib import Path

import pytest

from chatkit_pgstore import NotFoundError, PostgresStore
from chatkit_pgstore.buffered import BufferedStore
from examples.embedded_postgres import EmbeddedPostgres
from tests.support.databases import execute
from tests.support.outage import SOON, caught_up, sever, severable
from tests.support.outage_child import ITEMS
from tests.support.samples import ALICE, BOB, attachment, ids_of, message, thread

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def proxy(database_url):
    async with severable(database_url) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy, database_url, tmp_path):
    inner = PostgresStore(proxy.url(database_url), retry_seconds=SOON)
    async with BufferedStore(inner, tmp_path / "journal") as store:
        yield store


@pytest.fixture
async def elsewhere(make_store):
    """A store of another process, whose way to the database stays open."""
    return await make_store()


async def known(store, context=ALICE):
    """Make a thread known whole."""
    await store.save_thread(thread(), context)
    await store.add_thread_item("thr_1", message("msg_before"), context)
    await store.load_thread_items("thr_1", None, 9, "asc", context)
    await store.load_threads(9, None, "asc", context)


async def test_a_conversation_goes_on_while_the_server_is_stopped(tmp_path):
    with EmbeddedPostgres(durable=True) as server:
        inner = PostgresStore(server.url(), retry_seconds=SOON)
        async with BufferedStore(inner, tmp_path / "journal") as store:
            await known(store)
            await asyncio.to_thread(server.kill)
            for number in range(10):
                await store.add_thread_item("thr_1", message(f"msg_{number}"), ALICE)
            await store.save_thread(thread(title="In the outage"), ALICE)
            await store.save_thread(thread("thr_2"), ALICE)
            during = [await ids_of(store), (await store.load_threads(9, None, "asc", ALICE)).data]
            assert (store.is_buffering, store.pending) == (True, 12)
            await asyncio.to_thread(server.start)
            await caught_up(store)
            for asked in (store, inner):
                assert [await ids_of(asked), (await asked.load_threads(9, None, "asc", ALICE)).data] == during


async def test_the_database_is_asked_again_when_it_has_everything(store, proxy, elsewhere):
    await known(store)
    sever(proxy)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    await elsewhere.add_thread_item("thr_1", message("msg_elsewhere"), ALICE)
    assert await ids_of(store) == ["msg_before", "msg_1"]
    proxy.accept()
    await caught_up(store)
    assert await ids_of(store) == ["msg_before", "msg_elsewhere", "msg_1"]


async def test_a_thread_deleted_elsewhere_meanwhile_stays_deleted(store, proxy, elsewhere, caplog):
    await known(store)
    sever(proxy)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    await store.save_thread(thread(title="In the outage"), ALICE)
    await elsewhere.delete_thread("thr_1", ALICE)
    proxy.accept()
    await caught_up(store)
    assert (await elsewhere.load_threads(9, None, "asc", ALICE)).data == []
    assert caplog.text.count("is dropped") == 2


async def test_a_newer_title_stays(store, proxy, elsewhere):
    await known(store)
    sever(proxy)
    await store.save_thread(thread(title="In the outage"), ALICE)
    await elsewhere.save_thread(thread(title="Newer"), ALICE)
    proxy.accept()
    await caught_up(store)
    assert (await elsewhere.load_thread("thr_1", ALICE)).title == "Newer"


async def test_a_title_that_changes_between_reading_and_replacing_is_not_overwritten(store, proxy, elsewhere):
    await known(store)
    sever(proxy)
    await store.save_thread(thread(title="In the outage"), ALICE)
    load_thread, loaded = store.store.load_thread, []

    async def overtaken(thread_id, context):
        found = await load_thread(thread_id, context)
        if not loaded:
            loaded.append(found)
            await elsewhere.save_thread(thread(title="Newer"), ALICE)
        return found

    store.store.load_thread = overtaken
    proxy.accept()
    await caught_up(store)
    assert loaded
    assert (await elsewhere.load_thread("thr_1", ALICE)).title == "Newer"


async def test_a_thread_that_never_stops_changing_is_left_for_later(store, proxy, elsewhere, caplog, monkeypatch):
    await known(store)
    sever(proxy)
    await store.save_thread(thread(title="In the outage"), ALICE)
    load_thread, times = store.store.load_thread, []

    async def overtaken(thread_id, context):
        found = await load_thread(thread_id, context)
        if not store.is_buffering and len(times) < 10:
            times.append(1)
            changed = found.model_copy(update={"metadata": {"times": len(times)}})
            await elsewhere.save_thread(changed, ALICE)
        return found

    store.store.load_thread = overtaken
    proxy.accept()
    await caught_up(store)
    assert "changes all the time" in caplog.text
    final = await elsewhere.load_thread("thr_1", ALICE)
    assert (final.title, final.metadata) == ("In the outage", {"times": 10})


async def test_a_thread_written_by_another_release_can_be_renamed(store, proxy, database_url, elsewhere):
    await known(store)
    document = '{ "id" : "thr_1", "created_at" : "2026-01-02T03:04:05.678901Z", "of_tomorrow": 1 }'
    await execute(database_url, f"UPDATE chatkit_threads SET thread = '{document}'")
    sever(proxy)
    await store.save_thread(thread(title="In the outage"), ALICE)
    proxy.accept()
    await caught_up(store)
    assert (await elsewhere.load_thread("thr_1", ALICE)).title == "In the outage"


@pytest.mark.parametrize("moment", ["pending", "acknowledged"])
async def test_a_process_that_is_killed_leaves_its_journal_to_the_next(moment, database_url, elsewhere, tmp_path):
    command = [sys.executable, "-m", "tests.support.outage_child", database_url, str(tmp_path / "journal"), moment]
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    said = await child.stdout.readline()
    child.kill()
    await child.communicate()
    assert said.decode() == f"{moment}\n"
    async with severable(database_url) as proxy:
        sever(proxy)
        inner = PostgresStore(proxy.url(database_url), retry_seconds=SOON)
        async with BufferedStore(inner, tmp_path / "journal", database="the test's") as store:
            assert store.is_buffering
            assert await ids_of(store) == [*ITEMS]
            proxy.accept()
            await caught_up(store)
    assert await ids_of(elsewhere) == [*ITEMS]
    assert (await elsewhere.load_thread("thr_1", ALICE)).title == "In the outage"


async def test_a_database_that_is_away_at_the_start_is_migrated_when_it_comes(empty_database_url, tmp_path):
    async with severable(empty_database_url) as proxy:
        sever(proxy)
        inner = PostgresStore(proxy.url(empty_database_url), retry_seconds=SOON)
        async with BufferedStore(inner, tmp_path / "journal") as store:
            assert store.is_buffering
            await store.save_thread(thread(), ALICE)
            await store.add_thread_item("thr_1", message("msg_1"), ALICE)
            proxy.accept()
            await caught_up(store)
            assert await ids_of(inner) == ["msg_1"]


async def test_what_a_cancelled_caller_wrote_is_kept(store, proxy, elsewhere):
    await known(store)
    sever(proxy)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON / 3):
            await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    tasks = [asyncio.create_task(store.add_thread_item("thr_1", message(f"msg_{n}"), ALICE)) for n in (2, 3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    proxy.accept()
    await caught_up(store)
    assert await ids_of(elsewhere) == ["msg_before", "msg_1", "msg_2", "msg_3"]


async def test_while_it_is_healthy_a_call_is_one_round_trip(store, proxy, caplog):
    await known(store)
    await store.save_attachment(attachment("atc_1"), ALICE)
    caplog.set_level(logging.DEBUG, "chatkit_pgstore")
    await store.load_thread("thr_1", ALICE)
    await store.load_thread_items("thr_1", None, 9, "asc", ALICE)
    await store.load_item("thr_1", "msg_before", ALICE)
    await store.load_attachment("atc_1", ALICE)
    await store.load_threads(9, None, "asc", ALICE)
    await store.save_thread(thread(), ALICE)
    await store.save_item("thr_1", message("msg_before"), ALICE)
    await store.add_thread_item("thr_1", message("msg_2"), ALICE)
    await store.delete_thread_item("thr_1", "msg_2", ALICE)
    await store.delete_attachment("atc_1", ALICE)
    await store.delete_thread("thr_1", ALICE)
    calls = [record.getMessage().split(":")[0] for record in caplog.records if record.name == "chatkit_pgstore"]
    assert calls == [
        *["load_thread", "load_thread_items", "load_item", "load_attachment", "load_threads"],
        *["save_thread", "save_item", "add_thread_item", "delete_thread_item", "delete_attachment", "delete_thread"],
    ]


async def test_an_outage_of_many_users_ends_with_everything_in_its_place(store, proxy, elsewhere):
    users = [{"user_id": f"user {number}"} for number in range(30)]
    for user in users:  # one after the other: what waits for a connection for too long would begin the outage
        await known(store, user)
    sever(proxy)
    names = [f"msg_{number}" for number in range(5)]

    async def converse(user):
        for name in names:
            await store.add_thread_item("thr_1", message(name), user)

    await asyncio.gather(*(converse(user) for user in users))
    assert store.pending == 150
    proxy.accept()
    await caught_up(store)
    for user in users:
        assert await ids_of(elsewhere, context=user) == ["msg_before", *names]


async def test_a_thread_is_replaced_only_where_it_is_what_was_read(elsewhere):
    before, after = thread(title="Before"), thread(title="After")
    await elsewhere.save_thread(before, ALICE)
    await elsewhere.save_thread(before, BOB)
    assert not await elsewhere.replace_thread(after, thread(title="Other"), ALICE)
    assert await elsewhere.load_thread("thr_1", ALICE) == before
    assert await elsewhere.replace_thread(after, before, ALICE)
    assert not await elsewhere.replace_thread(after, before, ALICE)
    assert await elsewhere.load_thread("thr_1", ALICE) == after
    assert await elsewhere.load_thread("thr_1", BOB) == before


async def test_a_thread_that_is_not_there_is_not_made_by_replacing_it(elsewhere):
    assert not await elsewhere.replace_thread(thread(title="After"), thread(), ALICE)
    with pytest.raises(NotFoundError):
        await elsewhere.load_thread("thr_1", ALICE)
