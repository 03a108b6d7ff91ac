"""Purge while writers go on, and tell how long any of them waited for it.

    python benchmarks/purge.py [--threads 100000] [--writers 8] [--seed 1]

The server is an embedded one of its own, whose commits reach the disk. The writers are tasks in a process of their
own, as fast as they can: most of the items they add are for threads in use; one in 20 is for an old thread, one of
those that go next or are going. Each has threads of its own, so that none waits for another. The server logs every wait
for a lock from 5 ms on, with its length; so what is told is what was waited for a lock, and not for one of two cores.
Nothing is asserted.
"""

import argparse
import asyncio
import json
import random
import re
import sys
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import asyncpg
from chatkit.store import NotFoundError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.operations import purge
from examples.embedded_postgres import EmbeddedPostgres
from tests.support.samples import message

T = TypeVar("T")

SETTINGS = {
    "shared_buffers": "256MB",
    "log_lock_waits": "on",
    # From when on a wait is logged.
    "deadlock_timeout": "5ms",
    "log_line_prefix": "%a|",
}
IN_USE = 20_000
SPARE = 5_000
"""Old threads that are used while nothing purges."""
USERS = 5_000
ITEMS = 3
LONG_THREAD_ITEMS = 50_000
BASELINE_SECONDS = 10.0
OLD_ONE_IN = 20
"""One in so many items of a writer is for a thread that is old, and next to go."""
LONG_MILLISECONDS = 100.0
OLDER_THAN = timedelta(days=90)

LOAD = """
    INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at)
    SELECT 'user_' || n % {users}, '{kind}_' || n, json_build_object('id', '{kind}_' || n,
        'created_at', now() - interval '{age}', 'status', json_build_object('type', 'active')),
        {items}, now() - interval '{age}', now() - interval '{age}' FROM generate_series(0, {threads} - 1) AS n;
    INSERT INTO chatkit_thread_items (user_id, thread_id, id, sort_key, type, item, created_at, updated_at)
    SELECT 'user_' || n % {users}, '{kind}_' || n, 'msg_' || key, key, 'end_of_turn',
        json_build_object('text', repeat(md5(n::text), 20)), now() - interval '{age}', now() - interval '{age}'
    FROM generate_series(0, {threads} - 1) AS n, generate_series(1, {items}) AS key;
    INSERT INTO chatkit_attachments (user_id, id, thread_id, attachment, created_at, updated_at)
    SELECT 'user_' || n % {users}, '{kind}_' || n || '_' || sent, CASE sent WHEN 'sent' THEN '{kind}_' || n END, '{{}}',
        now() - interval '{age}', now() - interval '{age}'
    FROM generate_series(0, {threads} - 1, 2) AS n, unnest(ARRAY['sent', 'unsent']) AS sent
"""
FRONT = """
    SELECT user_id, id FROM chatkit_threads
    WHERE (user_id, id) >= ($1, $2) AND updated_at < now() - interval '90 days' ORDER BY user_id, id LIMIT 300
"""
LONG_THREAD = (
    "INSERT INTO chatkit_threads VALUES ('whale', 'long', '{}', $1, now(), now() - interval '1 year')",
    """
    INSERT INTO chatkit_thread_items SELECT 'whale', 'long', 'msg_' || n, n, 'end_of_turn', NULL,
        json_build_object('text', repeat(md5(n::text), 20)), now(), now() FROM generate_series(1, $1) AS n
    """,
)
LOCK_THREAD = "SELECT FROM chatkit_threads WHERE user_id = 'whale' AND id = 'long' FOR NO KEY UPDATE"
SAVE_ITEM = (
    "UPDATE chatkit_thread_items SET updated_at = now() WHERE (user_id, thread_id, id) = ('whale', 'long', 'msg_9')"
)
WAIT = re.compile(
    r"^writer\|LOG:  process \d+ (?:still waiting for|acquired) \w+ on (\w+).* after ([\d.]+) ms", re.MULTILINE
)


@dataclass
class Told:
    """What the writers tell: how long each call took, and which items were acknowledged."""

    seconds: list[float] = field(default_factory=list)
    added: list[tuple[str, str, str]] = field(default_factory=list)
    too_late: int = 0


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=100_000, help="old ones; there are 5,000 more")
    parser.add_argument("--writers", type=int, default=8, help="tasks that add items meanwhile")
    parser.add_argument("--seed", type=int, default=1, help="of the threads they add to")
    parser.add_argument("--write", metavar="URL", help=argparse.SUPPRESS)  # the process of the writers
    options = parser.parse_args()
    if options.write:
        asyncio.run(_write(options))
        return
    with EmbeddedPostgres(durable=True, settings=SETTINGS) as server:
        asyncio.run(_measure(server, options))


# The process of the writers


async def _write(options: argparse.Namespace) -> None:
    """Write until the standard input ends; then print what there is to tell."""
    store = PostgresStore(options.write, pool_size=options.writers)
    told, over = Told(), asyncio.Event()
    writers = [asyncio.create_task(_writer(store, number, options, told, over)) for number in range(options.writers)]
    print("writing", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    over.set()
    await asyncio.gather(*writers)
    await store.close()
    print(json.dumps({"seconds": told.seconds, "added": told.added, "too_late": told.too_late}))


async def _writer(
    store: PostgresStore[Any], number: int, options: argparse.Namespace, told: Told, over: asyncio.Event
) -> None:
    choice = random.Random(f"{options.seed}.{number}")  # noqa: S311  # no secret
    front = _Front(await asyncpg.connect(options.write), number, options.writers)
    for count in range(sys.maxsize):
        if over.is_set():
            break
        user_id, thread_id = _in_use(choice.randrange(number, IN_USE, options.writers))
        if count % OLD_ONE_IN == 0:
            user_id, thread_id = choice.choice(await front.threads() or [(user_id, thread_id)])
        await _add(store, user_id, thread_id, f"new_{number}_{count}", told)
    await front.connection.close()


async def _add(store: PostgresStore[Any], user_id: str, thread_id: str, item_id: str, told: Told) -> None:
    started = perf_counter()
    try:
        await store.add_thread_item(thread_id, message(item_id, thread_id=thread_id), {"user_id": user_id})
    except NotFoundError:
        told.too_late += 1
    else:
        told.added.append((user_id, thread_id, item_id))
    told.seconds.append(perf_counter() - started)


def _in_use(number: int) -> tuple[str, str]:
    return f"user_{number % USERS}", f"in_use_{number}"


@dataclass
class _Front:
    """The old threads that go next, as one of the writers sees them."""

    connection: asyncpg.Connection
    number: int
    writers: int
    key: tuple[str, str] = ("", "")

    async def threads(self) -> list[tuple[str, str]]:
        """Return those that are this writer's."""
        rows = await self.connection.fetch(FRONT, *self.key)
        if rows:
            self.key = (rows[0]["user_id"], rows[0]["id"])
        return [(row["user_id"], row["id"]) for row in rows if self._is_mine(row["id"])]

    def _is_mine(self, thread_id: str) -> bool:
        return int(thread_id.rpartition("_")[2]) % self.writers == self.number


# The process that measures


async def _measure(server: EmbeddedPostgres, options: argparse.Namespace) -> None:
    url = server.url()
    async with PostgresStore(url) as store:
        await _load(url, options.threads + SPARE)
        without, _ = await _written_meanwhile(url, options, asyncio.sleep(BASELINE_SECONDS))
        await _provoke_a_wait(url)
        log = server.log.read_text()
        _tell("a wait of 50 ms, provoked to see it logged", f"{max(_waits(log)):.1f} ms")
        meanwhile, (purged, seconds) = await _written_meanwhile(url, options, _timed(purge(store, OLDER_THAN)))
        _tell("purged", f"{purged.threads:,} threads and {purged.attachments:,} unsent attachments in {seconds:.0f} s")
        _tell("passed by, in use", f"{purged.passed_by:,}")
        _tell("threads in use that were touched", f"{await _touched(url, without, meanwhile):,}")
        _tell("items that came too late for their thread", f"{meanwhile.too_late:,}")
        _tell_calls("writers without a purge", without)
        _tell_calls("writers during the purge", meanwhile)
        _tell_waits(server.log.read_text()[len(log) :])
        await _tell_of_a_long_thread(url, store)


async def _timed(awaited: Awaitable[T]) -> tuple[T, float]:
    started = perf_counter()
    return await awaited, perf_counter() - started


async def _load(url: str, threads: int) -> None:
    connection = await asyncpg.connect(url)
    for kind, number, age in (("old", threads, "100 days"), ("in_use", IN_USE, "1 day")):
        await connection.execute(LOAD.format(kind=kind, threads=number, age=age, users=USERS, items=ITEMS))
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")
    await connection.close()


async def _written_meanwhile(url: str, options: argparse.Namespace, awaited: Awaitable[T]) -> tuple[Told, T]:
    """Have the writers write until *awaited* is done; return what they tell, and what it returns."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--write", f"{url}?application_name=writer"),
        *("--writers", str(options.writers), "--seed", str(options.seed)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout  # noqa: S101  # it is a pipe
    await process.stdout.readline()
    outcome = await awaited
    printed, _ = await process.communicate(b"")
    told = json.loads(printed)
    return Told(told["seconds"], [tuple(each) for each in told["added"]], told["too_late"]), outcome


async def _provoke_a_wait(url: str) -> None:
    holder, waiter = await asyncpg.connect(url), await asyncpg.connect(f"{url}?application_name=writer")
    await holder.execute("BEGIN; SELECT FROM chatkit_threads WHERE id = 'in_use_1' FOR UPDATE")
    held = asyncio.create_task(holder.execute("SELECT pg_sleep(0.05); COMMIT"))
    await waiter.execute("SELECT FROM chatkit_threads WHERE id = 'in_use_1' FOR UPDATE")
    await held
    for connection in (holder, waiter):
        await connection.close()


async def _touched(url: str, *all_told: Told) -> int:
    """Return how many threads in use lack something: an item that was acknowledged, or what they had before."""
    connection = await asyncpg.connect(url)
    lacking = await connection.fetch(
        """
        SELECT DISTINCT user_id, thread_id FROM (
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS added(user_id, thread_id, id)
            UNION ALL
            SELECT 'user_' || n % $5, 'in_use_' || n, 'msg_' || key
            FROM generate_series(0, $4 - 1) AS n, generate_series(1, $6) AS key
        ) AS wanted WHERE NOT EXISTS (
            SELECT FROM chatkit_thread_items AS i
            JOIN chatkit_threads AS t ON (t.user_id, t.id) = (i.user_id, i.thread_id)
            WHERE (i.user_id, i.thread_id, i.id) = (wanted.user_id, wanted.thread_id, wanted.id)
        )
        """,
        *([key[part] for told in all_told for key in told.added] for part in range(3)),
        *(IN_USE, USERS, ITEMS),
    )
    await connection.close()
    return len(lacking)


async def _tell_of_a_long_thread(url: str, store: PostgresStore[Any]) -> None:
    """Purge one thread of many items, while others lock it, as they would to add an item, and save one of its items."""
    connection = await asyncpg.connect(url)
    for statement in LONG_THREAD:
        await connection.execute(statement, LONG_THREAD_ITEMS)
    await connection.close()
    waits = {"an item is added": LOCK_THREAD, "an item is saved": SAVE_ITEM}
    over = asyncio.Event()
    probes = [asyncio.create_task(_longest(url, statement, over)) for statement in waits.values()]
    attempts, seconds, purged = 0, 0.0, 0
    while not purged:  # it may be in use at the last moment, which the probes make likely
        attempts += 1
        found, seconds = await _timed(purge(store, OLDER_THAN, user_id="whale"))
        purged = found.threads
    over.set()
    longest = await asyncio.gather(*probes)
    _tell(f"a thread of {LONG_THREAD_ITEMS:,} items", f"purged in {seconds * 1000:.0f} ms, in attempt {attempts}")
    for name, wait in zip(waits, longest, strict=True):
        _tell(f"the longest wait where {name} in it", f"{wait * 1000:.0f} ms")


async def _longest(url: str, statement: str, over: asyncio.Event) -> float:
    """Run a statement again and again, and return how long it took at most."""
    connection = await asyncpg.connect(url)
    longest = 0.0
    while not over.is_set():
        started = perf_counter()
        await connection.execute(statement)
        longest = max(longest, perf_counter() - started)
        await asyncio.sleep(0.001)
    await connection.close()
    return longest


# What is told


def _tell_calls(name: str, told: Told) -> None:
    times = sorted(told.seconds)
    percentile = times[int(len(times) * 0.99)] * 1000
    _tell(name, f"{len(times):,} calls; 99 % within {percentile:.1f} ms; the slowest {times[-1] * 1000:.0f} ms")


def _tell_waits(log: str) -> None:
    waits = sorted(_waits(log))
    long = sum(wait > LONG_MILLISECONDS for wait in waits)
    _tell(f"waits of a writer for a lock over {LONG_MILLISECONDS:.0f} ms", str(long))
    _tell("the longest", f"{waits[-1]:.1f} ms, of {len(waits):,} from 5 ms on" if waits else "below 5 ms")


def _waits(log: str) -> Iterator[float]:
    """Yield how long each wait was, in milliseconds, as far as it was seen."""
    for kind, milliseconds in WAIT.findall(log):
        if kind in ("transaction", "tuple"):
            yield float(milliseconds)


def _tell(name: str, figure: str) -> None:
    print(f"{name:<48} {figure}", flush=True)


if __name__ == "__main__":
    main()
