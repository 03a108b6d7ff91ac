"""The journal on its way into the database: in order, once, and past what cannot be written."""

import asyncio

import pytest

from chatkit_pgstore import StoreUnavailableError, UnknownUserError
from chatkit_pgstore.buffered import _replay
from chatkit_pgstore.testing import MemoryStore
from tests.support.outage import PROBE, back, caught_up, writes_to, written_by_another
from tests.support.samples import ALICE, BOB, attachment, ids_of, items_of, message, thread, tool_call
from tests.support.waiting import eventually


async def test_everything_is_written_once_and_in_order(inner, store, monkeypatch):
    monkeypatch.setattr(_replay, "ENTRIES_AT_ONCE", 3)
    inner.is_away = True
    with pytest.raises(StoreUnavailableError):
        await store.load_threads(1, None, "asc", ALICE)
    await store.save_attachment(attachment("atc_1"), ALICE)
    await store.save_thread(thread(), ALICE)
    await store.save_attachment(attachment("atc_1", "thr_1"), ALICE)
    await store.add_thread_item("thr_1", tool_call("tc_1", completed=True), ALICE)
    await store.add_thread_item("thr_1", tool_call("tc_1", completed=False), ALICE)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    await store.save_item("thr_1", message("msg_1", "Changed"), ALICE)
    await store.delete_thread_item("thr_1", "msg_1", ALICE)
    await store.delete_attachment("atc_2", ALICE)
    await store.save_thread(thread("thr_2"), ALICE)
    await store.delete_thread("thr_2", ALICE)
    assert (store.pending, store.is_buffering) == (11, True)
    assert writes_to(inner) == []
    await back(inner, store)
    assert [name for name, _ in writes_to(inner)] == [
        *["save_attachment", "save_thread", "save_attachment", "add_thread_item", "add_thread_item"],
        *["add_thread_item", "save_item", "delete_thread_item", "delete_attachment", "save_thread", "delete_thread"],
    ]
    assert await items_of(inner) == [tool_call("tc_1", completed=True)]
    assert (store.pending, store.bytes_used, store.is_buffering) == (0, 0, False)


async def test_the_log_tells_of_the_outage(inner, store, log, monkeypatch):
    monkeypatch.setattr(_replay, "ENTRIES_BETWEEN_REPORTS", 2)
    inner.is_away = True
    for number in range(3):
        await store.save_thread(thread(f"thr_{number}"), ALICE)
    await back(inner, store)
    await eventually(lambda: "The journal is empty" in log.text)
    told = [(record.levelname, record.getMessage().split(":")[0].split(" after ")[0]) for record in log.records]
    assert told == [
        ("WARNING", "The database is away"),
        ("INFO", "The database is back"),
        ("INFO", "2 writes of the journal are in the database, 1 wait"),
        ("INFO", "The journal is empty"),
    ]
    assert "3 writes of 1 users go there now" in log.text


async def test_a_reply_under_the_placeholder_id_is_there_once(inner, store):
    """Its id is chosen before anything is written, so that the write that failed and its replay are one."""
    await store.save_thread(thread(), ALICE)
    acknowledged = inner.add_thread_item

    async def lost_answer(*arguments):
        await acknowledged(*arguments)
        raise StoreUnavailableError("the answer got lost")

    inner.add_thread_item = lost_answer
    await store.add_thread_item("thr_1", message("__fake_id__"), ALICE)
    assert store.pending == 1
    inner.add_thread_item = acknowledged
    await back(inner, store)
    assert len(await items_of(inner)) == 1


async def test_two_on_their_way_when_the_outage_begins_keep_their_order(inner, store):
    await store.save_thread(thread(), ALICE)
    inner.is_away = True
    names = [f"msg_{number}" for number in range(20)]
    await asyncio.gather(*(store.add_thread_item("thr_1", message(name), ALICE) for name in names))
    assert [name for name, _ in inner.calls].count("add_thread_item") == 1
    await back(inner, store)
    assert await ids_of(inner) == names


async def test_in_an_outage_nobody_waits_for_the_store_inside(inner, store):
    inner.is_away = True
    await store.save_thread(thread(), ALICE)
    asked = len(inner.calls)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    await store.load_thread("thr_1", ALICE)
    with pytest.raises(StoreUnavailableError):
        await store.load_thread("thr_1", BOB)
    assert set(inner.calls[asked:]) <= {PROBE}


async def test_a_write_that_cannot_be_written_blocks_its_user_alone(inner, store, log, refusing_bob):
    inner.is_away = True
    for user in (ALICE, BOB):
        await store.save_thread(thread(), user)
        for name in ("msg_1", "msg_2"):
            await store.add_thread_item("thr_1", message(name), user)
    inner.is_away = False
    await eventually(lambda: store.pending == 2)
    assert (await ids_of(inner, context=ALICE), await ids_of(inner, context=BOB)) == (["msg_1", "msg_2"], [])
    assert not store.is_buffering
    await store.add_thread_item("thr_1", message("msg_3"), BOB)
    assert await ids_of(store, context=BOB) == ["msg_1", "msg_2", "msg_3"]
    await eventually(lambda: log.text.count("cannot be written to the database") >= 2)
    with pytest.raises(StoreUnavailableError):
        await store.load_attachment("atc_1", BOB)
    assert store.pending == 3
    refusing_bob.set()
    await caught_up(store)
    assert await ids_of(inner, context=BOB) == ["msg_1", "msg_2", "msg_3"]


async def test_a_user_whom_the_database_does_not_know_keeps_nobody_else_waiting(inner, store, monkeypatch):
    load_threads = inner.load_threads

    async def refuse_bob(limit, after, order, context):
        page = await load_threads(limit, after, order, context)
        if context == BOB:
            raise UnknownUserError("There is no user 'bob'")
        return page

    monkeypatch.setattr(inner, "load_threads", refuse_bob)
    inner.is_away = True
    for user in (BOB, ALICE):
        await store.save_thread(thread(), user)
    await back(inner, store)
    assert (await inner.load_thread("thr_1", ALICE)).id == "thr_1"


async def test_a_user_is_read_from_the_database_again_once_everything_is_there(inner, store):
    inner.is_away = True
    await store.save_thread(thread(), ALICE)
    await back(inner, store)
    await MemoryStore.add_thread_item(inner, "thr_1", message("msg_of_another_process"), ALICE)
    assert await ids_of(store) == ["msg_of_another_process"]


async def pending_without_an_outage(inner, store, monkeypatch):
    """Bring about the moment in which the database is back and nobody but a caller writes to it."""
    monkeypatch.setattr(_replay, "PAUSE_SECONDS", 1000.0)
    inner.is_away = True
    await store.save_thread(thread("thr_2"), ALICE)
    await eventually(lambda: PROBE in inner.calls)
    store._calls.outage.is_on = inner.is_away = False


async def test_what_is_not_known_is_asked_for_once_the_user_has_caught_up(inner, store, monkeypatch):
    await written_by_another(inner, message("msg_1"))
    await pending_without_an_outage(inner, store, monkeypatch)
    assert await ids_of(store) == ["msg_1"]
    assert store.pending == 0


async def test_a_write_to_what_is_not_known_goes_to_the_database_once_the_user_has_caught_up(inner, store, monkeypatch):
    await written_by_another(inner, message("msg_1"))
    await pending_without_an_outage(inner, store, monkeypatch)
    await store.add_thread_item("thr_1", message("msg_2"), ALICE)
    assert store.pending == 0
    assert await ids_of(inner) == ["msg_1", "msg_2"]


async def test_an_outage_in_the_middle_of_the_replay_loses_nothing(inner, store):
    inner.is_away = True
    await store.save_thread(thread(), ALICE)
    names = [f"msg_{number}" for number in range(5)]
    for name in names:
        await store.add_thread_item("thr_1", message(name), ALICE)
    wrapped = inner.add_thread_item

    async def once_more_away(thread_id, item, context):
        if item.id == "msg_2" and not inner.is_away:
            inner.is_away = True
            inner.add_thread_item = wrapped
        await wrapped(thread_id, item, context)

    inner.add_thread_item = once_more_away
    inner.is_away = False
    await eventually(lambda: inner.is_away and store.is_buffering)
    assert store.pending == 3
    await back(inner, store)
    assert await ids_of(inner) == names
