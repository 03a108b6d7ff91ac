"""The store on tables that are partitioned by user: the same names, keys and statements, and one partition per call."""

import asyncio
import json

import asyncpg
import pytest

from chatkit_pgstore._compiled import statements_by_name
from chatkit_pgstore._layout import Layout
from tests.support.calls import fill
from tests.support.contracts import ContractOnAlteredTables
from tests.support.partitions import PARTITIONS, partition
from tests.support.plans import literal
from tests.support.samples import ids_of
from tests.support.shared import shared_database
from tests.support.tables import TABLES, add_feedback_and_files, fetch, fetch_value

USERS = [{"user_id": f"user_{number}"} for number in range(20)]


@pytest.fixture(scope="module")
def shared_database_url(server_url, template_database):
    with shared_database(server_url, template_database) as url:
        asyncio.run(partition(url))
        yield url


class TestContract(ContractOnAlteredTables):
    pass


async def test_rows_that_were_there_move_into_partitions(store, database_url):
    for user in USERS:
        await fill(store, user)
    await add_feedback_and_files(database_url)
    counts = [await fetch_value(database_url, f"SELECT count(*) FROM {table}") for table in TABLES]
    await partition(database_url)
    assert [await fetch_value(database_url, f"SELECT count(*) FROM {table}") for table in TABLES] == counts
    for user in USERS:
        assert await ids_of(store, context=user) == ["msg_a", "msg_b", "msg_c", "tc_done"]
    used = await fetch(database_url, "SELECT DISTINCT tableoid FROM chatkit_threads")
    assert len(used) > PARTITIONS / 2


@pytest.mark.parametrize("statement", statements_by_name(Layout()).values(), ids=lambda statement: statement.name)
async def test_a_statement_touches_the_partitions_of_one_user_alone(statement, shared_database_url):
    values = dict.fromkeys(("thread", "item", "attachment", "metadata"), "{}")
    values |= dict.fromkeys(("item_ids", "thread_ids"), "{alice}")
    values |= {"limit": 5, "created_at": "2026-01-02", "after_time": "2026-01-02"}
    arguments = ", ".join(literal(values.get(name, "alice")) for name in statement.parameters)
    connection = await asyncpg.connect(shared_database_url)
    try:
        await connection.execute(f"PREPARE statement AS {statement.sql}")
        explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE statement ({arguments})")
    finally:
        await connection.close()
    partitions = {number for number in relations_of(json.loads(explained)[0]["Plan"]) if number[-1].isdigit()}
    assert len({name.rpartition("_")[2] for name in partitions}) == 1 or is_an_insert_alone(statement)


def relations_of(node):
    found = {node["Relation Name"]} if "Relation Name" in node else set()
    return found.union(*(relations_of(child) for child in node.get("Plans", ())))


def is_an_insert_alone(statement):
    """PostgreSQL finds the partition of a row that is inserted when it has the row, and the plan names none."""
    return statement.sql.startswith("INSERT")
