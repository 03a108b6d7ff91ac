"""Print how long requests of the example's history API take: pages of 50 messages, of users with many conversations.

    python benchmarks/history.py [--users 3] [--conversations 1000] [--requests 2000] [--at-once 2]

The app is a uvicorn process of its own, on an embedded PostgreSQL that is durable as that of the demo. Nothing is
asserted.
"""

import argparse
import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from statistics import quantiles

import asyncpg
import httpx
import jwt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatkit.types import AssistantMessageContent, AssistantMessageItem, ThreadMetadata

from chatkit_pgstore import PostgresStore
from examples.embedded_postgres import EmbeddedPostgres

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
MESSAGES = 60
"""In each conversation, so that a page of 50 is full and not all there is."""
PAGE = 50
TARGET_MILLISECONDS = 20
SECRET = "a secret for this benchmark alone"  # noqa: S105  # it is none
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)

COPY_THREADS = """
    INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at)
    SELECT user_id, 'thr_' || number, replace(thread::text, 'thr_template', 'thr_' || number)::json, last_sort_key,
           created_at + number * interval '1 minute', updated_at
    FROM chatkit_threads, generate_series(1, $1::int) AS number WHERE id = 'thr_template'
"""
COPY_ITEMS = """
    INSERT INTO chatkit_thread_items (user_id, thread_id, id, sort_key, type, status, item, created_at, updated_at)
    SELECT user_id, 'thr_' || number, id, sort_key, type, status,
           replace(item::text, 'thr_template', 'thr_' || number)::json, created_at, updated_at
    FROM chatkit_thread_items, generate_series(1, $1::int) AS number WHERE thread_id = 'thr_template'
"""


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=3)
    parser.add_argument("--conversations", type=int, default=1000, help="of each user")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=2, help="connections, which are kept alive")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres", durable=True) as server:
        asyncio.run(_fill(server.url(), options.users, options.conversations))
        with _app(server.url()) as address:
            took = asyncio.run(_measure(address, options))
    _print(took, options)


async def _fill(url: str, users: int, conversations: int) -> None:
    """Write one conversation of each user through the store, and copy it within the database."""
    async with PostgresStore(url) as store:
        for user in range(users):
            context = {"user_id": f"user_{user}"}
            await store.save_thread(ThreadMetadata(id="thr_template", created_at=BEGAN), context)
            for number in range(MESSAGES):
                await store.add_thread_item("thr_template", _message(number), context)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(COPY_THREADS, conversations - 1)
        await connection.execute(COPY_ITEMS, conversations - 1)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


def _message(number: int) -> AssistantMessageItem:
    content = [
        AssistantMessageContent(text=f"Message {number}. " + "All work and no play makes a dull benchmark. " * 5)
    ]
    at = BEGAN + timedelta(seconds=number)
    return AssistantMessageItem(id=f"msg_{number}", thread_id="thr_template", created_at=at, content=content)


@contextmanager
def _app(database_url: str) -> Generator[str]:
    """Yield the address of the app, in a process of its own."""
    settings = {"DATABASE_URL": database_url, "CHATKIT_JWT_SECRET": SECRET, "CHATKIT_FILES_SECRET": SECRET}
    command = [*(sys.executable, "-m", "uvicorn", "--factory", "fastapi_app.app:from_environment"), "--port", "0"]
    with subprocess.Popen(  # noqa: S603  # our own app
        [*command, "--no-access-log"], cwd=EXAMPLES, env=os.environ | settings, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    log = ""
    for line in process.stderr or ():
        log += line
        if found := re.search(r"running on (http://[\d.:]+)", line):
            return found[1]
    raise SystemExit(log)


async def _measure(address: str, options: argparse.Namespace) -> list[float]:
    """Return how many milliseconds each request took, from sending it to having read the answer."""
    chosen = random.Random(1)  # noqa: S311  # no secret
    paths = [
        (f"user_{chosen.randrange(options.users)}", f"thr_{chosen.randrange(1, options.conversations)}")
        for _ in range(options.requests)
    ]
    waiting = iter(paths)
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        tokens = {f"user_{user}": _token(f"user_{user}") for user in range(options.users)}

        async def ask_on() -> list[float]:
            took = []
            for user, conversation in waiting:
                headers = {"Authorization": f"Bearer {tokens[user]}"}
                start = time.perf_counter()
                answer = await client.get(f"/api/conversations/{conversation}/messages", headers=headers)
                took.append(1000 * (time.perf_counter() - start))
                if len(answer.raise_for_status().json()["data"]) != PAGE:
                    raise SystemExit(f"A page of {PAGE} messages was expected, not {answer.text}")
            return took

        return list(chain.from_iterable(await asyncio.gather(*(ask_on() for _ in range(options.at_once)))))


def _token(user_id: str) -> str:
    return jwt.encode({"sub": user_id, "exp": int(time.time()) + 3600}, SECRET, "HS256")


def _print(took: list[float], options: argparse.Namespace) -> None:
    percentiles = quantiles(took, n=100)
    within = sum(each < TARGET_MILLISECONDS for each in took) / len(took)
    print(f"{len(took)} requests of {PAGE} messages, {options.at_once} at once; {options.users} users with")
    print(f"{options.conversations} conversations of {MESSAGES} messages each; load {os.getloadavg()[0]:.1f}")
    print(f"p50 {percentiles[49]:.1f} ms, p95 {percentiles[94]:.1f} ms, p99 {percentiles[98]:.1f} ms")
    print(f"{within:.1%} under {TARGET_MILLISECONDS} ms")


if __name__ == "__main__":
    main()
