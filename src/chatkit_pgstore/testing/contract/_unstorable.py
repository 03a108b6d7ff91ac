"""What a store does with objects that JSON cannot hold."""

from typing import Any

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore.testing.contract._awkward import nested
from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    all_items,
    all_threads,
    assert_same,
    saved_thread,
)
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import attachment_sample, hidden_context, message, thread_sample


def _circular() -> Any:
    circle: list[Any] = []
    circle.append(circle)
    return circle


UNSTORABLE = {"object": object(), "function": len, "circle": _circular(), "bottomless": nested(5_000)}


class Unstorable(ContractBase):
    """What cannot come back must not seem to be stored."""

    @requires(Capability.UNSTORABLE)
    @pytest.mark.parametrize("name", UNSTORABLE)
    async def test_an_unstorable_item_is_refused_by_its_field(self, store: AnyStore, name: str) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        item = hidden_context(thread.id, "good")
        await store.add_thread_item(thread.id, item, context)
        bad = item.model_copy(update={"content": {"deep": UNSTORABLE[name]}})
        for write in (store.add_thread_item, store.save_item):
            with pytest.raises(ValueError, match="content"):
                await write(thread.id, bad, context)
        assert await all_items(store, thread.id, context) == [item]

    @requires(Capability.UNSTORABLE)
    @pytest.mark.parametrize("name", UNSTORABLE)
    async def test_an_unstorable_thread_is_refused_by_its_field(self, store: AnyStore, name: str) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        bad = {"metadata": {"deep": UNSTORABLE[name]}}
        for each in (thread, thread_sample()):
            with pytest.raises(ValueError, match="metadata"):
                await store.save_thread(each.model_copy(update=bad), context)
        assert await all_threads(store, context) == [thread]

    @requires(Capability.UNSTORABLE)
    @pytest.mark.parametrize("name", UNSTORABLE)
    async def test_an_unstorable_attachment_is_refused_by_its_field(self, store: AnyStore, name: str) -> None:
        context, attachment = self.somebody(), attachment_sample()
        bad = attachment.model_copy(update={"metadata": {"deep": UNSTORABLE[name]}})
        with pytest.raises(ValueError, match="metadata"):
            await store.save_attachment(bad, context)
        with pytest.raises(NotFoundError):
            await store.load_attachment(attachment.id, context)
        await store.save_attachment(attachment, context)
        assert_same(await store.load_attachment(attachment.id, context), attachment)

    @requires(Capability.UNSTORABLE)
    async def test_an_item_that_could_not_be_read_back_is_refused(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        broken = message(thread.id).model_copy(update={"content": ["no content part"]})
        with pytest.raises(ValueError, match="content"):
            await store.add_thread_item(thread.id, broken, context)
        assert await all_items(store, thread.id, context) == []
