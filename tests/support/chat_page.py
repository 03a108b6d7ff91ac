"""What a browser does with a ChatKit server, without a browser: it sends requests, and shows what the events say."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from chatkit.server import ChatKitServer, StreamingResult

from tests.support.samples import ALICE, items_of
from tests.support.waiting import PATIENCE_SECONDS

HIDDEN = {"hidden_context_item", "sdk_hidden_context"}


class ChatPage:
    """One conversation, as the events of its streams have left it.

    Args:
        server: Answers.
        context: Who is asking.

    Attributes:
        thread_id: The conversation's, once it has begun.
        items: What is shown, by id.
        events: All that came.
    """

    def __init__(self, server: ChatKitServer[Any], context: Any = ALICE) -> None:
        self.server = server
        self.context = context
        self.thread_id: str | None = None
        self.items: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()

    async def say(self, text: str, *attachment_ids: str) -> None:
        """Send a message, and wait for the end of the reply."""
        content = [{"type": "input_text", "text": text}]
        message = {"content": content, "attachments": list(attachment_ids), "inference_options": {}}
        if self.thread_id is None:
            await self.stream("threads.create", input=message)
        else:
            await self.stream("threads.add_user_message", thread_id=self.thread_id, input=message)

    async def answer_tool(self, result: Any) -> None:
        """Send what the browser's tool has found out, and wait for the end of the reply."""
        self.newest("client_tool_call").update(status="completed", output=result)
        await self.stream("threads.add_client_tool_output", thread_id=self.thread_id, result=result)

    async def retry(self) -> None:
        """Ask for another reply to the newest message, which takes the place of what came after it."""
        newest = self.ids("user_message")[-1]
        shown = list(self.items)
        for item_id in shown[shown.index(newest) + 1 :]:
            del self.items[item_id]
        await self.stream("threads.retry_after_item", thread_id=self.thread_id, item_id=newest)

    async def stream(self, kind: str, /, **params: Any) -> None:
        """Send a request whose answer streams, and take in all of it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            result = await self.server.process(json.dumps({"type": kind, "params": params}), self.context)
            assert isinstance(result, StreamingResult), kind
            async for line in result:
                async with self._changed:
                    self._see(json.loads(line.removeprefix(b"data: ")))
                    self._changed.notify_all()

    async def ask(self, kind: str, /, **params: Any) -> Any:
        """Send a request that is answered at once, and return the answer."""
        result = await self.server.process(json.dumps({"type": kind, "params": params}), self.context)
        assert not isinstance(result, StreamingResult), kind
        return json.loads(result.json)

    async def until(self, text: str) -> None:
        """Wait until a message says just *text*."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: text in self.texts())

    async def stop_after(self, text: str, asking: Callable[[], Any]) -> None:
        """Send what *asking* sends, and stop the reply once it says *text*."""
        task = asyncio.create_task(asking())
        await self.until(text)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    def texts(self) -> list[str]:
        """Return what the messages say."""
        return [text_of(item["content"]) for item in self.items.values() if "content" in item]

    def ids(self, kind: str) -> list[str]:
        """Return the ids of the items of a type."""
        return [item["id"] for item in self.items.values() if item["type"] == kind]

    def newest(self, kind: str) -> dict[str, Any]:
        """Return the newest item of a type."""
        return self.items[self.ids(kind)[-1]]

    def errors(self) -> list[dict[str, Any]]:
        """Return the errors that were shown."""
        return [event for event in self.events if event["type"] == "error"]

    async def assert_kept(self) -> None:
        """Whoever opens the conversation anew sees what this page shows, item for item, under the same ids."""
        page = await self.ask("items.list", thread_id=self.thread_id, limit=100, order="asc")
        assert page["data"] == list(self.items.values())
        stored = await items_of(self.server.store, self.thread_id, self.context)
        assert [item.id for item in stored if item.type not in HIDDEN] == list(self.items)

    def _see(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        match event:
            case {"type": "thread.created", "thread": {"id": thread_id}}:
                self.thread_id = thread_id
            case {"type": "thread.item.added" | "thread.item.done" | "thread.item.replaced", "item": item}:
                self.items[item["id"]] = item
            case {"type": "thread.item.updated", "item_id": item_id, "update": update}:
                _apply(update, self.items[item_id])
            case {"type": "thread.item.removed", "item_id": item_id}:
                del self.items[item_id]


def _apply(update: dict[str, Any], item: dict[str, Any]) -> None:
    match update:
        case {"type": "assistant_message.content_part.added", "content": content}:
            item["content"].append(content)
        case {"type": "assistant_message.content_part.text_delta", "content_index": index, "delta": delta}:
            item["content"][index]["text"] += delta
        case {"type": "assistant_message.content_part.done", "content_index": index, "content": content}:
            item["content"][index] = content
        case {"type": "assistant_message.content_part.annotation_added", "content_index": index, "annotation": new}:
            item["content"][index]["annotations"].append(new)
        case {"type": "workflow.task.added", "task": task}:
            item["workflow"]["tasks"].append(task)
        case {"type": "workflow.task.updated", "task_index": index, "task": task}:
            item["workflow"]["tasks"][index] = task
        case {"type": "generated_image.updated", "image": image}:
            item["image"] = image


def text_of(content: Any) -> str:
    """Return the words of a message's content."""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
