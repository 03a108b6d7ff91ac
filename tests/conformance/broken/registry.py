"""Stores with one defect each, of kinds that hand-written stores have, by the part of the contract that tells."""

from typing import Any

from chatkit_pgstore.testing import MemoryStore

MAX_PAGE_SIZE = 30

BROKEN_STORES: dict[str, list[type[MemoryStore]]] = {}


def caught_by(*parts: str):
    def remember(store: type[MemoryStore]) -> type[MemoryStore]:
        for part in parts:
            BROKEN_STORES.setdefault(part, []).append(store)
        return store

    return remember


class Broken(MemoryStore):
    """A MemoryStore with a place where a defect can remember something."""

    def __init__(self, user_id=None, max_page_size=MAX_PAGE_SIZE) -> None:
        super().__init__(user_id=user_id, max_page_size=max_page_size)
        self.remembered: dict[Any, Any] = {}

    def has_thread(self, thread_id, context):
        return thread_id in self._user(context).threads

    def has_item(self, thread_id, item_id, context):
        return self.has_thread(thread_id, context) and item_id in self._user(context).threads[thread_id].items
