"""What ``load_attachment`` has to do."""

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore.testing.contract._base import AnyStore, ContractBase, assert_same
from chatkit_pgstore.testing.contract._capability import Capability, requires
from chatkit_pgstore.testing.contract._samples import attachment_sample, new_id


class LoadAttachment(ContractBase):
    """ChatKitServer loads the attachments of a message that arrives."""

    async def test_load_attachment_gives_back_the_one_asked_for(self, store: AnyStore) -> None:
        context = self.somebody()
        attachments = [attachment_sample(), attachment_sample("image")]
        for attachment in attachments:
            await store.save_attachment(attachment, context)
        for attachment in attachments:
            assert_same(await store.load_attachment(attachment.id, context), attachment)

    async def test_an_unknown_attachment_is_not_found(self, store: AnyStore) -> None:
        with pytest.raises(NotFoundError):
            await store.load_attachment(new_id("atc"), self.somebody())

    async def test_a_loaded_attachment_belongs_to_its_reader(self, store: AnyStore) -> None:
        context, attachment = self.somebody(), attachment_sample(metadata={"tags": ["a"]})
        await store.save_attachment(attachment, context)
        as_saved, loaded = attachment.model_copy(deep=True), await store.load_attachment(attachment.id, context)
        assert loaded.metadata is not None
        loaded.metadata["tags"].append("changed")
        loaded.name = "changed"
        assert_same(await store.load_attachment(attachment.id, context), as_saved)

    @requires(Capability.ERRORS_NAME_THE_ID)
    async def test_the_error_names_the_attachment(self, store: AnyStore) -> None:
        attachment_id = new_id("atc")
        with pytest.raises(NotFoundError, match=attachment_id):
            await store.load_attachment(attachment_id, self.somebody())
