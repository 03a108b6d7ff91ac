"""What happens when much happens at once."""

import asyncio
from typing import Any

from chatkit.store import NotFoundError
from chatkit.types import Page, ThreadItem

from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    added_messages,
    all_items,
    all_threads,
    ids_of,
    saved_thread,
    walked,
)
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import message, new_id, text_of


class Concurrency(ContractBase):
    """Browser tabs, retries and tools write to one thread at the same time."""

    async def test_fifty_tasks_append_every_item_once(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        items = [message(thread.id, f"message {number}") for number in range(50)]
        await asyncio.gather(*(store.add_thread_item(thread.id, item, context) for item in items))
        found = await all_items(store, thread.id, context, limit=7)
        assert sorted(ids_of(found)) == sorted(ids_of(items))

    @requires(Capability.ORDER_OF_ADDITION)
    async def test_each_of_five_writers_keeps_its_own_order(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        written = await asyncio.gather(*(added_messages(store, thread.id, context, 10) for _ in range(5)))
        found = ids_of(await all_items(store, thread.id, context))
        for items in written:
            assert sorted(ids_of(items), key=found.index) == ids_of(items)

    async def test_the_same_item_added_by_many_is_there_once(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        item = message(thread.id)
        await asyncio.gather(*(store.add_thread_item(thread.id, item, context) for _ in range(20)))
        assert await all_items(store, thread.id, context) == [item]

    async def test_the_same_item_saved_and_added_by_many_is_there_once(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        item = message(thread.id)
        writes = [write(thread.id, item, context) for write in (store.save_item, store.add_thread_item) * 10]
        await asyncio.gather(*writes)
        assert await all_items(store, thread.id, context) == [item]

    async def test_the_same_thread_saved_by_many_is_there_once(self, store: AnyStore) -> None:
        context, thread_id = self.somebody(), new_id("thr")
        await asyncio.gather(*(saved_thread(store, context, id=thread_id) for _ in range(20)))
        assert ids_of(await all_threads(store, context)) == [thread_id]

    async def test_an_item_added_and_deleted_at_once_is_wholly_there_or_not(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        items = [message(thread.id, id=new_id("msg")) for _ in range(3)]
        adds = [store.add_thread_item(thread.id, item, context) for item in items * 5]
        deletes = [store.delete_thread_item(thread.id, item.id, context) for item in items * 5]
        await asyncio.gather(*(call for pair in zip(adds, deletes, strict=True) for call in pair))
        listed = ids_of(await all_items(store, thread.id, context))
        assert [item.id for item in items if await _is_there(store, item, context)] == sorted(
            listed, key=ids_of(items).index
        )

    async def test_a_thread_deleted_while_items_arrive_leaves_none_behind(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        adds = [_added_unless_gone(store, message(thread.id), context) for _ in range(20)]
        await asyncio.gather(*adds[:10], store.delete_thread(thread.id, context), *adds[10:])
        await store.save_thread(thread, context)
        assert await all_items(store, thread.id, context) == []

    async def test_pages_have_no_gap_or_double_while_items_arrive(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        before = await added_messages(store, thread.id, context, 10)
        backwards, forwards, added = await asyncio.gather(
            all_items(store, thread.id, context, order="desc", limit=3),
            all_items(store, thread.id, context, order="asc", limit=3),
            added_messages(store, thread.id, context, 20),
        )
        in_order = ids_of([*before, *added])
        assert ids_of(forwards) == in_order[: len(forwards)]
        assert ids_of(backwards)[::-1] == in_order[: len(backwards)]
        assert min(len(forwards), len(backwards)) >= len(before)

    async def test_items_that_arrive_between_pages_move_nothing(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        before = await added_messages(store, thread.id, context, 6)

        async def page_then_more(after: str | None) -> Page[ThreadItem]:
            page = await store.load_thread_items(thread.id, after, 2, "desc", context)
            await added_messages(store, thread.id, context, 1)
            return page

        assert await walked(page_then_more) == before[::-1]

    async def test_calls_of_many_users_do_not_mix(self, store: AnyStore) -> None:
        names = [f"user {number}" for number in range(20)]
        found = await asyncio.gather(*(self.what_a_user_finds(store, name) for name in names))
        assert found == [[name, name, name] for name in names]

    async def what_a_user_finds(self, store: AnyStore, text: str) -> list[str]:
        """Hold a conversation of three messages with that text, and return their texts as they are found."""
        context = self.somebody()
        thread = await saved_thread(store, context)
        for _ in range(3):
            await store.add_thread_item(thread.id, message(thread.id, text), context)
        return [text_of(item) for item in await all_items(store, thread.id, context)]


async def _is_there(store: AnyStore, item: ThreadItem, context: Any) -> bool:
    try:
        return await store.load_item(item.thread_id, item.id, context) == item
    except NotFoundError:
        return False


async def _added_unless_gone(store: AnyStore, item: ThreadItem, context: Any) -> None:
    try:
        await store.add_thread_item(item.thread_id, item, context)
    except NotFoundError:
        return
