"""Create the tables.

Takes no lock on anything that was there before.

There is no way down, which would delete conversations: a revision names the older ones whose releases it still
serves instead.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_threads()
    create_thread_items()
    create_attachments()
    create_supported_revisions()
    op.execute("INSERT INTO chatkit_supported_revisions (revision) VALUES ('0001')")


def id_column(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), nullable=nullable)


def time_column(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def thread_key(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id", "thread_id"],
        ["chatkit_threads.user_id", "chatkit_threads.id"],
        name=name,
        ondelete="CASCADE",
    )


def create_threads() -> None:
    op.create_table(
        "chatkit_threads",
        id_column("user_id"),
        id_column("id"),
        sa.Column("thread", sa.JSON(), nullable=False),
        sa.Column("last_sort_key", sa.BigInteger(), nullable=False),
        time_column("created_at"),
        time_column("updated_at"),
        sa.PrimaryKeyConstraint("user_id", "id", name="chatkit_threads_pkey", postgresql_include=["created_at"]),
    )
    op.execute("ALTER TABLE chatkit_threads SET (fillfactor = 85)")
    op.create_index("chatkit_threads_by_creation", "chatkit_threads", ["user_id", "created_at", "id"])


def create_thread_items() -> None:
    op.create_table(
        "chatkit_thread_items",
        id_column("user_id"),
        id_column("thread_id"),
        id_column("id"),
        sa.Column("sort_key", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("item", sa.JSON(), nullable=False),
        time_column("created_at"),
        time_column("updated_at"),
        sa.PrimaryKeyConstraint("user_id", "thread_id", "id", name="chatkit_thread_items_pkey"),
        sa.UniqueConstraint("user_id", "thread_id", "sort_key", name="chatkit_thread_items_by_sort_key"),
        thread_key("chatkit_thread_items_thread_fkey"),
    )
    op.execute(
        "CREATE STATISTICS chatkit_thread_items_user_thread (dependencies) "
        "ON user_id, thread_id FROM chatkit_thread_items"
    )


def create_attachments() -> None:
    op.create_table(
        "chatkit_attachments",
        id_column("user_id"),
        id_column("id"),
        id_column("thread_id", nullable=True),
        sa.Column("attachment", sa.JSON(), nullable=False),
        time_column("created_at"),
        time_column("updated_at"),
        sa.PrimaryKeyConstraint("user_id", "id", name="chatkit_attachments_pkey"),
        thread_key("chatkit_attachments_thread_fkey"),
    )
    op.create_index(
        "chatkit_attachments_by_thread",
        "chatkit_attachments",
        ["user_id", "thread_id"],
        postgresql_where=sa.text("thread_id IS NOT NULL"),
    )


def create_supported_revisions() -> None:
    op.create_table(
        "chatkit_supported_revisions",
        sa.Column("revision", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name="chatkit_supported_revisions_pkey"),
        comment="Schema revisions whose releases work on the present tables",
    )
