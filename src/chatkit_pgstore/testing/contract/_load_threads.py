"""What ``load_threads`` has to do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chatkit.types import ThreadMetadata

from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    all_threads,
    assert_same,
    ids_of,
    saved_thread,
)
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import NOW, new_id, thread_sample

ORDERS = ("asc", "desc")


class LoadThreads(ContractBase):
    """ChatKitServer lists threads for the history panel, page by page."""

    async def test_a_user_without_threads_has_an_empty_page(self, store: AnyStore) -> None:
        page = await store.load_threads(20, None, "desc", self.somebody())
        assert page.data == []
        assert not page.has_more

    async def test_listed_threads_are_whole(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context, title="Travel", metadata={"a": [1]})
        (listed,) = await all_threads(store, context)
        assert_same(listed, thread)

    async def test_threads_are_listed_by_creation(self, store: AnyStore) -> None:
        context = self.somebody()
        # Not saved in that order, and with ids in yet another one.
        by_day = {day: await _thread_of_day(store, context, day) for day in (2, 0, 3, 1)}
        oldest_first = [by_day[day].id for day in range(4)]
        assert ids_of(await all_threads(store, context, order="asc")) == oldest_first
        assert ids_of(await all_threads(store, context, order="desc")) == oldest_first[::-1]

    @pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 1_000_000])
    @pytest.mark.parametrize("order", ORDERS)
    async def test_pages_of_threads_have_each_once(self, store: AnyStore, limit: int, order: str) -> None:
        context = self.somebody()
        created = ids_of([await _thread_of_day(store, context, day) for day in range(7)])
        walked = await all_threads(store, context, order=order, limit=limit)
        assert ids_of(walked) == (created if order == "asc" else created[::-1])

    @pytest.mark.parametrize("order", ORDERS)
    async def test_threads_of_the_same_moment_are_listed_once_each(self, store: AnyStore, order: str) -> None:
        context = self.somebody()
        created = [await saved_thread(store, context) for _ in range(7)]
        walked = await all_threads(store, context, order=order, limit=2)
        assert sorted(ids_of(walked)) == sorted(ids_of(created))

    @pytest.mark.parametrize(("limit", "has_more"), [(2, True), (3, False), (4, False)])
    async def test_a_page_of_threads_knows_whether_there_is_more(
        self, store: AnyStore, limit: int, has_more: bool
    ) -> None:
        context = self.somebody()
        for day in range(3):
            await _thread_of_day(store, context, day)
        page = await store.load_threads(limit, None, "desc", context)
        assert len(page.data) == min(limit, 3)
        assert page.has_more is has_more

    async def test_a_page_of_threads_belongs_to_its_reader(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context, title="Travel")
        page = await store.load_threads(20, None, "desc", context)
        as_saved = thread.model_copy(deep=True)
        page.data[0].title = "changed"
        page.data.clear()
        again = await store.load_threads(20, None, "desc", context)
        assert again.data == [as_saved]

    @requires(Capability.ORDER_OF_THREADS)
    async def test_a_later_save_does_not_move_a_thread(self, store: AnyStore) -> None:
        context = self.somebody()
        created = [await _thread_of_day(store, context, day) for day in range(3)]
        moved = created[0].model_copy(update={"created_at": NOW + timedelta(days=99), "title": "Renamed"})
        await store.save_thread(moved, context)
        assert ids_of(await all_threads(store, context)) == ids_of(created)

    @requires(Capability.ORDER_OF_THREADS)
    async def test_times_with_and_without_offset_are_ordered_as_instants(self, store: AnyStore) -> None:
        context, start = self.somebody(), datetime.now(UTC)
        instants = [start + timedelta(minutes=minute) for minute in range(4)]
        naive = [instants[0], _local(instants[1]), instants[2], _local(instants[3])]
        created = [await saved_thread(store, context, created_at=time) for time in naive]
        assert ids_of(await all_threads(store, context)) == ids_of(created)

    @requires(Capability.ORDER_OF_THREADS)
    async def test_threads_of_the_same_moment_are_ordered_by_the_bytes_of_their_ids(self, store: AnyStore) -> None:
        context, prefix = self.somebody(), new_id("thr")
        # In UTF-16, and in most languages' dictionaries, the order is another one.
        ordered = [prefix + end for end in ("", " ", "0", "Z", "a", "b", "é", "漢", "\uffff", "😀")]
        for thread_id in reversed(ordered):
            await saved_thread(store, context, id=thread_id)
        assert ids_of(await all_threads(store, context, limit=3)) == ordered
        assert ids_of(await all_threads(store, context, order="desc", limit=3)) == ordered[::-1]


async def _thread_of_day(store: AnyStore, context: Any, day: int) -> ThreadMetadata:
    """Save a thread whose id sorts against the order of the days."""
    thread = thread_sample(id=new_id(f"thr_{9 - day}"), created_at=NOW + timedelta(days=day))
    await store.save_thread(thread, context)
    return thread


def _local(time: datetime) -> datetime:
    return time.astimezone().replace(tzinfo=None)
