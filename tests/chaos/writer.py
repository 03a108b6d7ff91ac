"""A process that appends to a shared thread from several tasks until it is told to stop, and tells what it did.

It prints ``ready`` once its connections are open, ends when a line comes in, and prints one JSON object.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from math import inf

from chatkit_pgstore import PostgresStore
from tests.chaos.figures import Figures, listening
from tests.chaos.shared_threads import Append, Appender, SharedThreads
from tests.support.appender import ROOT

USER = "alice"
PATIENCE_SECONDS = 60.0
"""For the last appends: several times what one may take."""


class Writer:
    """The process, seen by the one that started it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def is_ready(self) -> None:
        if await self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("a writer has not come up; its own words are above")

    async def stop(self, figures: Figures) -> list[Append]:
        """Let it come to an end; add its figures, and return its appends. TimeoutError: one of its calls hangs."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            printed, _ = await self._process.communicate(b"enough\n")
        told = json.loads(printed)
        figures.add(told["figures"])
        return [Append(**each) for each in told["appends"]]


@asynccontextmanager
async def writer(database_url: str, name: str, tasks: int) -> AsyncIterator[Writer]:
    """Start the process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.writer", database_url, name, str(tasks)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield Writer(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def write(database_url: str, name: str, tasks: int) -> tuple[Figures, list[Append]]:
    figures = Figures()
    with listening(figures):
        return figures, await _append(database_url, name, tasks, figures)


async def _append(database_url: str, name: str, tasks: int, figures: Figures) -> list[Append]:
    async with PostgresStore(database_url, pool_size=tasks) as store:
        shared = SharedThreads(store, USER, items_per_thread=inf)
        thread = await shared.current()
        enough = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        print("ready", flush=True)  # noqa: T201 - what the one who started it waits for
        await asyncio.gather(*(append_until(enough, shared, f"{name}-{task}", figures) for task in range(tasks)))
    return [*thread.appends.values()]


async def append_until(enough: asyncio.Task[str], shared: SharedThreads, name: str, figures: Figures) -> None:
    appender = Appender(name, shared, figures, seed="", looks=0, cancelled=0)
    while not enough.done():
        await appender.step()


if __name__ == "__main__":
    url, own_name, own_tasks = sys.argv[1:]
    counted, appended = asyncio.run(write(url, own_name, int(own_tasks)))
    told_at_last = {"figures": counted.told(), "appends": [asdict(each) for each in appended]}
    print(json.dumps(told_at_last))  # noqa: T201 - what the one who started it reads
