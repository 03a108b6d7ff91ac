"""Attachments, by name only: what a file is called is kept, what is in it is not."""

import secrets

from chatkit.store import AttachmentStore
from chatkit.types import Attachment, AttachmentCreateParams, FileAttachment
from typing_extensions import override

from .visitors import Visitor


class NamesOnly(AttachmentStore[Visitor]):
    """Registers attachments without taking their bytes."""

    @override
    async def create_attachment(self, input: AttachmentCreateParams, context: Visitor) -> Attachment:
        """Describe a new attachment; the ChatKit server then saves the description in its store.

        An app that keeps files returns an ``upload_descriptor`` here, the browser's way to send them.
        """
        return FileAttachment(
            id=self.generate_attachment_id(input.mime_type, context),
            name=input.name,
            mime_type=input.mime_type,
            metadata={"size": input.size},
        )

    @override
    async def delete_attachment(self, attachment_id: str, context: Visitor) -> None:
        """Do nothing: there is no file to delete.

        An app that keeps files has to ask the store whose attachment this is first, with ``load_attachment``:
        ChatKit calls this method before it asks anybody.
        """

    @override
    def generate_attachment_id(self, mime_type: str, context: Visitor) -> str:
        """Return an id that cannot be guessed, as the store's other ids cannot."""
        return f"atc_{secrets.token_hex(16)}"
