"""Files to send, and what is left of them on the server."""

import base64
from contextlib import closing

import psycopg

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR4nGNgYPiPAw0tCQCGsj/BvQQI5QAAAABJRU5ErkJggg=="
)
PICTURE = {"name": "quokka.png", "mimeType": "image/png", "buffer": PNG}
TEXT = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Two words"}
WITH_USERS = """
    SELECT table_name FROM information_schema.columns
     WHERE table_name LIKE 'chatkit!_%' ESCAPE '!' AND column_name = 'user_id' ORDER BY 1
"""


def chip(visitor, name):
    """Return what the page shows of a file before it goes."""
    return visitor.page.locator("#files > li").filter(has_text=name)


def rows_of(postgres, user):
    """Return how many rows each table has of a user, or with None of everybody, where there are any."""
    with closing(psycopg.connect(postgres.url())) as connection:
        tables = [name for (name,) in connection.execute(WITH_USERS)]
        assert {"chatkit_threads", "chatkit_attachments", "chatkit_files", "chatkit_feedback"} <= {*tables}
        counts = {table: _count(connection, table, user) for table in tables}
    return {table: count for table, count in counts.items() if count}


def _count(connection, table, user):
    query = f"SELECT count(*) FROM {table} WHERE user_id = coalesce(%s, user_id)"
    return connection.execute(query, [user]).fetchone()[0]


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]
