"""What items take on the disk, against the bytes of their JSON and keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import asyncpg

from benchmarks.scale.server import connected

CONTENT = """
    SELECT count(*) AS items, sum(octet_length(item::text)) AS documents,
           sum(octet_length(user_id) + octet_length(thread_id) + octet_length(id) + 8) AS keys
    FROM chatkit_thread_items
"""
RELATIONS = """
    SELECT pg_relation_size(oid) AS heap, pg_table_size(reltoastrelid) AS toast, pg_table_size(oid) AS whole
    FROM pg_class WHERE oid = to_regclass('chatkit_thread_items')
"""
INDEXES = """
    SELECT c.relname, pg_relation_size(c.oid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = to_regclass('chatkit_thread_items') ORDER BY 1
"""
CLASSES = (300, 500, 1000, 2000, 16_000)
"""Bytes of documents at which a class ends and the next begins."""
BY_CLASS = """
    SELECT width_bucket(octet_length(item::text), $1::int[]) AS class, count(*) AS items,
           avg(octet_length(item::text))::float8 AS document, avg(pg_column_size(item))::float8 AS stored
    FROM chatkit_thread_items TABLESAMPLE SYSTEM ({percent}) REPEATABLE (1) GROUP BY 1 ORDER BY 1
"""
SAMPLED = 400_000


@dataclass(frozen=True)
class Disk:
    """The bytes of the items of one database.

    Attributes:
        name: What the items are.
        items: How many.
        documents: The bytes of their JSON.
        keys: The bytes of their user, thread and id, and of their sort key.
        heap: The table's, without what is out of line.
        toast: What is out of line, with its index.
        other: The table's maps.
        indexes: The bytes of each.
    """

    name: str
    items: int
    documents: int
    keys: int
    heap: int
    toast: int
    other: int
    indexes: Mapping[str, int]

    @property
    def whole(self) -> int:
        """The bytes on the disk."""
        return self.heap + self.toast + self.other + sum(self.indexes.values())

    @property
    def ratio(self) -> float:
        """How many times what has to be kept is on the disk."""
        return self.whole / (self.documents + self.keys)


@dataclass(frozen=True)
class SizeClass:
    """Items whose documents are of about a size: their mean bytes, as JSON and as stored."""

    name: str
    items: int
    document: float
    stored: float


async def disk_of(url: str, name: str) -> Disk:
    """Return what the items take."""
    async with connected(url) as connection:
        content = await connection.fetchrow(CONTENT, timeout=3600)
        sizes = await connection.fetchrow(RELATIONS)
        indexes = {row[0]: row[1] for row in await connection.fetch(INDEXES)}
    heap, toast = sizes["heap"], sizes["toast"]
    counted: dict[str, Any] = {key: int(value) for key, value in content.items()}
    return Disk(name, **counted, heap=heap, toast=toast, other=sizes["whole"] - heap - toast, indexes=indexes)


async def classes_of(url: str) -> list[SizeClass]:
    """Return what documents of each size are stored in, from a sample of the pages."""
    async with connected(url) as connection:
        rows = await _sampled(connection)
    bounds = [0, *CLASSES]
    names = [f"{low:,} to {high:,}" for low, high in pairwise(bounds)] + [f"{bounds[-1]:,} and more"]
    return [SizeClass(f"{names[row['class']]} B", row["items"], row["document"], row["stored"]) for row in rows]


async def _sampled(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    count = await connection.fetchval("SELECT reltuples FROM pg_class WHERE oid = to_regclass('chatkit_thread_items')")
    percent = min(100.0, 100 * SAMPLED / max(count, 1))
    rows: list[asyncpg.Record] = await connection.fetch(BY_CLASS.format(percent=percent), CLASSES, timeout=3600)
    return rows
