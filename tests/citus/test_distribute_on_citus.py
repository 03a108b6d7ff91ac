"""What `distribute` makes of filled tables on a cluster, and what becomes of the statements there."""

import asyncio
import json

import asyncpg
import pytest

from chatkit_pgstore import PostgresStore
from chatkit_pgstore._compiled import statements_by_name
from chatkit_pgstore._layout import Layout
from chatkit_pgstore.operations import distribute
from tests.support.calls import fill
from tests.support.plans import literal
from tests.support.samples import ALICE, ids_of, message
from tests.support.tables import TABLES, fetch, fetch_value

USERS = [{"user_id": f"user_{number}"} for number in range(40)]
CALLS_BEHIND_A_GENERIC_PLAN = 10
WRITERS, ITEMS = 64, 10


@pytest.fixture
async def store(citus_url, migrated_schema):
    store = PostgresStore(citus_url, schema=migrated_schema, pool_size=16)
    await store.initialize()
    yield store
    await store.close()


async def contents(store):
    return {user["user_id"]: await ids_of(store, context=user) for user in USERS}


async def counts(url, schema):
    return [await fetch_value(url, f"SELECT count(*) FROM {schema}.{table}") for table in TABLES]


async def test_filled_tables_are_distributed_once_and_nothing_is_missing(store, citus_url, migrated_schema):
    for user in USERS:
        await fill(store, user)
    before = await contents(store), await counts(citus_url, migrated_schema)
    first = await distribute(store)
    await store.initialize()
    assert (await contents(store), await counts(citus_url, migrated_schema)) == before
    second = await distribute(store)
    assert (len(first.done), second.done) == (10, ())
    assert second.shards == first.shards > 1
    for table in TABLES:
        assert await fetch_value(citus_url, f"SELECT pg_relation_size('{migrated_schema}.{table}')") == 0


async def test_what_belongs_together_is_side_by_side(citus_url, distributed_schema):
    names = [f"{distributed_schema}.{table}" for table in TABLES]
    query = "SELECT DISTINCT colocationid FROM pg_dist_partition WHERE logicalrelid = ANY ($1::text[]::regclass[])"
    assert len(await fetch(citus_url, query, names)) == 1
    keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY ($1::text[]::regclass[])"
    assert await fetch_value(citus_url, keys, names) == 4


def task_counts(value):
    """Return in how many tasks each part of a plan is done, out of EXPLAIN's JSON."""
    if isinstance(value, dict):
        own = [value["Task Count"]] if "Task Count" in value else []
        return own + task_counts(list(value.values()))
    return [count for each in value for count in task_counts(each)] if isinstance(value, list) else []


PLANNED = [name for name in statements_by_name(Layout()) if name not in ("append_item", "replace_item")]
"""The two others are calls of functions there, which plan by themselves."""


@pytest.mark.parametrize("name", PLANNED)
async def test_a_statement_is_sent_to_one_shard(name, citus_url, distributed_schema):
    statement = statements_by_name(Layout(distributed_schema, distributed=True))[name]
    values = dict.fromkeys(("thread", "item", "attachment", "metadata"), "{}")
    values |= dict.fromkeys(("item_ids", "thread_ids"), "{alice}")
    values |= {"limit": 5, "created_at": "2026-01-02", "after_time": "2026-01-02"}
    arguments = ", ".join(literal(values.get(each, "alice")) for each in statement.parameters)
    connection = await asyncpg.connect(citus_url)
    try:
        await connection.execute(f"PREPARE statement AS {statement.sql}")
        explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE statement ({arguments})")
    finally:
        await connection.close()
    counted = task_counts(json.loads(explained))
    assert counted
    assert set(counted) == {1}


async def test_an_append_is_one_command_without_a_second_phase(citus_url, distributed_schema):
    """However often: neither a prepared statement nor its generic plan keeps a call from being sent on."""
    layout = Layout(distributed_schema, distributed=True)
    statement = statements_by_name(layout)["append_item"]
    setup = PostgresStore(citus_url, schema=distributed_schema)
    await fill(setup)
    await setup.close()
    told = []
    connection = await asyncpg.connect(citus_url)
    connection.add_log_listener(lambda _, message: told.append(message.message))
    try:
        if await is_alone(connection):
            pytest.skip("the cluster is one machine: no call has anywhere to be sent to")
        await connection.execute("SET client_min_messages = debug1; SET citus.log_remote_commands = on")
        moment = await connection.fetchval("SELECT now()")
        told.clear()
        for number in range(CALLS_BEHIND_A_GENERIC_PLAN):
            values = {"user_id": "alice", "thread_id": "thr_1", "id": f"msg_{number}", "created_at": moment}
            values |= {"type": "end_of_turn", "status": None, "item": "{}"}
            assert await connection.fetch(statement.sql, *statement.arguments(values))
    finally:
        await connection.close()
    issued = [line for line in told if line.startswith("issuing")]
    assert len([line for line in issued if "chatkit_append_item" in line]) == CALLS_BEHIND_A_GENERIC_PLAN
    assert not [line for line in issued if "PREPARE TRANSACTION" in line]


async def is_alone(connection):
    machines = "SELECT count(DISTINCT groupid) FROM pg_dist_placement WHERE groupid <> 0"
    return await connection.fetchval(machines) == 0


async def test_of_64_writers_each_item_is_there_once(citus_url, distributed_schema):
    store = PostgresStore(citus_url, schema=distributed_schema, pool_size=16)
    await store.initialize()
    user = {"user_id": "writers"}
    await fill(store, user)

    async def write(writer):
        for number in range(ITEMS):
            await store.add_thread_item("thr_1", message(f"msg_{writer}_{number}"), user)

    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    mine = "user_id = 'writers' AND thread_id = 'thr_1'"
    rows = await fetch(citus_url, f"SELECT sort_key FROM {distributed_schema}.chatkit_thread_items WHERE {mine}")
    assert sorted(row["sort_key"] for row in rows) == list(range(1, WRITERS * ITEMS + 5))
    await store.close()


async def test_a_transaction_of_the_callers_is_whole(citus_url, distributed_schema):
    store = PostgresStore(citus_url, schema=distributed_schema)
    await store.initialize()
    user = {"user_id": "in a transaction"}
    await fill(store, user)
    async with store.engine.connect() as connection:
        await store.bind(connection).add_thread_item("thr_1", message("msg_x"), user)
        await connection.rollback()
    assert "msg_x" not in await ids_of(store, context=user)
    assert await ids_of(store, context=ALICE | user)
    await store.close()
