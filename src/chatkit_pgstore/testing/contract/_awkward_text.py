"""What comes back of text that stores have been seen to lose, cut or change."""

import pytest

from chatkit_pgstore.testing.contract._awkward import AWKWARD_TEXTS, LONE_SURROGATES, NUL_TEXTS
from chatkit_pgstore.testing.contract._base import AnyStore, ContractBase, all_items, assert_same, saved_thread
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import attachment_sample, hidden_context, message, text_of


class AwkwardText(ContractBase):
    """People paste anything into a chat."""

    @pytest.mark.parametrize("name", AWKWARD_TEXTS)
    async def test_text_comes_back_as_it_was(self, store: AnyStore, name: str) -> None:
        await self.assert_text_comes_back(store, AWKWARD_TEXTS[name])

    @requires(Capability.NUL)
    @pytest.mark.parametrize("name", NUL_TEXTS)
    async def test_nul_comes_back_as_it_was(self, store: AnyStore, name: str) -> None:
        await self.assert_text_comes_back(store, NUL_TEXTS[name])

    @requires(Capability.LONE_SURROGATES)
    @pytest.mark.parametrize("name", LONE_SURROGATES)
    async def test_half_a_character_becomes_the_replacement_character(self, store: AnyStore, name: str) -> None:
        context, text = self.somebody(), LONE_SURROGATES[name]
        readable = "".join("\ufffd" if "\ud800" <= each <= "\udfff" else each for each in text)
        thread = await saved_thread(store, context, title=text, metadata={text: text})
        loaded = await store.load_thread(thread.id, context)
        assert (loaded.title, loaded.metadata) == (readable, {readable: readable})
        await store.add_thread_item(thread.id, message(thread.id, text), context)
        (item,) = await all_items(store, thread.id, context)
        assert text_of(item) == readable

    @requires(Capability.LONE_SURROGATES)
    async def test_two_halves_of_a_character_become_that_character(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        await store.add_thread_item(thread.id, message(thread.id, "a\ud83d\ude00b"), context)
        (item,) = await all_items(store, thread.id, context)
        assert text_of(item) == "a😀b"

    async def assert_text_comes_back(self, store: AnyStore, text: str) -> None:
        """Store *text* wherever text may stand; fail unless it comes back as it is."""
        context = self.somebody()
        thread = await saved_thread(store, context, title=text, metadata={text: [text]})
        assert_same(await store.load_thread(thread.id, context), thread)
        items = [message(thread.id, text), hidden_context(thread.id, {text: [text]})]
        for item in items:
            await store.add_thread_item(thread.id, item, context)
        assert await all_items(store, thread.id, context) == items
        attachment = attachment_sample(name=text, metadata={text: text})
        await store.save_attachment(attachment, context)
        assert_same(await store.load_attachment(attachment.id, context), attachment)
