"""A short load ends without complaint, and what goes wrong under it is told."""

import argparse
import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import asyncpg
import pytest
from chatkit.types import AssistantMessageContent

from benchmarks.load import run
from benchmarks.load_figures import SHORTEST_SECONDS, Figures, Memory
from benchmarks.load_server import RecordedStore
from chatkit_pgstore import PostgresStore

LOAD = Path(__file__).parents[2] / "benchmarks" / "load.py"
SEED = 3


def options(**changes):
    defaults = {"conversations": 100, "seconds": 4.0, "pool_size": 10, "seed": SEED, "think_seconds": 0.5}
    return argparse.Namespace(**{**defaults, **changes})


RUNS = 5
"""On a busy machine a short run does not come round to everything; then it is made again."""


async def test_a_hundred_conversations_on_ten_connections_lose_nothing_and_leave_nothing(database_url):
    missing = {"turns", "replies cut off", "page loads", "titles", "retries", "deletes", "looks at another's, refused"}
    for seed in range(SEED, SEED + RUNS):
        figures = await run(RecordedStore(database_url, pool_size=10), database_url, options(seed=seed))
        assert figures.complaints() == []
        assert figures.rows_verified == figures.rows_left > 0
        missing -= {name for name in missing if figures.done[name]}
        if not missing:
            return
    pytest.fail(f"{RUNS} runs did not come round to {missing}")


async def test_the_command_prints_its_figures_and_cleans_up(database_url):
    words = "--conversations 10 --seconds 1 --think-seconds 0.2 --pool-size 2 --seed 3"
    process = await asyncio.create_subprocess_exec(
        sys.executable, LOAD, *words.split(), env=os.environ | {"DATABASE_URL": database_url}, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    lines = output.decode().splitlines()
    assert process.returncode == 0, lines
    assert lines[0] == "--conversations 10 --seconds 1 --pool-size 2 --seed 3 --think-seconds 0.2"
    assert "errors: 0" in lines
    assert await rows_in(database_url) == 0


async def rows_in(database_url):
    counts = " + ".join(
        f"(SELECT count(*) FROM {table})"
        for table in ("chatkit_threads", "chatkit_thread_items", "chatkit_attachments")
    )
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetchval(f"SELECT {counts}")
    finally:
        await connection.close()


class Losing(RecordedStore):
    async def add_thread_item(self, thread_id, item, context):
        await super().add_thread_item(thread_id, item, context)
        if item.type == "assistant_message":
            await PostgresStore.delete_thread_item(self, thread_id, item.id, context)


class Reordering(RecordedStore):
    """Puts every reply behind what comes after it."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.latest = {}

    async def add_thread_item(self, thread_id, item, context):
        await super().add_thread_item(thread_id, item, context)
        if earlier := self.latest.get(thread_id):
            await PostgresStore.delete_thread_item(self, thread_id, earlier.id, context)
            await PostgresStore.add_thread_item(self, thread_id, earlier, context)
        self.latest[thread_id] = item


class Changing(RecordedStore):
    async def add_thread_item(self, thread_id, item, context):
        await super().add_thread_item(thread_id, item, context)
        if item.type == "assistant_message":
            content = [AssistantMessageContent(text=f"{context.user_id}: something else")]
            await PostgresStore.save_item(self, thread_id, item.model_copy(update={"content": content}), context)


class Mixing(RecordedStore):
    """Has one user only."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options, user_id=lambda context: context.user_id.rpartition("-")[0] + "-all")


class Adding(RecordedStore):
    async def add_thread_item(self, thread_id, item, context):
        await super().add_thread_item(thread_id, item, context)
        await PostgresStore.add_thread_item(self, thread_id, item.model_copy(update={"id": f"{item.id}_2"}), context)


class Undeleting(RecordedStore):
    async def delete_thread(self, thread_id, context):
        thread = await PostgresStore.load_thread(self, thread_id, context)
        await super().delete_thread(thread_id, context)
        await PostgresStore.save_thread(self, thread, context)


class Forgetful(RecordedStore):
    """Does not store the SDK's markers of replies that were cut off."""

    async def add_thread_item(self, thread_id, item, context):
        if item.type != "sdk_hidden_context":
            await super().add_thread_item(thread_id, item, context)


class Failing(RecordedStore):
    async def load_thread(self, thread_id, context):
        raise RuntimeError("out of order")


class LeavingTasks(RecordedStore):
    tasks: ClassVar[list] = []

    async def save_thread(self, thread, context):
        self.tasks.append(asyncio.create_task(asyncio.Event().wait()))
        await super().save_thread(thread, context)


class KeepingConnections(RecordedStore):
    kept: ClassVar[list] = []

    async def save_thread(self, thread, context):
        if not self.kept:
            self.kept.append(self.engine.connect())
            await self.kept[0].start()
            await self.kept[0].exec_driver_sql("SELECT 1")
        await super().save_thread(thread, context)


@pytest.fixture
async def nothing_kept():
    yield
    for task in LeavingTasks.tasks:
        task.cancel()
    for connection in KeepingConnections.kept:
        await connection.close()
    LeavingTasks.tasks.clear()
    KeepingConnections.kept.clear()


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (Losing, "items missing"),
        (Reordering, "items out of order"),
        (Changing, "items changed"),
        (Mixing, "items of another user"),
        (Adding, "items unexpected"),
        (Undeleting, "items unexpected"),
        (Forgetful, "replies cut off without the SDK's marker"),
        (Failing, "errors"),
        (LeavingTasks, "tasks left over"),
        (KeepingConnections, "connections checked out"),
        (KeepingConnections, "connections idle in transaction"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_what_a_broken_store_does_is_complained_of(broken, complaint, database_url, nothing_kept):
    few = options(conversations=10, seconds=0.5, think_seconds=0.05)
    complaints = set()
    for _ in range(RUNS):
        figures = await run(broken(database_url, pool_size=10), database_url, few)
        complaints |= {each.partition(":")[0] for each in figures.complaints()}
        if complaint in complaints:
            return
    pytest.fail(f"nothing but {complaints} after {RUNS} runs")


@pytest.mark.parametrize(("per_minute", "is_flat"), [(0.0, True), (-5.0, True), (2.0, True), (5.0, False)], ids=str)
def test_memory_that_grows_after_the_warm_up_is_complained_of(per_minute, is_flat, monkeypatch):
    seconds = 5 * SHORTEST_SECONDS
    memory = Memory(seconds)
    sizes = (200 + per_minute * second / 60 for second in range(seconds))
    monkeypatch.setattr("benchmarks.load_figures.resident_mebibytes", lambda: next(sizes))
    for second in range(seconds):
        memory.sample(second)
    assert memory.slope == pytest.approx(per_minute)
    assert ("memory" in str(Figures({}, memory).complaints())) is not is_flat
