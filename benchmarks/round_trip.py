"""The least that any call can take: bytes there and back over loopback TCP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from typing_extensions import override

from benchmarks.echo import echo_server

QUESTION = b"x" * 128
"""About as many bytes as the driver sends to run a prepared statement."""


class Questions(asyncio.Protocol):
    """Asks one question at a time, by the means that asyncpg has too: a protocol, and a future for the answer."""

    def __init__(self) -> None:
        self._received = 0
        self._answered: asyncio.Future[None]
        self._transport: asyncio.Transport

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received == len(QUESTION):
            self._answered.set_result(None)

    async def ask(self) -> None:
        """Send a question and wait for its echo."""
        self._received = 0
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(QUESTION)
        await self._answered

    def close(self) -> None:
        """End the connection, and with it the process at its other end."""
        self._transport.close()


@asynccontextmanager
async def echo() -> AsyncIterator[Questions]:
    """Yield a connection to a process that sends back what it gets."""
    with echo_server() as port:
        _, questions = await asyncio.get_running_loop().create_connection(Questions, "127.0.0.1", port)
        try:
            yield questions
        finally:
            questions.close()
