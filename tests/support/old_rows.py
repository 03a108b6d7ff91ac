"""Rows as the releases at each revision leave them: ``tests/migration/rows`` has what each revision adds."""

from pathlib import Path

from chatkit_pgstore import _migrations

FOLDER = Path(__file__).parents[1] / "migration" / "rows"


def rows_at(revision: str) -> str:
    """Return the SQL that writes them to the tables of that revision."""
    return "\n".join(file.read_text() for file in sorted(FOLDER.glob("*.sql")) if file.stem <= revision)


ROWS = rows_at(_migrations.head())
"""Those of this release."""
