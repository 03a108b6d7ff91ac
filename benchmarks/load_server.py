"""The ChatKit server under load: its scripted assistant, and its store with a clock and a ledger."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from secrets import token_hex
from time import perf_counter
from typing import Any

from chatkit.server import ChatKitServer
from chatkit.store import AttachmentStore, Store
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    Attachment,
    AttachmentCreateParams,
    FileAttachment,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from typing_extensions import override

from benchmarks.load_figures import Histogram
from benchmarks.load_ledger import Ledger
from chatkit_pgstore import PostgresStore, unique_item_ids

PLACEHOLDER_ID = "__fake_id__"
HISTORY = 20
DELTAS = (5, 20)
LONGEST_PAUSE_SECONDS = 0.1
WORDS = ("words ", "that ", "a ", "model ", "would ", "say, ", "one ", "after ", "another ")


@dataclass(frozen=True)
class Visitor:
    """The request context: who asks, and the dice that decide what becomes of it."""

    user_id: str
    dice: Random


class NamesOnly(AttachmentStore[Visitor]):
    """Registers attachments without taking their bytes: the load is on the database."""

    @override
    async def create_attachment(self, input: AttachmentCreateParams, context: Visitor) -> Attachment:
        """Describe a new attachment, for ChatKit to save."""
        return FileAttachment(id=f"atc_{token_hex(16)}", name=input.name, mime_type=input.mime_type)

    @override
    async def delete_attachment(self, attachment_id: str, context: Visitor) -> None:
        """Do nothing: there is no file."""


class ScriptedServer(ChatKitServer[Visitor]):
    """Answers each message with some words, one at a time, as a chat-completions model does."""

    def __init__(self, store: Store[Visitor]) -> None:
        super().__init__(store, NamesOnly())

    @override
    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: Visitor
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Read what an agent would read, give a new thread its title, and stream the reply."""
        await self.store.load_thread_items(thread.id, None, HISTORY, "desc", context)
        thread.title = thread.title or f"{context.user_id}: what this is about"
        async for event in unique_item_ids(_reply(thread, context), self.store, thread, context):
            yield event


async def _reply(thread: ThreadMetadata, context: Visitor) -> AsyncIterator[ThreadStreamEvent]:
    item = AssistantMessageItem(id=PLACEHOLDER_ID, thread_id=thread.id, created_at=datetime.now(), content=[])  # noqa: DTZ005 - as the SDK does
    text = f"{context.user_id}: "
    yield ThreadItemAddedEvent(item=item)
    yield _update(AssistantMessageContentPartAdded(content_index=0, content=AssistantMessageContent(text=text)))
    for _ in range(context.dice.randint(*DELTAS)):
        await asyncio.sleep(context.dice.uniform(0, LONGEST_PAUSE_SECONDS))
        delta = context.dice.choice(WORDS)
        text += delta
        yield _update(AssistantMessageContentPartTextDelta(content_index=0, delta=delta))
    whole = AssistantMessageContent(text=text)
    yield _update(AssistantMessageContentPartDone(content_index=0, content=whole))
    yield ThreadItemDoneEvent(item=item.model_copy(update={"content": [whole]}))


def _update(update: Any) -> ThreadItemUpdatedEvent:
    return ThreadItemUpdatedEvent(item_id=PLACEHOLDER_ID, update=update)


def _timed(name: str) -> Callable[..., Awaitable[Any]]:
    method = getattr(PostgresStore, name)

    async def call(store: "TimedStore", *arguments: Any, **named: Any) -> Any:
        started = perf_counter()
        try:
            return await method(store, *arguments, **named)
        finally:
            store.seconds[name].add(perf_counter() - started)

    return call


class TimedStore(PostgresStore[Visitor]):
    """A PostgresStore that takes the time of each call.

    Attributes:
        seconds: The durations, by method.
    """

    def __init__(self, database_url: str, **options: Any) -> None:
        super().__init__(database_url, **options)
        self.start_the_clock()

    def start_the_clock(self) -> None:
        """Begin to take times anew; what `seconds` was is left as it is."""
        self.seconds = {name: Histogram() for name in sorted(Store.__abstractmethods__)}


for _name in Store.__abstractmethods__:
    setattr(TimedStore, _name, _timed(_name))


class RecordedStore(TimedStore):
    """A store that takes down what it is sent, and what it acknowledges."""

    def __init__(self, database_url: str, **options: Any) -> None:
        super().__init__(database_url, **options)
        self.ledger = Ledger()

    async def save_thread(self, thread: ThreadMetadata, context: Visitor) -> None:
        """Save a thread, and take down that it has begun."""
        self.ledger.begin(context.user_id, thread.id)
        await super().save_thread(thread, context)

    async def delete_thread(self, thread_id: str, context: Visitor) -> None:
        """Delete a thread, and strike it out."""
        self.ledger.will_delete(context.user_id, thread_id)
        await super().delete_thread(thread_id, context)
        self.ledger.has_deleted(context.user_id, thread_id)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: Visitor) -> None:
        """Add an item, and take it down."""
        thread = self.ledger.thread(context.user_id, thread_id)
        thread.will_write(item)
        await super().add_thread_item(thread_id, item, context)
        thread.has_written(item)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: Visitor) -> None:
        """Delete an item, and strike it out."""
        thread = self.ledger.thread(context.user_id, thread_id)
        thread.will_delete(item_id)
        await super().delete_thread_item(thread_id, item_id, context)
        thread.has_deleted(item_id)
