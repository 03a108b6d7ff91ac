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


def upgrade() -> None:
    ${upgrades if upgrades else ""}
    op.execute("INSERT INTO chatkit_supported_revisions (revision) VALUES (${repr(up_revision)})")
