"""Runs SQLAlchemy's pool, which is written without async, from a coroutine.

This is what `sqlalchemy.util.greenlet_spawn` does, with a greenlet that is kept. `greenlet_spawn` makes one for each
call, and CPython maps memory for the frames of each and gives it back, which a short read feels. The protocol is
SQLAlchemy's: code in a greenlet that carries ``__sqlalchemy_greenlet_provider__`` hands what it has to await to the
greenlet's parent, and is switched back to with the result.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from greenlet import getcurrent, greenlet


class KeptGreenlet(threading.local):
    """A greenlet for the calls of one engine; calls at the same time get others, of which the last is kept.

    A greenlet belongs to its thread, and so does what is kept.
    """

    def __init__(self) -> None:
        self._kept: Any = None

    async def run(self, function: Callable[[], Any], deadline: float) -> Any:
        """Return what *function* returns; what it hands to SQLAlchemy's ``await_only`` is awaited.

        Raises:
            TimeoutError: There was something to await, and it took longer than to the loop's time *deadline*.
        """
        worker, handed = self._switched(function)
        # Both ways are taken all the time; coverage loses the line that follows a switch of greenlets.
        if isinstance(handed, _Returned):  # pragma: no branch
            return self._keep(worker, handed)
        return await self._finished(worker, handed, deadline)

    def begin(self, function: Callable[[], Any], seconds: float) -> Coroutine[Any, Any, Any] | None:
        """Call *function*, whose result does not matter; return what is left to await, for so long, if anything is."""
        worker, handed = self._switched(function)
        if isinstance(handed, _Returned):
            self._keep(worker, handed)
            return None
        return self._finished(worker, handed, asyncio.get_running_loop().time() + seconds)

    def _switched(self, function: Callable[[], Any]) -> tuple[Any, Any]:
        worker, self._kept = self._kept or _new_worker(), None
        worker.parent = getcurrent()
        worker.gr_context = worker.parent.gr_context
        return worker, worker.switch(function)

    async def _finished(self, worker: Any, handed: Any, deadline: float) -> Any:
        async with asyncio.timeout_at(deadline):
            handed = await _awaited(worker, handed)
        return self._keep(worker, handed)

    def _keep(self, worker: Any, handed: "_Returned") -> Any:
        # Not reached when the function has raised, which ends the greenlet.
        worker.gr_context = None
        self._kept = worker
        return handed.value


@dataclass(slots=True)
class _Returned:
    """What a greenlet hands over that has nothing left to await."""

    value: Any


def _new_worker() -> Any:
    worker: Any = greenlet(_serve)
    # By this SQLAlchemy knows greenlets that it may switch away from.
    worker.__sqlalchemy_greenlet_provider__ = True
    return worker


def _serve(function: Callable[[], Any]) -> None:
    while True:
        caller: Any = getcurrent().parent
        function = caller.switch(_Returned(function()))


async def _awaited(worker: Any, handed: Any) -> _Returned:
    while not isinstance(handed, _Returned):
        try:
            value = await handed
        except BaseException as error:  # noqa: BLE001  # none is kept: the greenlet that waits for the value gets it, and raises it
            handed = worker.throw(error)
        else:
            handed = worker.switch(value)
    return handed
