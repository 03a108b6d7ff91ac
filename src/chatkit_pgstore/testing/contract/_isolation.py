"""What no user may do to another."""

from dataclasses import dataclass
from typing import Any

import pytest
from chatkit.types import ThreadMetadata
from pydantic import BaseModel

from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    all_items,
    all_threads,
    everything_of,
    ids_of,
    outcome_of,
    saved_thread,
)
from chatkit_pgstore.testing.contract._calls import CALLS, LATER, READS, WRITES, Ids
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import NOW, attachment_sample, message, new_id

SECRET = "for the owner's eyes only"  # noqa: S105  # no password, a phrase to look for

LOOK_ALIKES = ("", " ", "%", "_", "'", "\\", "\u00e9", "e\u0301")


class Isolation(ContractBase):
    """ChatKitServer passes on whatever ids the client sends: the store alone keeps users apart."""

    @pytest.mark.parametrize("call", CALLS)
    async def test_another_users_ids_change_and_show_nothing(self, store: AnyStore, call: str) -> None:
        owner = await _owner(store, self.somebody())
        intruder = self.somebody()
        ids = owner.ids_for(await saved_thread(store, intruder))
        outcome = await outcome_of(CALLS[call](store, ids, intruder))
        assert SECRET not in outcome
        assert await everything_of(store, owner.context, owner.attachments) == owner.everything
        assert SECRET not in repr(await _visible(store, intruder, ids))

    @pytest.mark.parametrize("call", READS)
    async def test_reading_cannot_tell_another_users_ids_from_unknown_ones(self, store: AnyStore, call: str) -> None:
        owner = await _owner(store, self.somebody())
        intruder, stranger = self.somebody(), self.somebody()
        ids = owner.ids_for(await saved_thread(store, intruder))
        unknown = _unknown(await saved_thread(store, stranger))
        theirs = await outcome_of(READS[call](store, ids, intruder))
        assert theirs == await outcome_of(READS[call](store, unknown, stranger))

    @requires(Capability.IDS_PER_USER)
    @pytest.mark.parametrize("call", WRITES)
    async def test_writing_cannot_tell_another_users_ids_from_unknown_ones(self, store: AnyStore, call: str) -> None:
        owner = await _owner(store, self.somebody())
        intruder, stranger = self.somebody(), self.somebody()
        ids = owner.ids_for(await saved_thread(store, intruder))
        unknown = _unknown(await saved_thread(store, stranger))
        theirs = await outcome_of(WRITES[call](store, ids, intruder))
        assert theirs == await outcome_of(WRITES[call](store, unknown, stranger))
        assert await _visible(store, intruder, ids) == await _visible(store, stranger, unknown)

    @requires(Capability.IDS_PER_USER)
    async def test_two_users_may_have_everything_under_the_same_ids(self, store: AnyStore) -> None:
        thread_id, item_id, attachment_id = new_id("thr"), new_id("msg"), new_id("atc")
        mine, yours = self.somebody(), self.somebody()
        for name, context in (("mine", mine), ("yours", yours)):
            await saved_thread(store, context, id=thread_id, title=name)
            await store.add_thread_item(thread_id, message(thread_id, name, id=item_id), context)
            attachment = attachment_sample(id=attachment_id, thread_id=thread_id, name=name)
            await store.save_attachment(attachment, context)
        before = await everything_of(store, yours, [attachment_id])
        await store.delete_thread_item(thread_id, item_id, mine)
        await store.delete_attachment(attachment_id, mine)
        await store.delete_thread(thread_id, mine)
        assert await everything_of(store, yours, [attachment_id]) == before
        assert "mine" not in repr(before)

    async def test_users_whose_names_look_alike_are_different_users(self, store: AnyStore) -> None:
        name = new_id("user")
        names = [name.upper(), *(name + end for end in LOOK_ALIKES)]
        threads = {each: await saved_thread(store, self.context(each), title=each) for each in names}
        for each in names:
            assert await all_threads(store, self.context(each)) == [threads[each]]


@dataclass(frozen=True)
class _Owner:
    """A user with two threads, items in each, and attachments with and without a thread."""

    context: Any
    thread: str
    item: str
    attachments: list[str]
    everything: list[BaseModel]

    def ids_for(self, own_thread: ThreadMetadata) -> Ids:
        """Return the owner's ids, for a user whose own thread this is."""
        return Ids(self.thread, self.item, self.attachments[0], own_thread.id)


async def _owner(store: AnyStore, context: Any) -> _Owner:
    secrets: dict[str, Any] = {"title": SECRET, "metadata": {"note": SECRET}}
    threads = [await saved_thread(store, context, created_at=time, **secrets) for time in (NOW, LATER)]
    items = [message(thread.id, SECRET) for thread in threads for _ in range(3)]
    for item in items:
        await store.add_thread_item(item.thread_id, item, context)
    attachments = [attachment_sample(name=SECRET, thread_id=each) for each in (threads[0].id, None)]
    for attachment in attachments:
        await store.save_attachment(attachment, context)
    everything = await everything_of(store, context, ids_of(attachments))
    assert len(everything) == len([*threads, *items, *attachments])
    return _Owner(context, threads[0].id, items[1].id, ids_of(attachments), everything)


async def _visible(store: AnyStore, context: Any, ids: Ids) -> list[str]:
    """Return all that a user can see by these ids, and by asking for what there is."""
    seen = [await outcome_of(call(store, ids, context)) for call in READS.values()]
    seen.append(await outcome_of(all_items(store, ids.own_thread, context)))
    return seen


def _unknown(own_thread: ThreadMetadata) -> Ids:
    return Ids(new_id("thr"), new_id("msg"), new_id("atc"), own_thread.id)
