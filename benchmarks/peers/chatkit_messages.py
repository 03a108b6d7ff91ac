"""A store of the ChatKit SDK as a contender: texts to items, and back."""

from collections.abc import Sequence
from datetime import UTC, datetime

from chatkit.store import Store
from chatkit.types import InferenceOptions, ThreadItem, ThreadMetadata, UserMessageItem, UserMessageTextContent

from benchmarks.peers.contender import PAGE

Context = dict[str, str]


class OnStore:
    """Does the three jobs with a store.

    Args:
        store: Its context is a mapping with the user's name under ``user_id``.
    """

    def __init__(self, store: Store[Context]) -> None:
        self.store = store

    async def append(self, user: str, conversation: str, text: str) -> None:
        """Append one message."""
        context = {"user_id": user}
        thread = ThreadMetadata(id=conversation, created_at=datetime.now(UTC))
        await self.store.add_thread_item(conversation, self.message(thread, text, context), context)

    async def newest(self, user: str, conversation: str, count: int = PAGE) -> list[str]:
        """Return the newest messages, the oldest of them first."""
        page = await self.store.load_thread_items(conversation, None, count, "desc", {"user_id": user})
        return [_text(item) for item in reversed(page.data)]

    async def paged(self, user: str, conversation: str) -> list[str]:
        """Return all messages of a conversation, page by page as a browser reads them, from the newest."""
        texts, after, has_more = list[str](), None, True
        while has_more:
            page = await self.store.load_thread_items(conversation, after, PAGE, "desc", {"user_id": user})
            texts += [_text(item) for item in page.data]
            after, has_more = page.after, page.has_more
        return texts

    async def first_page(self, user: str) -> list[str]:
        """Return the names of the newest conversations."""
        page = await self.store.load_threads(PAGE, None, "desc", {"user_id": user})
        return [thread.id for thread in page.data]

    async def fill(self, user: str, conversation: str, texts: Sequence[str]) -> None:
        """Begin a conversation."""
        thread = ThreadMetadata(id=conversation, created_at=datetime.now(UTC), title="What this is about")
        await self.store.save_thread(thread, {"user_id": user})
        for text in texts:
            await self.append(user, conversation, text)

    def message(self, thread: ThreadMetadata, text: str, context: Context) -> ThreadItem:
        """Return a message of the user."""
        return UserMessageItem(
            id=self.store.generate_item_id("message", thread, context),
            thread_id=thread.id,
            created_at=datetime.now(UTC),
            content=[UserMessageTextContent(text=text)],
            inference_options=InferenceOptions(),
        )


def _text(item: ThreadItem) -> str:
    if not isinstance(item, UserMessageItem):
        raise TypeError(f"{item.id} is no message of a user")
    return "".join(part.text for part in item.content)
