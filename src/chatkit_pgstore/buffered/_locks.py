"""Locks by name that exist only while somebody holds or wants them."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Generic, TypeVar

K = TypeVar("K")


class Locks(Generic[K]):
    """Whoever asks for a lock first gets it first."""

    def __init__(self) -> None:
        self._locks: dict[K, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def holding(self, names: Iterable[K]) -> AsyncGenerator[None, None]:
        """Hold the locks of all *names*, taken in their order."""
        async with AsyncExitStack() as stack:
            for name in names:
                await stack.enter_async_context(self._held(name))
            yield

    @asynccontextmanager
    async def _held(self, name: K) -> AsyncGenerator[None, None]:
        lock, wanted = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = lock, wanted + 1
        try:
            async with lock:
                yield
        finally:
            lock, wanted = self._locks[name]
            if wanted == 1:
                del self._locks[name]
            else:
                self._locks[name] = lock, wanted - 1
