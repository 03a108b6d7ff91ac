"""A loopback proxy before the server that counts round trips, and can be as slow as a network."""

import asyncio
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Self
from urllib.parse import urlsplit

CHUNK_BYTES = 65536


def with_address(database_url: str, host: str, port: int) -> str:
    """Return *database_url* with another server's address; user, database and options stay."""
    parts = urlsplit(database_url)
    credentials, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{credentials}{at}{host}:{port}").geturl()


class RoundTripProxy:
    """Passes connections on to a server and counts the turns of their conversations.

    A round trip is client bytes that follow server bytes, or that begin the connection: whatever the client
    sends without waiting for an answer counts once. Logging in and the good-bye of a connection count too, so
    a test warms up, calls ``reset()``, acts, and reads ``round_trips`` before it closes anything.

    Args:
        host: Where the server listens.
        port: Its port.
        delay_seconds: How much later bytes arrive, each way.

    Attributes:
        round_trips: Turns on all connections since the last ``reset()``.
        connections: Connections opened since the last ``reset()``.
    """

    def __init__(self, host: str, port: int, *, delay_seconds: float = 0.0) -> None:
        self.round_trips = 0
        self.connections = 0
        self.delay_seconds = delay_seconds
        self._upstream = (host, port)
        self._conversations: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        await self._server.wait_closed()

    def url(self, database_url: str) -> str:
        """Return *database_url* with this proxy in the server's place."""
        return with_address(database_url, *self._server.sockets[0].getsockname())

    def reset(self) -> None:
        """Count from zero again."""
        self.round_trips = self.connections = 0

    def _accept(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.connections += 1
        conversation = asyncio.create_task(self._converse(from_client, to_client))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _converse(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        # A server that is not there looks to the client as it would without the proxy: the connection ends.
        with closing(to_client), suppress(ConnectionError):
            from_server, to_server = await asyncio.open_connection(*self._upstream)
            turn = _Turn(self)
            with closing(to_server):
                async with asyncio.TaskGroup() as both_ways:
                    both_ways.create_task(self._pass_on(from_client, to_server, turn.hear_client))
                    both_ways.create_task(self._pass_on(from_server, to_client, turn.hear_server))

    async def _pass_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, hear: Callable[[], None]
    ) -> None:
        due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(_deliver(due, target))
            chunk = b"not yet the end"
            while chunk:
                chunk = await read(source)
                if chunk:
                    hear()
                due.put_nowait((asyncio.get_running_loop().time() + self.delay_seconds, chunk))


class _Turn:
    """Whose turn it is on one connection."""

    def __init__(self, proxy: RoundTripProxy) -> None:
        self._proxy = proxy
        self._is_open = False

    def hear_client(self) -> None:
        if not self._is_open:
            self._proxy.round_trips += 1
        self._is_open = True

    def hear_server(self) -> None:
        self._is_open = False


async def read(source: asyncio.StreamReader) -> bytes:
    """Return the next bytes; none when the connection ended, in order or not."""
    try:
        return await source.read(CHUNK_BYTES)
    except ConnectionError:
        return b""


async def _deliver(due: asyncio.Queue[tuple[float, bytes]], target: asyncio.StreamWriter) -> None:
    """Write each chunk when its time has come, then close: the other way ends with it."""
    while True:
        moment, chunk = await due.get()
        wait_seconds = moment - asyncio.get_running_loop().time()
        if wait_seconds > 0:
            await asyncio.sleep(wait_seconds)
        if not chunk:
            target.close()
            return
        target.write(chunk)
