"""What ``save_item`` has to do."""

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    added_messages,
    all_items,
    assert_same,
    ids_of,
    saved_thread,
)
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import message, new_id, thread_sample, tool_call


class SaveItem(ContractBase):
    """ChatKitServer replaces an item that is done: a tool's output, an answer, a widget that changed."""

    @pytest.mark.parametrize("place", [0, 1, 2])
    async def test_a_saved_item_is_replaced_in_its_place(self, store: AnyStore, place: int) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        items = await added_messages(store, thread.id, context, 3)
        items[place] = message(thread.id, "changed", id=items[place].id)
        await store.save_item(thread.id, items[place], context)
        assert await all_items(store, thread.id, context) == items
        assert_same(await store.load_item(thread.id, items[place].id, context), items[place])

    async def test_an_item_that_is_not_there_is_appended(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        items = await added_messages(store, thread.id, context, 2)
        item = message(thread.id, "new")
        await store.save_item(thread.id, item, context)
        assert await all_items(store, thread.id, context) == [*items, item]

    async def test_an_item_of_another_type_replaces_all_of_the_old_one(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        (item,) = await added_messages(store, thread.id, context, 1)
        replacement = tool_call(thread.id, id=item.id)
        await store.save_item(thread.id, replacement, context)
        (found,) = await all_items(store, thread.id, context)
        assert_same(found, replacement)

    async def test_saving_may_make_an_item_pending_again(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        finished = tool_call(thread.id, "completed", output=1)
        await store.add_thread_item(thread.id, finished, context)
        pending = tool_call(thread.id, id=finished.id)
        await store.save_item(thread.id, pending, context)
        assert await all_items(store, thread.id, context) == [pending]

    async def test_an_item_saved_twice_is_there_once(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        item = message(thread.id)
        await store.save_item(thread.id, item, context)
        await store.save_item(thread.id, item, context)
        assert ids_of(await all_items(store, thread.id, context)) == [item.id]

    @requires(Capability.UNKNOWN_THREAD_IS_AN_ERROR)
    async def test_an_item_cannot_be_saved_in_an_unknown_thread(self, store: AnyStore) -> None:
        context, thread = self.somebody(), thread_sample()
        with pytest.raises(NotFoundError):
            await store.save_item(thread.id, message(thread.id), context)
        await store.save_thread(thread, context)
        assert await all_items(store, thread.id, context) == []

    @requires(Capability.ERRORS_NAME_THE_ID)
    async def test_the_error_names_the_thread_to_be_saved_in(self, store: AnyStore) -> None:
        thread_id = new_id("thr")
        with pytest.raises(NotFoundError, match=thread_id):
            await store.save_item(thread_id, message(thread_id), self.somebody())
