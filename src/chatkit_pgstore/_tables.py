"""The tables, and the only place where a column is named.

The user stands first in every key, so that whose row it is belongs to the structure: no index, no foreign
key and no lookup can cross from one user to another.
"""

from collections.abc import Callable

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

__all__ = [
    "VERSION_TABLE",
    "attachments",
    "feedback",
    "file_chunks",
    "files",
    "metadata",
    "supported_revisions",
    "thread_items",
    "threads",
]

metadata = MetaData()

_ddl: Callable[[str], DDL] = DDL
"""SQLAlchemy leaves its constructor untyped."""

VERSION_TABLE = "chatkit_schema_version"
"""Alembic's record of the revision; the host's own ``alembic_version`` is left alone."""


def _id(name: str, *, nullable: bool = False) -> Column[str]:
    """Bytewise order is the same on every server, whatever its locale."""
    return Column(name, Text(collation="C"), nullable=nullable)


def _time(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False)


threads = Table(
    "chatkit_threads",
    metadata,
    _id("user_id"),
    _id("id"),
    # json keeps the text byte for byte and takes \u0000, which jsonb refuses.
    Column("thread", JSON, nullable=False),
    Column("last_sort_key", BigInteger, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    # What listings are filtered by, out of the document, NUL replaced. Null: whoever saved the thread knew no such
    # column.
    Column("metadata", JSONB),
    PrimaryKeyConstraint(
        "user_id",
        "id",
        name="chatkit_threads_pkey",
        # Makes the key as cheap as the ordering index for finding a cursor; see docs/reference/tables.md.
        postgresql_include=["created_at"],
    ),
    Index("chatkit_threads_by_creation", "user_id", "created_at", "id"),
)

# Room for the next versions of a thread's row on its own page: appends then update in place (HOT). SQLAlchemy 2.0
# knows no storage parameters of a table.
event.listen(
    threads,
    "after_create",
    _ddl("ALTER TABLE %(fullname)s SET (fillfactor = 85)"),
)

thread_items = Table(
    "chatkit_thread_items",
    metadata,
    _id("user_id"),
    _id("thread_id"),
    _id("id"),
    Column("sort_key", BigInteger, nullable=False),
    # What SQL has to know of a document stands beside it: json's own operators fail on \u0000.
    Column("type", Text, nullable=False),
    Column("status", Text),
    Column("item", JSON, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("user_id", "thread_id", "id", name="chatkit_thread_items_pkey"),
    UniqueConstraint("user_id", "thread_id", "sort_key", name="chatkit_thread_items_by_sort_key"),
    ForeignKeyConstraint(
        ["user_id", "thread_id"],
        ["chatkit_threads.user_id", "chatkit_threads.id"],
        name="chatkit_thread_items_thread_fkey",
        ondelete="CASCADE",
    ),
)

# Tells the planner that a thread belongs to one user; without it (user, thread) is taken for a single row and
# a page is read through the wrong index. SQLAlchemy has no construct for it.
event.listen(
    thread_items,
    "after_create",
    _ddl("CREATE STATISTICS chatkit_thread_items_user_thread (dependencies) ON user_id, thread_id FROM %(fullname)s"),
)

attachments = Table(
    "chatkit_attachments",
    metadata,
    _id("user_id"),
    _id("id"),
    _id("thread_id", nullable=True),
    Column("attachment", JSON, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("user_id", "id", name="chatkit_attachments_pkey"),
    ForeignKeyConstraint(
        ["user_id", "thread_id"],
        ["chatkit_threads.user_id", "chatkit_threads.id"],
        name="chatkit_attachments_thread_fkey",
        ondelete="CASCADE",
    ),
    # For the cascade alone, so that it holds no row that waits for its message.
    Index(
        "chatkit_attachments_by_thread",
        "user_id",
        "thread_id",
        postgresql_where=text("thread_id IS NOT NULL"),
    ),
)

feedback = Table(
    "chatkit_feedback",
    metadata,
    _id("user_id"),
    _id("thread_id"),
    _id("item_id"),
    Column("kind", Text, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("user_id", "thread_id", "item_id", name="chatkit_feedback_pkey"),
    # Not to the item: deleting a thread would then ask for feedback once for each of its items.
    ForeignKeyConstraint(
        ["user_id", "thread_id"],
        ["chatkit_threads.user_id", "chatkit_threads.id"],
        name="chatkit_feedback_thread_fkey",
        ondelete="CASCADE",
    ),
)

# Without a foreign key: however an attachment goes, this row stays until its file is deleted too.
files = Table(
    "chatkit_files",
    metadata,
    _id("user_id"),
    _id("id"),
    Column("storage_key", Text, nullable=False),
    Column("mime_type", Text, nullable=False),
    # Null until every byte is stored.
    Column("size", BigInteger),
    Column("sha256", Text),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("user_id", "id", name="chatkit_files_pkey"),
)

file_chunks = Table(
    "chatkit_file_chunks",
    metadata,
    _id("user_id"),
    _id("file_id"),
    Column("number", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("user_id", "file_id", "number", name="chatkit_file_chunks_pkey"),
    ForeignKeyConstraint(
        ["user_id", "file_id"],
        ["chatkit_files.user_id", "chatkit_files.id"],
        name="chatkit_file_chunks_file_fkey",
        ondelete="CASCADE",
    ),
)

# Most files are compressed already. SQLAlchemy has no construct for it.
event.listen(
    file_chunks,
    "after_create",
    _ddl("ALTER TABLE %(fullname)s ALTER COLUMN data SET STORAGE EXTERNAL"),
)

supported_revisions = Table(
    "chatkit_supported_revisions",
    metadata,
    Column("revision", Text, nullable=False),
    PrimaryKeyConstraint("revision", name="chatkit_supported_revisions_pkey"),
    comment="Schema revisions whose releases work on the present tables",
)
