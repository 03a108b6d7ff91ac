"""What ``load_thread_items`` has to do."""

import pytest
from chatkit.types import ThreadItem

from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    added_messages,
    all_items,
    ids_of,
    saved_thread,
)
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import message, new_id, tool_call


class LoadThreadItems(ContractBase):
    """ChatKitServer shows items, looks for the last one, and walks back to a message to answer it again."""

    @pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 1_000_000])
    @pytest.mark.parametrize("order", ["asc", "desc"])
    async def test_pages_of_items_have_each_once_in_order(self, store: AnyStore, limit: int, order: str) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        # All of the same moment, as on a machine whose clock is coarse.
        items = await added_messages(store, thread.id, context, 7)
        walked = await all_items(store, thread.id, context, order=order, limit=limit)
        assert walked == (items if order == "asc" else items[::-1])

    @pytest.mark.parametrize(("limit", "has_more"), [(2, True), (3, False), (4, False)])
    @pytest.mark.parametrize("order", ["asc", "desc"])
    async def test_a_page_of_items_knows_whether_there_is_more(
        self, store: AnyStore, limit: int, has_more: bool, order: str
    ) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        await added_messages(store, thread.id, context, 3)
        page = await store.load_thread_items(thread.id, None, limit, order, context)
        assert len(page.data) == min(limit, 3)
        assert page.has_more is has_more

    async def test_a_thread_without_items_has_an_empty_page(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        page = await store.load_thread_items(thread.id, None, 20, "asc", context)
        assert page.data == []
        assert not page.has_more

    async def test_the_newest_item_is_the_one_added_last(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        await added_messages(store, thread.id, context, 2)
        last = tool_call(thread.id)
        await store.add_thread_item(thread.id, last, context)
        page = await store.load_thread_items(thread.id, None, 1, "desc", context)
        assert page.data == [last]

    async def test_items_of_other_threads_do_not_show(self, store: AnyStore) -> None:
        context = self.somebody()
        thread, other = [await saved_thread(store, context) for _ in range(2)]
        items = await added_messages(store, thread.id, context, 3)
        await added_messages(store, other.id, context, 3)
        assert await all_items(store, thread.id, context, limit=2) == items

    async def test_a_page_of_items_belongs_to_its_reader(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        item = tool_call(thread.id)
        await store.add_thread_item(thread.id, item, context)
        page = await store.load_thread_items(thread.id, None, 20, "asc", context)
        as_added = item.model_copy(deep=True)
        _finish(page.data[0])
        # ChatKitServer takes hidden items out of the very page it was given.
        page.data.clear()
        again = await store.load_thread_items(thread.id, None, 20, "asc", context)
        assert again.data == [as_added]

    @requires(Capability.UNKNOWN_THREAD_IS_AN_EMPTY_PAGE)
    @pytest.mark.parametrize("order", ["asc", "desc"])
    async def test_the_items_of_an_unknown_thread_are_an_empty_page(self, store: AnyStore, order: str) -> None:
        page = await store.load_thread_items(new_id("thr"), None, 20, order, self.somebody())
        assert (page.data, page.has_more, page.after) == ([], False, None)

    @requires(Capability.ORDER_OF_ADDITION)
    async def test_created_at_and_id_have_no_say_in_the_order(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        years = (2026, 2020, 2023, 2021)
        items = [message(thread.id, id=new_id(f"msg_{year}"), created_at=f"{year}-01-01T00:00:00") for year in years]
        for item in items:
            await store.add_thread_item(thread.id, item, context)
        assert ids_of(await all_items(store, thread.id, context, limit=3)) == ids_of(items)
        assert ids_of(await all_items(store, thread.id, context, order="desc", limit=3)) == ids_of(items[::-1])


def _finish(item: ThreadItem) -> None:
    """Change an item as ChatKitServer does when the client has sent the tool's output."""
    assert item.type == "client_tool_call"
    item.output = "changed"
    item.status = "completed"
