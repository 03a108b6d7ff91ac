"""What ``delete_attachment`` has to do."""

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore.testing.contract._base import AnyStore, ContractBase, assert_same, saved_thread
from chatkit_pgstore.testing.contract._samples import attachment_sample, item_sample, new_id


class DeleteAttachment(ContractBase):
    """ChatKitServer deletes an attachment that the user takes back, after the files' own store has."""

    async def test_a_deleted_attachment_is_gone_and_others_stay(self, store: AnyStore) -> None:
        context, deleted, other = self.somebody(), attachment_sample(), attachment_sample()
        await store.save_attachment(deleted, context)
        await store.save_attachment(other, context)
        await store.delete_attachment(deleted.id, context)
        with pytest.raises(NotFoundError):
            await store.load_attachment(deleted.id, context)
        assert_same(await store.load_attachment(other.id, context), other)

    async def test_deleting_an_attachment_that_is_not_there_is_fine(self, store: AnyStore) -> None:
        context, attachment = self.somebody(), attachment_sample()
        await store.save_attachment(attachment, context)
        for attachment_id in (attachment.id, attachment.id, new_id("atc")):
            await store.delete_attachment(attachment_id, context)
        with pytest.raises(NotFoundError):
            await store.load_attachment(attachment.id, context)

    async def test_a_message_still_tells_of_its_deleted_attachment(self, store: AnyStore) -> None:
        context = self.somebody()
        thread = await saved_thread(store, context)
        attachment = attachment_sample(thread_id=thread.id)
        await store.save_attachment(attachment, context)
        sent = item_sample("user message", thread.id).model_copy(update={"attachments": [attachment]})
        await store.add_thread_item(thread.id, sent, context)
        await store.delete_attachment(attachment.id, context)
        assert_same(await store.load_item(thread.id, sent.id, context), sent)
