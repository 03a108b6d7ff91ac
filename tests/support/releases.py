"""Migrations as an older or a newer release would have them: copies of ours, one revision longer."""

import shutil
import subprocess
from pathlib import Path

import pytest

from chatkit_pgstore import _migrations, _revisions

CHECKOUT = Path(__file__).parents[2]

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

INDEX = "chatkit_threads_by_update"
INDEX_REVISION = '''
"""Index threads by their last activity."""

from alembic import op
from alembic.operations.ops import CreateIndexOp

revision = "9998"
down_revision = "{down_revision}"
branch_labels = None
depends_on = None

CONCURRENT_INDEXES = [CreateIndexOp("chatkit_threads_by_update", "chatkit_threads", ["user_id", "updated_at"])]


def upgrade() -> None:
    op.execute("INSERT INTO chatkit_supported_revisions (revision) VALUES ('9998')")
'''

STILL_SERVES_THE_LAST = "INSERT INTO chatkit_supported_revisions (revision) VALUES ('9999')"
SERVES_THE_LAST_NO_MORE = (
    "WITH gone AS (DELETE FROM chatkit_supported_revisions) INSERT INTO chatkit_supported_revisions VALUES ('9999')"
)


def next_release(folder: Path, *, support: str) -> Path:
    """Return a package folder whose migrations have one revision more than ours, named 9999."""
    package = _copy(folder)
    text = NEXT_REVISION.format(revision="9999", down_revision=_migrations.head(), support=support)
    (package / "migrations" / "versions" / "9999_add_colour.py").write_text(text.strip())
    return package


def release_with_index(folder: Path) -> Path:
    """Return a package folder whose migrations have one revision more than ours: 9998, which needs an index."""
    package = _copy(folder)
    text = INDEX_REVISION.format(down_revision=_migrations.head())
    (package / "migrations" / "versions" / "9998_index_threads.py").write_text(text.strip())
    return package


def _copy(folder: Path) -> Path:
    package = folder / "next"
    shutil.copytree(_revisions.location(Path(_revisions.__file__).parent), package / "migrations")
    return package


def release_at(revision: str, folder: Path) -> Path:
    """Return a folder with the source of the last release whose newest revision is *revision*, out of git."""
    if not (CHECKOUT / ".git").exists():
        pytest.skip("an unpacked source distribution has no history to take an older release from")
    command = ["git", "archive", _last_commit_at(revision), "src", "migrations"]
    archive = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=True).stdout
    source = folder / f"release-{revision}"
    source.mkdir()
    subprocess.run(["tar", "--extract", "--directory", source], input=archive, check=True)
    return source / "src"


def _last_commit_at(revision: str) -> str:
    """Return the commit before the one that added the next revision's file; the newest one when there is none."""
    for following in _revisions.pending(revision, "head")[:1]:
        command = ["git", "log", "--diff-filter=A", "--format=%H", "--", following.path]
        added = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split()
        if added:
            return f"{added[-1]}^"
    return "HEAD"


def released(package: Path, monkeypatch) -> None:
    """From here on, the store is the release whose package folder is *package*."""
    folder = package / "migrations"
    monkeypatch.setattr(_revisions, "location", lambda _: folder)
