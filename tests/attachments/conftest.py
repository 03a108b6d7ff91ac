"""Fixtures of the tests of attachments."""

import pytest
from obstore.store import MemoryStore

from tests.attachments.world import KINDS, storage_of, world_of


@pytest.fixture(params=KINDS)
def storage(request, tmp_path):
    """A place for bytes, of each kind."""
    return storage_of(request.param, tmp_path / "files")


@pytest.fixture
async def world(store, storage, database_url):
    """A store with files of each kind, and its app on a server."""
    async with world_of(store, storage, database_url) as made:
        yield made


@pytest.fixture
async def quick(store, database_url):
    """The same with files in memory alone, for what does not depend on where they are."""
    async with world_of(store, MemoryStore(), database_url) as made:
        yield made
