"""What ``save_thread`` has to do."""

from typing import Any

import pytest
from chatkit.types import Page, Thread, ThreadItem, ThreadMetadata

from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    added_messages,
    all_items,
    all_threads,
    assert_same,
    ids_of,
    saved_thread,
)
from chatkit_pgstore.testing.contract._samples import THREADS, message, thread_sample


class SaveThread(ContractBase):
    """ChatKitServer saves a new thread, a renamed one, and one that `respond` has changed."""

    async def test_a_second_save_replaces_the_whole_thread(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context, **THREADS["full"])
        bare = thread_sample(id=thread.id)
        await store.save_thread(bare, context)
        assert_same(await store.load_thread(thread.id, context), bare)

    @pytest.mark.parametrize("changed", [{"title": "Renamed"}, THREADS["closed"], THREADS["full"]])
    async def test_a_saved_change_is_kept(self, store: AnyStore, changed: dict[str, Any]) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        loaded = await store.load_thread(thread.id, context)
        after = ThreadMetadata.model_validate({**loaded.model_dump(), **changed})
        await store.save_thread(after, context)
        assert_same(await store.load_thread(thread.id, context), after)

    async def test_a_thread_saved_twice_is_listed_once(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        await store.save_thread(thread, context)
        assert ids_of(await all_threads(store, context)) == [thread.id]

    async def test_saving_a_thread_keeps_its_items(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        items = await added_messages(store, thread.id, context, 3)
        thread.title = "Renamed"
        await store.save_thread(thread, context)
        assert await all_items(store, thread.id, context) == items

    async def test_a_thread_with_items_is_saved_without_them(self, store: AnyStore) -> None:
        context, metadata = self.somebody(), thread_sample(title="Travel")
        page = Page[ThreadItem](data=[message(metadata.id)])
        await store.save_thread(Thread(**metadata.model_dump(), items=page), context)
        loaded = await store.load_thread(metadata.id, context)
        assert Thread(**loaded.model_dump(), items=page) == Thread(**metadata.model_dump(), items=page)
        assert await all_items(store, metadata.id, context) == []

    async def test_what_happens_to_a_saved_thread_later_is_not_stored(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context, metadata={"tags": ["a"]})
        as_saved = thread.model_copy(deep=True)
        thread.metadata["tags"].append("changed")
        assert_same(await store.load_thread(thread.id, context), as_saved)
