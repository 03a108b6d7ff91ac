"""A conversation as a model reads it: the newest items of a thread, attachments and all."""

from collections.abc import Mapping

from agents import TResponseInputItem
from chatkit.agents import ThreadItemConverter
from chatkit.store import Store
from chatkit.types import AssistantMessageItem, Attachment, UserMessageItem, UserMessageTagContent
from openai.types.responses import EasyInputMessageParam, ResponseInputContentParam, ResponseInputTextParam
from typing_extensions import override

from .attachments import AttachmentReader, ModelFiles
from .auth import User

ITEMS_READ = 30


async def conversation_so_far(
    thread_id: str, store: Store[User], attachments: AttachmentReader, context: User
) -> list[TResponseInputItem]:
    """Return the newest items of a thread as input for a model, oldest first."""
    newest = await store.load_thread_items(thread_id, None, ITEMS_READ, "desc", context)
    messages = [item for item in newest.data if isinstance(item, UserMessageItem)]
    files = ModelFiles(attachments, context)
    # The newest first: when there are too many bytes, the oldest files are left out.
    contents = {each.id: await files.content_of(each) for message in messages for each in message.attachments}
    return await _Conversation(contents).to_agent_input(newest.data[::-1])


class _Conversation(ThreadItemConverter):
    """The SDK's conversion, completed where the SDK leaves it to the application."""

    def __init__(self, contents: Mapping[str, ResponseInputContentParam]) -> None:
        self._contents = contents

    @override
    async def attachment_to_message_content(self, attachment: Attachment) -> ResponseInputContentParam:
        return self._contents[attachment.id]

    @override
    async def tag_to_message_content(self, tag: UserMessageTagContent) -> ResponseInputContentParam:
        return ResponseInputTextParam(type="input_text", text=f"@{tag.text}")

    @override
    async def assistant_message_to_input(self, item: AssistantMessageItem) -> EasyInputMessageParam:
        # Chat-completions models refuse the form that the SDK gives an assistant's message; this one suits both APIs.
        text = "".join(part.text for part in item.content)
        return EasyInputMessageParam(type="message", role="assistant", content=text)
