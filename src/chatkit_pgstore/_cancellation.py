"""Writes that come to their end although their callers are cancelled."""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from math import inf
from typing import Any, TypeVar

import anyio

logger = logging.getLogger("chatkit_pgstore")

T = TypeVar("T")


class Writes:
    """The writes on their way, each in a task of its own."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def carry_out(self, name: str, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of *work*, which goes on when the caller is cancelled: that is raised once it is done.

        Args:
            name: What the log calls it.
            work: Has to end by itself: nothing here bounds its time.
        """
        task = asyncio.create_task(work, name=f"chatkit_pgstore.{name}")
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, ended))
        try:
            await ended
        except asyncio.CancelledError as error:
            return await _to_its_end(task, error)
        return task.result()

    async def wait(self) -> None:
        """Wait for every write, those of callers who have gone included."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, ended: asyncio.Future[None], task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not ended.cancelled():
            ended.set_result(None)


async def _to_its_end(task: asyncio.Task[T], cancelled: asyncio.CancelledError | None) -> T:
    """Return the result of *task*, whose caller was cancelled, and hold cancellations back until there is one.

    One by anyio comes again at every await of a cancelled scope: it is dropped, and a shield stops the others. A
    native ``task.cancel()`` passes through the shield and comes but once: it is raised when the write is done.
    """
    if anyio.current_effective_deadline() == -inf:
        cancelled = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait((task,))
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled() and (failure := task.exception()) is not None:
        logger.error("%s failed after its caller was cancelled: %s", task.get_name(), failure)
    raise cancelled
