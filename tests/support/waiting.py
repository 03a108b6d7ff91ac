"""Waiting for what a test can see, and for no longer than it takes."""

import asyncio
from collections.abc import Awaitable, Callable

from chatkit_pgstore._lending import TURNS_AT_HAND

PATIENCE_SECONDS = 15.0


async def turns_of_the_loop() -> None:
    """Return when the event loop has turned as often as it takes a connection to be back in its pool."""
    for _ in range(TURNS_AT_HAND + 1):
        await asyncio.sleep(0)


async def eventually(condition: Callable[[], object]) -> None:
    """Return once *condition* holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)


async def eventually_true(question: Callable[[], Awaitable[object]]) -> None:
    """Return once the answer to *question*, asked again and again, is true."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if await question():
                return
            await asyncio.sleep(0.005)
