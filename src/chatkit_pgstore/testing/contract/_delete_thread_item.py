"""What ``delete_thread_item`` has to do."""

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    added_messages,
    all_items,
    ids_of,
    saved_thread,
)
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import message, new_id


class DeleteThreadItem(ContractBase):
    """ChatKitServer deletes what is answered again, dangling tool calls, and what `respond` takes back."""

    @pytest.mark.parametrize("place", [0, 1, 2])
    async def test_a_deleted_item_is_gone_and_the_others_stay(self, store: AnyStore, place: int) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        items = await added_messages(store, thread.id, context, 3)
        deleted = items.pop(place)
        await store.delete_thread_item(thread.id, deleted.id, context)
        assert await all_items(store, thread.id, context) == items
        with pytest.raises(NotFoundError):
            await store.load_item(thread.id, deleted.id, context)

    async def test_deleting_an_item_that_is_not_there_is_fine(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        items = await added_messages(store, thread.id, context, 2)
        await store.delete_thread_item(thread.id, items[0].id, context)
        await store.delete_thread_item(thread.id, items[0].id, context)
        await store.delete_thread_item(thread.id, new_id("msg"), context)
        assert ids_of(await all_items(store, thread.id, context)) == [items[1].id]

    async def test_deleting_an_item_of_an_unknown_thread_is_fine(self, store: AnyStore) -> None:
        context, thread_id = self.somebody(), new_id("thr")
        await store.delete_thread_item(thread_id, new_id("msg"), context)
        with pytest.raises(NotFoundError):
            await store.load_thread(thread_id, context)

    async def test_the_latest_items_can_be_taken_back_to_answer_again(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        kept, *taken_back = await added_messages(store, thread.id, context, 4)
        for item in reversed(taken_back):
            await store.delete_thread_item(thread.id, item.id, context)
        answer = message(thread.id, "another answer")
        await store.add_thread_item(thread.id, answer, context)
        assert await all_items(store, thread.id, context) == [kept, answer]

    @requires(Capability.IDS_PER_THREAD)
    async def test_an_item_is_deleted_in_its_own_thread_alone(self, store: AnyStore) -> None:
        context = self.somebody()
        thread, other = [await saved_thread(store, context) for _ in range(2)]
        items = await added_messages(store, thread.id, context, 1)
        await store.delete_thread_item(other.id, items[0].id, context)
        assert await all_items(store, thread.id, context) == items
