"""What an assistant can put into a thread: each method streams one thing as ChatKit events."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import TypedDict

from chatkit.store import Store, StoreItemType
from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartAnnotationAdded,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ClientToolCallItem,
    EndOfTurnItem,
    GeneratedImage,
    GeneratedImageItem,
    GeneratedImageUpdated,
    HiddenContextItem,
    ProgressUpdateEvent,
    StructuredInput,
    StructuredInputItem,
    Task,
    TaskItem,
    ThreadItem,
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

from .auth import User

WORDS_PER_STEP = 10


class _ItemBase(TypedDict):
    id: str
    thread_id: str
    created_at: datetime


class Turn:
    """One turn of the assistant in one thread.

    Args:
        store: Hands out the ids. ChatKit saves each item when it sees its "done" event.
        thread: The thread that is answered.
        context: The user who is answered.
        pace_seconds: The pause between two words.
    """

    def __init__(self, store: Store[User], thread: ThreadMetadata, context: User, pace_seconds: float) -> None:
        self.store = store
        self.thread = thread
        self.context = context
        self._pace_seconds = pace_seconds

    async def say(self, text: str, *annotations: Annotation) -> AsyncIterator[ThreadStreamEvent]:
        """Stream a message word by word, as a language model would, and then what it refers to."""
        item = AssistantMessageItem(**self._item("message"), content=[])
        yield ThreadItemAddedEvent(item=item)
        yield _update(item, AssistantMessageContentPartAdded(content_index=0, content=AssistantMessageContent(text="")))
        for delta in re.findall(r"\S+\s*", text):
            yield _update(item, AssistantMessageContentPartTextDelta(content_index=0, delta=delta))
            await asyncio.sleep(self._pace_seconds)
        for index, annotation in enumerate(annotations):
            added = AssistantMessageContentPartAnnotationAdded(
                content_index=0, annotation_index=index, annotation=annotation
            )
            yield _update(item, added)
        content = AssistantMessageContent(text=text, annotations=list(annotations))
        yield _update(item, AssistantMessageContentPartDone(content_index=0, content=content))
        yield ThreadItemDoneEvent(item=item.model_copy(update={"content": [content]}))

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

    async def work(self, workflow: Workflow, tasks: Iterable[Task]) -> AsyncIterator[ThreadStreamEvent]:
        """Show work in progress: *tasks*, one after the other, and what *workflow* says at the end."""
        running = workflow.model_copy(update={"tasks": [], "summary": None, "expanded": True})
        item = WorkflowItem(**self._item("workflow"), workflow=running)
        yield ThreadItemAddedEvent(item=item)
        for index, task in enumerate(tasks):
            started = task.model_copy(update={"status_indicator": "loading"})
            yield _update(item, WorkflowTaskAdded(task_index=index, task=started))
            await self._work_a_while()
            finished = task.model_copy(update={"status_indicator": "complete"})
            yield _update(item, WorkflowTaskUpdated(task_index=index, task=finished))
            running.tasks.append(finished)
        done = workflow.model_copy(update={"tasks": running.tasks})
        yield ThreadItemDoneEvent(item=item.model_copy(update={"workflow": done}))

    async def do(self, task: Task) -> AsyncIterator[ThreadStreamEvent]:
        """Show one step by itself."""
        yield ThreadItemDoneEvent(item=TaskItem(**self._item("task"), task=task))

    async def draw(self, *versions: str) -> AsyncIterator[ThreadStreamEvent]:
        """Show an image that gets better: the URLs of its *versions*, the last of which is kept."""
        item = GeneratedImageItem(**self._item("message"))
        yield ThreadItemAddedEvent(item=item)
        for number, url in enumerate(versions, start=1):
            await self._work_a_while()
            item.image = GeneratedImage(id=item.id, url=url)
            yield _update(item, GeneratedImageUpdated(image=item.image, progress=number / len(versions)))
        yield ThreadItemDoneEvent(item=item)

    async def tell_progress(self, *steps: str) -> AsyncIterator[ThreadStreamEvent]:
        """Say what is being done at the moment; nothing of it is kept."""
        for step in steps:
            yield ProgressUpdateEvent(text=step)
            await self._work_a_while()

    async def remember(self, what: str) -> AsyncIterator[ThreadStreamEvent]:
        """Keep something in the thread that is never sent to the page."""
        yield ThreadItemDoneEvent(item=HiddenContextItem(**self._item("message"), content=what))

    async def end(self) -> AsyncIterator[ThreadStreamEvent]:
        """Tell the page that nothing more comes, where it could not know."""
        yield ThreadItemDoneEvent(item=EndOfTurnItem(**self._item("message")))

    async def _work_a_while(self) -> None:
        await asyncio.sleep(WORDS_PER_STEP * self._pace_seconds)

    def _item(self, kind: StoreItemType) -> _ItemBase:
        item_id = self.store.generate_item_id(kind, self.thread, self.context)
        return {"id": item_id, "thread_id": self.thread.id, "created_at": datetime.now(UTC)}


def _update(item: ThreadItem, update: ThreadItemUpdate) -> ThreadItemUpdatedEvent:
    return ThreadItemUpdatedEvent(item_id=item.id, update=update)
