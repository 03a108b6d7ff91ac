"""How many items the threads of a page have."""

import pytest

from chatkit_pgstore.testing import MemoryStore
from tests.support.samples import ALICE, BOB, message, thread


@pytest.fixture(params=["postgres", "memory"])
async def store(request, make_store):
    """ALICE has threads of no, one and two items; BOB one of three, and one of the same id as hers."""
    store = await make_store() if request.param == "postgres" else MemoryStore()
    for context, thread_id, count in ((ALICE, "a", 0), (ALICE, "b", 1), (ALICE, "c", 2), (BOB, "c", 1), (BOB, "d", 3)):
        await store.save_thread(thread(thread_id), context)
        for number in range(count):
            await store.add_thread_item(thread_id, message(f"msg_{number}", thread_id=thread_id), context)
    return store


async def test_each_thread_that_was_asked_for_has_its_count(store):
    assert await store.count_items(["c", "a", "b", "c"], ALICE) == {"c": 2, "a": 0, "b": 1}


async def test_threads_of_others_and_of_nobody_have_none(store):
    assert await store.count_items(["c", "d", "x"], ALICE) == {"c": 2, "d": 0, "x": 0}
    assert await store.count_items(["a", "b", "c", "d"], BOB) == {"a": 0, "b": 0, "c": 1, "d": 3}
    assert await store.count_items(["a", "b", "c", "d"], {"user_id": "nobody"}) == dict.fromkeys("abcd", 0)


async def test_a_deleted_item_does_not_count(store):
    await store.delete_thread_item("c", "msg_0", ALICE)
    await store.add_thread_item("c", message("msg_1", "Again", "c"), ALICE)
    assert await store.count_items(["c"], ALICE) == {"c": 1}


async def test_a_page_of_threads_can_be_counted(store):
    page = await store.load_threads(9, None, "asc", ALICE)
    assert await store.count_items([each.id for each in page.data], ALICE) == {"a": 0, "b": 1, "c": 2}


async def test_of_no_thread_nothing_is_asked(store):
    assert await store.count_items([], ALICE) == {}


@pytest.mark.parametrize(("thread_ids", "reason"), [("abc", "not one text"), (["a", ""], "empty"), ([7], "text")])
async def test_what_cannot_be_ids_is_refused(store, thread_ids, reason):
    with pytest.raises(ValueError, match=reason):
        await store.count_items(thread_ids, ALICE)
