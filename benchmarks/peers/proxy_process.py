"""The process of the proxy: passes bytes on, as late as it is told to, and counts.

    python proxy_process.py HOST PORT

It prints the port it listens on, then answers each line that it reads with one: ``delay SECONDS`` with the delay, and
``counts`` with what it has counted since the last time. It ends with its standard input. It imports nothing that is
not Python's own, and its selector is `select`, whose timeouts are not rounded to milliseconds as those of epoll are.
"""

import asyncio
import json
import selectors
import sys
from collections import deque


class Passing:
    """What all connections share: where they lead, how late bytes arrive, and what was counted."""

    def __init__(self, host: str, port: int) -> None:
        self.upstream = (host, port)
        self.delay_seconds = 0.0
        self.forget()

    def forget(self) -> None:
        """Count from zero again."""
        self.counts = {"round_trips": 0, "bytes_to_server": 0, "bytes_from_server": 0, "connections": 0}


class Conversation:
    """A connection of a client and the one to the server that belongs to it.

    A round trip is bytes of the client that follow bytes of the server, or that begin the connection.
    """

    def __init__(self, passing: Passing) -> None:
        self._counts = passing
        self._is_the_clients_turn = True
        passing.counts["connections"] += 1

    def hear_client(self, size: int) -> None:
        """Count what the client has sent."""
        self._counts.counts["bytes_to_server"] += size
        self._counts.counts["round_trips"] += self._is_the_clients_turn
        self._is_the_clients_turn = False

    def hear_server(self, size: int) -> None:
        """Count what the server has sent."""
        self._counts.counts["bytes_from_server"] += size
        self._is_the_clients_turn = True


class End(asyncio.Protocol):
    """One end of a conversation: what arrives here leaves by the other end, in order, and late."""

    def __init__(self, passing: Passing) -> None:
        self._passing = passing
        self._due: deque[bytes] = deque()
        self.other: End | None = None
        self.conversation: Conversation | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]  # a stream's is one

    def data_received(self, data: bytes) -> None:
        """Pass it on when its time has come."""
        self.hear(len(data))
        self._send(data)

    def connection_lost(self, error: Exception | None) -> None:
        """End the other one, too, after what is still under way to it."""
        del error
        if self.other is not None:
            self._send(b"")

    def hear(self, size: int) -> None:
        """Count what has arrived."""
        raise NotImplementedError

    def _send(self, data: bytes) -> None:
        self._due.append(data)
        if self._passing.delay_seconds:
            asyncio.get_running_loop().call_later(self._passing.delay_seconds, self._deliver)
        else:
            self._deliver()

    def _deliver(self) -> None:
        data = self._due.popleft()
        if self.other is None:
            raise RuntimeError("bytes have arrived that have nowhere to go")
        if data:
            self.other.transport.write(data)
        else:
            self.other.transport.close()


class ServersEnd(End):
    """The end at the server."""

    def hear(self, size: int) -> None:
        """Count what the server has sent."""
        if self.conversation is not None:
            self.conversation.hear_server(size)


class ClientsEnd(End):
    """The end at the client, which opens the other one; until then nothing is read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the other end."""
        super().connection_made(transport)
        self.transport.pause_reading()
        # Some releases of Python read once although reading is paused.
        self._early: list[bytes] = []
        self._opening = asyncio.get_running_loop().create_task(self._open())

    def data_received(self, data: bytes) -> None:
        """Keep what comes before there is another end; pass the rest on."""
        if self.other is None:
            self._early.append(data)
        else:
            super().data_received(data)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, end = await loop.create_connection(lambda: ServersEnd(self._passing), *self._passing.upstream)
        except OSError:
            self.transport.close()
            return
        self.conversation = end.conversation = Conversation(self._passing)
        self.other, end.other = end, self
        for data in self._early:
            super().data_received(data)
        self.transport.resume_reading()

    def hear(self, size: int) -> None:
        """Count what the client has sent."""
        if self.conversation is not None:
            self.conversation.hear_client(size)


def _answer(passing: Passing, line: str) -> str:
    command, _, argument = line.strip().partition(" ")
    if command == "delay":
        passing.delay_seconds = float(argument)
        return json.dumps(passing.delay_seconds)
    counts = passing.counts
    passing.forget()
    return json.dumps(counts)


async def _serve(passing: Passing) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ClientsEnd(passing), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        print(_answer(passing, line.decode()), flush=True)


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(_serve(Passing(sys.argv[1], int(sys.argv[2]))))
