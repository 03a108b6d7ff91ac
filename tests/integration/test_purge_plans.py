"""A step of a purge costs what it looks at, and not what there is; no index is kept for it on every append."""

import asyncio
import json
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy.dialects.postgresql import asyncpg as dialect

from chatkit_pgstore._layout import Layout
from chatkit_pgstore.operations import _statements as sql
from tests.support.databases import execute
from tests.support.old_threads import write_many
from tests.support.plans import Plan
from tests.support.shared import shared_database

KINDS = {"threads": sql.THREADS, "unsent attachments": sql.UNSENT}
MODES = ("auto", "force_generic_plan", "force_custom_plan")
EXECUTIONS_BEFORE_A_GENERIC_PLAN = 6
NOW = datetime.now(UTC)
KEYS = 100
VALUES = {
    "before": NOW,
    "after_user": "user_25",
    "after_id": "old_25",
    "users": [f"user_{n % 50}" for n in range(KEYS)],
    "ids": [f"old_{n}" for n in range(KEYS)],
}
PAGES_OF_A_STEP = 4 * sql.ROWS_LOOKED_AT
"""At most: of a row that stands on a page of its own, and of the index; with room to spare."""
PAGES_OF_A_KEY = 60


@pytest.fixture(scope="module")
def many_threads_url(server_url, template_database):
    with shared_database(server_url, template_database) as url:
        asyncio.run(write_many(url, "old", 40_000, days=100))
        asyncio.run(execute(url, "VACUUM ANALYZE"))
        yield url


@pytest.fixture(params=MODES)
async def connection(request, many_threads_url):
    connection = await asyncpg.connect(many_threads_url, server_settings={"plan_cache_mode": request.param})
    yield connection
    await connection.close()


async def plan_of(connection, statement):
    """Return the plan of a statement that was run a few times already; what it does is rolled back."""
    compiled = statement.compile(dialect=dialect.dialect())
    values = {**compiled.params, **{name: VALUES[name] for name in compiled.params if name in VALUES}}
    arguments = ", ".join(literal(values[name]) for name in compiled.positiontup)
    await connection.execute(f"PREPARE step AS {compiled}")
    for _ in range(EXECUTIONS_BEFORE_A_GENERIC_PLAN):
        printed = await rolled_back(connection, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE step ({arguments})")
    return Plan(json.loads(printed)[0]["Plan"])


async def rolled_back(connection, query):
    transaction = connection.transaction()
    await transaction.start()
    try:
        return await connection.fetchval(query)
    finally:
        await transaction.rollback()


def literal(value):
    if isinstance(value, list):
        return "'{" + ",".join(value) + "}'"
    return "true" if value is True else f"'{value}'"


@pytest.mark.parametrize("user_id", [None, "user_25"])
@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_step_walks_the_primary_key(connection, kind, behind, user_id):
    plan = await plan_of(connection, sql.page(KINDS[kind], Layout(), user_id, behind=behind))
    assert plan.seq_scans == [], plan.drawn()
    # The rows of one user may as well be sorted, there being fewer than two steps of them.
    assert plan.rows_sorted <= (2 * sql.ROWS_LOOKED_AT if user_id else 0), plan.drawn()
    assert plan.buffers < PAGES_OF_A_STEP, plan.drawn()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_deleted_is_found_by_its_key(connection, kind):
    plan = await plan_of(connection, sql.delete_old(KINDS[kind], Layout()))
    assert plan.seq_scans == [], plan.drawn()
    assert plan.buffers < PAGES_OF_A_KEY * KEYS, plan.drawn()
