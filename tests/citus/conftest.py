"""A Citus cluster, where there is one: ``CHATKIT_PGSTORE_CITUS_URL`` is the URL of its coordinator, for a superuser.

The database has the extension on every machine. Each module works in a schema of its own there, which it drops.
Without the variable all of this is skipped. What can be seen without a cluster is in tests/integration:
test_append_function.py, test_distribute.py and test_statements_bind_the_user.py.
"""

import asyncio
import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.operations import distribute
from tests.support.databases import execute

CLUSTER_VARIABLE = "CHATKIT_PGSTORE_CITUS_URL"


@pytest.fixture(scope="session")
def citus_url() -> str:
    if CLUSTER_VARIABLE not in os.environ:
        pytest.skip(f"{CLUSTER_VARIABLE} names no Citus cluster, and this project's machines have none")
    return os.environ[CLUSTER_VARIABLE]


@pytest.fixture(scope="module")
def migrated_schema(citus_url) -> Iterator[str]:
    """A schema with the tables, not distributed."""
    schema = f"chatkit_{uuid4().hex}"
    asyncio.run(execute(citus_url, f"CREATE SCHEMA {schema}"))
    asyncio.run(_with_store(citus_url, schema, PostgresStore.initialize))
    yield schema
    asyncio.run(execute(citus_url, f"DROP SCHEMA {schema} CASCADE"))


@pytest.fixture(scope="module")
def distributed_schema(citus_url, migrated_schema) -> str:
    asyncio.run(_with_store(citus_url, migrated_schema, distribute))
    return migrated_schema


async def _with_store(url, schema, act):
    store = PostgresStore(url, schema=schema)
    try:
        await act(store)
    finally:
        await store.close()
