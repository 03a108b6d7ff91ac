"""Writes that come to their end although their callers are cancelled."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
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

    async def carry_out(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """Return what *work* returns, which goes on when the caller is cancelled: that is raised once it is done.

        Args:
            name: What the log calls it.
            work: Has to end by itself: nothing here bounds its time.
        """
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(_telling(work, ended), name=f"chatkit_pgstore.{name}")
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
        _tell(ended)  # by now only of a task that was cancelled before it began


async def _telling(work: Callable[[], Awaitable[T]], ended: asyncio.Future[None]) -> T:
    """Return what *work* returns; who waits for *ended* goes on sooner than by a callback of the task."""
    try:
        return await work()
    finally:
        _tell(ended)


def _tell(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


async def until_done(
    tasks: Collection[asyncio.Task[Any]], cancelled: asyncio.CancelledError | None
) -> asyncio.CancelledError | None:
    """Wait for *tasks*, whoever cancels meanwhile, and return the cancellation that is to be raised then, if any.

    The shield holds off those by anyio, which come again at every await of a cancelled scope. A native
    ``task.cancel()`` passes through it and comes but once.

    Args:
        tasks: Have to end by themselves.
        cancelled: The cancellation that has come already.
    """
    with anyio.CancelScope(shield=True):
        while not all(task.done() for task in tasks):
            try:
                await asyncio.wait(tasks)
            except asyncio.CancelledError as error:
                cancelled = error
    return cancelled


async def _to_its_end(task: asyncio.Task[T], cancelled: asyncio.CancelledError) -> T:
    """Return the result of *task*, whose caller was cancelled; a native cancellation is raised instead.

    One by anyio is dropped: it comes again at the next await.
    """
    is_by_anyio = anyio.current_effective_deadline() == -inf
    held_back = await until_done((task,), None if is_by_anyio else cancelled)
    if held_back is None:
        return task.result()
    if not task.cancelled() and (failure := task.exception()) is not None:
        logger.error("%s failed after its caller was cancelled: %s", task.get_name(), failure)
    raise held_back
