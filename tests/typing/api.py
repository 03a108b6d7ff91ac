"""What a user's type checker sees. Checked by mypy and pyright, never run."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, assert_type
from uuid import UUID

from chatkit.server import ChatKitServer, NonStreamingResult, StreamingResult
from chatkit.store import Store
from chatkit.types import (
    Attachment,
    ImageAttachment,
    Page,
    ThreadItem,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.types import ASGIApp

from chatkit_pgstore import (
    BufferedStore,
    Feedback,
    PostgresStore,
    Turn,
    keep_feedback,
    unique_item_ids,
    with_title,
)
from chatkit_pgstore.responses import ChatKitResponse
from chatkit_pgstore.testing import MemoryStore


@dataclass
class RequestContext:
    user: UUID


class Server(ChatKitServer[RequestContext]):
    add_feedback = keep_feedback

    def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: RequestContext
    ) -> AsyncIterator[ThreadStreamEvent]:
        raise AssertionError


def user_of(context: RequestContext) -> UUID:
    return context.user


def context_of(user_id: str) -> RequestContext:
    return RequestContext(UUID(user_id))


def a_store_is_generic_in_the_context(engine: AsyncEngine) -> None:
    store = PostgresStore[RequestContext]("postgresql://host/database", user_id=user_of)
    contract: Store[RequestContext] = store
    Server(contract)
    Server(PostgresStore[RequestContext](engine=engine, user_id=user_of))
    Server(MemoryStore[RequestContext](user_id=user_of))
    buffered = BufferedStore(store, "journal", context=context_of)
    assert_type(buffered, BufferedStore[RequestContext])
    Server(buffered)
    assert_type(store.engine, AsyncEngine)


async def methods_return_what_the_sdk_says(store: PostgresStore[Mapping[str, Any]]) -> None:
    alice = {"user_id": "alice"}
    assert_type(await store.load_thread("thr_1", alice), ThreadMetadata)
    assert_type(await store.load_threads(20, None, "desc", alice), Page[ThreadMetadata])
    assert_type(await store.load_thread_items("thr_1", None, 20, "asc", alice), Page[ThreadItem])
    assert_type(await store.load_item("thr_1", "msg_1", alice), ThreadItem)
    assert_type(await store.load_attachment("atc_1", alice), Attachment)


async def methods_beyond_the_sdk_are_typed(store: PostgresStore[RequestContext], context: RequestContext) -> None:
    assert_type(await store.save_feedback("thr_1", ["msg_1"], "positive", context), None)
    assert_type(await store.load_feedback("thr_1", context), dict[str, Feedback])
    assert_type(await store.count_items(["thr_1"], context), dict[str, int])
    found = await store.load_threads_where(20, None, "desc", context, metadata={"agent": "billing"})
    assert_type(found, Page[ThreadMetadata])


class Previews:
    async def preview_url(self, user_id: str, attachment: ImageAttachment) -> str:
        return f"https://example.com/{user_id}/{attachment.id}"


def options_are_typed() -> None:
    PostgresStore[RequestContext]("postgresql://host/database", thread_order="updated_at", preview_urls=Previews())
    MemoryStore[RequestContext](thread_order="updated_at", preview_urls=Previews())


def make_title(turn: Turn) -> str | None:
    return turn.question or None


async def make_title_later(turn: Turn) -> str:
    return turn.answer


def a_reply_gets_a_title(
    events: AsyncIterator[ThreadStreamEvent],
    store: PostgresStore[RequestContext],
    thread: ThreadMetadata,
    context: RequestContext,
) -> None:
    wrapped = with_title(events, store, thread, context, make_title)
    assert_type(wrapped, AsyncGenerator[ThreadStreamEvent, None])
    with_title(wrapped, store, thread, context, make_title_later, user_message=None)


async def a_context_manager_gives_the_store() -> None:
    async with PostgresStore[Mapping[str, Any]]("postgresql://host/database") as store:
        assert_type(store, PostgresStore[Mapping[str, Any]])


def an_agents_events_get_ids_of_their_own(
    events: AsyncIterator[ThreadStreamEvent],
    store: PostgresStore[RequestContext],
    thread: ThreadMetadata,
    context: RequestContext,
) -> None:
    wrapped = unique_item_ids(events, store, thread, context)
    assert_type(wrapped, AsyncGenerator[ThreadStreamEvent, None])
    unique_item_ids(wrapped, MemoryStore[RequestContext](), thread, context)


async def a_response_takes_what_process_returns(server: Server, context: RequestContext) -> ASGIApp:
    result = await server.process(b"", context)
    assert_type(result, StreamingResult | NonStreamingResult)
    return ChatKitResponse(result)


def a_bound_store_is_a_store(store: PostgresStore[RequestContext], connection: AsyncConnection) -> None:
    assert_type(store.bind(connection), PostgresStore[RequestContext])
