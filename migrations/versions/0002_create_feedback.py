"""Create the table of feedback.

Takes a lock on chatkit_threads, against writers and for a moment, for the foreign key of an empty table.
"""

import sqlalchemy as sa
from alembic import op

from chatkit_pgstore._new_tables import like_the_threads

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chatkit_feedback",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("thread_id", sa.Text(collation="C"), nullable=False),
        sa.Column("item_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "thread_id", "item_id", name="chatkit_feedback_pkey"),
    )
    op.execute(like_the_threads("chatkit_feedback"))
    # Not to the item: deleting a thread would then ask for feedback once for each of its items.
    op.create_foreign_key(
        "chatkit_feedback_thread_fkey",
        "chatkit_feedback",
        "chatkit_threads",
        ["user_id", "thread_id"],
        ["user_id", "id"],
        ondelete="CASCADE",
    )
    op.execute("INSERT INTO chatkit_supported_revisions (revision) VALUES ('0002')")
