"""StoreContract on tables that a store has to look at before it knows how to use them."""

import pytest

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.testing import StoreContract
from tests.support.databases import check_nothing_is_open


class ContractOnAlteredTables(StoreContract):
    """Needs a fixture ``shared_database_url``: a migrated database, altered."""

    max_page_size = 30

    @pytest.fixture
    async def store(self, shared_database_url):
        store = PostgresStore(shared_database_url, max_page_size=self.max_page_size)
        await store.initialize()
        yield store
        await check_nothing_is_open([store], shared_database_url)
        await store.close()
