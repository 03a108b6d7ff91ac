"""What ``delete_thread`` has to do."""

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    added_messages,
    all_items,
    all_threads,
    assert_same,
    saved_thread,
)
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import attachment_sample, new_id


class DeleteThread(ContractBase):
    """A user deletes a conversation, and expects it to be gone."""

    async def test_a_deleted_thread_is_gone(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        await store.delete_thread(thread.id, context)
        with pytest.raises(NotFoundError):
            await store.load_thread(thread.id, context)
        assert await all_threads(store, context) == []

    async def test_the_items_go_with_their_thread(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        (item,) = await added_messages(store, thread.id, context, 1)
        await store.delete_thread(thread.id, context)
        with pytest.raises(NotFoundError):
            await store.load_item(thread.id, item.id, context)
        await store.save_thread(thread, context)
        assert await all_items(store, thread.id, context) == []

    async def test_other_threads_stay(self, store: AnyStore) -> None:
        context = self.somebody()
        thread, other = [await saved_thread(store, context) for _ in range(2)]
        items = await added_messages(store, other.id, context, 2)
        await store.delete_thread(thread.id, context)
        assert await all_threads(store, context) == [other]
        assert await all_items(store, other.id, context) == items

    async def test_deleting_a_thread_that_is_not_there_is_fine(self, store: AnyStore) -> None:
        context, thread_id = self.somebody(), new_id("thr")
        await store.delete_thread(thread_id, context)
        thread = await saved_thread(store, context, id=thread_id)
        await store.delete_thread(thread.id, context)
        await store.delete_thread(thread.id, context)
        assert await all_threads(store, context) == []

    @requires(Capability.ATTACHMENT_THREADS)
    async def test_the_attachments_go_with_their_thread_and_no_others(self, store: AnyStore) -> None:
        context = self.somebody()
        thread, other = [await saved_thread(store, context) for _ in range(2)]
        gone, stays, free = [attachment_sample(thread_id=each) for each in (thread.id, other.id, None)]
        for attachment in (gone, stays, free):
            await store.save_attachment(attachment, context)
        await store.delete_thread(thread.id, context)
        with pytest.raises(NotFoundError):
            await store.load_attachment(gone.id, context)
        assert_same(await store.load_attachment(stays.id, context), stays)
        assert_same(await store.load_attachment(free.id, context), free)
