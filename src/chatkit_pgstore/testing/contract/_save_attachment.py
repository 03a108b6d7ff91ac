"""What ``save_attachment`` has to do."""

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore.testing.contract._base import AnyStore, ContractBase, assert_same, saved_thread
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import attachment_sample, new_id


class SaveAttachment(ContractBase):
    """ChatKitServer saves an attachment when it is made, and again with the thread of its message."""

    async def test_an_attachment_gets_its_thread_later(self, store: AnyStore) -> None:
        context = self.somebody()
        attachment = attachment_sample()
        await store.save_attachment(attachment, context)
        thread = await saved_thread(store, context)
        loaded = await store.load_attachment(attachment.id, context)
        sent = loaded.model_copy(update={"thread_id": thread.id})
        await store.save_attachment(sent, context)
        assert_same(await store.load_attachment(attachment.id, context), sent)

    async def test_a_second_save_replaces_the_whole_attachment(self, store: AnyStore) -> None:
        context = self.somebody()
        attachment = attachment_sample("image to be uploaded")
        await store.save_attachment(attachment, context)
        bare = attachment_sample("file", id=attachment.id)
        await store.save_attachment(bare, context)
        assert_same(await store.load_attachment(attachment.id, context), bare)

    async def test_what_happens_to_a_saved_attachment_later_is_not_stored(self, store: AnyStore) -> None:
        context, attachment = self.somebody(), attachment_sample()
        await store.save_attachment(attachment, context)
        as_saved = attachment.model_copy()
        attachment.name = "changed"
        assert_same(await store.load_attachment(attachment.id, context), as_saved)

    @requires(Capability.ATTACHMENT_THREADS)
    async def test_an_attachment_that_left_its_thread_outlives_it(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        attachment = attachment_sample(thread_id=thread.id)
        await store.save_attachment(attachment, context)
        attachment.thread_id = None
        await store.save_attachment(attachment, context)
        await store.delete_thread(thread.id, context)
        assert_same(await store.load_attachment(attachment.id, context), attachment)

    @requires(Capability.UNKNOWN_THREAD_IS_AN_ERROR)
    async def test_an_attachment_cannot_belong_to_an_unknown_thread(self, store: AnyStore) -> None:
        context = self.somebody()
        attachment = attachment_sample(thread_id=new_id("thr"))
        with pytest.raises(NotFoundError):
            await store.save_attachment(attachment, context)
        with pytest.raises(NotFoundError):
            await store.load_attachment(attachment.id, context)

    @requires(Capability.UNKNOWN_THREAD_IS_AN_ERROR)
    async def test_an_attachment_refused_for_its_thread_stays_as_it_was(self, store: AnyStore) -> None:
        context, attachment = self.somebody(), attachment_sample()
        await store.save_attachment(attachment, context)
        with pytest.raises(NotFoundError):
            await store.save_attachment(attachment.model_copy(update={"thread_id": new_id("thr")}), context)
        assert_same(await store.load_attachment(attachment.id, context), attachment)

    @requires(Capability.ERRORS_NAME_THE_ID)
    async def test_the_error_names_the_thread_of_the_attachment(self, store: AnyStore) -> None:
        thread_id = new_id("thr")
        with pytest.raises(NotFoundError, match=thread_id):
            await store.save_attachment(attachment_sample(thread_id=thread_id), self.somebody())
