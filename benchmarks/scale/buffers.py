"""How many pages of the database a call touches, by EXPLAIN (ANALYZE, BUFFERS) of its own statement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from statistics import median
from typing import Any
from uuid import uuid4

import asyncpg

from benchmarks.scale.calls import PAGE
from benchmarks.scale.server import connected
from benchmarks.scale.targets import Targets
from tests.support.plans import STATEMENTS, Plan, Planner, Use, planner

STATEMENT_OF = {
    "load_thread": "load_thread",
    "save_thread": "save_thread",
    "load_threads, first page": "page_of_threads_desc",
    "load_threads, by cursor": "page_of_threads_desc_after",
    "delete_thread": "delete_thread",
    "load_thread_items, newest": "page_of_items_desc",
    "load_thread_items, by cursor": "page_of_items_desc_after",
    "add_thread_item": "append_item",
    "save_item": "replace_item",
    "load_item": "load_item",
    "delete_thread_item": "delete_item",
    "save_attachment": "save_thread_attachment",
    "load_attachment": "load_attachment",
    "delete_attachment": "delete_attachment",
}
FIRST_TO_FORGET = 18
"""The first version that empties its memory when asked."""
DOCUMENT = '{"text": "' + "x" * 600 + '"}'
WRITTEN = {
    "thread": '{"title": "Renamed"}',
    "metadata": "{}",
    "item": DOCUMENT,
    "attachment": "{}",
    "type": "assistant_message",
    "status": None,
    "limit": PAGE + 1,
}


@dataclass(frozen=True)
class Touched:
    """How many pages one call touches.

    Attributes:
        whose: Whose rows they were.
        call: Its name.
        pages: For each target.
    """

    whose: str
    call: str
    pages: Sequence[int]

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.pages)

    @property
    def most(self) -> int:
        """For any target."""
        return max(self.pages)


async def touched(url: str, targets: Targets, times: int) -> list[Touched]:
    """Return what each call touches; what it writes is rolled back."""
    async with planner(url, "auto") as own:
        return [
            Touched(targets.whose, call, [await pages_of(own, use) for use in uses(call, targets, times)])
            for call in targets.calls(STATEMENT_OF)
        ]


async def cold(url: str, targets: Targets, times: int) -> list[Touched]:
    """Return how many pages each call fetches with nothing in shared buffers; nothing before PostgreSQL 18."""
    async with connected(url) as forgetful, planner(url, "auto") as own:
        if forgetful.get_server_version().major < FIRST_TO_FORGET:
            return []
        await forgetful.execute("CREATE EXTENSION IF NOT EXISTS pg_buffercache")
        return [
            Touched(targets.whose, call, [await _cold(own, use, forgetful) for use in uses(call, targets, times)])
            for call in targets.calls(STATEMENT_OF)
        ]


async def _cold(own: Planner, use: Use, forgetful: asyncpg.Connection) -> int:
    # Plans are made of the catalogue's pages, which are in nobody's way later on.
    await own.plan_of(use, use)
    await forgetful.execute("SELECT pg_buffercache_evict_all()")
    return _fetched(await own.plan_of(use, use))


def _fetched(plan: Plan) -> int:
    writers = [node for node in plan.nodes if str(node.get("Subplan Name")).startswith("CTE")]
    return sum(int(node["Shared Read Blocks"]) for node in (plan.root, *writers))


async def pages_of(own: Planner, use: Use) -> int:
    """Return the pages touched; of a deleted thread, those of all that goes with it too."""
    if use.name == "delete_thread":
        return await own.pages_touched_by(use, use)
    return (await own.plan_of(use, use)).buffers


def uses(call: str, targets: Targets, times: int) -> Iterator[Use]:
    """Return a call for so many targets by chance."""
    dice = Random(times)  # noqa: S311  # no secret
    statement = STATEMENTS[STATEMENT_OF[call]]
    for _ in range(times):
        values = {**WRITTEN, "created_at": datetime.now(UTC), **_target(call, targets, dice)}
        yield Use(call, statement, values)


def _target(call: str, targets: Targets, dice: Random) -> Mapping[str, Any]:
    if "item" in call:
        user, thread, item = dice.choice(targets.items)
        new = {"id": f"msg_{uuid4().hex}"} if call == "add_thread_item" else {}
        return {"user_id": user, "thread_id": thread, "id": item, "after": item, **new}
    if call in ("load_attachment", "delete_attachment"):
        user, attachment = dice.choice(targets.attachments)
        return {"user_id": user, "id": attachment}
    user, thread = dice.choice(targets.threads)
    new_id = f"atc_{uuid4().hex}" if call == "save_attachment" else thread
    return {"user_id": user, "id": new_id, "thread_id": thread, "after": thread}
