"""SQLAlchemySession of openai-agents as a contender."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from agents import TResponseInputItem
from agents.extensions.memory import SQLAlchemySession
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.peers.contender import PAGE, POOL_SIZE


class OnSessions:
    """Does what sessions do. It knows no users and lists no conversations.

    A session is one conversation's. Each call makes one, as a server does for each request.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def append(self, user: str, conversation: str, text: str) -> None:
        """Append one message."""
        await self.fill(user, conversation, [text])

    async def newest(self, user: str, conversation: str, count: int = PAGE) -> list[str]:
        """Return the newest messages, the oldest of them first."""
        del user
        items: list[Any] = await self._session(conversation).get_items(limit=count)
        return [item["content"] for item in items]

    async def first_page(self, user: str) -> list[str]:
        """Raise: there is no such call."""
        raise NotImplementedError(f"openai-agents lists no conversations, those of {user} neither")

    async def fill(self, user: str, conversation: str, texts: Sequence[str]) -> None:
        """Begin a conversation, or go on with it: to a session that is the same."""
        del user
        items: list[TResponseInputItem] = [{"role": "user", "content": text} for text in texts]
        await self._session(conversation).add_items(items)

    def _session(self, conversation: str) -> SQLAlchemySession:
        return SQLAlchemySession(conversation, engine=self._engine)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[OnSessions]:
    """Open an engine as the application manages it, and make the tables by the documented flag."""
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=POOL_SIZE, max_overflow=0
    )
    try:
        await SQLAlchemySession("the tables", engine=engine, create_tables=True).get_items(limit=1)
        yield OnSessions(engine)
    finally:
        await engine.dispose()
