"""A process that appends to a thread from many tasks, and tells when each append began and returned.

It prints ``ready`` once its connections are open, starts when a line comes in, and prints one JSON object.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from chatkit_pgstore import PostgresStore
from tests.support.samples import ALICE, message

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Append:
    """One append that returned; times in nanoseconds of the clock that all processes of a machine share."""

    item_id: str
    began: int
    returned: int


class Appender:
    """The process, seen by the test that started it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def is_ready(self) -> None:
        assert await self._process.stdout.readline() == b"ready\n"

    async def run(self) -> list[Append]:
        """Let it append, and return what it did once it is done."""
        printed, _ = await self._process.communicate(b"go\n")
        assert self._process.returncode == 0
        return [Append(**each) for each in json.loads(printed)]


@asynccontextmanager
async def appender(database_url: str, name: str, tasks: int, items: int) -> AsyncIterator[Appender]:
    """Start the process. Of its *tasks*, each appends *items* to the thread ``thr_1`` of alice."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.appender", database_url, name, str(tasks), str(items)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield Appender(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def append_all(database_url: str, name: str, tasks: int, items: int) -> list[Append]:
    store = PostgresStore(database_url, pool_size=tasks)
    try:
        await asyncio.gather(*(store.load_thread("thr_1", ALICE) for _ in range(tasks)))
        print("ready", flush=True)  # noqa: T201  # what the test waits for
        await asyncio.to_thread(sys.stdin.readline)
        writers = (append_some(store, f"{name}_{task}", items) for task in range(tasks))
        return [append for appends in await asyncio.gather(*writers) for append in appends]
    finally:
        await store.close()


async def append_some(store: PostgresStore, name: str, items: int) -> list[Append]:
    return [await append_one(store, f"msg_{name}_{number}") for number in range(items)]


async def append_one(store: PostgresStore, item_id: str) -> Append:
    began = time.monotonic_ns()
    await store.add_thread_item("thr_1", message(item_id), ALICE)
    return Append(item_id, began, time.monotonic_ns())


def see_that_what_returned_first_comes_first(appends: list[Append], ids_in_order: list[str]) -> None:
    """An append that returned before another began, in whatever process, has the earlier place."""
    places = {item_id: place for place, item_id in enumerate(ids_in_order)}
    by_return = sorted(appends, key=lambda append: append.returned)
    latest_place, returned = -1, 0
    for append in sorted(appends, key=lambda append: append.began):
        while by_return[returned].returned < append.began:
            latest_place = max(latest_place, places[by_return[returned].item_id])
            returned += 1
        assert latest_place < places[append.item_id]


if __name__ == "__main__":
    url, own_name, *numbers = sys.argv[1:]
    done = asyncio.run(append_all(url, own_name, *map(int, numbers)))
    print(json.dumps([asdict(append) for append in done]))  # noqa: T201  # what the test reads
