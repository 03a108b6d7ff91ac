"""Add the column by which threads are filtered.

Takes an exclusive lock on chatkit_threads for a moment: a column without a default rewrites nothing. It stays null in
the rows that are there, which are filtered by their documents until they are saved again.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chatkit_threads", sa.Column("metadata", JSONB(), nullable=True))
    op.execute("INSERT INTO chatkit_supported_revisions (revision) VALUES ('0003')")
