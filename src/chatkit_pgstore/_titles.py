"""A title for a thread that has none, once its first reply is there."""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from chatkit.store import NotFoundError, Store
from chatkit.types import (
    AssistantMessageItem,
    ThreadItem,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from typing_extensions import TypeVar

from chatkit_pgstore.errors import StoreError

logger = logging.getLogger("chatkit_pgstore")

TContext = TypeVar("TContext", default=Any)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a title can be made of."""

    user_message: UserMessageItem | None
    """What was answered; None where that was no message, but the output of a tool or a widget's action."""
    items: tuple[ThreadItem, ...]
    """What the reply added to the thread, in the order in which it was done."""

    @property
    def question(self) -> str:
        """The text of the user's message."""
        parts = self.user_message.content if self.user_message else ()
        return "\n".join(part.text for part in parts)

    @property
    def answer(self) -> str:
        """The text of the assistant's messages."""
        messages = (item for item in self.items if isinstance(item, AssistantMessageItem))
        return "\n".join(part.text for message in messages for part in message.content)


MakeTitle: TypeAlias = Callable[[Turn], Awaitable[str | None] | str | None]
"""Makes a title of a turn; None or an empty one: none yet."""


async def with_title(
    events: AsyncIterator[ThreadStreamEvent],
    store: Store[TContext],
    thread: ThreadMetadata,
    context: TContext,
    make_title: MakeTitle,
    *,
    user_message: UserMessageItem | None = None,
    longest: int = 60,
    timeout_seconds: float = 10.0,
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Yield *events*, and give *thread* a title behind the last of them, when it has none.

    ChatKitServer then saves the thread and tells the page. Wrap what ``respond`` yields::

        async def respond(self, thread, input_user_message, context):
            events = stream_agent_response(agent_context, result)
            async for event in with_title(
                events, self.store, thread, context, make_title, user_message=input_user_message
            ):
                yield event

    A title that the user gave meanwhile stays: the thread is looked at again when the new one is made. A rename that
    comes between this look and the server's next call, which saves the thread, is lost, as it is to every
    ``save_thread``. There is no title when *events* break off or fail, when the thread is gone, or when *make_title*
    returns none, raises, or takes too long; the last two are logged as warnings, without content, and the reply is
    what it was. After the next reply it is asked again. When this generator ends or is closed, *events* is closed.

    Args:
        events: What ``respond`` would yield.
        store: The server's.
        thread: The one that ``respond`` was called with; its ``title`` is set.
        context: The request's.
        make_title: Called with the `Turn`, returns the title, or an awaitable of it.
        user_message: What is answered.
        longest: The most characters of a title; a longer one is cut between words, and ends with an ellipsis.
        timeout_seconds: How long an awaitable may take; the page waits for the end of the reply meanwhile.
    """
    items: dict[str, ThreadItem] = {}
    try:
        async for event in events:
            _note(event, items)
            yield event
    finally:
        # Else the garbage collector closes a generator that was left half-way, whenever it comes by.
        if isinstance(events, AsyncGenerator):
            await events.aclose()
    if thread.title:
        return
    title = _cut(
        await _made(make_title, Turn(user_message, tuple(items.values())), thread.id, timeout_seconds), longest
    )
    if title and await _has_no_title(store, thread.id, context):
        thread.title = title


def _note(event: ThreadStreamEvent, items: dict[str, ThreadItem]) -> None:
    match event:
        case ThreadItemDoneEvent(item=item) | ThreadItemReplacedEvent(item=item):
            items[item.id] = item
        case ThreadItemRemovedEvent(item_id=item_id):
            items.pop(item_id, None)
        case _:
            pass


async def _made(make_title: MakeTitle, turn: Turn, thread_id: str, timeout_seconds: float) -> str:
    """Return what *make_title* makes, on one line; nothing when it fails."""
    try:
        async with asyncio.timeout(timeout_seconds):
            title = make_title(turn)
            made = await title if inspect.isawaitable(title) else title
            return " ".join((made or "").split())
    except Exception as error:  # noqa: BLE001  # the host's callable may raise anything, and no title is worth a reply
        # Without the message, which may quote the conversation.
        logger.warning("No title for thread %r: make_title raised %s", thread_id, type(error).__name__)
        return ""


async def _has_no_title(store: Store[TContext], thread_id: str, context: TContext) -> bool:
    """Whether the thread is there, and still without a title."""
    try:
        return not (await store.load_thread(thread_id, context)).title
    except NotFoundError:
        # Saved with a title, a thread that was deleted would be there again.
        return False
    except StoreError as error:
        logger.warning("No title for thread %r: it could not be looked at (%s)", thread_id, type(error).__name__)
        return False


def _cut(title: str, longest: int) -> str:
    if len(title) <= longest:
        return title
    start = title[:longest]
    at_a_word, _, _ = start.rpartition(" ")
    return f"{(at_a_word or start[:-1]).rstrip()}…"
