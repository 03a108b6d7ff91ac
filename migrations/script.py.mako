"""${message}

What it locks and for how long:

There is no way down, which would delete conversations: a revision names the older ones whose releases it still
serves instead.
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None

# An index of a table that is there already: CONCURRENT_INDEXES = [CreateIndexOp(name, table, columns)], by
# alembic.operations.ops. It is built before upgrade(), so that what it is of has to come with an earlier revision.


def upgrade() -> None:
    ${upgrades if upgrades else ""}
    op.execute("INSERT INTO chatkit_supported_revisions (revision) VALUES (${repr(up_revision)})")
