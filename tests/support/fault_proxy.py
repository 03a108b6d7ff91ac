"""A loopback proxy before the server that breaks what passes: cuts, delays, silence, refused connections."""

import asyncio
import socket
import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from tests.support.proxy import read, with_address

FENCE_SECONDS = 5.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Way(StrEnum):
    """Where bytes go."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


class End(StrEnum):
    """How a connection ends: reset, or closed in order."""

    RST = "RST"
    FIN = "FIN"


@dataclass(frozen=True, slots=True)
class Cut:
    """Ends a connection once so many more bytes have passed in one direction, be it within a message."""

    way: Way
    after_bytes: int
    end: End

    def __str__(self) -> str:
        return f"cut {self.way} ({self.end})"


class Silence:
    """Swallows what either side sends, and keeps the connection: a half-open network."""

    def __str__(self) -> str:
        return "half-open"


class FaultProxy:
    """Passes connections on to a server, and breaks those it is told to.

    Args:
        host: Where the server listens.
        port: Its port.
        fenced: Whether the client of a cut connection is told only when the server is done with what it had got.
            Else the server may still be at it while the client has reconnected, as in a real network.

    Attributes:
        delay_seconds: How much later bytes arrive, each way.
        met: The connections that were cut or went silent, by kind of fault, but for those of `end_all`.
    """

    def __init__(self, host: str, port: int, *, fenced: bool = False) -> None:
        self.delay_seconds = 0.0
        self.met: Counter[str] = Counter()
        self.fenced = fenced
        self.upstream = (host, port)
        self._armed: list[Cut | Silence] = []
        self._conversations: dict[asyncio.Task[None], _Conversation] = {}
        # Bound and never listening: while we refuse connections, nobody else can take the port.
        self._reserved = _bound("127.0.0.1", 0)
        self._listener: socket.socket | None = None

    async def __aenter__(self) -> Self:
        self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        await asyncio.sleep(0)  # those begun just now take hold of their sockets
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        self._reserved.close()

    @property
    def connections(self) -> int:
        """How many connections clients hold open."""
        return len(self._conversations)

    def url(self, database_url: str) -> str:
        """Return *database_url* with this proxy in the server's place."""
        return with_address(database_url, *self._reserved.getsockname())

    def accept(self) -> None:
        """Take new connections.

        Not by an `asyncio.Server`, which loses a connection that comes while it is closed.
        """
        self._listener = _bound(*self._reserved.getsockname())
        self._listener.setblocking(False)
        self._listener.listen()
        asyncio.get_running_loop().add_reader(self._listener, self._begin, self._listener)

    def refuse(self) -> None:
        """Refuse new connections; those that are open stay."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def arm(self, fault: Cut | Silence) -> None:
        """Break the next connection on which bytes pass (for a cut: in its direction)."""
        self._armed.append(fault)

    def end_all(self, end: End) -> None:
        """Cut every open connection now."""
        for conversation in self._conversations.values():
            conversation.cut(end)

    def silence_all(self) -> None:
        """Make every open connection half-open; new ones work."""
        for conversation in self._conversations.values():
            conversation.fault = Silence()
            self.met[str(conversation.fault)] += 1

    def disarm(self) -> None:
        """Forget the faults that have met no connection yet, and delay nothing any more."""
        self._armed.clear()
        self.delay_seconds = 0.0

    def fault_for(self, way: Way) -> Cut | Silence | None:
        """Return the fault that meets a connection on which bytes pass in that direction."""
        for fault in self._armed:
            if isinstance(fault, Silence) or fault.way == way:
                self._armed.remove(fault)
                if isinstance(fault, Silence):
                    self.met[str(fault)] += 1
                return fault
        return None

    def _begin(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # The client has gone already.
        conversation = _Conversation(self, client)
        task = asyncio.create_task(conversation.run())
        self._conversations[task] = conversation
        task.add_done_callback(self._conversations.pop)


class _Conversation:
    """One connection, both ways."""

    def __init__(self, proxy: FaultProxy, client: socket.socket) -> None:
        self.fault: Cut | Silence | None = None
        self._proxy = proxy
        self._client = client
        self._passed = 0
        self._is_cut: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    def cut(self, end: End) -> None:
        if not self._is_cut.done():
            self._is_cut.set_result(end)

    async def run(self) -> None:
        from_client, to_client = await asyncio.open_connection(sock=self._client)
        end = End.RST
        try:
            from_server, to_server = await asyncio.open_connection(*self._proxy.upstream)
            try:
                end = await self._converse(from_client, to_client, from_server, to_server)
            finally:
                _end(to_server, end)
        except OSError:
            pass  # A server that is not there looks to the client as a connection that ends.
        finally:
            _end(to_client, end)

    async def _converse(
        self,
        from_client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> End:
        up = asyncio.create_task(self._pass_on(Way.TO_SERVER, from_client, to_server))
        down = asyncio.create_task(self._pass_on(Way.TO_CLIENT, from_server, to_client))
        try:
            await asyncio.wait({up, down, self._is_cut}, return_when=asyncio.FIRST_COMPLETED)
            if isinstance(self.fault, Silence) and not self._is_cut.done():
                await asyncio.wait({up, self._is_cut}, return_when=asyncio.FIRST_COMPLETED)
            if not self._is_cut.done():
                return End.FIN
            if self._proxy.fenced:
                with suppress(OSError):
                    to_server.write_eof()
                await asyncio.wait({down}, timeout=FENCE_SECONDS)
            return self._is_cut.result()
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _pass_on(self, way: Way, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while chunk := await read(source):
            if self._proxy.delay_seconds:
                await asyncio.sleep(self._proxy.delay_seconds)
            self.fault = self.fault or self._proxy.fault_for(way)
            if self._is_cut.done() or isinstance(self.fault, Silence):
                continue
            if isinstance(self.fault, Cut) and self.fault.way == way:
                chunk = self._up_to_the_cut(self.fault, chunk)
            target.write(chunk)

    def _up_to_the_cut(self, cut: Cut, chunk: bytes) -> bytes:
        room = cut.after_bytes - self._passed
        self._passed += len(chunk)
        if room < len(chunk):
            self._proxy.met[str(cut)] += 1
            self.cut(cut.end)
        return chunk[:room]


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


def _end(writer: asyncio.StreamWriter, end: End) -> None:
    if end is End.RST:
        with suppress(OSError):  # that end is closed already
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        writer.transport.abort()
    else:
        writer.close()
