"""A server of OpenAI's two APIs on loopback, which says what a test has written for it.

async with ModelServer() as model:
    model.will_say(Reply("Let me look. ", tool="look", arguments={}), Reply("It is green."))
    ...  # an agent whose model is at model.url
    model.requests  # what it was asked
"""

import asyncio
import json
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from tests.support.model_replies import Reply, as_chat_completion, as_response

__all__ = ["ModelServer", "Reply"]

APIS = {"/v1/chat/completions": as_chat_completion, "/v1/responses": as_response}
# Without a length, the end of the connection is the end of the answer.
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
NEVER_REACHED = "Content-Length: 1000000\r\n"


class ModelServer:
    """Answers each request with the next reply it was given.

    Attributes:
        url: The base URL for an OpenAI client, once entered.
        requests: The bodies of the requests, in their order.
        deserted: Set once a client has gone while the model was silent.
    """

    url: str

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.deserted = asyncio.Event()
        self._replies: list[Reply] = []
        self._may_go_on = asyncio.Event()

    def will_say(self, *replies: Reply) -> None:
        """Add *replies* to what the model says, one for each request."""
        self._replies += replies

    def go_on(self) -> None:
        """End the silence of a reply that halts, and of every later one."""
        self._may_go_on.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path, body = await _request_from(reader)
            self.requests.append(body)
            reply = self._replies.pop(0)
            if reply.status == HTTPStatus.OK:
                writer.write(f"{HEAD}{NEVER_REACHED if reply.breaks else ''}\r\n".encode())
                await self._say(reply, path, reader, writer)
            else:
                writer.write(_error(reply.status))
        finally:
            writer.close()

    async def _say(self, reply: Reply, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        before, last = APIS[path](reply)
        writer.writelines(before)
        if reply.breaks or (reply.halts and not await self._told_to_go_on(reader)):
            return
        writer.writelines(last)

    async def _told_to_go_on(self, reader: asyncio.StreamReader) -> bool:
        """Return True once the model may go on, False once its client has gone."""
        gone, may_go_on = asyncio.create_task(reader.read()), asyncio.create_task(self._may_go_on.wait())
        await asyncio.wait((gone, may_go_on), return_when=asyncio.FIRST_COMPLETED)
        for each in (gone, may_go_on):
            each.cancel()
        if not self._may_go_on.is_set():
            self.deserted.set()
        return self._may_go_on.is_set()


async def _request_from(reader: asyncio.StreamReader) -> tuple[str, dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    [length] = [line.partition(":")[2] for line in head.splitlines() if line.lower().startswith("content-length:")]
    return head.split(" ")[1], json.loads(await reader.readexactly(int(length)))


def _error(status: int) -> bytes:
    """Return an error as OpenAI words it, and the wish that it be told at once instead of tried again."""
    body = json.dumps({"error": {"message": "Quokka", "type": "scripted", "param": None, "code": "scripted"}})
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return f"{head}x-should-retry: false\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
