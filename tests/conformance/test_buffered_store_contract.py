"""BufferedStore keeps the contract: over both stores while they answer, and while the database is away."""

import asyncio
from contextlib import suppress
from itertools import count, product
from typing import Any

import pytest
from chatkit.store import NotFoundError

from chatkit_pgstore import PostgresStore, StoreUnavailableError
from chatkit_pgstore.buffered import BufferedStore, _replay
from chatkit_pgstore.testing import MemoryStore, StoreContract
from chatkit_pgstore.testing.contract._base import saved_thread
from chatkit_pgstore.testing.contract._isolation import LOOK_ALIKES
from chatkit_pgstore.testing.contract._samples import new_id
from tests.support.databases import check_nothing_is_open, create_database, drop_database
from tests.support.outage import caught_up, sever, severable

USERS = 24
"""More than any test of the contract makes up."""


@pytest.fixture(scope="module")
def shared_database_url(server_url, template_database):
    url = asyncio.run(create_database(server_url, template_database))
    yield url
    asyncio.run(drop_database(server_url, url))


class TestOverMemoryStore(StoreContract):
    max_page_size = 30

    @pytest.fixture
    async def store(self, tmp_path):
        inner = MemoryStore(max_page_size=self.max_page_size)
        async with BufferedStore(inner, tmp_path / "journal", database="memory") as store:
            yield store
            assert store.pending == 0


class TestOverPostgresStore(StoreContract):
    max_page_size = 30

    @pytest.fixture
    async def store(self, shared_database_url, tmp_path):
        inner = PostgresStore(shared_database_url, max_page_size=self.max_page_size)
        async with BufferedStore(inner, tmp_path / "journal") as store:
            yield store
            assert store.pending == 0
            await check_nothing_is_open([inner], shared_database_url)


class AskedBefore(BufferedStore[Any]):
    """Knows of every attachment that it is not there, unless it is, as if it had been looked for before the outage."""

    async def load_attachment(self, attachment_id, context):
        try:
            return await super().load_attachment(attachment_id, context)
        except StoreUnavailableError:
            raise NotFoundError(f"Attachment {attachment_id} not found") from None


class TestInAnOutage(StoreContract):
    """Everything in each test happens while the server refuses connections, and is in the database afterwards.

    What an outage cannot know was read before: the lists of the users of the tests, all of them empty.
    """

    max_page_size = 30
    numbers = count()

    def somebody(self):
        return next(self.contexts)

    @pytest.fixture
    async def store(self, shared_database_url, tmp_path, monkeypatch):
        monkeypatch.setattr(_replay, "PAUSE_SECONDS", 0.01)
        async with severable(shared_database_url) as proxy:
            url = proxy.url(shared_database_url)
            inner = PostgresStore(url, max_page_size=self.max_page_size, retry_seconds=0.1, pool_size=2)
            async with AskedBefore(inner, tmp_path / "journal") as store:
                contexts = [self.context(f"outage {next(self.numbers)}") for _ in range(USERS)]
                await asyncio.gather(*(eventually_read(store, each) for each in contexts))
                type(self).contexts = iter(contexts)
                sever(proxy)
                with pytest.raises(StoreUnavailableError):
                    await store.load_threads(1, None, "asc", self.context("somebody whose list was not read"))
                yield store
                assert store.is_buffering
                proxy.accept()
                await caught_up(store)

    async def test_users_whose_names_look_alike_are_different_users(self, store):
        """The contract reads their lists, which were not read before."""
        name = new_id("user")
        contexts = [self.context(each) for each in (name.upper(), *(name + end for end in LOOK_ALIKES))]
        threads = [await saved_thread(store, context) for context in contexts]
        for context, own in product(contexts, threads):
            if context is contexts[threads.index(own)]:
                assert await store.load_thread(own.id, context) == own
            else:
                with pytest.raises(StoreUnavailableError):
                    await store.load_thread(own.id, context)


async def eventually_read(store, context):
    """Read a list, however long the server takes to let us in."""
    with suppress(StoreUnavailableError):
        await store.load_threads(1, None, "asc", context)
        return
    await caught_up(store)
    await eventually_read(store, context)
