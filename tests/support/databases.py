"""The server under test, and databases of a test's own on it."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import docker
import pytest
from docker.errors import DockerException
from sqlalchemy.pool import QueuePool
from testcontainers.community.postgres import PostgresContainer

from examples.embedded_postgres import EmbeddedPostgres
from tests.support.waiting import turns_of_the_loop

SERVER_VARIABLE = "CHATKIT_PGSTORE_TEST_URL"
MAX_CONNECTIONS = "200"
PATIENCE_SECONDS = 3.0
OPEN_TRANSACTIONS = """
    SELECT query FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%'
"""


def check_container_engine(image: str) -> None:
    """Say before the first test that a container was asked for and there is no engine to run it."""
    try:
        docker.from_env(timeout=2).ping()
    except DockerException as error:
        raise pytest.UsageError(
            f"--postgres-image={image} needs a running Docker engine, and none answers. Start one, name a "
            f"server in {SERVER_VARIABLE}, or leave the option out to use the embedded PostgreSQL."
        ) from error


@contextmanager
def running_server(image: str | None) -> Iterator[str]:
    """Yield the URL of a server: the one in the environment, a container of *image*, or an embedded one."""
    if url := os.environ.get(SERVER_VARIABLE):
        yield url
    elif image:
        container = PostgresContainer(image, driver=None)
        container.with_command(f"-c max_connections={MAX_CONNECTIONS} -c fsync=off")
        with container:
            yield container.get_connection_url()
    else:
        with EmbeddedPostgres(settings={"max_connections": MAX_CONNECTIONS}) as server:
            yield server.url()


async def create_database(server_url: str, template: str = "template1") -> str:
    """Create a database, a copy of the one named *template*, and return its URL."""
    name = f"chatkit_pgstore_{uuid4().hex}"
    await execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


async def drop_database(server_url: str, database_url: str) -> None:
    """Drop a database that ``create_database`` made, whoever is connected to it."""
    await execute(server_url, f"DROP DATABASE {name_of(database_url)} WITH (FORCE)")


def name_of(database_url: str) -> str:
    """Return the name of the database that a URL leads to."""
    return urlsplit(database_url).path.removeprefix("/")


@asynccontextmanager
async def lent_database(server_url: str, stores: list[Any], template: str = "template1") -> AsyncIterator[str]:
    """Lend the URL of a new database; then look whether anything is left open, close *stores* and drop it."""
    url = await create_database(server_url, template)
    try:
        yield url
        await check_nothing_is_open(stores, url)
    finally:
        while stores:
            await stores.pop().close()
        await drop_database(server_url, url)


async def execute(url: str, statement: str) -> None:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def check_nothing_is_open(stores: list[Any], database_url: str) -> None:
    """Fail when one of *stores* has a connection checked out, or anybody a transaction open."""
    await turns_of_the_loop()
    if in_use := [store.engine.pool.status() for store in stores if is_in_use(store)]:
        pytest.fail(f"connections still checked out: {in_use}")
    await check_no_transaction_is_open(database_url)


def is_in_use(store: Any) -> bool:
    """Tell whether a connection of the store's pool is checked out; a NullPool keeps none and cannot tell."""
    pool = store.engine.pool
    return isinstance(pool, QueuePool) and pool.checkedout() > 0


async def check_no_transaction_is_open(database_url: str) -> None:
    """Fail when a connection stays idle in a transaction.

    The server needs a moment to notice that a client is gone, so one that vanishes while we look is fine.
    """
    connection = await asyncpg.connect(database_url)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (open_ones := await connection.fetch(OPEN_TRANSACTIONS)) and time.monotonic() < deadline:
            await connection.execute("SELECT pg_sleep(0.01)")
        if open_ones:
            pytest.fail(f"idle in transaction, each after: {[row['query'] for row in open_ones]}")
    finally:
        await connection.close()
