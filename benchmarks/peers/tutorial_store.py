"""A ChatKit store in the style of tutorials: SQLAlchemy's ORM, a session for each call.

It is what one writes by hand in a day, complete enough for ChatKitServer. Its weak spots are those of its kind:
``max(sort_key) + 1`` gives two messages that come at once the same place, and every call opens a transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chatkit.store import NotFoundError, Store
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from pydantic import TypeAdapter
from sqlalchemy import DateTime, ForeignKey, Index, Select, delete, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Context = dict[str, str]

THREAD = TypeAdapter(ThreadMetadata)
ITEM: TypeAdapter[ThreadItem] = TypeAdapter(ThreadItem)
ATTACHMENT: TypeAdapter[Attachment] = TypeAdapter(Attachment)


class Base(DeclarativeBase):
    """Of all tables."""


class ThreadRow(Base):
    """A conversation."""

    __tablename__ = "threads"
    __table_args__ = (Index("threads_by_time", "user_id", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)


class ItemRow(Base):
    """A message, or whatever else stands in a conversation."""

    __tablename__ = "items"
    __table_args__ = (Index("items_in_order", "thread_id", "sort_key"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    thread_id: Mapped[str] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"))
    user_id: Mapped[str]
    sort_key: Mapped[int]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)


class AttachmentRow(Base):
    """A file's description."""

    __tablename__ = "attachments"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)


class TutorialStore(Store[Context]):
    """The store.

    Args:
        sessions: Opens a session for each call.
    """

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions

    async def load_thread(self, thread_id: str, context: Context) -> ThreadMetadata:
        """Load a conversation's metadata."""
        async with self._sessions() as session:
            return THREAD.validate_python((await _thread(session, thread_id, context)).data)

    async def save_thread(self, thread: ThreadMetadata, context: Context) -> None:
        """Insert or replace it."""
        metadata = THREAD.dump_python(ThreadMetadata.model_validate(thread.model_dump()), mode="json")
        row = ThreadRow(id=thread.id, user_id=context["user_id"], created_at=thread.created_at, data=metadata)
        async with self._sessions() as session:
            await session.merge(row)
            await session.commit()

    async def load_threads(self, limit: int, after: str | None, order: str, context: Context) -> Page[ThreadMetadata]:
        """Load a page of the user's conversations."""
        query = select(ThreadRow).where(ThreadRow.user_id == context["user_id"])
        async with self._sessions() as session:
            if after is not None:
                edge = (await _thread(session, after, context)).created_at
                query = query.where(ThreadRow.created_at > edge if order == "asc" else ThreadRow.created_at < edge)
            rows = await _rows(session, query, ThreadRow.created_at, order, limit)
        return _page(rows, limit, THREAD)

    async def delete_thread(self, thread_id: str, context: Context) -> None:
        """Delete it and what is in it."""
        async with self._sessions() as session:
            await session.execute(
                delete(ThreadRow).where(ThreadRow.id == thread_id, ThreadRow.user_id == context["user_id"])
            )
            await session.commit()

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: Context
    ) -> Page[ThreadItem]:
        """Load a page of what is in it."""
        query = select(ItemRow).where(ItemRow.thread_id == thread_id, ItemRow.user_id == context["user_id"])
        async with self._sessions() as session:
            if after is not None:
                edge = (await _item(session, thread_id, after, context)).sort_key
                query = query.where(ItemRow.sort_key > edge if order == "asc" else ItemRow.sort_key < edge)
            rows = await _rows(session, query, ItemRow.sort_key, order, limit)
        return _page(rows, limit, ITEM)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: Context) -> None:
        """Append an item."""
        async with self._sessions() as session:
            await _thread(session, thread_id, context)
            last = await session.scalar(select(func.max(ItemRow.sort_key)).where(ItemRow.thread_id == thread_id))
            session.add(
                ItemRow(
                    id=item.id,
                    thread_id=thread_id,
                    user_id=context["user_id"],
                    sort_key=(last or 0) + 1,
                    data=ITEM.dump_python(item, mode="json"),
                )
            )
            await session.commit()

    async def save_item(self, thread_id: str, item: ThreadItem, context: Context) -> None:
        """Replace an item, or append it."""
        async with self._sessions() as session:
            try:
                row = await _item(session, thread_id, item.id, context)
            except NotFoundError:
                await session.close()
                await self.add_thread_item(thread_id, item, context)
                return
            row.data = ITEM.dump_python(item, mode="json")
            await session.commit()

    async def load_item(self, thread_id: str, item_id: str, context: Context) -> ThreadItem:
        """Load one item."""
        async with self._sessions() as session:
            return ITEM.validate_python((await _item(session, thread_id, item_id, context)).data)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: Context) -> None:
        """Delete one item."""
        mine = (ItemRow.thread_id == thread_id, ItemRow.user_id == context["user_id"])
        async with self._sessions() as session:
            await session.execute(delete(ItemRow).where(ItemRow.id == item_id, *mine))
            await session.commit()

    async def save_attachment(self, attachment: Attachment, context: Context) -> None:
        """Insert or replace a file's description."""
        data = ATTACHMENT.dump_python(attachment, mode="json")
        async with self._sessions() as session:
            await session.merge(AttachmentRow(id=attachment.id, user_id=context["user_id"], data=data))
            await session.commit()

    async def load_attachment(self, attachment_id: str, context: Context) -> Attachment:
        """Load it."""
        query = select(AttachmentRow).where(
            AttachmentRow.id == attachment_id, AttachmentRow.user_id == context["user_id"]
        )
        async with self._sessions() as session:
            return ATTACHMENT.validate_python((await _one(session, query, attachment_id)).data)

    async def delete_attachment(self, attachment_id: str, context: Context) -> None:
        """Delete it."""
        mine = AttachmentRow.user_id == context["user_id"]
        async with self._sessions() as session:
            await session.execute(delete(AttachmentRow).where(AttachmentRow.id == attachment_id, mine))
            await session.commit()


async def _thread(session: AsyncSession, thread_id: str, context: Context) -> ThreadRow:
    query = select(ThreadRow).where(ThreadRow.id == thread_id, ThreadRow.user_id == context["user_id"])
    return await _one(session, query, thread_id)


async def _item(session: AsyncSession, thread_id: str, item_id: str, context: Context) -> ItemRow:
    query = select(ItemRow).where(
        ItemRow.id == item_id, ItemRow.thread_id == thread_id, ItemRow.user_id == context["user_id"]
    )
    return await _one(session, query, item_id)


async def _one(session: AsyncSession, query: Select[tuple[Any]], wanted: str) -> Any:
    row = await session.scalar(query)
    if row is None:
        raise NotFoundError(wanted)
    return row


async def _rows(session: AsyncSession, query: Select[tuple[Any]], by: Any, order: str, limit: int) -> Sequence[Any]:
    in_order = query.order_by(by.asc() if order == "asc" else by.desc())
    return (await session.scalars(in_order.limit(limit + 1))).all()


def _page(rows: Sequence[Any], limit: int, adapter: TypeAdapter[Any]) -> Page[Any]:
    has_more = len(rows) > limit
    wanted = rows[:limit]
    return Page(
        data=[adapter.validate_python(row.data) for row in wanted],
        has_more=has_more,
        after=wanted[-1].id if has_more else None,
    )
