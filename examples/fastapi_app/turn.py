"""What an assistant can put into a thread: each method streams one thing as ChatKit events."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TypedDict

from chatkit.store import StoreItemType
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ClientToolCallItem,
    CustomSummary,
    CustomTask,
    StructuredInput,
    StructuredInputItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdate,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    WidgetItem,
    Workflow,
    WorkflowItem,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
)
from chatkit.widgets import WidgetRoot

from chatkit_pgstore import PostgresStore

from .visitors import Visitor


class _ItemBase(TypedDict):
    id: str
    thread_id: str
    created_at: datetime


class Turn:
    """One turn of the assistant in one thread.

    Args:
        store: Hands out the ids. ChatKit saves each item when it sees its "done" event.
        thread: The thread that is answered.
        context: The visitor who is answered.
        pace_seconds: The pause between two words.
    """

    def __init__(
        self,
        store: PostgresStore[Visitor],
        thread: ThreadMetadata,
        context: Visitor,
        pace_seconds: float,
    ) -> None:
        self.store = store
        self.thread = thread
        self.context = context
        self._pace_seconds = pace_seconds

    async def say(self, text: str) -> AsyncIterator[ThreadStreamEvent]:
        """Stream a message word by word, as a language model would."""
        item = AssistantMessageItem(**self._item("message"), content=[])
        yield ThreadItemAddedEvent(item=item)
        yield _update(item.id, AssistantMessageContentPartAdded(content_index=0, content=_text("")))
        for delta in re.findall(r"\S+\s*", text):
            yield _update(item.id, AssistantMessageContentPartTextDelta(content_index=0, delta=delta))
            await asyncio.sleep(self._pace_seconds)
        yield _update(item.id, AssistantMessageContentPartDone(content_index=0, content=_text(text)))
        yield ThreadItemDoneEvent(item=item.model_copy(update={"content": [_text(text)]}))

    async def call_client_tool(self, name: str) -> AsyncIterator[ThreadStreamEvent]:
        """Ask the browser to run a tool. Must end the turn: the next one starts with its output."""
        base = self._item("tool_call")
        yield ThreadItemDoneEvent(item=ClientToolCallItem(**base, call_id=base["id"], name=name, arguments={}))

    async def ask(self, *questions: StructuredInput) -> AsyncIterator[ThreadStreamEvent]:
        """Show a form. Must end the turn: the next one starts with its answers."""
        yield ThreadItemDoneEvent(item=StructuredInputItem(**self._item("message"), inputs=list(questions)))

    async def show(self, widget: WidgetRoot) -> AsyncIterator[ThreadStreamEvent]:
        """Show a widget."""
        yield ThreadItemDoneEvent(item=WidgetItem(**self._item("message"), widget=widget))

    async def work(self, summary: str, *steps: str) -> AsyncIterator[ThreadStreamEvent]:
        """Show work in progress, step by step."""
        workflow = Workflow(type="custom", tasks=[], expanded=True)
        item = WorkflowItem(**self._item("workflow"), workflow=workflow)
        yield ThreadItemAddedEvent(item=item)
        for index, step in enumerate(steps):
            started = CustomTask(title=step, status_indicator="loading")
            yield _update(item.id, WorkflowTaskAdded(task_index=index, task=started))
            await asyncio.sleep(10 * self._pace_seconds)
            finished = started.model_copy(update={"status_indicator": "complete"})
            yield _update(item.id, WorkflowTaskUpdated(task_index=index, task=finished))
            workflow.tasks.append(finished)
        workflow.summary = CustomSummary(title=summary)
        yield ThreadItemDoneEvent(item=item)

    def _item(self, kind: StoreItemType) -> _ItemBase:
        item_id = self.store.generate_item_id(kind, self.thread, self.context)
        return {"id": item_id, "thread_id": self.thread.id, "created_at": datetime.now(UTC)}


def _text(text: str) -> AssistantMessageContent:
    return AssistantMessageContent(text=text)


def _update(item_id: str, update: ThreadItemUpdate) -> ThreadItemUpdatedEvent:
    return ThreadItemUpdatedEvent(item_id=item_id, update=update)
