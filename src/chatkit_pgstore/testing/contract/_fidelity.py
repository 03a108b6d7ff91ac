"""What comes back of what was stored: everything, as it was."""

from typing import Any

import pytest
from chatkit.types import ThreadItem

from chatkit_pgstore.testing.contract._awkward import AWKWARD_VALUES, EXACT_NUMBERS, OFFSETS_FROM_UTC, nested
from chatkit_pgstore.testing.contract._base import (
    AnyStore,
    ContractBase,
    all_items,
    all_threads,
    assert_same,
    saved_thread,
)
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import (
    ATTACHMENTS,
    ITEMS,
    NOW,
    THREADS,
    attachment_sample,
    hidden_context,
    item_sample,
    message,
    template_widget,
    thread_sample,
    unsampled,
)


class Fidelity(ContractBase):
    """Every type of the SDK, and every value a host may put where the SDK takes any."""

    async def test_the_contract_knows_everything_in_the_installed_sdk(self) -> None:
        assert unsampled() == [], "openai-chatkit has these, but the contract has no sample of them"

    @pytest.mark.parametrize("name", ITEMS)
    async def test_an_item_comes_back_as_it_was(self, store: AnyStore, name: str) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        await self.assert_item_comes_back(store, item_sample(name, thread.id), context)

    @pytest.mark.parametrize("name", ITEMS)
    async def test_an_item_that_replaces_another_comes_back_as_it_was(self, store: AnyStore, name: str) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        item = item_sample(name, thread.id)
        await store.add_thread_item(thread.id, message(thread.id, id=item.id), context)
        await store.save_item(thread.id, item, context)
        assert_same(await store.load_item(thread.id, item.id, context), item)

    @pytest.mark.parametrize("name", ATTACHMENTS)
    async def test_an_attachment_comes_back_as_it_was(self, store: AnyStore, name: str) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        for thread_id in (None, thread.id):
            attachment = attachment_sample(name, thread_id=thread_id)
            await store.save_attachment(attachment, context)
            assert_same(await store.load_attachment(attachment.id, context), attachment)

    @pytest.mark.parametrize("name", THREADS)
    async def test_a_thread_comes_back_as_it_was(self, store: AnyStore, name: str) -> None:
        context, thread = self.somebody(), thread_sample(**THREADS[name])
        await store.save_thread(thread, context)
        assert_same(await store.load_thread(thread.id, context), thread)
        (listed,) = await all_threads(store, context)
        assert_same(listed, thread)

    @pytest.mark.parametrize("name", AWKWARD_VALUES)
    async def test_a_value_comes_back_as_it_was(self, store: AnyStore, name: str) -> None:
        await self.assert_value_comes_back(store, AWKWARD_VALUES[name])

    async def test_a_time_without_offset_stays_without(self, store: AnyStore) -> None:
        """ChatKit subtracts stored times from ``datetime.now()``, which fails when one has an offset."""
        context = self.somebody()
        thread = await saved_thread(store, context)
        item = message(thread.id)
        await store.add_thread_item(thread.id, item, context)
        assert (await store.load_thread(thread.id, context)).created_at == NOW
        assert (await store.load_item(thread.id, item.id, context)).created_at == NOW

    @requires(Capability.EXACT_TIMES)
    @pytest.mark.parametrize("offset", OFFSETS_FROM_UTC)
    async def test_a_time_keeps_its_offset(self, store: AnyStore, offset: str) -> None:
        context, time = self.somebody(), NOW.replace(tzinfo=OFFSETS_FROM_UTC[offset])
        thread = await saved_thread(store, context, created_at=time)
        assert_same(await store.load_thread(thread.id, context), thread)
        await self.assert_item_comes_back(store, message(thread.id, created_at=time), context)

    @requires(Capability.DEEP_NESTING)
    async def test_deep_nesting_comes_back_as_it_was(self, store: AnyStore) -> None:
        await self.assert_value_comes_back(store, nested(150))

    @requires(Capability.EXACT_NUMBERS)
    @pytest.mark.parametrize("number", EXACT_NUMBERS)
    async def test_numbers_come_back_exactly(self, store: AnyStore, number: float) -> None:
        await self.assert_value_comes_back(store, [number, {"number": number}])

    @requires(Capability.NON_FINITE_NUMBERS)
    @pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
    async def test_a_number_that_is_none_comes_back_as_none(self, store: AnyStore, number: str) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        item = hidden_context(thread.id, {"number": float(number), "text": "kept"})
        await store.add_thread_item(thread.id, item, context)
        expected = item.model_copy(update={"content": {"number": None, "text": "kept"}})
        assert_same(await store.load_item(thread.id, item.id, context), expected)

    @requires(Capability.TEMPLATE_WIDGETS)
    async def test_a_widget_from_a_template_keeps_all_its_properties(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        await self.assert_item_comes_back(store, template_widget(thread.id), context)

    async def assert_item_comes_back(self, store: AnyStore, item: ThreadItem, context: Any) -> None:
        """Add *item* to its thread; fail unless it is loaded and listed as it is."""
        await store.add_thread_item(item.thread_id, item, context)
        assert_same(await store.load_item(item.thread_id, item.id, context), item)
        assert_same((await all_items(store, item.thread_id, context))[-1], item)

    async def assert_value_comes_back(self, store: AnyStore, value: Any) -> None:
        """Store *value* wherever any value may stand; fail unless it comes back as it is."""
        context, holder = self.somebody(), {"value": value}
        thread = await saved_thread(store, context, metadata=holder)
        assert_same(await store.load_thread(thread.id, context), thread)
        await self.assert_item_comes_back(store, hidden_context(thread.id, value), context)
        attachment = attachment_sample(metadata=holder)
        await store.save_attachment(attachment, context)
        assert_same(await store.load_attachment(attachment.id, context), attachment)
