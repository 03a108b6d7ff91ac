"""Export, import and copy: whether what arrives is equal, how fast it is, and how much memory it takes.

    python benchmarks/moving.py [--threads 100 1000 10000] [--copied-threads 100]

Each thread has an item of every type there is. ``chatkit-pgstore export --user U | chatkit-pgstore import --user V``
runs as two processes with a pipe between them, on an embedded server or on that of DATABASE_URL; the peak of a
process's memory is what Linux says of it (VmHWM). Then every column of both users is compared in SQL. Ends with code 1
when anything is not equal.
"""

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import perf_counter, sleep
from typing import Any

import asyncpg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.server import server_url
from chatkit_pgstore import PostgresStore
from chatkit_pgstore._tables import attachments, thread_items, threads
from chatkit_pgstore.operations import copy_user
from chatkit_pgstore.testing import MemoryStore
from tests.support.histories import write_history
from tests.support.sqlite_store import SQLiteStore, context_of

CHECKOUT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-W", "ignore", "-m", "chatkit_pgstore.cli"]
TEMPLATE, TEMPLATE_THREAD = "moving-template", "thr_00000"
SECONDS_BETWEEN_LOOKS = 0.02

# The template's rows again for each thread of another user, under that thread's id.
FILL = (
    """
    INSERT INTO chatkit_threads
    SELECT $1, name, replace(thread::text, $3, name)::json, last_sort_key, created_at + n * interval '1 s', updated_at
    FROM chatkit_threads, generate_series(1, $4::int) AS n, format('thread_%s', n) AS name WHERE user_id = $2
    """,
    """
    INSERT INTO chatkit_thread_items
    SELECT $1, name, id, sort_key, type, status, replace(item::text, $3, name)::json, created_at, updated_at
    FROM chatkit_thread_items, generate_series(1, $4::int) AS n, format('thread_%s', n) AS name WHERE user_id = $2
    """,
    """
    INSERT INTO chatkit_attachments
    SELECT $1, replace(id, $3, name), name, replace(attachment::text, $3, name)::json, created_at, updated_at
    FROM chatkit_attachments, generate_series(1, $4::int) AS n, format('thread_%s', n) AS name WHERE user_id = $2
    """,
)
# Every column but the user's, documents as their letters, on either side alone.
DIFFER = """
    SELECT count(*) FROM (
        (SELECT {columns} FROM {table} WHERE user_id = $1 EXCEPT ALL SELECT {columns} FROM {table} WHERE user_id = $2)
        UNION ALL
        (SELECT {columns} FROM {table} WHERE user_id = $2 EXCEPT ALL SELECT {columns} FROM {table} WHERE user_id = $1)
    ) AS rows
"""


def main() -> int:
    """Measure and print; return 1 when anything was not equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[100, 1000, 10_000], help="sizes of histories")
    parser.add_argument("--copied-threads", type=int, default=100, help="size of the history that is copied")
    options = parser.parse_args()
    with server_url() as url:
        asyncio.run(_prepare(url))
        moved = [_move(url, count) for count in options.threads]
        copied = asyncio.run(_copy(url, options.copied_threads))
    return 0 if all([*moved, *copied]) else 1


async def _prepare(url: str) -> None:
    async with PostgresStore(url) as store:
        await write_history(store, {"user_id": TEMPLATE})
    print("| threads | items | seconds | items/s | export, peak MB | import, peak MB | rows that differ |")
    print("|--:|--:|--:|--:|--:|--:|--:|")


def _move(url: str, count: int) -> bool:
    """Pipe a history of so many threads from one user to another, and print what it took."""
    user, other = f"moving-{count}", f"moving-{count}-arrived"
    asyncio.run(_fill(url, user, count))
    started = perf_counter()
    peaks = _piped(url, user, other)
    seconds = perf_counter() - started
    items, differ = asyncio.run(_compared(url, user, other))
    figures = [count, items, f"{seconds:.1f}", f"{items / seconds:.0f}", *(f"{each:.0f}" for each in peaks), differ]
    print(f"| {' | '.join(str(each) for each in figures)} |", flush=True)
    return differ == 0


async def _fill(url: str, user: str, count: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in FILL:
            await connection.execute(statement, user, TEMPLATE, TEMPLATE_THREAD, count)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def _piped(url: str, user: str, other: str) -> list[float]:
    """Run both commands, and return their peaks of memory in megabytes."""
    environment = os.environ | {"DATABASE_URL": url}
    export = [*COMMAND, "export", "--user", user]
    importing = [*COMMAND, "import", "--user", other]
    quiet = subprocess.DEVNULL
    with (
        subprocess.Popen(export, env=environment, stdout=subprocess.PIPE, stderr=quiet, cwd=CHECKOUT) as one,  # noqa: S603  # our own command
        subprocess.Popen(importing, env=environment, stdin=one.stdout, stdout=quiet, cwd=CHECKOUT) as two,  # noqa: S603  # as above
    ):
        if one.stdout is not None:
            # The other process has it; as long as it is open here too, an import that dies would leave the export be.
            one.stdout.close()
        with _peak(one) as first, _peak(two) as second:
            codes = one.wait(), two.wait()
    if any(codes):
        sys.exit(f"export and import ended with {codes}")
    return [*first, *second]


@contextmanager
def _peak(process: subprocess.Popen[bytes]) -> Iterator[list[float]]:
    """Yield a list that has the peak of a process's memory once the process has ended."""
    seen = [0.0]
    status = Path(f"/proc/{process.pid}/status")

    def look() -> None:
        while process.returncode is None:
            with suppress(OSError, ValueError):
                [peak] = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
                seen[0] = int(peak) / 1024
            sleep(SECONDS_BETWEEN_LOOKS)

    looking = Thread(target=look)
    looking.start()
    yield seen
    looking.join()


async def _compared(url: str, user: str, other: str) -> tuple[int, int]:
    """Return how many items a user has, and how many rows are not the other's too."""
    connection = await asyncpg.connect(url)
    try:
        items = await connection.fetchval("SELECT count(*) FROM chatkit_thread_items WHERE user_id = $1", user)
        differ = [await connection.fetchval(query, user, other) for query in _differ()]
    finally:
        await connection.close()
    return items, sum(differ)


def _differ() -> Iterator[str]:
    for table in (threads, thread_items, attachments):
        columns = (f"{each.name}::text" for each in table.c if each.name != "user_id")
        yield DIFFER.format(table=table.name, columns=", ".join(columns))


async def _copy(url: str, count: int) -> list[bool]:
    """Copy a history out of each of two other stores, and print what it took."""
    print("\n| copied from | threads | items | seconds | items/s | differences |\n|---|--:|--:|--:|--:|--:|")
    sqlite = SQLiteStore()
    sources: list[tuple[Any, Any]] = [(MemoryStore(), None), (sqlite, context_of)]
    async with PostgresStore(url) as store:
        equal = [await _copy_from(source, context, store, count) for source, context in sources]
    sqlite.close()
    return equal


async def _copy_from(source: Any, context: Any, store: PostgresStore, count: int) -> bool:
    user = f"copied-{type(source).__name__}"
    await write_history(source, context(user) if context else {"user_id": user}, threads=count)
    started = perf_counter()
    copied = await copy_user(source, store, user, context=context)
    seconds = perf_counter() - started
    figures = [
        type(source).__name__,
        copied.threads,
        copied.items,
        f"{seconds:.1f}",
        f"{copied.items / seconds:.0f}",
        len(copied.differences),
    ]
    print(f"| {' | '.join(str(each) for each in figures)} |", flush=True)
    return not copied.differences and copied.threads == count


if __name__ == "__main__":
    sys.exit(main())
