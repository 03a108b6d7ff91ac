"""Rows to be asked for, drawn by chance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import asyncpg

from benchmarks.scale.server import connected
from benchmarks.scale.traffic import COLLECTOR, TALKER

ORDINARY = "ordinary user"
MANY_THREADS = "user with many threads"
LONG_THREAD = "long thread"
MOST = 2_000
"""Targets of a kind: those who are active, while the others are not."""

THREADS = "SELECT user_id, id FROM chatkit_threads {sample} WHERE last_sort_key > 0"
ITEMS = "SELECT user_id, thread_id, id FROM chatkit_thread_items {sample} WHERE true"
ATTACHMENTS = "SELECT user_id, id FROM chatkit_attachments {sample} WHERE true"
NOT_A_WHALE = f" AND user_id NOT IN ('{COLLECTOR}', '{TALKER}')"


@dataclass(frozen=True)
class Targets:
    """Rows of one kind of user.

    Attributes:
        whose: Whose they are.
        threads: Each with its user.
        items: Each with its user and thread.
        attachments: Each with its user.
    """

    whose: str
    threads: Sequence[tuple[str, str]]
    items: Sequence[tuple[str, str, str]]
    attachments: Sequence[tuple[str, str]] = ()

    def calls(self, names: Iterable[str]) -> list[str]:
        """Return those of the calls that are about what is special of these users."""
        if self.whose == ORDINARY:
            return list(names)
        about_items = self.whose == LONG_THREAD
        return [name for name in names if "attachment" not in name and ("item" in name) == about_items]


async def ordinary(url: str) -> Targets:
    """Return rows of ordinary users, from all over the tables."""
    async with connected(url) as connection:
        drawn = [await _drawn(connection, query, NOT_A_WHALE) for query in (THREADS, ITEMS, ATTACHMENTS)]
    return Targets(ORDINARY, *drawn)


async def whales(url: str) -> tuple[Targets, Targets]:
    """Return rows of the user with many threads, and of the long thread."""
    async with connected(url) as connection:
        collected = await _drawn(connection, THREADS, f" AND user_id = '{COLLECTOR}'", whole=True)
        talked = await _drawn(connection, ITEMS, f" AND user_id = '{TALKER}'", whole=True)
    return Targets(MANY_THREADS, collected, []), Targets(LONG_THREAD, [], talked)


async def _drawn(connection: asyncpg.Connection, query: str, whose: str, *, whole: bool = False) -> list[Any]:
    """Return rows from pages drawn by chance; from all where there are few, or *whole* says so."""
    table = query.partition("FROM ")[2].partition(" ")[0]
    rows = await connection.fetchval("SELECT reltuples FROM pg_class WHERE oid = to_regclass($1)", table)
    percent = 100 if whole else min(100.0, 100 * 2 * MOST / max(rows, 1))
    sample = f"TABLESAMPLE SYSTEM ({percent:f}) REPEATABLE (1)" if percent < 100 else ""  # noqa: PLR2004  # a percentage
    found = [tuple(row) for row in await connection.fetch(query.format(sample=sample) + whose)]
    Random(1).shuffle(found)  # noqa: S311  # no secret
    return found[:MOST]
