"""What each statement costs the server, to the page: over fixed rows, on a server that does nothing else.

ANALYZE looks at all of so few rows, and takes no sample, so that plans are the same each time; no vacuum comes in
between, and nobody else's transactions keep rows alive.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from chatkit_pgstore import PostgresStore
from chatkit_pgstore._compiled import Statement
from examples.embedded_postgres import EmbeddedPostgres
from tests.support.databases import create_database, drop_database, name_of
from tests.support.plans import STATEMENTS, Planner, Use, load, loading, planner
from tests.support.tables_of_text import read_table, written_table

FILE = Path(__file__).parents[1] / "golden" / "server_costs.txt"
MODES = {"auto": "auto", "generic": "force_generic_plan", "custom": "force_custom_plan"}
COLUMNS = ("statement", "rows", *(f"{mode}:{what}" for mode in MODES for what in ("read", "buffers")))
QUIET = {
    "autovacuum": "off",
    # Whether a worker starts is up to the machine.
    "max_parallel_workers_per_gather": "0",
}
MOMENT = datetime(2026, 1, 2, tzinfo=UTC)
ROWS = loading(5_000, 5_000, 2_000, users=400, now=f"timestamptz '{MOMENT.isoformat()}'")
BY_ACTIVITY = "CREATE INDEX chatkit_threads_by_activity ON chatkit_threads (user_id, updated_at, id)"
LIMIT = 21

PLACES: dict[str, dict[str, Any]] = {
    "a small user": {"user_id": "user_17", "thread_id": "thr_17", "item": "msg_2", "attachment": "atc_17"},
    "the collector": {"user_id": "collector", "thread_id": "thr_2500", "item": "msg_none", "attachment": "atc_2501"},
    "the talker": {"user_id": "talker", "thread_id": "thr_1", "item": "msg_2500", "attachment": "atc_none"},
}
"""What the statements are about: something in the middle of what each user has."""

WRITTEN: dict[str, Any] = {
    "thread": "{}",
    "attachment": "{}",
    "expected": "{}",
    "metadata": '{"agent": "billing"}',
    "kind": "positive",
    "type": "end_of_turn",
    "status": None,
    "created_at": MOMENT,
    "after_time": MOMENT - timedelta(seconds=2500),
    "limit": LIMIT,
}
OF_ITEMS = ("append_item", "replace_item", "delete_item", "load_item", "save_feedback", "load_feedback", "count_items")


def uses() -> Iterator[tuple[str, Use]]:
    """Return each statement's uses by a small user, and by the one who has most of what it is about."""
    for name, statement in STATEMENTS.items():
        has_most = "the talker" if name in OF_ITEMS or "of_items" in name else "the collector"
        for who in ("a small user", has_most):
            yield f"{name}, {who}", Use(name, statement, values(statement, PLACES[who]))


def values(statement: Statement, place: dict[str, Any]) -> dict[str, Any]:
    """Return values for all parameters a statement may have."""
    table = next(
        each for each in ("attachment", "item", "thread") if each in statement.name.replace("feedback", "item")
    )
    known = place["thread_id"] if table == "thread" else place[table]
    return {
        **WRITTEN,
        "item": "{}",
        "user_id": place["user_id"],
        "thread_id": place["thread_id"],
        "id": known,
        "after": known,
        "item_ids": f"{{{place['item']}}}",
        "thread_ids": f"{{{place['thread_id']}}}",
    }


@contextmanager
def quiet_server() -> Iterator[EmbeddedPostgres]:
    """Yield a server where nothing happens by itself."""
    with EmbeddedPostgres(settings=QUIET) as server:
        yield server


async def fill(server_url: str) -> None:
    """Make the tables, with an index for each list of threads, and their rows."""
    async with PostgresStore(server_url) as store:
        await store.initialize()
    await load(server_url, (*ROWS[:-1], BY_ACTIVITY, ROWS[-1]))


async def all_figures(server_url: str) -> dict[str, tuple[str, ...]]:
    """Return the figures of every use, with the plans of each mode on a copy of the rows."""
    figures: dict[str, tuple[str, ...]] = {}
    for mode in MODES.values():
        async with _copy_of(server_url) as url, planner(url, mode) as own:
            for name, use in uses():
                rows, *costs = await _figures_of(use, own)
                figures[name] = (*figures.get(name, (rows,)), *costs)
    return figures


@asynccontextmanager
async def _copy_of(database_url: str) -> AsyncIterator[str]:
    url = await create_database(database_url, name_of(database_url))
    try:
        yield url
    finally:
        await drop_database(database_url, url)


async def _figures_of(use: Use, own: Planner) -> tuple[str, ...]:
    """Return the rows that came back, those looked at, and the pages touched: of a write with its keys and cascades"""
    ordinary = Use("ordinary", use.statement, values(use.statement, PLACES["a small user"]))
    plan = await own.plan_of(use, ordinary)
    is_read = use.statement.name.startswith(("load", "page", "count"))
    buffers = plan.buffers if is_read else await own.pages_touched_by(use, ordinary)
    return str(plan.rows), str(plan.rows_read), str(buffers)


async def version_of(server_url: str) -> str:
    """Return the server's version, which other figures belong to than to others."""
    connection = await asyncpg.connect(server_url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


async def text_of_file(server_url: str) -> str:
    """Return what should stand in the file."""
    return written_table({"postgresql": await version_of(server_url)}, COLUMNS, await all_figures(server_url))


def kept() -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Return the server that the file's figures are of, and the figures by the names of the uses."""
    return read_table(FILE.read_text())
