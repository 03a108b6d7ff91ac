"""What ``add_thread_item`` has to do."""

from collections.abc import Callable

import pytest
from chatkit.store import NotFoundError
from chatkit.types import ThreadItem

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
from chatkit_pgstore.testing.contract._samples import (
    FINISHED_ITEMS,
    message,
    new_id,
    thread_sample,
    tool_call,
)

PLACEHOLDER_ID = "__fake_id__"


class AddThreadItem(ContractBase):
    """ChatKitServer adds every message, and adds workflows and cancelled replies a second time."""

    async def test_an_added_item_can_be_loaded_and_is_listed(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        (item,) = await added_messages(store, thread.id, context, 1)
        assert_same(await store.load_item(thread.id, item.id, context), item)
        assert await all_items(store, thread.id, context) == [item]

    async def test_an_item_added_twice_is_there_once_as_added_last(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        (item,) = await added_messages(store, thread.id, context, 1)
        longer = message(thread.id, "Hello again", id=item.id)
        await store.add_thread_item(thread.id, longer, context)
        assert_same(await store.load_item(thread.id, item.id, context), longer)
        assert await all_items(store, thread.id, context) == [longer]

    async def test_a_finished_item_replaces_the_pending_one(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        pending = tool_call(thread.id)
        await store.add_thread_item(thread.id, pending, context)
        finished = tool_call(thread.id, "completed", id=pending.id, output={"ok": True})
        await store.add_thread_item(thread.id, finished, context)
        assert await all_items(store, thread.id, context) == [finished]

    async def test_what_happens_to_an_added_item_later_is_not_stored(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        item = tool_call(thread.id)
        await store.add_thread_item(thread.id, item, context)
        as_added = item.model_copy(deep=True)
        assert item.type == "client_tool_call"
        item.arguments["changed"] = True
        assert_same(await store.load_item(thread.id, item.id, context), as_added)

    @requires(Capability.READDED_KEEP_PLACE)
    async def test_an_item_added_again_keeps_its_place(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        items = await added_messages(store, thread.id, context, 3)
        await store.add_thread_item(thread.id, items[0], context)
        await store.add_thread_item(thread.id, items[1], context)
        assert await all_items(store, thread.id, context) == items

    @requires(Capability.ORDER_OF_ADDITION)
    async def test_an_item_added_after_it_was_deleted_stands_at_the_end(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        first, *others = await added_messages(store, thread.id, context, 3)
        await store.delete_thread_item(thread.id, first.id, context)
        await store.add_thread_item(thread.id, first, context)
        assert ids_of(await all_items(store, thread.id, context)) == ids_of([*others, first])

    @requires(Capability.PENDING_NEVER_REPLACES)
    @pytest.mark.parametrize(("make", "status"), FINISHED_ITEMS)
    async def test_a_pending_item_does_not_replace_a_finished_one(
        self, store: AnyStore, make: Callable[..., ThreadItem], status: str
    ) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        finished = make(thread.id, status)
        await store.add_thread_item(thread.id, finished, context)
        await store.add_thread_item(thread.id, make(thread.id, id=finished.id), context)
        assert await all_items(store, thread.id, context) == [finished]

    @requires(Capability.UNKNOWN_THREAD_IS_AN_ERROR)
    async def test_an_item_cannot_be_added_to_an_unknown_thread(self, store: AnyStore) -> None:
        context, thread = self.somebody(), thread_sample()
        with pytest.raises(NotFoundError):
            await store.add_thread_item(thread.id, message(thread.id), context)
        await store.save_thread(thread, context)
        assert await all_items(store, thread.id, context) == []

    @requires(Capability.ERRORS_NAME_THE_ID)
    async def test_the_error_names_the_thread_to_be_added_to(self, store: AnyStore) -> None:
        thread_id = new_id("thr")
        with pytest.raises(NotFoundError, match=thread_id):
            await store.add_thread_item(thread_id, message(thread_id), self.somebody())

    @requires(Capability.PLACEHOLDER_IDS)
    async def test_replies_that_share_the_placeholder_id_are_all_kept(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        replies = [message(thread.id, text, id=PLACEHOLDER_ID) for text in ("one", "two", "three")]
        await store.add_thread_item(thread.id, replies[0], context)
        await store.save_item(thread.id, replies[1], context)
        await store.add_thread_item(thread.id, replies[2], context)
        found = await all_items(store, thread.id, context)
        assert len({PLACEHOLDER_ID, *ids_of(found)}) == len([PLACEHOLDER_ID, *replies])
        assert [item.model_copy(update={"id": PLACEHOLDER_ID}) for item in found] == replies

    @requires(Capability.PLACEHOLDER_IDS)
    async def test_a_reply_kept_under_an_id_of_its_own_can_be_loaded_by_it(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        await store.add_thread_item(thread.id, message(thread.id, id=PLACEHOLDER_ID), context)
        (listed,) = await all_items(store, thread.id, context)
        assert_same(await store.load_item(thread.id, listed.id, context), listed)

    @requires(Capability.IDS_PER_THREAD)
    async def test_two_threads_may_have_items_of_the_same_id(self, store: AnyStore) -> None:
        context = self.somebody()
        thread, other = [await saved_thread(store, context) for _ in range(2)]
        item_id = new_id("msg")
        here, there = message(thread.id, "here", id=item_id), message(other.id, "there", id=item_id)
        await store.add_thread_item(thread.id, here, context)
        await store.add_thread_item(other.id, there, context)
        assert await all_items(store, thread.id, context) == [here]
        assert await all_items(store, other.id, context) == [there]
