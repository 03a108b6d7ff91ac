"""Migrations as an older or a newer release would have them: copies of ours, one revision longer."""

import shutil
from pathlib import Path

from chatkit_pgstore import _migrations

NEXT_REVISION = '''
"""Add a column that today's releases do not mind."""

from alembic import op

revision = "{revision}"
down_revision = "{down_revision}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE chatkit_threads ADD COLUMN colour text")
    op.execute("{support}")
'''

STILL_SERVES_THE_LAST = "INSERT INTO chatkit_supported_revisions (revision) VALUES ('9999')"
SERVES_THE_LAST_NO_MORE = "UPDATE chatkit_supported_revisions SET revision = '9999'"


def next_release(folder: Path, *, support: str) -> Path:
    """Return a package folder whose migrations have one revision more than ours, named 9999."""
    package = folder / "next"
    ours = _migrations._location(Path(_migrations.__file__).parent)
    shutil.copytree(ours, package / "migrations")
    text = NEXT_REVISION.format(revision="9999", down_revision=_migrations.head(), support=support)
    (package / "migrations" / "versions" / "9999_add_colour.py").write_text(text.strip())
    return package


def released(package: Path, monkeypatch) -> None:
    """From here on, the store is the release whose package folder is *package*."""
    folder = package / "migrations"
    monkeypatch.setattr(_migrations, "_location", lambda _: folder)
