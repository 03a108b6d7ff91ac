"""Upload large files to the app in a process of its own, and tell how much memory that process takes for it.

    python benchmarks/uploads.py [--rounds 5] [--megabytes 20]

The app is `FileAttachments.app()` on uvicorn, once with files in a folder and once in the database, on an embedded
server. A small file goes first, so that what Python and the libraries load once is not counted. Then so many rounds of
one file at a time, and of four at once in a fresh process. What is told is the peak of the resident memory (VmHWM) and
what is left at the end (VmRSS), each less what it was before the first large file. Linux alone tells these. Nothing is
asserted.
"""

import argparse
import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import httpx
import uvicorn
from chatkit.types import AttachmentCreateParams
from obstore.store import LocalStore
from starlette.applications import Starlette
from starlette.routing import Mount

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.server import server_url
from chatkit_pgstore import PostgresStore
from chatkit_pgstore.attachments import FileAttachments, Files, PostgresBytes

SECRET = "the secret of a benchmark, known to all"  # noqa: S105  # it guards nothing
CONTEXT = {"user_id": "somebody"}
KINDS = {"folder": "a folder (LocalStore)", "postgresql": "the database (PostgresBytes)"}
AT_ONCE = (1, 4)
MEGABYTE = 1024 * 1024
PIECE = b"0123456789abcde\n" * 4096


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of uploads, one after the other")
    parser.add_argument("--megabytes", type=int, default=20, help="the size of a file")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)  # the process of the app
    options = parser.parse_args()
    if options.serve:
        asyncio.run(_serve(*options.serve))
        return
    print("| bytes in | at once | uploads | peak (VmHWM) | left (VmRSS) | MB per second |")
    print("|---|---|---|---|---|---|")
    with server_url() as url:
        for kind in KINDS:
            for at_once in AT_ONCE:
                with TemporaryDirectory() as folder:
                    print(asyncio.run(_measured(kind, at_once, url, folder, options)), flush=True)


def _files(kind: str, folder: str, port: int) -> Files:
    storage: Any = PostgresBytes() if kind == "postgresql" else LocalStore(folder)
    return Files(storage, secret=SECRET, public_url=f"http://127.0.0.1:{port}/files")


# The process of the app


async def _serve(kind: str, url: str, folder: str, descriptor: str) -> None:
    with socket.socket(fileno=int(descriptor)) as listener:
        async with PostgresStore(url) as store:
            attachments = FileAttachments(store, _files(kind, folder, listener.getsockname()[1]))
            app = Starlette(routes=[Mount("/files", attachments.app())])
            await uvicorn.Server(uvicorn.Config(app, log_level="warning")).serve(sockets=[listener])


# The process that measures


async def _measured(kind: str, at_once: int, url: str, folder: str, options: argparse.Namespace) -> str:
    with _app(kind, url, folder) as (process, port):
        async with PostgresStore(url) as store, httpx.AsyncClient(trust_env=False, timeout=300) as client:
            uploads = _Uploads(FileAttachments(store, _files(kind, folder, port)), store, client)
            await uploads.one(len(PIECE))
            before = _memory(process, "VmRSS")
            _forget_the_peak(process)
            started = perf_counter()
            for _ in range(options.rounds):
                await asyncio.gather(*[uploads.one(options.megabytes * MEGABYTE) for _ in range(at_once)])
            seconds = perf_counter() - started
            peak, left = _memory(process, "VmHWM") - before, _memory(process, "VmRSS") - before
    files = options.rounds * at_once
    speed = files * options.megabytes / seconds
    return f"| {KINDS[kind]} | {at_once} | {files} | {peak:.1f} MB | {left:.1f} MB | {speed:.0f} |"


@contextmanager
def _app(kind: str, url: str, folder: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the app in a process of its own; yield it and its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor = listener.fileno()
        command = [sys.executable, __file__, "--serve", kind, url, folder, str(descriptor)]
        with subprocess.Popen(command, pass_fds=[descriptor]) as process:  # noqa: S603  # our own command
            try:
                yield process, listener.getsockname()[1]
            finally:
                process.terminate()


class _Uploads:
    """Makes uploads, as the ChatKit server and a browser do."""

    def __init__(self, attachments: FileAttachments[Any], store: PostgresStore[Any], client: httpx.AsyncClient) -> None:
        self._attachments = attachments
        self._store = store
        self._client = client

    async def one(self, size: int) -> None:
        params = AttachmentCreateParams(name="a.txt", size=size, mime_type="text/plain")
        attachment = await self._attachments.create_attachment(params, CONTEXT)
        await self._store.save_attachment(attachment, CONTEXT)
        to = attachment.upload_descriptor
        if to is None:
            raise RuntimeError("create_attachment() has returned no link to upload to")
        headers = {**to.headers, "Content-Length": str(size)}
        answer = await self._client.request(to.method, str(to.url), content=_body(size), headers=headers)
        answer.raise_for_status()


async def _body(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // len(PIECE)):
        yield PIECE


def _forget_the_peak(process: subprocess.Popen[bytes]) -> None:
    # https://docs.kernel.org/filesystems/proc.html: 5 resets VmHWM.
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def _memory(process: subprocess.Popen[bytes], name: str) -> float:
    """Return what Linux tells of a process's memory, in MB."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"There is no {name}: it takes Linux")
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
