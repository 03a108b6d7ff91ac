"""Fixtures of all tests. The server: ``CHATKIT_PGSTORE_TEST_URL``, ``--postgres-image``, or an embedded one.

After each test with a database: no store that ``store`` or ``make_store`` made has a connection checked out,
and nobody is idle in a transaction there.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from chatkit_pgstore import PostgresStore
from tests.support.databases import (
    SERVER_VARIABLE,
    check_container_engine,
    create_database,
    drop_database,
    lent_database,
    name_of,
    running_server,
)


def pytest_addoption(parser):
    parser.addoption("--postgres-image", help="run the tests on a container of this image, such as postgres:17")


def pytest_configure(config):
    image = config.getoption("--postgres-image")
    if image and SERVER_VARIABLE not in os.environ:
        check_container_engine(image)


@pytest.fixture(scope="session")
def server_url(pytestconfig) -> Iterator[str]:
    """The URL of a user who may create databases, on a server that the session shares."""
    with running_server(pytestconfig.getoption("--postgres-image")) as url:
        yield url


@pytest.fixture(scope="session")
def template_database(server_url) -> Iterator[str]:
    """The name of a database at the newest migration, to be copied."""
    url = asyncio.run(create_database(server_url))
    asyncio.run(_migrate(url))
    yield name_of(url)
    asyncio.run(drop_database(server_url, url))


async def _migrate(url: str) -> None:
    store = PostgresStore(url)
    await store.initialize()
    await store.close()


@pytest.fixture
def made_stores() -> list[Any]:
    """The stores of one test. The first of its databases to be torn down checks and closes them all."""
    return []


@pytest.fixture
async def database_url(server_url, template_database, made_stores) -> AsyncIterator[str]:
    """The URL of a migrated database without rows, of this test's own."""
    async with lent_database(server_url, made_stores, template_database) as url:
        yield url


@pytest.fixture
async def empty_database_url(server_url, made_stores) -> AsyncIterator[str]:
    """The URL of a database without any table, of this test's own."""
    async with lent_database(server_url, made_stores) as url:
        yield url


@pytest.fixture
async def make_store(database_url, made_stores) -> Callable[..., Awaitable[Any]]:
    """``await make_store(**options)``: a PostgresStore on this test's database, closed after the test.

    A URL given first, or ``engine=``, takes the place of the test's own database.
    """

    async def make(url: str | None = None, **options: Any) -> Any:
        if "engine" not in options:
            url = url or database_url
        store = PostgresStore(url, **options)
        made_stores.append(store)
        return store

    return make


@pytest.fixture
async def store(make_store) -> Any:
    """A PostgresStore on this test's database; its contexts are like ``{"user_id": "alice"}``."""
    return await make_store()
