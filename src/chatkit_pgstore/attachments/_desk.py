"""What the attachment store and the app have in common: announce, take, find and remove the files of one user."""

import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from chatkit.store import NotFoundError
from chatkit.types import (
    Attachment,
    AttachmentCreateParams,
    AttachmentUploadDescriptor,
    FileAttachment,
    ImageAttachment,
)
from pydantic import AnyUrl

from chatkit_pgstore._cancellation import Writes
from chatkit_pgstore._ids import check_id
from chatkit_pgstore.attachments._bytes import StoredFile, storage_key
from chatkit_pgstore.attachments._checks import check_declared, plain_type
from chatkit_pgstore.attachments._errors import RefusedFileError
from chatkit_pgstore.attachments._files import Files, bytes_in
from chatkit_pgstore.attachments._multipart import FormFile
from chatkit_pgstore.attachments._rows import Claim, FileRows, State, WholeFile
from chatkit_pgstore.attachments._tokens import Permit
from chatkit_pgstore.attachments._uploads import Body, Stored, Uploads
from chatkit_pgstore.errors import ConfigurationError
from chatkit_pgstore.store import PostgresStore

logger = logging.getLogger("chatkit_pgstore")

NOT_TO_BE_UPLOADED = {
    State.UNKNOWN: ("There is no such attachment.", HTTPStatus.NOT_FOUND),
    State.UNDER_WAY: ("This file is being uploaded already.", HTTPStatus.CONFLICT),
    State.STORED: ("This file was uploaded already.", HTTPStatus.CONFLICT),
}


class Desk:
    """Announces, takes, finds and removes files.

    Args:
        store: Whose engine and tables are used.
        files: Where bytes go, and which are taken.
    """

    def __init__(self, store: PostgresStore[Any], files: Files) -> None:
        self.store = store
        self.files = files
        self.storage = bytes_in(files.storage, store)
        self.rows = FileRows(store)
        self.writes = Writes()
        self._uploads = Uploads(self.rows, self.storage, max_bytes=files.max_bytes, seconds=files.upload_seconds)

    async def announce(self, user_id: str, file_id: str, params: AttachmentCreateParams) -> Attachment:
        """Register a file that is to be uploaded, and describe it with a link to do so.

        Raises:
            RefusedFileError: Such a file is not taken.
        """
        self._check(params.name, params.size, params.mime_type)
        claim = await self._registered(user_id, file_id, params.mime_type)
        url = self.files.app_url("upload", user_id, file_id, size=params.size)
        attachment = await self._described(claim.file, params.name, params.size)
        headers = {"Content-Type": claim.file.mime_type}
        descriptor = AttachmentUploadDescriptor(url=AnyUrl(url), method="PUT", headers=headers)
        return attachment.model_copy(update={"upload_descriptor": descriptor})

    async def receive(self, permit: Permit, body: Body) -> Stored:
        """Take the bytes of a file that was announced.

        Raises:
            RefusedFileError: There is no such file, it is there already, or it is not what it should be.
        """
        claim = await self.rows.claim(permit.user_id, permit.id, lease_seconds=2 * self.files.upload_seconds)
        if isinstance(claim, State):
            raise RefusedFileError(*NOT_TO_BE_UPLOADED[claim])
        return await self._uploads.receive(claim, body, has_attachment=True)

    async def receive_new(self, user_id: str, file_id: str, form: FormFile) -> Attachment:
        """Take a file that was not announced, and describe it; whoever asked has to save its attachment.

        Raises:
            RefusedFileError: Such a file is not taken, or it is not what it should be.
        """
        self._check(form.name, None, form.mime_type)
        claim = await self._registered(user_id, file_id, form.mime_type)
        body = Body(chunks=form.chunks, mime_type=form.mime_type, size=None)
        stored = await self._uploads.receive(claim, body, has_attachment=False)
        return await self._described(claim.file, form.name, stored.size)

    async def whole(self, user_id: str, file_id: str) -> WholeFile:
        """Return a file of this user, all of whose bytes are there.

        Raises:
            NotFoundError: There is none.
        """
        found = await self.rows.find(user_id, check_id(file_id, "attachment_id"))
        if found is None:
            raise NotFoundError(f"Attachment {file_id} not found, or its file is not uploaded yet")
        return found

    async def read(self, user_id: str, file_id: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file of this user.

        Raises:
            NotFoundError: There is none.
        """
        file = (await self.whole(user_id, file_id)).file
        async for chunk in self.chunks(file):
            yield chunk

    async def chunks(self, file: StoredFile) -> AsyncIterator[bytes]:
        """Yield the bytes of a file that was found.

        Raises:
            NotFoundError: They are not where they were stored.
        """
        try:
            async for chunk in self.storage.read(file):
                yield chunk
        except FileNotFoundError as error:
            logger.exception("The bytes of the attachment %r are not where they were stored", file.id)
            raise NotFoundError(f"The bytes of {file.id} are gone") from error

    async def remove(self, user_id: str, file_id: str) -> None:
        """Delete the bytes of a file of this user, and its row; one that is not there is no error."""
        file = await self.rows.any(user_id, file_id)
        if file is not None:
            await self.storage.delete(file)
            await self.rows.forget(file)

    def _check(self, name: str, size: int | None, mime_type: str) -> None:
        check_declared(name, size, mime_type, max_bytes=self.files.max_bytes, types=self.files.mime_types)

    async def _registered(self, user_id: str, file_id: str, mime_type: str) -> Claim:
        key = storage_key(user_id, check_id(file_id, "attachment_id"))
        claim = await self.rows.register(StoredFile(user_id, file_id, key, plain_type(mime_type)))
        if claim is None:
            raise ConfigurationError(f"generate_attachment_id() has returned {file_id!r} before: it must be random.")
        return claim

    async def _described(self, file: StoredFile, name: str, size: int) -> Attachment:
        known = {"id": file.id, "name": name, "mime_type": file.mime_type, "metadata": {"size": size}}
        if not self.files.is_image(file.mime_type):
            return FileAttachment.model_validate(known)
        url = await self.files.url("preview", file.user_id, file.id)
        return ImageAttachment.model_validate({**known, "preview_url": url})
