"""Streams that can be stopped half-way, and are still left to end by themselves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

T = TypeVar("T")


class StoppableStreams:
    """Runs each stream in a task of its own.

    The SDK's stream of an agent waits for several things at once, and abandons them when it is cancelled: the model
    goes on for nobody, and the log fills with tasks that were never awaited. Here it is never cancelled: it is told
    what to stop, and then it ends by itself.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, events: AsyncIterator[T], stop: Callable[[], None]) -> AsyncIterator[T]:
        """Yield *events*; call *stop* when they are over, or when nobody wants any more of them."""
        queue: asyncio.Queue[T | None] = asyncio.Queue()
        task = asyncio.create_task(_move(events, queue))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            while (event := await queue.get()) is not None:
                yield event
            await task
        finally:
            stop()

    async def wait_for_all(self) -> None:
        """Return once every stream has ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # Whoever still listens gets the error out of the stream; of one that was stopped nobody asks for it.
        if not task.cancelled():
            task.exception()


async def _move(events: AsyncIterator[T], queue: asyncio.Queue[T | None]) -> None:
    try:
        async for event in events:
            queue.put_nowait(event)
    finally:
        queue.put_nowait(None)
