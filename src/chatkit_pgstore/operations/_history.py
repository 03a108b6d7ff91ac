"""One user's history in any `Store`, read through its public methods, and known to end."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Container, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, TypeVar

from chatkit.store import NotFoundError, Store
from chatkit.types import Attachment, FeedbackKind, Page, ThreadItem, ThreadMetadata
from pydantic import BaseModel

from chatkit_pgstore import _codec
from chatkit_pgstore._ids import PLACEHOLDER_ID
from chatkit_pgstore.errors import SourceStoreError, StoreError

V = TypeVar("V")
StoreT_co = TypeVar("StoreT_co", bound=Store[Any], covariant=True)

PAGE_SIZE = 100

PAGES_WITHOUT_NEWS = 10
"""After so many pages in succession that bring nothing new, a listing is taken for one that never ends."""


def document_of(codec: _codec.Codec[Any], value: BaseModel) -> str:
    """Return what *value* is once it has been stored and read: two that are equal there give the same text.

    Raises:
        UnstorableItemError: JSON cannot hold it.
    """
    _, stored = codec.encode(value)
    return codec.encode(stored)[0]


@dataclass(frozen=True)
class History(Generic[StoreT_co]):
    """What one user has in a store.

    Raises:
        SourceStoreError: From every method: the store failed, its pages do not end, or it returns what it should not.
    """

    store: StoreT_co
    context: Any

    async def threads(self) -> AsyncGenerator[ThreadMetadata, None]:
        """Yield every thread once, oldest first, as far as the store keeps to that."""

        async def load(after: str | None) -> Any:
            return await self.store.load_threads(PAGE_SIZE, after, "asc", self.context)

        seen: set[str] = set()
        async for thread in self._all("load_threads", load):
            if thread.id not in seen:
                seen.add(thread.id)
                yield thread

    async def thread(self, thread_id: str) -> ThreadMetadata | None:
        """Return one thread; None where the store has none of that id."""
        return await self._one(f"load_thread({thread_id!r})", self.store.load_thread(thread_id, self.context))

    async def items(self, thread_id: str) -> dict[str, ThreadItem]:
        """Return the items of a thread in the store's order, as they would stand in a `PostgresStore`.

        There an id is one item. A store that keeps a list may have it twice: the first has the place, the last is
        what it became, unless that would make a finished one pending again. Items that only have the Agents SDK's
        placeholder for an id get ids of their own, which are the same each time.
        """

        async def load(after: str | None) -> Any:
            return await self.store.load_thread_items(thread_id, after, PAGE_SIZE, "asc", self.context)

        items: dict[str, ThreadItem] = {}
        placeholders = 0
        async for item in self._all(f"load_thread_items({thread_id!r})", load):
            if item.id == PLACEHOLDER_ID:
                placeholders += 1
                item = item.model_copy(update={"id": _lasting_id(thread_id, placeholders)})  # noqa: PLW2901  # it is the same item
            if not _undoes(item, items.get(item.id)):
                items[item.id] = item
        return items

    async def attachment(self, attachment_id: str) -> Attachment | None:
        """Return an attachment; None where the store has none of that id, or keeps none at all."""
        answer = self.store.load_attachment(attachment_id, self.context)
        return await self._one(f"load_attachment({attachment_id!r})", answer)

    async def feedback(self, thread_id: str, items: Container[str]) -> dict[str, FeedbackKind]:
        """Return what the user thought of a thread's *items*, by their ids; nothing where the store keeps none.

        ChatKit's `Store` has no such method; a `PostgresStore` has. What it kept of an item that is gone is left out.
        """
        load = getattr(self.store, "load_feedback", None)
        if load is None:
            return {}

        async def kinds() -> dict[str, FeedbackKind]:
            kept: Mapping[str, Any] = await load(thread_id, self.context)
            return {item_id: each.kind for item_id, each in kept.items() if item_id in items}

        return await self._one(f"load_feedback({thread_id!r})", kinds()) or {}

    async def _one(self, call: str, answer: Awaitable[V]) -> V | None:
        try:
            return await self._answered(call, answer)
        except (NotFoundError, NotImplementedError):
            return None

    async def _all(self, call: str, load: Callable[[str | None], Awaitable[Any]]) -> AsyncGenerator[Any, None]:
        """Yield what all pages have, until there is no more, or the store goes in circles."""
        seen: set[str] = set()
        after, stale = None, 0
        while True:
            page = await self._page(call, load(after))
            for row in page.data:
                yield row
            if not page.has_more:
                return
            news = {row.id if row.id != PLACEHOLDER_ID else repr(row) for row in page.data} - seen
            seen |= news
            after, stale = page.after, 0 if news else stale + 1
            if stale == PAGES_WITHOUT_NEWS:
                raise self._failed(call, f"its pages do not end; it said again that there is more behind {after!r}")

    async def _page(self, call: str, answer: Awaitable[Any]) -> Page[Any]:
        try:
            page: Page[Any] = await self._answered(call, answer)
        except (NotFoundError, NotImplementedError) as error:
            raise self._failed(call, repr(error)) from error
        if not _is_page(page):
            raise self._failed(call, "it returned no Page of ChatKit's objects")
        return page

    async def _answered(self, call: str, answer: Awaitable[V]) -> V:
        try:
            return await answer
        except (NotFoundError, NotImplementedError, StoreError):
            raise
        except Exception as error:
            raise self._failed(call, repr(error)) from error

    def _failed(self, call: str, why: str) -> SourceStoreError:
        return SourceStoreError(f"{type(self.store).__name__}.{call}: {why}")


def _is_page(value: object) -> bool:
    return isinstance(value, Page) and all(isinstance(row, BaseModel) for row in vars(value)["data"])


def _lasting_id(thread_id: str, number: int) -> str:
    """Return an id for the *number*-th item of a thread that has none, which is there again when it is copied again."""
    return "msg_" + sha256(f"{thread_id} {number}".encode()).hexdigest()[:32]


def _undoes(item: ThreadItem, before: ThreadItem | None) -> bool:
    """Whether *item* is pending, where one of its id was finished before."""
    was = getattr(before, "status", None)
    return getattr(item, "status", None) == "pending" and was in _codec.FINISHED
