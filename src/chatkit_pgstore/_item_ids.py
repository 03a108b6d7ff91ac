"""An id of its own for each item that the Agents SDK streams under its placeholder."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chatkit.store import Store, StoreItemType
from chatkit.types import (
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdated,
    ThreadMetadata,
    ThreadStreamEvent,
)
from typing_extensions import TypeVar

from chatkit_pgstore._ids import PLACEHOLDER_ID

TContext = TypeVar("TContext", default=Any)

ItemEvent = ThreadItemAddedEvent | ThreadItemDoneEvent | ThreadItemReplacedEvent

KINDS: Mapping[str, StoreItemType] = {
    "client_tool_call": "tool_call",
    "task": "task",
    "workflow": "workflow",
    "sdk_hidden_context": "sdk_hidden_context",
}
"""What a type of item is called when an id is asked for; every other one is a message, as in the SDK."""


async def unique_item_ids(
    events: AsyncIterator[ThreadStreamEvent], store: Store[TContext], thread: ThreadMetadata, context: TContext
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Yield *events*, with an id of its own for every item that has only the Agents SDK's placeholder.

    Chat-completions models give their replies no id, and the Agents SDK streams each of them as ``__fake_id__``: a
    second reply takes the first one's place on the page, and no store can find either by the id that the page
    knows. Wrap what ``chatkit.agents.stream_agent_response`` yields, before anything else that looks at ids::

        events = stream_agent_response(agent_context, result)
        async for event in unique_item_ids(events, self.store, thread, context):
            yield event

    An item keeps its id from its first event to its last. An update or a replacement after an item is done means
    the last one. The removal of the placeholder, by which a guardrail withdraws all that was streamed, becomes one
    removal for each item. Events without the placeholder pass as they are; of the others copies are changed, so
    that *events* may keep what it yielded. When this generator ends or is closed, *events* is closed.

    Args:
        events: What the agent streams.
        store: Makes the ids, with ``generate_item_id``.
        thread: The thread that is answered.
        context: The request's.
    """
    items = _PlaceholderItems(lambda kind: store.generate_item_id(kind, thread, context))
    try:
        async for event in events:
            for told in items.told_apart(event):
                yield told
    finally:
        # Else the garbage collector closes a generator that was left half-way, whenever it comes by.
        if isinstance(events, AsyncGenerator):
            await events.aclose()


@dataclass(slots=True)
class _PlaceholderItem:
    """One item that came under the placeholder; it is open until the event that says it is done."""

    id: str
    type: str
    is_open: bool


class _PlaceholderItems:
    """What came under the placeholder in one stream, and which of it an event means."""

    def __init__(self, new_id: Callable[[StoreItemType], str]) -> None:
        self._new_id = new_id
        self._items: list[_PlaceholderItem] = []

    def told_apart(self, event: ThreadStreamEvent) -> tuple[ThreadStreamEvent, ...]:
        """Return what *event* becomes: itself when it has nothing to do with the placeholder."""
        match event:
            case ThreadItemUpdated(item_id=item_id) if item_id == PLACEHOLDER_ID:
                return (self._updated(event),)
            case ThreadItemRemovedEvent(item_id=item_id) if item_id == PLACEHOLDER_ID:
                return self._all_removed(event)
            case ThreadItemAddedEvent(item=item) if item.id == PLACEHOLDER_ID:
                return (_of(event, self._begun(item)),)
            case ThreadItemDoneEvent(item=item) if item.id == PLACEHOLDER_ID:
                return (_of(event, self._done(item)),)
            case ThreadItemReplacedEvent(item=item) if item.id == PLACEHOLDER_ID:
                return (_of(event, self._latest() or self._begun(item)),)
            case _:
                return (event,)

    def _begun(self, item: ThreadItem) -> _PlaceholderItem:
        fresh_id = self._new_id(KINDS.get(item.type, "message"))
        self._items.append(_PlaceholderItem(fresh_id, item.type, is_open=True))
        return self._items[-1]

    def _done(self, item: ThreadItem) -> _PlaceholderItem:
        # Some items are only ever done; one of another type that is still open is another item.
        of_its_type = (each for each in reversed(self._items) if each.is_open and each.type == item.type)
        done = next(of_its_type, None) or self._begun(item)
        done.is_open = False
        return done

    def _latest(self) -> _PlaceholderItem | None:
        """Return the item that is being streamed, or else the one that was last."""
        still_open = (each for each in reversed(self._items) if each.is_open)
        return next(still_open, self._items[-1] if self._items else None)

    def _updated(self, event: ThreadItemUpdated) -> ThreadItemUpdated:
        latest = self._latest()
        return event.model_copy(update={"item_id": latest.id}) if latest else event

    def _all_removed(self, event: ThreadItemRemovedEvent) -> tuple[ThreadItemRemovedEvent, ...]:
        # None for a guardrail that trips after a tool call alone, which has the placeholder and is no item.
        removed, self._items = self._items, []
        return tuple(event.model_copy(update={"item_id": each.id}) for each in removed)


def _of(event: ItemEvent, known: _PlaceholderItem) -> ItemEvent:
    return event.model_copy(update={"item": event.item.model_copy(update={"id": known.id})})
