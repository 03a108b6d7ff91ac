"""What a subclass of the contract tells about its store, and how tests look at one."""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

from chatkit.store import Store
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from pydantic import BaseModel

from chatkit_pgstore.errors import MissingUserError
from chatkit_pgstore.testing.contract._capability import ALL, Capability
from chatkit_pgstore.testing.contract._samples import message, new_id, thread_sample

AnyStore: TypeAlias = Store[Any]
T = TypeVar("T")

PAGE_SIZE = 20
"""The page size of ChatKitServer where the client names none."""


class ContractBase:
    """What a test class may tell about its store.

    Attributes:
        capabilities: What the store promises beyond what ChatKitServer needs; tests of the rest are skipped.
        max_page_size: The most rows a page of the store has.
        missing_user_error: What the store raises for a context without a user.
    """

    capabilities: ClassVar[frozenset[Capability]] = ALL
    max_page_size: ClassVar[int] = 1000
    missing_user_error: ClassVar[type[Exception]] = MissingUserError

    def context(self, user: str) -> Any:
        """Return the request context of *user*, a name the contract makes up."""
        return {"user_id": user}

    def contexts_without_user(self) -> Sequence[Any]:
        """Return request contexts that name nobody."""
        return ({}, {"user_id": None}, {"user_id": ""}, None)

    def somebody(self) -> Any:
        """Return the context of a user of whom the store has never heard."""
        return self.context(new_id("user"))


class _Identified(Protocol):
    id: str


def ids_of(rows: Sequence[_Identified]) -> list[str]:
    """Return the ids of *rows*, in their order."""
    return [row.id for row in rows]


def assert_same(found: BaseModel, saved: BaseModel) -> None:
    """Fail unless *found* is *saved* in every field and its type: ``1``, ``1.0`` and ``True`` are not the same."""
    assert type(found) is type(saved)
    assert found == saved
    assert _as_text(found) == _as_text(saved)


def _as_text(value: BaseModel) -> str:
    return json.dumps(value.model_dump(mode="json"), sort_keys=True)


async def saved_thread(store: AnyStore, context: Any, **values: Any) -> ThreadMetadata:
    """Save a new thread and return it."""
    thread = thread_sample(**values)
    await store.save_thread(thread, context)
    return thread


async def added_messages(store: AnyStore, thread_id: str, context: Any, count: int) -> list[ThreadItem]:
    """Add messages to a thread one after the other, and return them."""
    items = [message(thread_id, f"message {number}") for number in range(count)]
    for item in items:
        await store.add_thread_item(thread_id, item, context)
    return items


async def all_items(
    store: AnyStore, thread_id: str, context: Any, *, order: str = "asc", limit: int = PAGE_SIZE
) -> list[ThreadItem]:
    """Return the items of a thread, page by page."""
    return await walked(lambda after: store.load_thread_items(thread_id, after, limit, order, context))


async def all_threads(
    store: AnyStore, context: Any, *, order: str = "asc", limit: int = PAGE_SIZE
) -> list[ThreadMetadata]:
    """Return the threads of a user, page by page."""
    return await walked(lambda after: store.load_threads(limit, after, order, context))


async def walked(page_behind: Callable[[str | None], Awaitable[Page[T]]]) -> list[T]:
    """Return the rows of all pages, as ChatKitServer walks them; fail where that would never end."""
    rows: list[T] = []
    cursors: list[str | None] = [None]
    while (page := await page_behind(cursors[-1])).has_more:
        assert page.data, "an empty page says that there is more"
        assert page.after not in cursors, "Page.after leads back to a page that was there already"
        cursors.append(page.after)
        rows += page.data
    return rows + page.data


async def everything_of(store: AnyStore, context: Any, attachment_ids: Sequence[str]) -> list[BaseModel]:
    """Return all of a user's threads and items, and the attachments of these ids."""
    threads = await all_threads(store, context)
    items = [item for thread in threads for item in await all_items(store, thread.id, context)]
    attachments: list[Attachment] = [await store.load_attachment(each, context) for each in attachment_ids]
    return [*threads, *items, *attachments]


async def outcome_of(call: Awaitable[object]) -> str:
    """Return what a call returned or raised as text, with made-up ids blotted out."""
    try:
        outcome = repr(await call)
    except Exception as error:  # noqa: BLE001  # whatever a store raises is its outcome
        outcome = f"{type(error).__name__}: {error}"
    return re.sub(r"[0-9a-f]{32}", "*", outcome)
