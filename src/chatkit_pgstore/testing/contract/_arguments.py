"""What a store does with limits, orders and ids that cannot be used."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    all_items,
    all_threads,
    saved_thread,
)
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import attachment_sample, message, new_id, thread_sample

UNUSABLE_IDS = ("", "x" * 513, "ä" * 257, "a\0b", "a\ud800")

Call = Callable[[AnyStore, str, Any], Awaitable[object]]

ID_ARGUMENTS: dict[str, tuple[str, Call]] = {
    "load_thread": ("thread_id", lambda store, bad, context: store.load_thread(bad, context)),
    "save_thread": ("thread.id", lambda store, bad, context: store.save_thread(thread_sample(id=bad), context)),
    "load_threads": ("after", lambda store, bad, context: store.load_threads(20, bad, "asc", context)),
    "delete_thread": ("thread_id", lambda store, bad, context: store.delete_thread(bad, context)),
    "load_thread_items": (
        "thread_id",
        lambda store, bad, context: store.load_thread_items(bad, None, 20, "asc", context),
    ),
    "load_thread_items behind": (
        "after",
        lambda store, bad, context: store.load_thread_items("thr", bad, 20, "asc", context),
    ),
    "add_thread_item": ("thread_id", lambda store, bad, context: store.add_thread_item(bad, message("thr"), context)),
    "add_thread_item of": (
        "item.id",
        lambda store, bad, context: store.add_thread_item("thr", message("thr", id=bad), context),
    ),
    "save_item": ("thread_id", lambda store, bad, context: store.save_item(bad, message("thr"), context)),
    "save_item of": ("item.id", lambda store, bad, context: store.save_item("thr", message("thr", id=bad), context)),
    "load_item": ("thread_id", lambda store, bad, context: store.load_item(bad, "msg", context)),
    "load_item of": ("item_id", lambda store, bad, context: store.load_item("thr", bad, context)),
    "delete_thread_item": ("thread_id", lambda store, bad, context: store.delete_thread_item(bad, "msg", context)),
    "delete_thread_item of": ("item_id", lambda store, bad, context: store.delete_thread_item("thr", bad, context)),
    "load_attachment": ("attachment_id", lambda store, bad, context: store.load_attachment(bad, context)),
    "save_attachment": (
        "attachment.id",
        lambda store, bad, context: store.save_attachment(attachment_sample(id=bad), context),
    ),
    "save_attachment of": (
        "attachment.thread_id",
        lambda store, bad, context: store.save_attachment(attachment_sample(thread_id=bad), context),
    ),
    "delete_attachment": ("attachment_id", lambda store, bad, context: store.delete_attachment(bad, context)),
}


class Arguments(ContractBase):
    """An argument that cannot be used is told to the caller, and nothing happens."""

    @requires(Capability.ARGUMENT_CHECKS)
    @pytest.mark.parametrize("limit", [0, -1, -(10**12)])
    async def test_a_limit_below_one_is_refused(self, store: AnyStore, limit: int) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        with pytest.raises(ValueError, match="limit"):
            await store.load_threads(limit, None, "asc", context)
        with pytest.raises(ValueError, match="limit"):
            await store.load_thread_items(thread.id, None, limit, "asc", context)

    @requires(Capability.ARGUMENT_CHECKS)
    @pytest.mark.parametrize("order", ["", "ASC", "newest", "desc; DROP TABLE chatkit_threads"])
    async def test_an_unknown_order_is_refused(self, store: AnyStore, order: str) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        with pytest.raises(ValueError, match="order"):
            await store.load_threads(20, None, order, context)
        with pytest.raises(ValueError, match="order"):
            await store.load_thread_items(thread.id, None, 20, order, context)

    @requires(Capability.ARGUMENT_CHECKS)
    @pytest.mark.parametrize("call", ID_ARGUMENTS)
    async def test_an_unusable_id_is_refused_by_its_name(self, store: AnyStore, call: str) -> None:
        name, try_with = ID_ARGUMENTS[call]
        context = self.somebody()
        for unusable in UNUSABLE_IDS:
            with pytest.raises(ValueError, match=name):
                await try_with(store, unusable, context)
        assert await all_threads(store, context) == []

    @requires(Capability.ARGUMENT_CHECKS)
    async def test_an_item_with_an_unusable_id_is_not_kept(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        for unusable in UNUSABLE_IDS:
            with pytest.raises(ValueError, match=r"item\.id"):
                await store.add_thread_item(thread.id, message(thread.id, id=unusable), context)
        assert await all_items(store, thread.id, context) == []

    @requires(Capability.ARGUMENT_CHECKS)
    async def test_an_id_of_512_bytes_can_be_used(self, store: AnyStore) -> None:
        context = self.somebody()
        longest = [(prefix + "ä" * 256)[:size] for prefix, size in ((new_id("thr"), 274), (new_id("msg"), 274))]
        assert [len(each.encode()) for each in longest] == [512, 512]
        thread = await saved_thread(store, context, id=longest[0])
        item = message(thread.id, id=longest[1])
        await store.add_thread_item(thread.id, item, context)
        assert await store.load_thread(thread.id, context) == thread
        assert await store.load_item(thread.id, item.id, context) == item

    async def test_only_the_exact_id_is_found(self, store: AnyStore) -> None:
        context, thread_id = self.somebody(), new_id("Thr_\u00e9")
        await saved_thread(store, context, id=thread_id)
        for like_it in _look_alikes(thread_id):
            with pytest.raises(NotFoundError):
                await store.load_thread(like_it, context)

    async def test_look_alike_ids_are_different_ids(self, store: AnyStore) -> None:
        context, thread_id = self.somebody(), new_id("Thr_\u00e9")
        ids = [thread_id, *_look_alikes(thread_id)]
        threads = [await saved_thread(store, context, id=each, title=each) for each in ids]
        assert [await store.load_thread(each, context) for each in ids] == threads


def _look_alikes(thread_id: str) -> list[str]:
    """Return ids that a LIKE, a collation, a trim or a string of SQL might take for *thread_id*."""
    changed = [thread_id.lower(), thread_id.replace("\u00e9", "e\u0301"), thread_id.replace("_", "%", 1)]
    return [*changed, f"{thread_id} ", f" {thread_id}", f"{thread_id[:-1]}_", f"{thread_id}' OR '1'='1"]
