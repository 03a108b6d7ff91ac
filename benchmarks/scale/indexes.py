"""What each index costs those who write, and whom it spares what.

All is done on the loaded tables, in transactions that are rolled back: one with the index, one without.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import mean, median
from typing import Any
from uuid import uuid4

import asyncpg

from benchmarks.scale.buffers import DOCUMENT, uses
from benchmarks.scale.server import connected
from benchmarks.scale.targets import Targets
from chatkit_pgstore._compiled import Statement
from tests.support.plans import Planner, Use

ROWS = 400
READS = 5
FAR = 1_000_000_000
"""Where sort keys of rows begin that are written here: behind all others, as those of an append."""
INSERT = {
    "chatkit_thread_items": """
        INSERT INTO chatkit_thread_items (user_id, thread_id, id, sort_key, type, item, created_at, updated_at)
        VALUES ($1, $2, $3, $4, 'assistant_message', $5, now(), now())
    """,
    "chatkit_threads": """
        INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at)
        VALUES ($1, $3, $5, $4, now(), now())
    """,
    "chatkit_attachments": """
        INSERT INTO chatkit_attachments (user_id, thread_id, id, attachment, created_at, updated_at)
        VALUES ($1, $2, $3, $5, now(), now())
    """,
}
CASCADING = "delete_thread"
MEASURE = "EXPLAIN (ANALYZE, BUFFERS, WAL, TIMING OFF, FORMAT JSON) "


@dataclass(frozen=True)
class Index:
    """An index, how it is dropped, and the call that it is there for."""

    name: str
    table: str
    drop: str
    call: str


def _index(name: str, table: str, call: str, *, constraint: bool) -> Index:
    drop = f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE" if constraint else f"DROP INDEX {name}"
    return Index(name, table, drop, call)


INDEXES = (
    _index("chatkit_thread_items_pkey", "chatkit_thread_items", "load_item", constraint=True),
    _index("chatkit_thread_items_by_sort_key", "chatkit_thread_items", "load_thread_items, newest", constraint=True),
    _index("chatkit_threads_pkey", "chatkit_threads", "load_thread", constraint=True),
    _index("chatkit_threads_by_creation", "chatkit_threads", "load_threads, first page", constraint=False),
    _index("chatkit_attachments_pkey", "chatkit_attachments", "load_attachment", constraint=True),
    _index("chatkit_attachments_by_thread", "chatkit_attachments", "delete_thread", constraint=False),
)


@dataclass(frozen=True)
class Insert:
    """One row: the median microseconds it takes the server, the mean bytes of log, and the mean pages touched."""

    microseconds: float
    log: float
    pages: float


@dataclass(frozen=True)
class IndexCost:
    """What an index costs and spares.

    Attributes:
        name: Of the index.
        call: What it is there for.
        bytes_a_row: Its size.
        before: An insert with it.
        without: An insert without it.
        reads: The pages that the call touches, with it and without it, by whose rows are read.
    """

    name: str
    call: str
    bytes_a_row: float
    before: Insert
    without: Insert
    reads: Mapping[str, tuple[float, float]]


async def index_costs(url: str, everybody: Sequence[Targets], rows: int = ROWS) -> list[IndexCost]:
    """Return what each index costs, by so many inserts; nothing of what is done stays."""
    return [await _cost_of(url, index, everybody, rows) for index in INDEXES]


async def _cost_of(url: str, index: Index, everybody: Sequence[Targets], rows: int) -> IndexCost:
    reads = {each.whose: each for each in everybody if index.call in each.calls([index.call])}
    found = []
    for changes in ((), (index.drop,)):
        async with connected(url) as connection, Planner(connection).without(*changes):
            insert = await _insert(connection, index.table, everybody[0], rows)
            found.append((insert, {whose: await _reads(connection, index.call, each) for whose, each in reads.items()}))
    async with connected(url) as connection:
        bytes_a_row = await connection.fetchval(
            "SELECT pg_relation_size($1::regclass) / GREATEST(reltuples, 1) FROM pg_class WHERE oid = $1::regclass",
            index.name,
        )
    (before, with_it), (without, without_it) = found
    both = {whose: (with_it[whose], without_it[whose]) for whose in reads}
    return IndexCost(index.name, index.call, bytes_a_row, before, without, both)


async def _insert(connection: asyncpg.Connection, table: str, targets: Targets, rows: int) -> Insert:
    dice = Random(1)  # noqa: S311  # no secret
    await connection.execute(f"PREPARE inserted (text, text, text, bigint, json) AS {INSERT[table]}")
    plans = []
    for number in range(rows):
        user, thread, _ = dice.choice(targets.items)
        row = f"'{user}', '{thread}', 'new_{uuid4().hex}', {FAR + number}, '{DOCUMENT}'"
        plans.append(json.loads(await connection.fetchval(f"{MEASURE} EXECUTE inserted ({row})"))[0])
    await connection.execute("DEALLOCATE inserted")
    return Insert(
        median(each["Execution Time"] for each in plans) * 1000,
        mean(each["Plan"]["WAL Bytes"] for each in plans),
        mean(_pages(each["Plan"]) for each in plans),
    )


def _pages(plan: Mapping[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


async def _reads(connection: asyncpg.Connection, call: str, targets: Targets) -> float:
    own = Planner(connection)
    chosen = [_cascade(use) if call == CASCADING else use for use in uses(call, targets, READS)]
    pages = median([(await own.plan_of(use, use)).buffers for use in chosen])
    await connection.execute(f"DEALLOCATE {chosen[0].statement.name}")
    return pages


def _cascade(use: Use) -> Use:
    """Return what deleting a thread does to its attachments, which is in no plan."""
    sql = "DELETE FROM chatkit_attachments WHERE user_id = $1::text AND thread_id = $2::text"
    return Use(use.name, Statement("cascade", sql, ("user_id", "thread_id")), use.values)
