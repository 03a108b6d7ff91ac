"""How many pages of the database a statement touches, on tables that are as uneven as real ones.

Most users have a few small threads; one, the collector, has 50,000, and one, the talker, a single thread of 50,000
items. Rows stand in the tables in no order, so that each costs a page of its own.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from chatkit_pgstore._compiled import Statement
from tests.support.golden import statements

THREADS = 50_000
ITEMS = 50_000
SMALL_THREADS = 20_000
TABLES = ("chatkit_threads", "chatkit_thread_items", "chatkit_attachments", "chatkit_feedback")


def loading(threads: int, items: int, small_threads: int, users: int, now: str = "now()") -> tuple[str, ...]:
    """Return what fills migrated tables: threads of the collector, items of the talker, and threads of other users."""
    return (
        # Until a commit has reached the disk, vacuum marks no page as visible to all.
        "SET synchronous_commit = on",
        # A vacuum in the middle of a test would touch pages, too.
        *(f"ALTER TABLE {table} SET (autovacuum_enabled = false)" for table in TABLES),
        f"""
        INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at, metadata)
        SELECT user_id, id, json_build_object('id', id), {items}, moment, moment, '{{"agent": "billing"}}' FROM (
            SELECT 'user_' || n % {users} AS user_id, 'thr_' || n AS id, {now} - n * interval '1 second' AS moment
            FROM generate_series(1, {small_threads}) AS n
            UNION ALL
            SELECT 'collector', 'thr_' || n, {now} - n % 20000 * interval '1 second'
            FROM generate_series(1, {threads}) AS n
            UNION ALL
            SELECT 'talker', 'thr_1', {now}
        ) AS rows ORDER BY md5(user_id || id)
        """,
        f"""
        INSERT INTO chatkit_thread_items (user_id, thread_id, id, sort_key, type, item, created_at, updated_at)
        SELECT user_id, thread_id, 'msg_' || key, key, 'end_of_turn', json_build_object('text', repeat('x', 200)),
            {now}, {now}
        FROM (
            SELECT 'user_' || n % {users} AS user_id, 'thr_' || n AS thread_id, key
            FROM generate_series(1, {small_threads}) AS n, generate_series(1, 4) AS key
            UNION ALL
            SELECT 'talker', 'thr_1', key FROM generate_series(1, {items}) AS key
        ) AS rows ORDER BY md5(user_id || thread_id || key)
        """,
        f"""
        INSERT INTO chatkit_attachments (user_id, id, thread_id, attachment, created_at, updated_at)
        SELECT user_id, 'atc_' || n, CASE WHEN n % 4 > 0 THEN 'thr_' || n END, '{{}}', {now}, {now}
        FROM (
            SELECT 'user_' || n % {users} AS user_id, n FROM generate_series(1, {small_threads}) AS n
            UNION ALL
            SELECT 'collector', n FROM generate_series(1, {threads}) AS n
        ) AS rows ORDER BY md5(user_id || n)
        """,
        f"""
        INSERT INTO chatkit_feedback (user_id, thread_id, item_id, kind, created_at, updated_at)
        SELECT user_id, thread_id, id, 'positive', {now}, {now} FROM chatkit_thread_items
        WHERE user_id <> 'talker' OR sort_key % 10 = 0
        """,
        f"VACUUM ANALYZE {', '.join(TABLES)}",
    )


LOAD = loading(THREADS, ITEMS, SMALL_THREADS, users=4000)
STATEMENTS = {statement.name: statement for statement in statements()}
EXECUTIONS_BEFORE_A_GENERIC_PLAN = 5
LOOKED_AT = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
PAGES_TOUCHED = """
    SELECT sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::bigint FROM pg_statio_user_tables
"""


async def load(database_url: str, statements: Sequence[str] = LOAD) -> None:
    """Fill migrated tables."""
    connection = await asyncpg.connect(database_url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Use:
    """A statement with values for its parameters."""

    name: str
    statement: Statement
    values: Mapping[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def rows(self) -> int:
        """How many rows it may have to touch."""
        return int(self.values.get("limit", 1))

    def execute(self) -> str:
        arguments = ", ".join(literal(each) for each in self.statement.arguments(self.values))
        return f"EXECUTE {self.statement.name} ({arguments})"


def literal(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case int():
            return str(value)
        case datetime():
            return f"'{value.isoformat()}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Plan:
    """What PostgreSQL did, and what it cost."""

    root: dict[str, Any]

    @property
    def nodes(self) -> list[dict[str, Any]]:
        return list(_nodes(self.root))

    @property
    def buffers(self) -> int:
        """Pages touched. What a writing WITH does after the last row is not in the figure of the root."""
        writers = [node for node in self.nodes if str(node.get("Subplan Name")).startswith("CTE")]
        return _buffers(self.root) + sum(map(_buffers, writers))

    @property
    def rows(self) -> int:
        """The rows it returned."""
        return _rows(self.root, "Actual Rows")

    @property
    def rows_read(self) -> int:
        """The rows of tables that it looked at, those it left out too."""
        scans = [node for node in self.nodes if "Relation Name" in node and node["Node Type"] != "ModifyTable"]
        return sum(_rows(scan, figure) for scan in scans for figure in LOOKED_AT)

    @property
    def seq_scans(self) -> list[str]:
        return [node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"]

    @property
    def rows_sorted(self) -> float:
        """The rows that went into the largest sort."""
        sorts = [node for node in self.nodes if node["Node Type"] in ("Sort", "Incremental Sort")]
        return max((each["Actual Rows"] * each["Actual Loops"] for sort in sorts for each in sort["Plans"]), default=0)

    def drawn(self) -> str:
        """Return the plan for a reader of a failed test."""
        kept = ("Node Type", "Index Name", "Relation Name", "Index Cond", "Filter", "Actual Rows", "Plan Rows")
        lines = [
            f"{_buffers(node)} buffers, { ({key: node[key] for key in kept if key in node}) }" for node in self.nodes
        ]
        return "\n".join(lines)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _rows(node: dict[str, Any], figure: str) -> int:
    """Return a figure of all loops; PostgreSQL tells that of one."""
    return round(node.get(figure, 0) * node["Actual Loops"])


def _buffers(node: dict[str, Any]) -> int:
    return int(node["Shared Hit Blocks"]) + int(node["Shared Read Blocks"])


class Planner:
    """A connection that plans in one mode; nothing that it runs is kept."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._prepared: set[str] = set()

    async def plan_of(self, use: Use, ordinary: Use) -> Plan:
        """Run *use* and return its plan; before its first use a statement is run for an *ordinary* user."""
        await self._prepare(use.statement, ordinary)
        options = "ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON"
        printed = await self._rolled_back(f"EXPLAIN ({options}) {use.execute()}")
        return Plan(json.loads(printed)[0]["Plan"])

    async def pages_touched_by(self, use: Use, ordinary: Use) -> int:
        """Run *use* and return the pages of tables and indexes that it touched, with those of a cascade."""
        await self._prepare(use.statement, ordinary)
        before = await self._pages_touched()
        await self._rolled_back(use.execute())
        return await self._pages_touched() - before

    @asynccontextmanager
    async def without(self, *changes: str) -> AsyncIterator[None]:
        """Change the schema, which other sessions do not see, until the block ends."""
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            for change in changes:
                await self._connection.execute(change)
            yield
        finally:
            await transaction.rollback()

    async def _prepare(self, statement: Statement, ordinary: Use) -> None:
        if statement.name not in self._prepared:
            await self._connection.execute(f"PREPARE {statement.name} AS {statement.sql}")
            for _ in range(EXECUTIONS_BEFORE_A_GENERIC_PLAN):
                await self._rolled_back(ordinary.execute())
            self._prepared.add(statement.name)

    async def _pages_touched(self) -> int:
        """Return the figure as it is now; a session hands its own in only now and then."""
        await self._connection.execute("SELECT pg_stat_force_next_flush()")
        return int(await self._connection.fetchval(PAGES_TOUCHED))

    async def _rolled_back(self, query: str) -> Any:
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            return await self._connection.fetchval(query)
        finally:
            await transaction.rollback()


@asynccontextmanager
async def planner(database_url: str, mode: str) -> AsyncIterator[Planner]:
    """Connect with a ``plan_cache_mode``."""
    connection = await asyncpg.connect(database_url, server_settings={"plan_cache_mode": mode})
    try:
        yield Planner(connection)
    finally:
        await connection.close()
