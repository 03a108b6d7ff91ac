"""Create the tables of attachments' files.

Takes no lock on anything that was there before.
"""

import sqlalchemy as sa
from alembic import op

from chatkit_pgstore._new_tables import like_the_threads

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_files()
    create_file_chunks()
    op.execute("INSERT INTO chatkit_supported_revisions (revision) VALUES ('0004')")


def create_files() -> None:
    op.create_table(
        "chatkit_files",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name="chatkit_files_pkey"),
    )
    op.execute(like_the_threads("chatkit_files"))


def create_file_chunks() -> None:
    op.create_table(
        "chatkit_file_chunks",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("file_id", sa.Text(collation="C"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "file_id", "number", name="chatkit_file_chunks_pkey"),
    )
    # Most files are compressed already, and a chunk is read whole.
    op.execute("ALTER TABLE chatkit_file_chunks ALTER COLUMN data SET STORAGE EXTERNAL")
    op.execute(like_the_threads("chatkit_file_chunks"))
    op.create_foreign_key(
        "chatkit_file_chunks_file_fkey",
        "chatkit_file_chunks",
        "chatkit_files",
        ["user_id", "file_id"],
        ["user_id", "id"],
        ondelete="CASCADE",
    )
