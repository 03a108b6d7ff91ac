"""A process that makes every call from several tasks, and holds each answer against that of a store in memory.

It prints one JSON object: how many calls it made, and which of them were wrong.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.testing import MemoryStore
from tests.support.calls import CALLS, Call, fill

ROOT = Path(__file__).parents[2]


class Counted:
    """A store whose calls are counted."""

    def __init__(self, store: Any) -> None:
        self.calls = 0
        self._store = store

    def __getattr__(self, name: str) -> Any:
        self.calls += 1
        return getattr(self._store, name)


async def comparer(database_url: str, name: str, tasks: int) -> dict[str, Any]:
    """Run the process and return what it found."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.comparer", database_url, name, str(tasks)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(printed)


async def compare(database_url: str, name: str, tasks: int) -> dict[str, Any]:
    store = PostgresStore(database_url, pool_size=tasks)
    counted, wrong = Counted(store), []
    await asyncio.gather(*(_compare_some(counted, name, CALLS[task::tasks], wrong) for task in range(tasks)))
    await store.close()
    return {"calls": counted.calls, "wrong": wrong}


async def _compare_some(store: Any, name: str, calls: tuple[Call, ...], wrong: list[str]) -> None:
    for call in calls:
        context = {"user_id": f"{name}: {call}"}
        try:
            seen, expected = [await _outcome(each, call, context) for each in (store, MemoryStore())]
        except Exception as error:  # noqa: BLE001  # whatever it is, it is counted and shown
            wrong.append(f"{call}: {error!r}")
        else:
            wrong += [] if seen == expected else [f"{call}: {seen} instead of {expected}"]


async def _outcome(store: Any, call: Call, context: Any) -> tuple[str, ...]:
    """Return what the call returns, and what there is afterwards."""
    await fill(store, context)
    answer = await call.made(store, 1, context)
    threads = await store.load_threads(9, None, "asc", context)
    items = await store.load_thread_items("thr_1", None, 9, "asc", context)
    return repr(answer), repr(threads), repr(items)


if __name__ == "__main__":
    url, own_name, task_count = sys.argv[1:]
    print(json.dumps(asyncio.run(compare(url, own_name, int(task_count)))))  # noqa: T201  # what the test reads
