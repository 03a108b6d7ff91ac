"""AsyncPostgresSaver of langgraph as a contender."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.peers.contender import PAGE, POOL_SIZE

MESSAGES = "messages"
# That of the documentation and of graphs; older ones cost a question more when they are read.
VERSION = 4


class OnSaver:
    """Does the three jobs as far as checkpoints go.

    A checkpoint is a conversation's whole state. To append is to read the latest one and to write one with a message
    more, which is the least that a graph does with each of its runs.
    """

    def __init__(self, saver: AsyncPostgresSaver) -> None:
        self._saver = saver

    async def append(self, user: str, conversation: str, text: str) -> None:
        """Append one message: read the state, write the next."""
        found = await self._saver.aget_tuple(_config(conversation))
        if found is None:
            raise LookupError(f"There is no conversation {conversation}")
        await self._put(user, conversation, found.checkpoint, [text])

    async def newest(self, user: str, conversation: str, count: int = PAGE) -> list[str]:
        """Return the last messages of the state, which is read as a whole."""
        del user
        found = await self._saver.aget_tuple(_config(conversation))
        messages: list[BaseMessage] = found.checkpoint["channel_values"][MESSAGES] if found else []
        return [str(message.content) for message in messages[-count:]]

    async def first_page(self, user: str) -> list[str]:
        """Return the conversations of the newest states; one that was written twice is there twice."""
        states = self._saver.alist(None, filter={"user_id": user}, limit=PAGE)
        return [state.config["configurable"]["thread_id"] async for state in states]

    async def fill(self, user: str, conversation: str, texts: Sequence[str]) -> None:
        """Begin a conversation with one state that has all the messages."""
        await self._put(user, conversation, None, texts)

    async def _put(self, user: str, conversation: str, last: Checkpoint | None, texts: Sequence[str]) -> None:
        checkpoint = empty_checkpoint()
        checkpoint["v"] = VERSION
        before = last["channel_values"][MESSAGES] if last else []
        version = self._saver.get_next_version(last["channel_versions"][MESSAGES] if last else None, None)
        checkpoint["channel_values"] = {MESSAGES: [*before, *map(HumanMessage, texts)]}
        checkpoint["channel_versions"] = {MESSAGES: version}
        config = _config(conversation, **({"checkpoint_id": last["id"]} if last else {}))
        metadata: Any = {"source": "loop", "step": len(before), "user_id": user}
        await self._saver.aput(config, checkpoint, metadata, {MESSAGES: version})


def _config(conversation: str, **more: str) -> Any:
    return {"configurable": {"thread_id": conversation, "checkpoint_ns": "", **more}}


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[OnSaver]:
    """Open it on a pool, with the arguments that its documentation asks for."""
    arguments = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: Any = AsyncConnectionPool(url, min_size=POOL_SIZE, max_size=POOL_SIZE, kwargs=arguments, open=False)
    async with pool:
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
        yield OnSaver(saver)
