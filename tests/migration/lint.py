"""Hold the SQL of every migration against squawk's rules of locks: ``python -m tests.migration.lint``.

A migration of tables in use must neither lock readers and writers out for as long as it takes to read or write a table,
nor break the release before. First it is shown that what must not pass does not.
"""

import subprocess
import sys
from pathlib import Path

from chatkit_pgstore import _migrations, _revisions

SQUAWK = Path(sys.executable).with_name("squawk")
CONFIGURATION = Path(__file__).with_name("squawk.toml")

BEGIN = "BEGIN; SET LOCAL statement_timeout = '0'; SET LOCAL lock_timeout = '10s';"
REFUSED = {
    "require-concurrent-index-creation": "CREATE INDEX by_update ON chatkit_threads (user_id, updated_at);",
    "ban-concurrent-index-creation-in-transaction": (
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS by_update ON chatkit_threads (user_id, updated_at);"
    ),
    "adding-field-with-default": (
        "ALTER TABLE chatkit_threads ADD COLUMN token text NOT NULL DEFAULT CAST(gen_random_uuid() AS text);"
    ),
    "adding-not-nullable-field": "ALTER TABLE chatkit_thread_items ALTER COLUMN status SET NOT NULL;",
    "constraint-missing-not-valid": "ALTER TABLE chatkit_threads ADD CONSTRAINT positive CHECK (last_sort_key >= 0);",
    "changing-column-type": "ALTER TABLE chatkit_threads ALTER COLUMN last_sort_key TYPE numeric;",
    "ban-drop-column": "ALTER TABLE chatkit_threads DROP COLUMN updated_at;",
}
"""A migration that breaks each rule."""


def findings(name: str, sql: str) -> str:
    """Return what squawk finds in *sql*; nothing when it passes."""
    command = [SQUAWK, "--config", CONFIGURATION, "--reporter", "gcc", "--stdin-filepath", name]
    done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False)
    if done.returncode and not done.stdout:
        raise SystemExit(done.stderr)
    return done.stdout


def passed_in_error() -> list[str]:
    """Return the rules that let through what breaks them."""
    return [rule for rule, sql in REFUSED.items() if rule not in findings(f"{rule}.sql", f"{BEGIN} {sql} COMMIT;")]


def main() -> None:
    """Print what is found; end with 1 when it is anything."""
    if lax := passed_in_error():
        raise SystemExit(f"squawk let through what must not pass: {', '.join(lax)}")
    before, found = None, ""
    revisions = [script.revision for script in _revisions.pending(None, "head")]
    for revision in revisions:
        found += findings(f"{revision}.sql", _migrations.sql(start=before, end=revision))
        before = revision
    if found:
        raise SystemExit(found)
    sys.stdout.write(f"{len(revisions)} migrations pass; {len(REFUSED)} that must not do not.\n")


if __name__ == "__main__":
    main()
