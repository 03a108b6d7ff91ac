"""What a user's type checker sees. Checked by mypy and pyright, never run."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, assert_type
from uuid import UUID

from chatkit.server import ChatKitServer, NonStreamingResult, StreamingResult
from chatkit.store import Store
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata, ThreadStreamEvent, UserMessageItem
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.types import ASGIApp

from chatkit_pgstore import BufferedStore, PostgresStore, unique_item_ids
from chatkit_pgstore.responses import ChatKitResponse
from chatkit_pgstore.testing import MemoryStore


@dataclass
class RequestContext:
    user: UUID


class Server(ChatKitServer[RequestContext]):
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
