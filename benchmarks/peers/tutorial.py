"""The tutorial store as a contender."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from chatkit.types import ThreadMetadata
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from benchmarks.peers.chatkit_messages import OnStore
from benchmarks.peers.contender import POOL_SIZE
from benchmarks.peers.tutorial_store import ITEM, Base, ItemRow, TutorialStore


class OnTutorialStore(OnStore):
    """Does the three jobs with the tutorial store, and fills it many rows at a time."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        super().__init__(TutorialStore(sessions))
        self._sessions = sessions

    async def fill(self, user: str, conversation: str, texts: Sequence[str]) -> None:
        """Begin a conversation, its messages in one transaction."""
        await super().fill(user, conversation, [])
        thread = ThreadMetadata(id=conversation, created_at=datetime.now(UTC))
        items = [self.message(thread, text, {"user_id": user}) for text in texts]
        base = {"thread_id": conversation, "user_id": user}
        async with self._sessions() as session:
            session.add_all(
                ItemRow(id=item.id, sort_key=number, data=ITEM.dump_python(item, mode="json"), **base)
                for number, item in enumerate(items, 1)
            )
            await session.commit()

    async def shared_places(self, conversation: str) -> int:
        """Return how many messages of a conversation have a sort key that another one has, too."""
        counted = select(func.count() - func.count(ItemRow.sort_key.distinct()))
        async with self._sessions() as session:
            return await session.scalar(counted.where(ItemRow.thread_id == conversation)) or 0


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[OnTutorialStore]:
    """Open it as tutorials do, with a pool that is never larger than the others'."""
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=POOL_SIZE, max_overflow=0
    )
    try:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield OnTutorialStore(async_sessionmaker(engine, expire_on_commit=False))
    finally:
        await engine.dispose()
