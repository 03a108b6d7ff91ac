"""The scripted assistant: no model, no key and no network, and yet it shows all that ChatKit can keep."""

import re
from collections.abc import AsyncIterator

from chatkit.store import Store
from chatkit.types import (
    AssistantMessageItem,
    Attachment,
    ClientToolCallItem,
    StructuredInputItem,
    ThreadItem,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)

from .attachments import UNREADABLE, AttachmentReader
from .auth import User
from .scenes import HELP, SCENES, Scene
from .titles import shorten, text_of
from .turn import Turn

MESSAGES_COUNTED = 200


class ScriptedAssistant:
    """Plays the scene whose name occurs in a message.

    Args:
        store: Keeps the conversations.
        attachments: Reads what users have sent.
        pace_seconds: The pause between two words of a reply.
    """

    name = "scripted"

    def __init__(self, store: Store[User], attachments: AttachmentReader, *, pace_seconds: float) -> None:
        self._store = store
        self._attachments = attachments
        self._pace_seconds = pace_seconds

    async def aclose(self) -> None:
        """Do nothing: a script holds nothing open."""

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, context: User
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Stream the reply to *message*; without one, to a tool's output or a form's answers."""
        turn = Turn(self._store, thread, context, self._pace_seconds)
        events = _follow_up(turn) if message is None else self._scene_for(message)(turn, message)
        async for event in events:
            yield event

    def _scene_for(self, message: UserMessageItem) -> Scene:
        if message.attachments:
            return self._describe_attachments
        text = text_of(message)
        if re.match(r"title\s+\S", text, re.IGNORECASE):
            return _rename
        words = re.findall(r"\w+", text.lower())
        return next((SCENES[word] for word in words if word in SCENES), _make_conversation)

    async def _describe_attachments(self, turn: Turn, message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
        described = [await self._description_of(attachment, turn.context) for attachment in message.attachments]
        async for event in turn.say("\n".join(described)):
            yield event

    async def _description_of(self, attachment: Attachment, context: User) -> str:
        try:
            size = sum([len(chunk) async for chunk in self._attachments.read(attachment.id, context)])
        except UNREADABLE:
            return f"“{attachment.name}” ({attachment.mime_type}) has not arrived, is gone, or cannot be reached now."
        return f"“{attachment.name}” is of type {attachment.mime_type} and has {size:,} bytes."


async def _rename(turn: Turn, message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    # ChatKit saves the thread, and tells the page, whenever it has changed after an event.
    turn.thread.title = shorten(text_of(message).strip().split(maxsplit=1)[1])
    async for event in _make_conversation(turn, message):
        yield event


async def _make_conversation(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    page = await turn.store.load_thread_items(turn.thread.id, None, MESSAGES_COUNTED, "asc", turn.context)
    messages = [item for item in page.data if isinstance(item, (UserMessageItem, AssistantMessageItem))]
    count = f"more than {len(messages)}" if page.has_more else str(len(messages))
    opening = next((text_of(item) for item in messages if isinstance(item, UserMessageItem)), "")
    memory = f"Messages in this conversation: {count}. It began with “{shorten(opening)}”."
    async for event in turn.say(f"{memory} {HELP}"):
        yield event


async def _follow_up(turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
    """Answer what the browser has just added to the thread: a tool's output or a form's answers."""
    newest = await turn.store.load_thread_items(turn.thread.id, None, 1, "desc", turn.context)
    async for event in turn.say(_comment_on(newest.data[0])):
        yield event


def _comment_on(item: ThreadItem) -> str:
    match item:
        case ClientToolCallItem(output={"local_time": str(time)}):
            return f"Your browser says that it is {time}."
        case ClientToolCallItem():
            return "Your browser answered something I do not understand."
        case StructuredInputItem(status="answered", inputs=inputs):
            answers = [", ".join(question.answer.values) for question in inputs if question.answer]
            return f"Noted: {'; '.join(answer or 'no answer' for answer in answers)}."
        case _:
            return "Then we leave it at that."
