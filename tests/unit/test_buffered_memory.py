"""What a BufferedStore knows of lists, attachments and users in an outage, and what it forgets."""

import logging

import pytest

from chatkit_pgstore import (
    NotFoundError,
    StoreUnavailableError,
)
from chatkit_pgstore.buffered import BufferedStore, _recent, _walks
from chatkit_pgstore.errors import JournalFullError
from chatkit_pgstore.testing import MemoryStore
from tests.support.outage import AwayStore, is_known, put, read
from tests.support.samples import ALICE, BOB, attachment, ids_of, message, thread


@pytest.fixture
def inner():
    return AwayStore()


@pytest.fixture
async def store(inner, tmp_path):
    async with BufferedStore(inner, tmp_path / "journal", database="memory", remember_threads=5) as store:
        yield store


async def known_threads(store, thread_ids, context=ALICE):
    """Return which of these threads can be read in an outage."""
    return [each for each in thread_ids if await is_known(store, each, context)]


async def test_the_list_is_known_once_it_was_read_to_its_end(inner, store):
    for each in ("thr_1", "thr_2", "thr_3"):
        await put(inner, each)
    page = await store.load_threads(2, None, "desc", ALICE)
    await store.load_threads(2, page.after, "desc", ALICE)
    await store.save_thread(thread("thr_4"), ALICE)
    inner.is_away = True
    await store.save_thread(thread("thr_5"), ALICE)
    page = await store.load_threads(20, None, "asc", ALICE)
    assert [each.id for each in page.data] == ["thr_1", "thr_2", "thr_3", "thr_4", "thr_5"]
    with pytest.raises(NotFoundError, match="thr_9"):
        await store.load_thread("thr_9", ALICE)


async def test_a_list_of_which_a_page_was_read_is_refused_and_not_shown_as_the_whole(inner, store):
    for each in ("thr_1", "thr_2", "thr_3"):
        await put(inner, each)
    await store.load_threads(2, None, "desc", ALICE)
    inner.is_away = True
    with pytest.raises(StoreUnavailableError, match="list of threads"):
        await store.load_threads(2, None, "desc", ALICE)


async def test_a_list_that_grew_elsewhere_has_to_be_read_again(inner, store):
    await store.load_threads(20, None, "desc", ALICE)
    for each in ("thr_1", "thr_2"):
        await put(inner, each)
    await store.load_threads(1, None, "desc", ALICE)
    inner.is_away = True
    with pytest.raises(StoreUnavailableError):
        await store.load_threads(20, None, "desc", ALICE)


async def test_a_list_that_shrank_elsewhere_is_known_anew(inner, store):
    for each in ("thr_1", "thr_2"):
        await put(inner, each)
    await store.load_threads(20, None, "desc", ALICE)
    await MemoryStore.delete_thread(inner, "thr_1", ALICE)
    for _ in range(2):
        await store.load_threads(20, None, "desc", ALICE)
    inner.is_away = True
    assert [each.id for each in (await store.load_threads(20, None, "desc", ALICE)).data] == ["thr_2"]


async def test_attachments_are_known_by_their_ids(inner, store):
    await store.save_attachment(attachment("atc_1"), ALICE)
    await MemoryStore.save_attachment(inner, attachment("atc_2"), ALICE)
    await store.load_attachment("atc_2", ALICE)
    with pytest.raises(NotFoundError):
        await store.load_attachment("atc_3", ALICE)
    inner.is_away = True
    assert await store.load_attachment("atc_1", ALICE) == attachment("atc_1")
    assert await store.load_attachment("atc_2", ALICE) == attachment("atc_2")
    with pytest.raises(NotFoundError):
        await store.load_attachment("atc_3", ALICE)
    with pytest.raises(StoreUnavailableError):
        await store.load_attachment("atc_4", ALICE)


async def test_what_one_user_has_is_unknown_for_another(inner, store):
    await put(inner)
    await read(store)
    await store.load_threads(20, None, "asc", BOB)
    inner.is_away = True
    with pytest.raises(NotFoundError):
        await store.load_thread("thr_1", BOB)
    with pytest.raises(NotFoundError):
        await store.add_thread_item("thr_1", message("msg_9"), BOB)


async def test_a_thread_known_by_its_metadata_alone_can_be_written_to_and_not_read(inner, store):
    await put(inner)
    await store.load_thread("thr_1", ALICE)
    inner.is_away = True
    await store.add_thread_item("thr_1", message("the rest of a reply"), ALICE)
    await store.save_item("thr_1", message("msg_0", "Changed"), ALICE)
    await store.delete_thread_item("thr_1", "msg_1", ALICE)
    assert store.pending == 3
    assert not await is_known(store, "thr_1")


async def test_a_thread_that_nothing_is_known_of_cannot_be_written_to(inner, store):
    inner.is_away = True
    with pytest.raises(StoreUnavailableError, match="thr_1"):
        await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    with pytest.raises(StoreUnavailableError, match="thr_1"):
        await store.save_attachment(attachment("atc_1", "thr_1"), ALICE)
    assert store.pending == 0


async def test_the_placeholder_is_warned_of_in_an_outage_too(inner, store, caplog):
    await put(inner)
    await read(store)
    inner.is_away = True
    with pytest.raises(NotFoundError):
        await store.load_item("thr_1", "__fake_id__", ALICE)
    await store.delete_thread_item("thr_1", "__fake_id__", ALICE)
    assert [record.getMessage().split()[0] for record in caplog.records if "__fake_id__" in record.getMessage()] == [
        "load_item",
        "delete_thread_item",
    ]


async def test_the_threads_that_were_used_last_are_remembered(inner, store):
    names = [f"thr_{number}" for number in range(20)]
    for each in names:
        await put(inner, each)
        await read(store, each)
        await read(store, "thr_0")
    inner.is_away = True
    assert await known_threads(store, names) == ["thr_0", *names[-4:]]


async def test_what_is_remembered_is_bounded(inner, store):
    store._calls.known._recent._limit = 2
    for number in range(300):
        user = {"user_id": f"user {number}"}
        await put(inner, items=1, context=user)
        await store.load_threads(20, None, "asc", user)
        await read(store, context=user)
        await store.save_attachment(attachment("atc_1"), user)
        store.generate_thread_id(user)
        for missing in (store.load_attachment("atc_x", user), store.load_thread("thr_x", user)):
            with pytest.raises(NotFoundError):
                await missing
    recent = store._calls.known._recent
    assert (len(recent._whole), len(recent._places)) == (2, 2 * _recent.METADATA_PER_THREAD)
    assert len(recent._users) <= 2 * _recent.METADATA_PER_THREAD
    assert len(recent._handed_out) <= 2


async def test_a_list_longer_than_memory_is_not_known_whole(inner, store):
    for number in range(60):
        await put(inner, f"thr_{number}", items=0)
    await store.load_threads(100, None, "asc", ALICE)
    inner.is_away = True
    with pytest.raises(StoreUnavailableError):
        await store.load_threads(20, None, "asc", ALICE)


async def test_walks_through_many_lists_are_bounded(inner, store, monkeypatch):
    monkeypatch.setattr(_walks, "MOST", 3)
    for number in range(5):
        user = {"user_id": f"user {number}"}
        await put(inner, context=user)
        await store.load_thread("thr_1", user)
        await store.load_thread_items("thr_1", None, 1, "asc", user)
    assert len(store._calls.known._walks._walks) == 3


async def test_users_with_pending_writes_are_not_forgotten(inner, tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    async with BufferedStore(inner, tmp_path / "tight", database="memory", remember_threads=1) as store:
        inner.is_away = True
        names = [f"thr_{number}" for number in range(30)]
        for each in names:
            await store.save_thread(thread(each), ALICE)
            await store.save_attachment(attachment(f"atc_{each}", each), ALICE)
        assert await known_threads(store, names) == names


async def test_an_item_that_is_handed_out_is_not_shared(inner, store):
    inner.is_away = True
    written = message("msg_1")
    await store.save_thread(thread(), ALICE)
    await store.add_thread_item("thr_1", written, ALICE)
    written.content[0].text = "changed by its writer"
    (await store.load_item("thr_1", "msg_1", ALICE)).content[0].text = "changed by its reader"
    assert await store.load_item("thr_1", "msg_1", ALICE) == message("msg_1")


async def test_a_write_that_finds_no_room_changes_nothing(inner, tmp_path):
    async with BufferedStore(inner, tmp_path / "small", database="memory", max_bytes=500) as store:
        inner.is_away = True
        await store.save_thread(thread(), ALICE)
        with pytest.raises(JournalFullError):
            await store.add_thread_item("thr_1", message("msg_1", "x" * 500), ALICE)
        assert await ids_of(store) == []
        assert store.pending == 1


async def test_what_the_codec_cannot_keep_is_handed_on_all_the_same(inner, store, monkeypatch):
    odd = thread()
    odd.metadata["odd"] = object()

    async def found(*_):
        return odd

    monkeypatch.setattr(inner, "load_thread", found)
    assert await store.load_thread("thr_1", ALICE) is odd
