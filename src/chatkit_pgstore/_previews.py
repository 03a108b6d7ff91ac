"""Where the preview of an image is, told anew whenever it is loaded: what a signed address opens does not stay open."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from chatkit.types import ImageAttachment, UserMessageItem
from pydantic import AnyUrl


class PreviewUrls(Protocol):
    """What makes the addresses of previews, for ``PostgresStore(preview_urls=...)``."""

    async def preview_url(self, user_id: str, attachment: ImageAttachment) -> str:
        """Return where this user's browser finds the preview of *attachment* now.

        It is asked for every image of every page that is loaded, one after the other: best without a network.

        Args:
            user_id: Whose attachment it is, as text.
            attachment: As it is stored, with the ``preview_url`` of then.
        """
        ...


async def refresh_previews(previews: PreviewUrls | None, user_id: str, loaded: Sequence[object]) -> None:
    """Give each image among *loaded*, and each copy of one in a user's message, the address of its preview."""
    if previews is None:
        return
    for each in loaded:
        for image in _images_of(each):
            image.preview_url = AnyUrl(await previews.preview_url(user_id, image))


def _images_of(loaded: object) -> Iterable[ImageAttachment]:
    match loaded:
        case ImageAttachment():
            return (loaded,)
        case UserMessageItem(attachments=attachments):
            return (each for each in attachments if isinstance(each, ImageAttachment))
        case _:
            return ()
