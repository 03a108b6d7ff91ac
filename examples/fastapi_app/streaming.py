"""ChatKit streams as HTTP responses."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from chatkit.server import StreamingResult
from chatkit.store import NotFoundError
from chatkit.types import ErrorEvent
from fastapi.responses import StreamingResponse

logger = logging.getLogger(__name__)

HEADERS = {
    "Cache-Control": "no-store",
    # nginx would hold the words back until the reply is whole.
    "X-Accel-Buffering": "no",
}


class Streams:
    """The streams of one app, counted, so that the app can wait for their end."""

    def __init__(self) -> None:
        self._open = 0
        self._none_open = asyncio.Event()
        self._none_open.set()

    async def respond(self, result: StreamingResult) -> StreamingResponse:
        """Wait for the first event, then stream.

        An unknown thread shows itself before the first event, when the status of the response is still open.

        Raises:
            NotFoundError: The stream is empty: ChatKit found no such message to answer again.
        """
        events = aiter(result)
        first = await anext(events, None)
        if first is None:
            raise NotFoundError("Message to answer again not found")
        return StreamingResponse(self._continue(first, events), media_type="text/event-stream", headers=HEADERS)

    async def ended(self) -> None:
        """Wait until no stream is open.

        A server that stops cancels the open ones and does not wait. What was said so far is saved only then, and
        the store must still be there.
        """
        await self._none_open.wait()

    async def _continue(self, first: bytes, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        with self._counted():
            yield first
            try:
                async for event in events:
                    yield event
            except Exception:
                # Too late for a status, and without a last event the browser would see a broken connection.
                logger.exception("A stream ended early")
                ended = ErrorEvent(message="The reply ended early.", allow_retry=True)
                yield b"data: " + ended.model_dump_json().encode() + b"\n\n"

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._open += 1
        self._none_open.clear()
        try:
            yield
        finally:
            self._open -= 1
            if self._open == 0:
                self._none_open.set()
