"""How many bytes a thread, an item and an attachment take, with their indexes."""

import asyncio
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ClientToolCallItem,
    FileAttachment,
    InferenceOptions,
    ThreadItem,
    ThreadMetadata,
    UserMessageItem,
    UserMessageTextContent,
)

from benchmarks.growth_plan import Assumptions
from chatkit_pgstore import PostgresStore

WRITERS = 10
COMMON = (
    "the of and a to in is you that it for on are with as this be at have from or one had by word but not what all "
    "were we when your can said there use an each which she do how their if will up other about out many then them"
)
QUESTION, ANSWER = 40, 180
"""Words of a message and of a reply."""
TURNS_PER_TOOL_CALL = 5
SIZES = """
    SELECT (SELECT count(*) FROM {table}) AS rows, pg_table_size('{table}') AS in_table,
           pg_indexes_size('{table}') AS in_indexes
"""


@dataclass(frozen=True)
class Size:
    """What the rows of one table take, dead ones and free room included."""

    rows: int
    in_table: float
    in_indexes: float

    @property
    def bytes(self) -> float:
        """Of one row."""
        return (self.in_table + self.in_indexes) / self.rows


async def measured_sizes(database_url: str, users: int, assumptions: Assumptions) -> dict[str, Size]:
    """Write the rows of so many users, and return what each kind takes, by its table."""
    dice = Random(1)  # noqa: S311 - no secret
    async with PostgresStore(database_url, pool_size=WRITERS) as store:
        threads = await _opened_threads(store, users, assumptions, dice)
        turns = threads * assumptions.turns_per_thread
        dice.shuffle(turns)
        calls = (_calls(store, thread, context, dice, assumptions) for thread, context in turns)
        await asyncio.gather(*(_make(calls) for _ in range(WRITERS)))
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("VACUUM ANALYZE")
        tables = ("chatkit_threads", "chatkit_thread_items", "chatkit_attachments")
        return {table: Size(*await connection.fetchrow(SIZES.format(table=table))) for table in tables}
    finally:
        await connection.close()


async def _make(turns: Iterator[Iterable[Awaitable[None]]]) -> None:
    for calls in turns:
        for call in calls:
            await call


async def _opened_threads(
    store: PostgresStore[Any], users: int, assumptions: Assumptions, dice: Random
) -> list[tuple[ThreadMetadata, Any]]:
    contexts = [{"user_id": str(UUID(int=dice.getrandbits(128)))} for _ in range(users)] * assumptions.threads_per_user
    threads = [(_thread(store, context, dice), context) for context in contexts]
    for thread, context in threads:
        await store.save_thread(thread, context)
    return threads


def _thread(store: PostgresStore[Any], context: Any, dice: Random) -> ThreadMetadata:
    return ThreadMetadata(id=store.generate_thread_id(context), created_at=datetime.now(UTC), title=_text(dice, 6))


def _calls(
    store: PostgresStore[Any], thread: ThreadMetadata, context: Any, dice: Random, assumptions: Assumptions
) -> Iterator[Awaitable[None]]:
    """Yield the calls that write one turn."""
    for item in _turn(store, thread, context, dice):
        yield store.add_thread_item(thread.id, item, context)
    if dice.random() < assumptions.attachments_per_turn:
        named = {"name": f"{_text(dice, 3)}.pdf", "mime_type": "application/pdf"}
        attachment_id = f"atc_{UUID(int=dice.getrandbits(128)).hex}"
        yield store.save_attachment(FileAttachment(id=attachment_id, thread_id=thread.id, **named), context)


def _turn(store: PostgresStore[Any], thread: ThreadMetadata, context: Any, dice: Random) -> Iterator[ThreadItem]:
    def base(kind: Any) -> dict[str, Any]:
        item_id = store.generate_item_id(kind, thread, context)
        return {"id": item_id, "thread_id": thread.id, "created_at": datetime.now(UTC)}

    question = UserMessageTextContent(text=_text(dice, QUESTION))
    yield UserMessageItem(content=[question], inference_options=InferenceOptions(), **base("message"))
    if dice.randrange(TURNS_PER_TOOL_CALL) == 0:
        arguments = {"query": _text(dice, 8), "limit": 20}
        called = {"call_id": "call_1", "name": "search_documents", "status": "completed"}
        yield ClientToolCallItem(arguments=arguments, output=_text(dice, QUESTION), **called, **base("tool_call"))
    yield AssistantMessageItem(content=[AssistantMessageContent(text=_text(dice, ANSWER))], **base("message"))


def _text(dice: Random, words: int) -> str:
    return " ".join(dice.choices(COMMON.split(), k=words))
