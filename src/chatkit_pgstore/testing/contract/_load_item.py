"""What ``load_item`` has to do."""

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore.testing.contract._base import AnyStore, ContractBase, added_messages, assert_same, saved_thread
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import new_id, tool_call


class LoadItem(ContractBase):
    """ChatKitServer loads the widget an action comes from, and the question an answer belongs to."""

    async def test_load_item_gives_back_the_one_asked_for(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        items = await added_messages(store, thread.id, context, 3)
        assert_same(await store.load_item(thread.id, items[1].id, context), items[1])

    async def test_an_unknown_item_is_not_found(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        with pytest.raises(NotFoundError):
            await store.load_item(thread.id, new_id("msg"), context)

    async def test_an_item_of_an_unknown_thread_is_not_found(self, store: AnyStore) -> None:
        with pytest.raises(NotFoundError):
            await store.load_item(new_id("thr"), new_id("msg"), self.somebody())

    async def test_a_loaded_item_belongs_to_its_reader(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        item = tool_call(thread.id)
        await store.add_thread_item(thread.id, item, context)
        as_added, loaded = item.model_copy(deep=True), await store.load_item(thread.id, item.id, context)
        assert loaded.type == "client_tool_call"
        loaded.status = "completed"
        loaded.arguments.clear()
        assert_same(await store.load_item(thread.id, item.id, context), as_added)

    @requires(Capability.IDS_PER_THREAD)
    async def test_an_item_is_not_found_in_another_thread(self, store: AnyStore) -> None:
        context = self.somebody()
        thread, other = [await saved_thread(store, context) for _ in range(2)]
        (item,) = await added_messages(store, thread.id, context, 1)
        with pytest.raises(NotFoundError):
            await store.load_item(other.id, item.id, context)

    @requires(Capability.ERRORS_NAME_THE_ID)
    async def test_the_error_names_the_item(self, store: AnyStore) -> None:
        context, item_id = self.somebody(), new_id("msg")
        thread = await saved_thread(store, context)
        with pytest.raises(NotFoundError, match=item_id):
            await store.load_item(thread.id, item_id, context)
