"""How many commands the SDK's requests send to the database, as counted on the wire."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from chatkit.server import ChatKitServer, StreamingResult
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    FileAttachment,
    ThreadItemDoneEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)

from chatkit_pgstore import PostgresStore
from examples.embedded_postgres import EmbeddedPostgres
from tests.support.proxy import RoundTripProxy

CONTEXT = {"user_id": "somebody"}
THREAD = "thr_1"
FIRST = "the first turn of a thread, which gets a title"
TURN = "each later turn"
ATTACHMENT = "each attachment of a turn more"
VISIT = "opening the page: the list of threads, and one of them"


class Answering(ChatKitServer[dict[str, str]]):
    """Reads what an agent reads, gives a new thread a title, and answers with one message."""

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: dict[str, str]
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Answer."""
        del input_user_message
        await self.store.load_thread_items(thread.id, None, 20, "desc", context)
        thread.title = thread.title or "What this is about"
        yield ThreadItemDoneEvent(
            item=AssistantMessageItem(
                id=self.store.generate_item_id("message", thread, context),
                thread_id=thread.id,
                created_at=datetime.now(UTC),
                content=[AssistantMessageContent(text="Yes.")],
            )
        )


async def measured_commands(server: EmbeddedPostgres) -> dict[str, int]:
    """Return how many commands each thing takes that a user does."""
    async with (
        RoundTripProxy("127.0.0.1", server.port) as proxy,
        PostgresStore(proxy.url(server.url()), pool_size=1) as store,
    ):
        chat = Answering(store)
        await store.save_thread(ThreadMetadata(id=THREAD, title="Old", created_at=datetime.now(UTC)), CONTEXT)
        first = await _counted(proxy, chat, "threads.create", input=await _message(store, 0))
        turns = [
            await _counted(
                proxy, chat, "threads.add_user_message", thread_id=THREAD, input=await _message(store, number)
            )
            for number in (0, 1, 2)
        ]
        listed = await _counted(proxy, chat, "threads.list")
        opened = await _counted(proxy, chat, "threads.get_by_id", thread_id=THREAD)
    if turns[2] - turns[1] != turns[1] - turns[0]:
        raise AssertionError(f"the turns took {turns} commands: each attachment should take as many")
    return {FIRST: first, TURN: turns[0], ATTACHMENT: turns[1] - turns[0], VISIT: listed + opened}


async def _message(store: PostgresStore[Any], attachments: int) -> dict[str, Any]:
    """Return a message with so many attachments, which are there already."""
    ids = [f"atc_{uuid4().hex}" for _ in range(attachments)]
    for attachment_id in ids:
        await store.save_attachment(
            FileAttachment(id=attachment_id, name="notes.pdf", mime_type="application/pdf"), CONTEXT
        )
    content = [{"type": "input_text", "text": "Is it so?"}]
    return {"content": content, "attachments": ids, "inference_options": {}}


async def _counted(proxy: RoundTripProxy, chat: Answering, kind: str, **params: Any) -> int:
    """Answer the request twice, and return the commands of the second time: the first prepares statements."""
    for _ in range(2):
        proxy.reset()
        result = await chat.process(json.dumps({"type": kind, "params": params}), CONTEXT)
        if isinstance(result, StreamingResult):
            async for _event in result:
                pass
    return proxy.round_trips
