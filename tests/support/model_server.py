"""A server of the OpenAI chat-completions API on loopback, which says what a test has written for it.

async with ModelServer() as model:
    model.will_say(Reply("Let me look. ", tool="look", arguments={}), Reply("It is green."))
    ...  # an agent whose model is at model.url
    model.requests  # what it was asked
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

# Without a length, the end of the connection is the end of the answer.
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Reply:
    """What the model says next.

    Attributes:
        text: Comes in one delta for each word.
        thought: Comes before the text, as models that reason in the open send it.
        tool: The tool that the model calls after the text.
        arguments: The tool's.
        halts: Whether the model falls silent before its last word, until it is told to go on or its client goes.
    """

    text: str = ""
    thought: str = ""
    tool: str | None = None
    arguments: Mapping[str, Any] | None = None
    halts: bool = False

    def deltas(self) -> Iterator[dict[str, Any]]:
        """Yield what each chunk adds."""
        yield {"role": "assistant"}
        if self.thought:
            yield {"reasoning_content": self.thought}
        words = self.text.split(" ") if self.text else []
        for number, word in enumerate(words):
            yield {"content": f" {word}" if number else word}
        if self.tool:
            function = {"name": self.tool, "arguments": json.dumps(dict(self.arguments or {}))}
            yield {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}


class ModelServer:
    """Answers each request with the next reply it was given.

    Attributes:
        url: The base URL for an OpenAI client, once entered.
        requests: The bodies of the requests, in their order.
    """

    url: str

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
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
            request, body = await _request_from(reader)
            assert request.startswith("POST /v1/chat/completions "), request
            self.requests.append(body)
            writer.write(HEAD.encode())
            await self._say(self._replies.pop(0), reader, writer)
        finally:
            writer.close()

    async def _say(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        deltas = list(reply.deltas())
        for delta in deltas[:-1]:
            writer.write(_chunk(delta))
        if reply.halts and not await self._told_to_go_on(reader):
            return
        writer.write(_chunk(deltas[-1]))
        writer.write(_chunk({}, "tool_calls" if reply.tool else "stop"))
        writer.write(b"data: [DONE]\n\n")

    async def _told_to_go_on(self, reader: asyncio.StreamReader) -> bool:
        """Return True once the model may go on, False once its client has gone."""
        gone, may_go_on = asyncio.create_task(reader.read()), asyncio.create_task(self._may_go_on.wait())
        await asyncio.wait((gone, may_go_on), return_when=asyncio.FIRST_COMPLETED)
        for each in (gone, may_go_on):
            each.cancel()
        return self._may_go_on.is_set()


async def _request_from(reader: asyncio.StreamReader) -> tuple[str, dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    [length] = [line.partition(":")[2] for line in head.splitlines() if line.lower().startswith("content-length:")]
    return head, json.loads(await reader.readexactly(int(length)))


def _chunk(delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
    return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n".encode()
