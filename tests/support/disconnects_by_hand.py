"""An ASGI client that a test moves by hand, and a ChatKit server that waits for it in the middle of its reply."""

import asyncio
import json
from datetime import datetime
from typing import Any

from chatkit.server import ChatKitServer
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageItem,
    SDKHiddenContextItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
)

from tests.support.samples import ALICE, items_of

SCOPE = {"type": "http", "method": "POST", "path": "/chatkit", "query_string": b"", "headers": []}
BEGINNING, ENDING = "Once upon a time", "... happily ever after"


class Client:
    """The other end of an ASGI application: reads so many messages, as if its socket were full then, until it goes.

    Attributes:
        messages: What it has read.
        breaks: What ``send`` raises instead of waiting, once the socket is full.
    """

    def __init__(self, body: bytes = b"", *, reads: float = float("inf"), breaks: Exception | None = None) -> None:
        self.messages: list[Any] = []
        self.breaks = breaks
        self._body = [body]
        self._reads = reads
        self._gone = asyncio.Event()
        self._is_stuck = asyncio.Event()

    async def receive(self) -> Any:
        if self._body:
            return {"type": "http.request", "body": self._body.pop(), "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if len(self.messages) >= self._reads:
            self._is_stuck.set()
            if self.breaks is not None:
                raise self.breaks
            await self._gone.wait()
        elif not self._gone.is_set():
            self.messages.append(message)

    def goes(self) -> None:
        self._gone.set()

    async def is_stuck(self) -> None:
        await self._is_stuck.wait()

    @property
    def events(self) -> list[Any]:
        text = b"".join(message.get("body", b"") for message in self.messages).decode()
        return [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line]

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]


class Storyteller(ChatKitServer[dict[str, str]]):
    """Says the beginning, waits for ``go_on``, says the end; remembers how the reply was ended.

    Attributes:
        ended: The exceptions that met the reply, in ``respond``.
    """

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.go_on = asyncio.Event()
        self.waits = asyncio.Event()
        self.ended: list[type[BaseException]] = []

    async def respond(self, thread, input_user_message, context):
        try:
            async for event in self._tell(thread, context):
                yield event
        except BaseException as error:
            self.ended.append(type(error))
            raise

    async def _tell(self, thread, context):
        item = AssistantMessageItem(
            id=self.store.generate_item_id("message", thread, context),
            thread_id=thread.id,
            created_at=datetime.now(),
            content=[],
        )
        beginning, whole = (AssistantMessageContent(text=text) for text in (BEGINNING, BEGINNING + ENDING))
        yield ThreadItemAddedEvent(item=item)
        update = AssistantMessageContentPartAdded(content_index=0, content=beginning)
        yield ThreadItemUpdatedEvent(item_id=item.id, update=update)
        self.waits.set()
        await self.go_on.wait()
        yield ThreadItemDoneEvent(item=item.model_copy(update={"content": [whole]}))


def request(kind: str, **params: Any) -> bytes:
    return json.dumps({"type": kind, "params": params}).encode()


def say(thread_id: str, *attachment_ids: str) -> bytes:
    """Return the request that says something in a thread."""
    content = [{"type": "input_text", "text": "Tell me a story"}]
    message = {"content": content, "attachments": list(attachment_ids), "inference_options": {}}
    return request("threads.add_user_message", thread_id=thread_id, input=message)


async def kept(store: Any, thread_id: str = "thr_1") -> tuple[str, int]:
    """Return what is stored of the reply, and how many markers that it was cancelled."""
    items = await items_of(store, thread_id, ALICE)
    said = [part.text for item in items if isinstance(item, AssistantMessageItem) for part in item.content]
    return "".join(said), sum(isinstance(item, SDKHiddenContextItem) for item in items)


KEPT = (BEGINNING, 1)
"""A reply that was cut off behind its beginning, with the marker."""
