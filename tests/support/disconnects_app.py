"""A ChatKit server whose replies are slow, on uvicorn, with three ways of sending them.

    DATABASE_URL=... python -m tests.support.disconnects_app plain|middleware|response

It prints its address when it listens.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import uvicorn
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
)
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.responses import ChatKitResponse
from tests.support.samples import ALICE
from tests.support.waiting import turns_of_the_loop

PLAIN, MIDDLEWARE, RESPONSE = "plain", "middleware", "response"
WORDS = tuple(f"word{number} " for number in range(200))
WHOLE = "".join(WORDS)
PACE_SECONDS = 0.005
POOL_SIZE = 10


class SlowServer(ChatKitServer[dict[str, str]]):
    async def respond(self, thread, input_user_message, context):
        item = AssistantMessageItem(
            id=self.store.generate_item_id("message", thread, context),
            thread_id=thread.id,
            created_at=datetime.now(),
            content=[],
        )
        yield ThreadItemAddedEvent(item=item)
        yield _update(item, AssistantMessageContentPartAdded(content_index=0, content=AssistantMessageContent(text="")))
        for word in WORDS:
            yield _update(item, AssistantMessageContentPartTextDelta(content_index=0, delta=word))
            await asyncio.sleep(PACE_SECONDS)
        yield ThreadItemDoneEvent(item=item.model_copy(update={"content": [AssistantMessageContent(text=WHOLE)]}))


def _update(item: AssistantMessageItem, update: Any) -> ThreadItemUpdatedEvent:
    return ThreadItemUpdatedEvent(item_id=item.id, update=update)


class OpenRequests:
    """Counts the requests on their way through an app, without a hand in how they are cancelled."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") != "/chatkit":
            await self._app(scope, receive, send)
            return
        self._count += 1
        self._none.clear()
        try:
            await self._app(scope, receive, send)
        finally:
            self._count -= 1
            if not self._count:
                self._none.set()

    async def none_is_left(self) -> None:
        await self._none.wait()


def create_app(variant: str, database_url: str) -> OpenRequests:
    store = PostgresStore[dict[str, str]](database_url, pool_size=POOL_SIZE)
    server = SlowServer(store)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with store:
            # All connections at once: what is measured then is whether they are kept.
            await asyncio.gather(*(store.load_threads(1, None, "asc", ALICE) for _ in range(POOL_SIZE)))
            yield
            await ChatKitResponse.wait_for_all()

    app = FastAPI(lifespan=lifespan)
    requests = OpenRequests(app)

    @app.post("/chatkit", response_model=None)
    async def chatkit(request: Request) -> StreamingResponse | ChatKitResponse:
        result = await server.process(await request.body(), ALICE)
        assert isinstance(result, StreamingResult)
        if variant == RESPONSE:
            return ChatKitResponse(result)
        return StreamingResponse(result, media_type="text/event-stream")

    @app.get("/pool")
    async def pool() -> dict[str, int]:
        await requests.none_is_left()
        await turns_of_the_loop()
        return {"checked_in": store.engine.pool.checkedin(), "checked_out": store.engine.pool.checkedout()}

    if variant != PLAIN:

        @app.middleware("http")
        async def pass_on(request: Request, call_next: Any) -> Any:
            return await call_next(request)

    return requests


class AnnouncingServer(uvicorn.Server):
    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    app = create_app(sys.argv[1], os.environ["DATABASE_URL"])
    # Told to stop, it gives the requests no time of grace: it cancels them and ends the app's lifespan at once.
    AnnouncingServer(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=0)).run()
