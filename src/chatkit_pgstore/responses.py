"""ChatKitResponse: what ``ChatKitServer.process`` returns, as a Starlette response. Needs the extra ``starlette``."""

import asyncio

from chatkit.server import NonStreamingResult, StreamingResult
from chatkit.types import ErrorEvent
from typing_extensions import override

from chatkit_pgstore._cancellation import until_done
from chatkit_pgstore.errors import NotFoundError

try:
    from starlette.requests import ClientDisconnect
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send
except ImportError as error:
    raise ImportError(
        'chatkit_pgstore.responses needs Starlette: pip install "chatkit-pgstore[starlette]"', name=error.name
    ) from error

__all__ = ["ChatKitResponse"]

NO_STORE = {"Cache-Control": "no-store"}
# nginx would hold the words back until the reply is whole.
UNBUFFERED = {"X-Accel-Buffering": "no"}

_unfinished: set[asyncio.Task[None]] = set()


class ChatKitResponse(Response):
    """Answers a request of the ChatKit protocol, and lets the SDK keep a reply whose reader goes away.

    The SDK saves what was said so far, and a marker that the reply was cancelled, when its stream is cancelled; it
    saves neither when its stream is closed. So the stream runs in a task of its own, never waits for the client,
    and is cancelled once: when the client disconnects, when sending fails, or when the request is cancelled. The
    response ends when the SDK has saved. A client that reads slowly leaves the rest of its reply in memory.

    What the stream raises before its first event is raised while the status is still open, so that the app's
    exception handlers answer it; later, the client gets a last error event, and then it is raised.

    Args:
        result: What ``ChatKitServer.process`` returned.

    Raised by the response when it is called:

    - NotFoundError when the stream is empty: ChatKit found no such message to answer again;
    - ClientDisconnect when ``send`` raises OSError;
    - whatever the stream raises, in the middle of saving too.
    """

    def __init__(self, result: StreamingResult | NonStreamingResult) -> None:
        self._stream = result if isinstance(result, StreamingResult) else None
        self._has_begun = False
        if isinstance(result, NonStreamingResult):
            super().__init__(result.json, headers=NO_STORE, media_type="application/json")
        else:
            super().__init__(headers=NO_STORE | UNBUFFERED, media_type="text/event-stream")
            del self.headers["content-length"]

    @staticmethod
    async def wait_for_all() -> None:
        """Wait until every stream of this event loop has ended, and the SDK has saved what it saves.

        For the end of an app's lifespan, before the store is closed. A server that stops cancels the requests
        that are still open and does not wait for them; what they said so far is saved only then.
        """
        loop = asyncio.get_running_loop()
        if tasks := [task for task in _unfinished if task.get_loop() is loop]:
            await asyncio.wait(tasks)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._stream is None:
            await super().__call__(scope, receive, send)
            return
        await self._deliver(_Reply(self._stream), receive, send)
        if self.background is not None:
            await self.background()

    async def _deliver(self, reply: "_Reply", receive: Receive, send: Send) -> None:
        """Send the reply until it ends or the client goes; return when nothing of it is running any more."""
        cancelled = None
        sending = asyncio.create_task(self._send(reply, send))
        listening = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError as error:
            cancelled = error
        finally:
            reply.stop()
            sending.cancel()
            listening.cancel()
        cancelled = await until_done((reply.task, sending, listening), cancelled)
        if cancelled is not None:
            raise cancelled
        for failure in (_failure(sending), _failure(listening), reply.failure):
            if failure is not None:
                raise failure
        if not self._has_begun:
            # The client went before the first event. It hears nothing of this, but a middleware would take a request
            # without a response for an error of the app.
            await self._send(reply, send)

    async def _send(self, reply: "_Reply", send: Send) -> None:
        event = await reply.next_event()
        if event is None and reply.failure is not None:
            return  # The status is still open, and that failure is to become the answer.
        self._has_begun = True
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while event is not None:
                await send(_part(event))
                event = await reply.next_event()
            if reply.failure is not None:
                await send(_part(_last_event()))
            await send(_part(b"", more=False))
        except OSError as error:
            raise ClientDisconnect from error


class _Reply:
    """The SDK's stream in a task of its own, which a cancellation meets within the SDK and nowhere else."""

    def __init__(self, stream: StreamingResult) -> None:
        # Unbounded: a task that waited for room in it would be cancelled there, and the SDK's stream be closed.
        self._events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._is_stopped = False
        self.task = asyncio.create_task(self._run(stream), name="chatkit_pgstore.reply")
        _unfinished.add(self.task)
        self.task.add_done_callback(self._ended)

    @property
    def failure(self) -> BaseException | None:
        """What the stream raised, once it has ended."""
        if self.task.cancelled() and not self._is_stopped:
            return RuntimeError("The reply was cancelled from within.")
        return _failure(self.task)

    async def next_event(self) -> bytes | None:
        """Return the next event; None at the end of the stream."""
        return await self._events.get()

    def stop(self) -> None:
        """Cancel the stream, unless it has ended. Not to be called twice: the second would meet the SDK saving."""
        self._is_stopped = self.task.cancel()

    async def _run(self, stream: StreamingResult) -> None:
        is_empty = True
        async for event in stream:
            self._events.put_nowait(event)
            is_empty = False
        if is_empty:
            raise NotFoundError("Message to answer again not found")

    def _ended(self, task: asyncio.Task[None]) -> None:
        _unfinished.discard(task)
        self._events.put_nowait(None)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _failure(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


def _part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def _last_event() -> bytes:
    ended = ErrorEvent(message="The reply ended early.", allow_retry=True)
    return b"data: " + ended.model_dump_json().encode() + b"\n\n"
