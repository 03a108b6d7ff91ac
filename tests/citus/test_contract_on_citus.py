"""PostgresStore keeps the contract whole on a cluster."""

import pytest

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.testing import StoreContract
from tests.support.databases import check_nothing_is_open


class TestOnCitus(StoreContract):
    max_page_size = 30

    @pytest.fixture
    async def store(self, citus_url, distributed_schema):
        store = PostgresStore(citus_url, schema=distributed_schema, max_page_size=self.max_page_size)
        await store.initialize()
        yield store
        await check_nothing_is_open([store], citus_url)
        await store.close()
