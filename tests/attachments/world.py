"""A store with files, and its app on a real server: what the tests of attachments are made of."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import obstore
import uvicorn
from chatkit.types import Attachment, AttachmentCreateParams
from obstore.store import LocalStore, MemoryStore
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.attachments import FileAttachments, Files, PostgresBytes
from tests.support.samples import ALICE
from tests.support.tables import fetch_value
from tests.support.waiting import eventually

SECRET = "a secret of the tests that is long enough"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 40
TEXT = b"Hello, this is a file.\n" * 50
KINDS = ("folder", "memory", "postgresql")

EMPTY = {"attachments": 0, "files": 0, "chunks": 0, "objects": 0}
"""What there is when nothing is left."""


@dataclass
class World:
    """What one test works with."""

    store: PostgresStore[Any]
    files: Files
    attachments: FileAttachments[Any]
    database_url: str
    client: httpx.AsyncClient

    async def announce(
        self, content: bytes, mime_type: str = "text/plain", *, context: Any = ALICE, name: str = "notes.txt"
    ) -> Attachment:
        """Do what the ChatKit server does for ``attachments.create``."""
        params = AttachmentCreateParams(name=name, size=len(content), mime_type=mime_type)
        attachment = await self.attachments.create_attachment(params, context)
        await self.store.save_attachment(attachment, context)
        return attachment

    async def send(self, attachment: Attachment, content: Any, **headers: str) -> httpx.Response:
        """Do what the browser does with an attachment's upload_descriptor."""
        descriptor = attachment.upload_descriptor
        assert descriptor is not None
        return await self.client.request(
            descriptor.method, str(descriptor.url), content=content, headers={**descriptor.headers, **headers}
        )

    async def upload(
        self, content: bytes = TEXT, mime_type: str = "text/plain", *, context: Any = ALICE, **options: Any
    ) -> Attachment:
        """Announce a file and send it."""
        attachment = await self.announce(content, mime_type, context=context, **options)
        answer = await self.send(attachment, content)
        assert answer.status_code == 200, answer.text
        return attachment

    async def content(self, attachment: Attachment, context: Any = ALICE) -> bytes:
        return b"".join([chunk async for chunk in self.attachments.read(attachment.id, context)])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a new connection to the server."""
        parts = urlsplit(self.files.public_url)
        return await asyncio.open_connection(parts.hostname, parts.port)

    async def traces(self) -> dict[str, int]:
        """Count what there is of all users, in the tables and in the storage."""
        counts = {
            name: await fetch_value(self.database_url, f"SELECT count(*) FROM chatkit_{table}")
            for name, table in (("attachments", "attachments"), ("files", "files"), ("chunks", "file_chunks"))
        }
        return {**counts, "objects": len(await objects_in(self.files.storage))}


async def objects_in(storage: Any) -> list[str]:
    """Return where obstore finds an object; of a folder also what is no whole object yet."""
    if isinstance(storage, PostgresBytes):
        return []
    if isinstance(storage, LocalStore):
        return sorted(str(path) for path in storage.prefix.rglob("*") if path.is_file())
    return [each["path"] for page in [await obstore.list(storage).collect_async()] for each in page]


def storage_of(kind: str, folder: Any) -> Any:
    match kind:
        case "folder":
            return LocalStore(folder, mkdir=True)
        case "memory":
            return MemoryStore()
        case _:
            return PostgresBytes()


async def of_bearer(request: Any) -> dict[str, str]:
    """Return the context of a request with ``Authorization: Bearer alice``."""
    found = re.fullmatch(r"Bearer (\w+)", request.headers.get("authorization", ""))
    if found is None:
        raise HTTPException(401, "Sign in first, please.")
    return {"user_id": found[1]}


@asynccontextmanager
async def world_of(
    store: Any, storage: Any, database_url: str, *, direct: Any = of_bearer, **options: Any
) -> AsyncIterator[World]:
    """Yield a world whose app is mounted at ``/files`` of a uvicorn of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "http://{}:{}".format(*listener.getsockname())
        files = Files(storage, **({"secret": SECRET, "public_url": f"{address}/files"} | options))
        attachments = FileAttachments(store, files)
        app = Starlette(routes=[Mount("/files", attachments.app(direct=direct))])
        async with running(app, listener), httpx.AsyncClient(trust_env=False, timeout=30) as client:
            yield World(store, files, attachments, database_url, client)


@asynccontextmanager
async def running(app: Any, listener: socket.socket) -> AsyncIterator[None]:
    """Serve *app* as long as the block lasts."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await eventually(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def raw(url: str, head: str, *pieces: bytes, method: str = "PUT") -> tuple[int, dict[str, Any]]:
    """Send a request as it is written here, on a socket; return the status and what the JSON says."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"{method} {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n{head}\r\n\r\n".encode())
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    answer = await answer_of(reader)
    writer.close()
    return answer


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    """Return the status of an answer, and what its JSON says."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(re.search(r"(?i)content-length: (\d+)", head)[1])
    return int(head.split()[1]), json.loads(await reader.readexactly(length))
