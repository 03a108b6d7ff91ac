"""Which threads a BufferedStore knows when the store inside goes away, and which it does not."""

import asyncio

import pytest

from chatkit_pgstore import (
    NotFoundError,
    StoreUnavailableError,
)
from chatkit_pgstore.buffered import BufferedStore
from chatkit_pgstore.testing import MemoryStore
from tests.support.outage import AwayStore, is_known, put, read
from tests.support.samples import ALICE, attachment, ids_of, message, thread


@pytest.fixture
def inner():
    return AwayStore()


@pytest.fixture
async def store(inner, tmp_path):
    async with BufferedStore(inner, tmp_path / "journal", database="memory", remember_threads=5) as store:
        yield store


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_a_thread_read_to_its_end_is_known(inner, store, limit, order):
    await put(inner)
    await read(store, limit=limit, order=order)
    inner.is_away = True
    assert await ids_of(store) == ["msg_0", "msg_1", "msg_2"]
    assert await store.load_item("thr_1", "msg_1", ALICE) == message("msg_1")
    with pytest.raises(NotFoundError, match="Item msg_9 not found"):
        await store.load_item("thr_1", "msg_9", ALICE)


async def test_a_thread_of_which_a_page_was_read_is_not_known(inner, store):
    await put(inner)
    await store.load_thread("thr_1", ALICE)
    await store.load_thread_items("thr_1", None, 2, "asc", ALICE)
    inner.is_away = True
    assert not await is_known(store, "thr_1")
    with pytest.raises(StoreUnavailableError, match="thr_1"):
        await store.load_item("thr_1", "msg_0", ALICE)


async def test_pages_that_do_not_follow_each_other_are_no_whole(inner, store):
    await put(inner, items=5)
    await store.load_thread("thr_1", ALICE)
    await store.load_thread_items("thr_1", None, 1, "asc", ALICE)
    await store.load_thread_items("thr_1", "msg_2", 9, "asc", ALICE)
    await store.load_thread_items("thr_1", None, 2, "desc", ALICE)
    await store.load_thread_items("thr_1", "msg_3", 9, "asc", ALICE)
    inner.is_away = True
    assert not await is_known(store, "thr_1")


async def test_items_without_their_thread_are_not_known(inner, store):
    await put(inner)
    await store.load_thread_items("thr_1", None, 100, "asc", ALICE)
    inner.is_away = True
    assert not await is_known(store, "thr_1")


async def test_a_thread_made_here_is_known_and_kept_up(inner, store):
    made = thread(store.generate_thread_id(ALICE))
    await store.save_thread(made, ALICE)
    for each in ("msg_1", "msg_2", "msg_3"):
        await store.add_thread_item(made.id, message(each), ALICE)
    await store.save_item(made.id, message("msg_1", "Changed"), ALICE)
    await store.delete_thread_item(made.id, "msg_2", ALICE)
    inner.is_away = True
    assert await ids_of(store, made.id) == ["msg_1", "msg_3"]
    assert await store.load_item(made.id, "msg_1", ALICE) == message("msg_1", "Changed")


async def test_a_thread_saved_under_an_id_of_ones_own_may_have_been_there(inner, store):
    await put(inner)
    await store.save_thread(thread(title="Renamed"), ALICE)
    inner.is_away = True
    assert not await is_known(store, "thr_1")


async def test_a_thread_that_was_looked_for_in_vain_is_new_when_it_is_saved(inner, store):
    with pytest.raises(NotFoundError):
        await store.load_thread("thr_1", ALICE)
    await store.save_thread(thread(), ALICE)
    inner.is_away = True
    assert await is_known(store, "thr_1")


async def test_what_another_process_wrote_is_noticed_by_the_next_page(inner, store):
    await put(inner)
    await read(store)
    await put(inner, items=5)
    await store.load_thread_items("thr_1", None, 1, "desc", ALICE)
    inner.is_away = True
    assert not await is_known(store, "thr_1")


@pytest.mark.parametrize("item_id", ["msg_1", "msg_4"])
async def test_what_another_process_did_is_noticed_by_reading_the_item(inner, store, item_id):
    await put(inner)
    await read(store)
    if item_id == "msg_1":
        await MemoryStore.delete_thread_item(inner, "thr_1", item_id, ALICE)
        with pytest.raises(NotFoundError):
            await store.load_item("thr_1", item_id, ALICE)
    else:
        await MemoryStore.add_thread_item(inner, "thr_1", message(item_id), ALICE)
        await store.load_item("thr_1", item_id, ALICE)
    inner.is_away = True
    assert not await is_known(store, "thr_1")


async def test_an_item_that_was_changed_elsewhere_is_known_as_it_was_read(inner, store):
    await put(inner)
    await read(store)
    await MemoryStore.save_item(inner, "thr_1", message("msg_1", "Changed"), ALICE)
    await store.load_item("thr_1", "msg_1", ALICE)
    await store.load_item("thr_1", "msg_0", ALICE)
    inner.is_away = True
    assert await store.load_item("thr_1", "msg_1", ALICE) == message("msg_1", "Changed")


async def test_a_page_read_while_something_is_written_is_not_believed(inner, store):
    await put(inner)
    await store.load_thread("thr_1", ALICE)
    await asyncio.gather(
        store.load_thread_items("thr_1", None, 100, "asc", ALICE),
        store.add_thread_item("thr_1", message("msg_new"), ALICE),
        store.load_thread_items("thr_1", None, 100, "asc", ALICE),
    )
    inner.is_away = True
    assert not await is_known(store, "thr_1")


async def test_what_is_missing_while_something_is_written_is_not_believed(inner, store):
    outcomes = await asyncio.gather(
        store.load_thread("thr_1", ALICE),
        store.save_thread(thread(), ALICE),
        store.save_thread(thread("thr_2"), ALICE),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], NotFoundError)
    inner.is_away = True
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)


async def test_an_item_that_is_missing_as_far_as_was_known_changes_nothing(inner, store):
    await put(inner)
    await read(store)
    with pytest.raises(NotFoundError):
        await store.load_item("thr_1", "msg_none", ALICE)
    inner.is_away = True
    assert await is_known(store, "thr_1")


async def test_a_failed_deletion_of_an_attachment_leaves_it_unknown(inner, store, monkeypatch):
    async def broken(*_):
        raise OSError("nobody knows whether it is there")

    await store.save_attachment(attachment("atc_1"), ALICE)
    monkeypatch.setattr(inner, "delete_attachment", broken)
    with pytest.raises(OSError, match="nobody knows"):
        await store.delete_attachment("atc_1", ALICE)
    inner.is_away = True
    with pytest.raises(StoreUnavailableError, match="atc_1"):
        await store.load_attachment("atc_1", ALICE)


async def test_a_thread_for_which_there_was_no_room_is_not_known_whole(inner, store):
    recent = store._calls.known._recent
    recent.keep_items("alice", "thr_1", {})
    assert recent.of("alice").whole == set()


async def test_a_write_that_failed_leaves_its_thread_unknown(inner, store, monkeypatch):
    await put(inner)
    await read(store)

    async def broken(*_):
        raise OSError("nobody knows whether it is there")

    monkeypatch.setattr(inner, "add_thread_item", broken)
    with pytest.raises(OSError, match="nobody knows"):
        await store.add_thread_item("thr_1", message("msg_new"), ALICE)
    inner.is_away = True
    assert not await is_known(store, "thr_1")


async def test_an_attachment_whose_write_failed_is_unknown(inner, store):
    await store.save_attachment(attachment("atc_1"), ALICE)
    with pytest.raises(NotFoundError):
        await store.save_attachment(attachment("atc_1", "thr_gone"), ALICE)
    inner.is_away = True
    with pytest.raises(StoreUnavailableError, match="atc_1"):
        await store.load_attachment("atc_1", ALICE)
