import pytest

from chatkit_pgstore.testing import MemoryStore, StoreContract


class TestMemoryStore(StoreContract):
    max_page_size = 30

    @pytest.fixture
    def store(self):
        return MemoryStore(max_page_size=self.max_page_size)
