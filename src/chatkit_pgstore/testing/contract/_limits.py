"""What large limits do."""

from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    added_messages,
    all_items,
    all_threads,
    ids_of,
    saved_thread,
)
from chatkit_pgstore.testing.contract._capability import Capability, requires


class Limits(ContractBase):
    """The limit comes from the client; one client must not be able to ask for everything at once."""

    @requires(Capability.LARGE_PAGES_CLAMPED)
    async def test_a_page_of_items_has_at_most_max_page_size_rows(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        items = await added_messages(store, thread.id, context, self.max_page_size + 1)
        page = await store.load_thread_items(thread.id, None, 10**12, "asc", context)
        assert ids_of(page.data) == ids_of(items[:-1])
        assert page.has_more
        walked = await all_items(store, thread.id, context, limit=10**12)
        assert ids_of(walked) == ids_of(items)

    @requires(Capability.LARGE_PAGES_CLAMPED)
    async def test_a_page_of_threads_has_at_most_max_page_size_rows(self, store: AnyStore) -> None:
        context = self.somebody()
        threads = [await saved_thread(store, context) for _ in range(self.max_page_size + 1)]
        page = await store.load_threads(10**12, None, "desc", context)
        assert len(page.data) == self.max_page_size
        assert page.has_more
        walked = await all_threads(store, context, limit=10**12)
        assert sorted(ids_of(walked)) == sorted(ids_of(threads))
