"""A thread's metadata from the journal, where others have changed or deleted it meanwhile."""

import pytest

from chatkit_pgstore import (
    NotFoundError,
    StoreUnavailableError,
)
from chatkit_pgstore.testing import MemoryStore
from tests.support.outage import back, written_by_another
from tests.support.samples import ALICE, attachment, message, thread


async def title_in(inner):
    return (await MemoryStore.load_thread(inner, "thr_1", ALICE)).title


async def test_a_thread_that_was_deleted_elsewhere_is_not_created_again(inner, store, log):
    await written_by_another(inner, message("msg_1"))
    await store.load_thread("thr_1", ALICE)
    await store.load_thread_items("thr_1", None, 9, "asc", ALICE)
    inner.is_away = True
    await store.add_thread_item("thr_1", message("msg_2"), ALICE)
    await store.save_thread(thread(title="Renamed"), ALICE)
    await store.save_attachment(attachment("atc_1", "thr_1"), ALICE)
    await MemoryStore.delete_thread(inner, "thr_1", ALICE)
    await back(inner, store)
    for asked in (store, inner):
        with pytest.raises(NotFoundError):
            await asked.load_thread("thr_1", ALICE)
        with pytest.raises(NotFoundError):
            await asked.load_attachment("atc_1", ALICE)
    dropped = [record for record in log.records if "is dropped" in record.getMessage()]
    assert [record.getMessage().split()[0] for record in dropped] == [
        "add_thread_item",
        "save_thread",
        "save_attachment",
    ]
    assert {record.levelname for record in dropped} == {"WARNING"}


async def test_what_turned_out_otherwise_is_not_believed_in_the_next_outage(inner, store):
    await written_by_another(inner)
    await store.load_thread("thr_1", ALICE)
    await store.load_thread_items("thr_1", None, 9, "asc", ALICE)
    inner.is_away = True
    await store.add_thread_item("thr_1", message("msg_2"), ALICE)
    await MemoryStore.delete_thread(inner, "thr_1", ALICE)
    await back(inner, store)
    inner.is_away = True
    with pytest.raises(StoreUnavailableError):
        await store.load_thread("thr_1", ALICE)


@pytest.mark.parametrize(
    "change",
    [
        ({"title": "Ours"}, {}, {"title": "Ours"}, ""),
        ({"title": "Ours"}, {"title": "Theirs"}, {"title": "Theirs"}, "its title there stays"),
        ({"title": "Alike"}, {"title": "Alike"}, {"title": "Alike"}, ""),
        ({"title": "Ours"}, {"allowed_image_domains": ["a"]}, {"title": "Ours", "allowed_image_domains": ["a"]}, ""),
        ({"metadata": {"a": 1}}, {"metadata": {"b": 2}}, {"metadata": {"a": 1, "b": 2}}, ""),
        ({"metadata": {"a": 1}}, {"metadata": {"a": 2}}, {"metadata": {"a": 2}}, "its a there stays"),
        ({"metadata": {"old": True, "a": 1}}, {"metadata": {"b": 2}}, {"metadata": {"a": 1, "b": 2}}, ""),
        ({"metadata": {}}, {"metadata": {"old": True, "b": 2}}, {"metadata": {"b": 2}}, ""),
    ],
)
async def test_what_others_changed_in_a_thread_meanwhile_stays(inner, store, log, change):
    ours, theirs, both, complaint = change
    before = {"metadata": {"old": True}} if "old" in str([ours, theirs, both]) else {}
    await written_by_another(inner, **before)
    loaded = await store.load_thread("thr_1", ALICE)
    await store.load_thread_items("thr_1", None, 9, "asc", ALICE)
    inner.is_away = True
    await store.save_thread(loaded.model_copy(update=ours), ALICE)
    await MemoryStore.save_thread(inner, loaded.model_copy(update=theirs), ALICE)
    await back(inner, store)
    assert ("there stays" in log.text, complaint in log.text) == (complaint != "", True)
    expected = loaded.model_copy(update=both)
    assert await MemoryStore.load_thread(inner, "thr_1", ALICE) == expected
    assert await store.load_thread("thr_1", ALICE) == expected


async def test_a_newer_title_is_never_replaced_by_an_older_one(inner, store, log):
    await written_by_another(inner, title="Before")
    loaded = await store.load_thread("thr_1", ALICE)
    await store.load_thread_items("thr_1", None, 9, "asc", ALICE)
    inner.is_away = True
    await store.save_thread(loaded.model_copy(update={"title": "In the outage"}), ALICE)
    await written_by_another(inner, title="Later, elsewhere")
    await back(inner, store)
    assert await title_in(inner) == "Later, elsewhere"
    assert "its title there stays" in log.text
    assert "Later, elsewhere" not in log.text


async def test_a_thread_made_in_the_outage_takes_its_later_titles_along(inner, store):
    inner.is_away = True
    for title in (None, "First", "Second"):
        await store.save_thread(thread(title=title), ALICE)
    await back(inner, store)
    assert await title_in(inner) == "Second"


async def test_a_thread_that_is_there_although_it_was_taken_for_new_stays_as_it_is(inner, store):
    inner.is_away = True
    await store.save_thread(thread(title="Ours"), ALICE)
    await written_by_another(inner, title="Theirs")
    await back(inner, store)
    assert await title_in(inner) == "Theirs"
