"""What the cursors of the two listings have to do; that pages fit together is told with each listing."""

from datetime import timedelta
from typing import Any

import pytest
from chatkit.store import NotFoundError
from chatkit.types import ThreadItem, ThreadMetadata

from chatkit_pgstore.testing.contract._base import AnyStore, ContractBase, added_messages, ids_of, saved_thread
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import NOW, message, new_id

ORDERS = ("asc", "desc")


class Cursors(ContractBase):
    """A cursor leads on from where it was; one that leads nowhere must not lead back to the start."""

    @requires(Capability.CURSORS_ARE_IDS)
    @pytest.mark.parametrize("order", ORDERS)
    async def test_the_cursor_of_a_page_of_items_is_its_last_id(self, store: AnyStore, order: str) -> None:
        context = self.somebody()
        thread, _ = await _conversation(store, context)
        page = await store.load_thread_items(thread.id, None, 2, order, context)
        assert page.after == page.data[-1].id
        last = await store.load_thread_items(thread.id, page.after, 2, order, context)
        assert (last.has_more, last.after) == (False, None)

    @requires(Capability.CURSORS_ARE_IDS)
    @pytest.mark.parametrize("order", ORDERS)
    async def test_the_cursor_of_a_page_of_threads_is_its_last_id(self, store: AnyStore, order: str) -> None:
        context = self.somebody()
        await _threads(store, context)
        page = await store.load_threads(2, None, order, context)
        assert page.after == page.data[-1].id
        last = await store.load_threads(2, page.after, order, context)
        assert (last.has_more, last.after) == (False, None)

    @requires(Capability.CURSORS_ARE_IDS)
    @pytest.mark.parametrize("order", ORDERS)
    async def test_any_item_of_the_thread_is_a_cursor(self, store: AnyStore, order: str) -> None:
        context = self.somebody()
        thread, items = await _conversation(store, context)
        ordered = ids_of(items if order == "asc" else items[::-1])
        for place, item_id in enumerate(ordered, start=1):
            page = await store.load_thread_items(thread.id, item_id, 20, order, context)
            assert ids_of(page.data) == ordered[place:]

    @requires(Capability.CURSORS_ARE_IDS)
    @pytest.mark.parametrize("order", ORDERS)
    async def test_any_thread_is_a_cursor(self, store: AnyStore, order: str) -> None:
        context = self.somebody()
        threads = await _threads(store, context)
        ordered = ids_of(threads if order == "asc" else threads[::-1])
        for place, thread_id in enumerate(ordered, start=1):
            page = await store.load_threads(20, thread_id, order, context)
            assert ids_of(page.data) == ordered[place:]

    @requires(Capability.CURSORS_ARE_IDS)
    async def test_a_cursor_leads_to_what_was_added_since(self, store: AnyStore) -> None:
        context = self.somebody()
        thread, items = await _conversation(store, context)
        new = message(thread.id, "new")
        await store.add_thread_item(thread.id, new, context)
        page = await store.load_thread_items(thread.id, items[-1].id, 20, "asc", context)
        assert page.data == [new]

    @requires(Capability.UNKNOWN_CURSOR_IS_AN_ERROR)
    @pytest.mark.parametrize("order", ORDERS)
    async def test_an_unknown_item_is_no_cursor(self, store: AnyStore, order: str) -> None:
        context = self.somebody()
        thread, _ = await _conversation(store, context)
        with pytest.raises(NotFoundError):
            await store.load_thread_items(thread.id, new_id("msg"), 20, order, context)

    @requires(Capability.UNKNOWN_CURSOR_IS_AN_ERROR)
    @pytest.mark.parametrize("order", ORDERS)
    async def test_an_unknown_thread_is_no_cursor(self, store: AnyStore, order: str) -> None:
        context = self.somebody()
        await _threads(store, context)
        with pytest.raises(NotFoundError):
            await store.load_threads(20, new_id("thr"), order, context)

    @requires(Capability.UNKNOWN_CURSOR_IS_AN_ERROR)
    async def test_a_deleted_item_is_no_cursor(self, store: AnyStore) -> None:
        context = self.somebody()
        thread, items = await _conversation(store, context)
        await store.delete_thread_item(thread.id, items[1].id, context)
        with pytest.raises(NotFoundError):
            await store.load_thread_items(thread.id, items[1].id, 20, "asc", context)

    @requires(Capability.UNKNOWN_CURSOR_IS_AN_ERROR)
    async def test_a_deleted_thread_is_no_cursor(self, store: AnyStore) -> None:
        context = self.somebody()
        threads = await _threads(store, context)
        await store.delete_thread(threads[1].id, context)
        with pytest.raises(NotFoundError):
            await store.load_threads(20, threads[1].id, "desc", context)

    @requires(Capability.UNKNOWN_CURSOR_IS_AN_ERROR)
    async def test_an_item_of_another_thread_is_no_cursor(self, store: AnyStore) -> None:
        context = self.somebody()
        thread, _ = await _conversation(store, context)
        _, others = await _conversation(store, context)
        with pytest.raises(NotFoundError):
            await store.load_thread_items(thread.id, others[0].id, 20, "asc", context)

    @requires(Capability.UNKNOWN_CURSOR_IS_AN_ERROR)
    async def test_nothing_is_a_cursor_where_there_is_nothing(self, store: AnyStore) -> None:
        context = self.somebody()
        with pytest.raises(NotFoundError):
            await store.load_thread_items(new_id("thr"), new_id("msg"), 20, "asc", context)
        with pytest.raises(NotFoundError):
            await store.load_threads(20, new_id("thr"), "asc", context)

    @requires(Capability.ERRORS_NAME_THE_ID)
    @requires(Capability.UNKNOWN_CURSOR_IS_AN_ERROR)
    async def test_the_error_names_the_cursor(self, store: AnyStore) -> None:
        context, cursor = self.somebody(), new_id("msg")
        thread, _ = await _conversation(store, context)
        with pytest.raises(NotFoundError, match=cursor):
            await store.load_thread_items(thread.id, cursor, 20, "asc", context)
        with pytest.raises(NotFoundError, match=cursor):
            await store.load_threads(20, cursor, "asc", context)


async def _conversation(store: AnyStore, context: Any) -> tuple[ThreadMetadata, list[ThreadItem]]:
    """Save a thread with four items."""
    thread = await saved_thread(store, context)
    return thread, await added_messages(store, thread.id, context, 4)


async def _threads(store: AnyStore, context: Any) -> list[ThreadMetadata]:
    """Save four threads, the oldest first."""
    return [await saved_thread(store, context, created_at=NOW + timedelta(days=day)) for day in range(4)]
