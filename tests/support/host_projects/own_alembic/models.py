"""The tables of a host, one of which refers to threads."""

from sqlalchemy import ForeignKeyConstraint, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chatkit_pgstore import metadata

threads = metadata.tables["chatkit_threads"]


class Base(DeclarativeBase):
    """Where the host's tables are registered."""


class Order(Base):
    """What somebody bought, and in which conversation."""

    __tablename__ = "orders"
    __table_args__ = (ForeignKeyConstraint(["user_id", "thread_id"], [threads.c.user_id, threads.c.id]),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(Text)
    thread_id: Mapped[str] = mapped_column(Text)
