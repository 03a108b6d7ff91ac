"""Clients that go away in the middle of a reply, many times, and what is left of their replies."""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from chatkit.types import AssistantMessageItem, SDKHiddenContextItem, ThreadItem

from chatkit_pgstore import PostgresStore
from tests.support.databases import check_no_transaction_is_open
from tests.support.disconnects_app import PACE_SECONDS, WHOLE, WORDS
from tests.support.samples import items_of
from tests.support.shared import proxy_before

CHECKOUT = Path(__file__).parents[2]
AWAY_SECONDS = 0.005
"""How far away the database is, each way: a round trip takes twice that."""
CLIENTS_AT_ONCE = 20
LONGEST_STAY_SECONDS = PACE_SECONDS * len(WORDS) * 0.3
"""Until a client goes, after the first word: soon enough for even a belated one not to hear the end."""
HANG_SECONDS = 60.0
MOST_BYTES_OF_LOG = 1_000_000

WHOLE_REPLY, PARTIAL_AND_MARKER, PARTIAL_ALONE, MARKER_ALONE, LOST = (
    "whole reply",
    "partial reply and marker",
    "partial reply alone",
    "marker alone",
    "lost",
)
OUTCOMES = (WHOLE_REPLY, PARTIAL_AND_MARKER, PARTIAL_ALONE, MARKER_ALONE, LOST)

MESSAGE = {
    "type": "threads.create",
    "params": {
        "input": {"content": [{"type": "input_text", "text": "Hi"}], "attachments": [], "inference_options": {}}
    },
}


@dataclass(frozen=True)
class Disconnects:
    """What became of the replies, by outcome; of the server's pool; and what the server had to say."""

    outcomes: Counter[str]
    pool: dict[str, int]
    log: str


async def disconnected(variant: str, database_url: str, count: int, seed: int) -> Disconnects:
    """Run a server of a variant in a process of its own; let *count* clients leave it at random moments."""
    choice = random.Random(seed)
    stays = [choice.uniform(0, LONGEST_STAY_SECONDS) for _ in range(count)]
    few = asyncio.Semaphore(CLIENTS_AT_ONCE)
    async with _served(variant, database_url) as server:
        replies = await asyncio.gather(*(_leave(few, server.port, stay) for stay in stays))
        pool = await _pool_when_idle(server.port)
        await check_no_transaction_is_open(database_url)
        log = server.log
    return Disconnects(await _outcomes(database_url, replies), pool, log)


async def stopped(variant: str, database_url: str, count: int) -> Disconnects:
    """Run a server of a variant, and stop it in the middle of *count* replies, which it cancels at once."""
    async with _served(variant, database_url) as server, AsyncExitStack() as stack:
        replies = await asyncio.gather(*(stack.enter_async_context(_begun(server.port)) for _ in range(count)))
        await server.stop()
        log = server.log
    return Disconnects(await _outcomes(database_url, replies), {}, log)


class _Server:
    """A process that listens."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: IO[bytes]) -> None:
        self._process = process
        self._log = log
        self.port = port

    @property
    def log(self) -> str:
        """What it has said on the standard error."""
        return os.pread(self._log.fileno(), MOST_BYTES_OF_LOG, 0).decode()

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


@asynccontextmanager
async def _served(variant: str, database_url: str) -> AsyncIterator[_Server]:
    command = (sys.executable, "-m", "tests.support.disconnects_app", variant)
    with TemporaryFile() as log:
        async with (
            asyncio.timeout(HANG_SECONDS),
            proxy_before(database_url, delay_seconds=AWAY_SECONDS) as proxy,
        ):
            environment = os.environ | {"DATABASE_URL": proxy.url(database_url)}
            process = await asyncio.create_subprocess_exec(
                *command, cwd=CHECKOUT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=log
            )
            assert process.stdout is not None
            server = _Server(process, int(await process.stdout.readline() or 0), log)
            try:
                yield server
            finally:
                await server.stop()


async def _leave(few: asyncio.Semaphore, port: int, stay_seconds: float) -> "_Reply":
    """Listen to a reply for so long behind its first word, and close the socket."""
    async with few, _begun(port) as reply:
        with suppress(TimeoutError):
            async with asyncio.timeout(stay_seconds):
                while True:
                    await reply.hear_a_word()
    return reply


@asynccontextmanager
async def _begun(port: int) -> AsyncIterator["_Reply"]:
    """Ask for a reply, and yield it when its first word was heard; then close the socket."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        _post(writer)
        reply = _Reply(reader, (await _event(reader, "thread.created"))["thread"]["id"])
        await reply.hear_a_word()
        yield reply
    finally:
        writer.transport.abort()


class _Reply:
    """A reply as far as it was heard."""

    def __init__(self, reader: asyncio.StreamReader, thread_id: str) -> None:
        self._reader = reader
        self.thread_id = thread_id
        self.heard = ""

    async def hear_a_word(self) -> None:
        update: dict[str, str] = {}
        while "delta" not in update:
            update = (await _event(self._reader, "thread.item.updated"))["update"]
        self.heard += update["delta"]


def _post(writer: asyncio.StreamWriter) -> None:
    body = json.dumps(MESSAGE).encode()
    writer.write(b"POST /chatkit HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def _event(reader: asyncio.StreamReader, kind: str) -> Any:
    """Return the next event of a kind; each stands in a line of its own."""
    while True:
        line = await reader.readline()
        assert line, "the server ended the response"
        if line.startswith(b"data: ") and (event := json.loads(line[6:]))["type"] == kind:
            return event


async def _pool_when_idle(port: int) -> Any:
    """Return the counts of the server's pool, once no reply is on its way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /pool HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return json.loads(answer.partition(b"\r\n\r\n")[2])


async def _outcomes(database_url: str, replies: list[_Reply]) -> Counter[str]:
    async with PostgresStore[dict[str, str]](database_url) as store:
        return Counter([_outcome(await items_of(store, reply.thread_id), reply.heard) for reply in replies])


def _outcome(items: list[ThreadItem], heard: str) -> str:
    said = "".join(part.text for item in items if isinstance(item, AssistantMessageItem) for part in item.content)
    markers = sum(isinstance(item, SDKHiddenContextItem) for item in items)
    assert WHOLE.startswith(said), "the reply is another one, or there twice"
    assert markers <= 1
    if said == WHOLE:
        return WHOLE_REPLY
    if not said.startswith(heard):
        return MARKER_ALONE if markers else LOST
    return PARTIAL_AND_MARKER if markers else PARTIAL_ALONE
