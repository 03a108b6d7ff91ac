"""The ways in which the caller of a store is cancelled."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Self

import anyio

Act = Callable[[], Coroutine[Any, Any, str]]

CANCELLED_CALLS = 0.25
DELAYS_SECONDS = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.02, 0.1, 0.5)


async def _before_it_begins(act: Act, _: float) -> str | None:
    task = asyncio.create_task(act())
    task.cancel()
    return await _answer(task)


async def _natively(act: Act, seconds: float) -> str | None:
    task = asyncio.create_task(act())
    await asyncio.wait({task}, timeout=seconds)
    task.cancel()
    return await _answer(task)


async def _again_and_again(act: Act, seconds: float) -> str | None:
    task = asyncio.create_task(act())
    await asyncio.wait({task}, timeout=seconds)
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.002)
    return await _answer(task)


async def _by_asyncios_timeout(act: Act, seconds: float) -> str | None:
    try:
        async with asyncio.timeout(seconds):
            return await act()
    except TimeoutError:
        return None


async def _by_anyio(act: Act, seconds: float) -> str | None:
    with anyio.move_on_after(seconds):
        return await act()
    return None


async def _in_a_scope_that_is_cancelled(act: Act, _: float) -> str | None:
    """As the SDK stores a partial reply and its marker, when the client has gone."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        return await act()
    return None


async def _answer(task: asyncio.Task[str]) -> str | None:
    await asyncio.wait({task})
    return None if task.cancelled() else task.result()


async def _not_at_all(act: Act, _: float) -> str | None:
    return await act()


WAYS: Final[dict[str, Callable[[Act, float], Awaitable[str | None]]]] = {
    "task.cancel() before it began": _before_it_begins,
    "task.cancel()": _natively,
    "task.cancel() again and again": _again_and_again,
    "asyncio.timeout": _by_asyncios_timeout,
    "anyio.move_on_after": _by_anyio,
    "in a cancelled anyio scope": _in_a_scope_that_is_cancelled,
}


@dataclass(frozen=True, slots=True)
class Cancelling:
    """How and when one caller is cancelled, if at all."""

    way: str = ""
    seconds: float = 0.0

    @classmethod
    def drawn(cls, random: Random, share: float = CANCELLED_CALLS) -> Self:
        """Return how the next call is cancelled, as that share of them is."""
        way, seconds = random.choice([*WAYS]), random.choice(DELAYS_SECONDS)
        return cls(way, seconds) if random.random() < share else cls()

    async def of(self, act: Act) -> str | None:
        """Return what *act* returns; None when it was cancelled and its answer is not known."""
        return await WAYS.get(self.way, _not_at_all)(act, self.seconds)

    def __str__(self) -> str:
        return f", {self.way} after {self.seconds:g} s" if self.way else ""


NOT_CANCELLED = Cancelling()
