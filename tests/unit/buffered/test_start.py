"""The start and the end of a BufferedStore, and what one process leaves to the next."""

import asyncio

import pytest

from chatkit_pgstore import (
    ConfigurationError,
    NotFoundError,
    SchemaOutOfDateError,
    StoreUnavailableError,
    UnreadableItemError,
)
from chatkit_pgstore.buffered import BufferedStore, _known
from tests.support.outage import AwayStore, back, caught_up, writes_to, written_by_another
from tests.support.samples import ALICE, BOB, ids_of, message, thread
from tests.support.waiting import eventually


async def test_a_journal_left_by_another_process_is_known_and_written(inner, started):
    await written_by_another(inner, message("msg_1"))
    async with started() as first:
        await first.load_thread("thr_1", ALICE)
        await first.load_thread_items("thr_1", None, 9, "asc", ALICE)
        inner.is_away = True
        await first.add_thread_item("thr_1", message("msg_2"), ALICE)
        await first.save_thread(thread("thr_2", "New"), ALICE)
        await first.add_thread_item("thr_2", message("msg_1", thread_id="thr_2"), ALICE)
        await first.delete_thread("thr_3", ALICE)
    async with started() as second:
        assert second.pending == 4
        assert await ids_of(second) == ["msg_1", "msg_2"]
        assert await ids_of(second, "thr_2") == ["msg_1"]
        with pytest.raises(NotFoundError):
            await second.load_thread("thr_3", ALICE)
        with pytest.raises(StoreUnavailableError):
            await second.load_threads(9, None, "asc", ALICE)
        await second.add_thread_item("thr_1", message("msg_3"), ALICE)
        await back(inner, second)
    assert await ids_of(inner) == ["msg_1", "msg_2", "msg_3"]
    assert await ids_of(inner, "thr_2") == ["msg_1"]


async def test_a_thread_that_was_half_replayed_when_the_process_died_is_known_whole(inner, started, refusing_bob):
    async with started() as first:
        inner.is_away = True
        await first.save_thread(thread(), BOB)
        await first.add_thread_item("thr_1", message("msg_1"), BOB)
        inner.is_away = False
        await eventually(lambda: first.pending == 1)
    inner.is_away = True
    async with started() as second:
        assert await ids_of(second, context=BOB) == ["msg_1"]
        refusing_bob.set()
        await back(inner, second)


async def test_a_thread_of_which_the_metadata_was_known_can_be_written_to_by_the_next_process(inner, started):
    await written_by_another(inner, message("msg_1"))
    async with started() as first:
        await first.load_thread("thr_1", ALICE)
        inner.is_away = True
        await first.add_thread_item("thr_1", message("msg_2"), ALICE)
    async with started() as second:
        await second.add_thread_item("thr_1", message("msg_3"), ALICE)
        with pytest.raises(StoreUnavailableError):
            await second.load_thread("thr_1", ALICE)
        await back(inner, second)
    assert await ids_of(inner) == ["msg_1", "msg_2", "msg_3"]


async def test_what_the_installed_sdk_cannot_read_of_a_journal_stays_in_it(inner, started, log):
    await written_by_another(inner)
    async with started() as first:
        await first.load_thread("thr_1", ALICE)
        inner.is_away = True
        await first.add_thread_item("thr_1", message("msg_1"), ALICE)
        await first.save_thread(thread("thr_2"), ALICE)
        change = 'UPDATE writes SET document = \'{"type": "of tomorrow"}\''
        await first._calls.journal._run(lambda: first._calls.journal._connection.execute(change))
        change = 'UPDATE snapshots SET document = \'{"thread": "{}", "items": null}\''
        await first._calls.journal._run(lambda: first._calls.journal._connection.execute(change))
    inner.is_away = False
    async with started() as second:
        await eventually(lambda: "UnreadableItemError" in log.text)
        assert second.pending == 2


async def test_a_user_without_a_context_holds_up_nobody_else(inner, tmp_path, log):
    lost = []

    def context_of(user_id):
        if user_id in lost:
            raise LookupError("no such user")
        return {"user_id": user_id}

    async with BufferedStore(inner, tmp_path / "journal", database="memory", context=context_of) as store:
        inner.is_away = True
        for user in (BOB, ALICE):
            await store.save_thread(thread(), user)
        lost.append("bob")
        inner.is_away = False
        await eventually(lambda: store.pending == 1)
        assert "LookupError" in log.text
        lost.clear()
        await caught_up(store)


async def test_when_nobody_has_a_context_the_store_is_taken_to_be_back(inner, store, monkeypatch):
    inner.is_away = True
    await store.save_thread(thread(), ALICE)
    monkeypatch.setattr(store._calls._replay, "_any_context", lambda: None)
    await eventually(lambda: not store.is_buffering)
    await back(inner, store)


async def test_a_list_that_cannot_be_read_is_an_answer(inner, store, monkeypatch):
    async def unreadable(*_):
        raise UnreadableItemError("of tomorrow")

    inner.is_away = True
    await store.save_thread(thread(), ALICE)
    monkeypatch.setattr(inner, "load_threads", unreadable)
    await back(inner, store)


async def test_of_a_very_long_thread_the_next_process_knows_the_metadata(inner, started, monkeypatch):
    monkeypatch.setattr(_known, "LARGEST_SNAPSHOT", 100)
    async with started() as first:
        await first.save_thread(thread(first.generate_thread_id(ALICE)), ALICE)
        long = thread(first.generate_thread_id(ALICE))
        await first.save_thread(long, ALICE)
        await first.add_thread_item(long.id, message("msg_1", "x" * 200), ALICE)
        inner.is_away = True
        await first.add_thread_item(long.id, message("msg_2"), ALICE)
    async with started() as second:
        with pytest.raises(StoreUnavailableError):
            await second.load_thread(long.id, ALICE)
        await second.add_thread_item(long.id, message("msg_3"), ALICE)
        await back(inner, second)
    assert await ids_of(inner, long.id) == ["msg_1", "msg_2", "msg_3"]


async def test_closing_with_pending_writes_warns(inner, started, log):
    async with started() as store:
        inner.is_away = True
        await store.save_thread(thread(), ALICE)
    assert "1 writes stay in the journal" in log.text


async def test_a_store_that_was_away_at_the_start_is_initialised_before_anything_is_written(inner, started):
    inner.is_away = True
    await_initialize = []

    async def initialize(*, migrate=True):
        if inner.is_away:
            raise StoreUnavailableError("it is away")
        await_initialize.append((migrate, writes_to(inner)))

    inner.initialize = initialize
    store = started()
    await store.initialize(migrate=False)
    assert store.is_buffering
    await store.initialize()
    await store.save_thread(thread(), ALICE)
    await back(inner, store)
    assert await_initialize == [(False, [])]
    await store.initialize()
    assert len(await_initialize) == 2
    await store.close()
    assert await ids_of(inner) == []


async def test_a_store_that_cannot_be_started_lets_go_of_the_journal(inner, started):
    async def initialize():
        raise SchemaOutOfDateError("migrate")

    inner.initialize = initialize
    for _ in range(2):
        with pytest.raises(SchemaOutOfDateError):
            await started().initialize()


async def test_a_later_check_that_fails_leaves_the_store_started(inner, store):
    async def initialize(*, migrate):
        raise SchemaOutOfDateError("migrate")

    inner.initialize = initialize
    with pytest.raises(SchemaOutOfDateError):
        await store.initialize(migrate=False)
    await store.save_thread(thread(), ALICE)


async def test_a_later_check_that_finds_it_away_begins_an_outage(inner, store):
    async def initialize(*, migrate):
        raise StoreUnavailableError("it is away")

    inner.initialize = initialize
    await store.initialize(migrate=False)
    await caught_up(store)


async def test_a_database_that_answers_with_an_error_is_not_back(inner, store, log, monkeypatch):
    inner.is_away = True
    await store.save_thread(thread(), ALICE)
    switched = inner.load_threads

    refusals = []

    async def refused(*_):
        refusals.append(1)
        raise ConfigurationError("the server refuses the login")

    inner.load_threads = refused
    await eventually(lambda: len(refusals) > 3)
    assert store.is_buffering
    assert log.text.count("not as it should") == 1
    inner.load_threads = switched
    await back(inner, store)


async def test_a_replay_that_breaks_is_begun_again(inner, store, log, monkeypatch):
    inner.is_away = True
    await store.save_thread(thread(), ALICE)
    end = store._calls.outage.end
    monkeypatch.setattr(store._calls.outage, "end", lambda *_: 1 / 0)
    inner.is_away = False
    await eventually(lambda: "it is tried again" in log.text)
    monkeypatch.setattr(store._calls.outage, "end", end)
    await back(inner, store)


class Bare(AwayStore):
    """A store that has neither a start nor an end."""

    initialize = close = None


async def test_a_store_without_start_and_end_can_be_wrapped(tmp_path):
    async with BufferedStore(Bare(), tmp_path / "journal", database="bare") as store:
        assert isinstance(store.store, Bare)
        await store.save_thread(thread(), ALICE)


async def test_a_write_whose_caller_was_cancelled_is_in_the_journal(inner, store):
    inner.is_away = True
    await store.save_thread(thread(), ALICE)
    task = asyncio.create_task(store.add_thread_item("thr_1", message("msg_1"), ALICE))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ids_of(store) == ["msg_1"]
    assert store.pending == 2
