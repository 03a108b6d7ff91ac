"""What ``load_thread`` has to do."""

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore.testing.contract._base import AnyStore, ContractBase, all_threads, assert_same, saved_thread
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import new_id


class LoadThread(ContractBase):
    """ChatKitServer begins almost every request with it, and changes what it gets."""

    async def test_load_thread_gives_back_what_was_saved(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context, title="Travel")
        assert_same(await store.load_thread(thread.id, context), thread)

    async def test_an_unknown_thread_is_not_found(self, store: AnyStore) -> None:
        with pytest.raises(NotFoundError):
            await store.load_thread(new_id("thr"), self.somebody())

    async def test_looking_for_a_thread_makes_none(self, store: AnyStore) -> None:
        context, thread_id = self.somebody(), new_id("thr")
        for _ in range(2):
            with pytest.raises(NotFoundError):
                await store.load_thread(thread_id, context)
        assert await all_threads(store, context) == []

    async def test_a_loaded_thread_belongs_to_its_reader(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context, title="Travel", metadata={"tags": ["a"]})
        as_saved, loaded = thread.model_copy(deep=True), await store.load_thread(thread.id, context)
        loaded.title = "changed"
        loaded.metadata["tags"].append("changed")
        assert_same(await store.load_thread(thread.id, context), as_saved)

    @requires(Capability.ERRORS_NAME_THE_ID)
    async def test_the_error_names_the_thread(self, store: AnyStore) -> None:
        thread_id = new_id("thr")
        with pytest.raises(NotFoundError, match=thread_id):
            await store.load_thread(thread_id, self.somebody())
