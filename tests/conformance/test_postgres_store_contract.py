"""PostgresStore keeps the contract whole. The tests make up users of their own: one database serves them all."""

import asyncio

import pytest

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.testing import StoreContract
from tests.support.databases import check_nothing_is_open, create_database, drop_database


@pytest.fixture(scope="module")
def shared_database_url(server_url, template_database):
    url = asyncio.run(create_database(server_url, template_database))
    yield url
    asyncio.run(drop_database(server_url, url))


class TestPostgresStore(StoreContract):
    max_page_size = 30

    @pytest.fixture
    async def store(self, shared_database_url):
        store = PostgresStore(shared_database_url, max_page_size=self.max_page_size)
        yield store
        await check_nothing_is_open([store], shared_database_url)
        await store.close()
