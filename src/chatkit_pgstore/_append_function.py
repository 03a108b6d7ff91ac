"""The functions that add an item on Citus, as SQL: what `append_item` and `replace_item` do on plain PostgreSQL.

A call goes as one command to the machine that has the user's rows. Nothing of it is there on plain PostgreSQL, where
one statement does the same for less.
"""

from dataclasses import dataclass
from string import Template

from chatkit_pgstore._codec import FINISHED
from chatkit_pgstore._layout import UserType

APPEND_ITEM = "chatkit_append_item"
REPLACE_ITEM = "chatkit_replace_item"

DISTRIBUTION_ARGUMENT = "of_user"
"""What decides which machine a call goes to."""

FUNCTION = Template("""
CREATE OR REPLACE FUNCTION $name(
    of_user $user_type,
    of_thread text,
    item_id text,
    item_type text,
    item_status text,
    item_document text,
    item_time timestamptz
) RETURNS SETOF bigint LANGUAGE plpgsql VOLATILE SECURITY INVOKER ROWS 1
SET search_path = pg_catalog, pg_temp
AS '$body'
""")

NEXT_SORT_KEY = Template("""
    UPDATE $schema.chatkit_threads AS thread
    SET last_sort_key = thread.last_sort_key + 1, updated_at = now()
    WHERE thread.user_id = of_user AND thread.id = of_thread
    RETURNING thread.last_sort_key INTO given;
    IF NOT FOUND THEN
        RETURN;
    END IF;
""")

INSERT = Template("""
    INSERT INTO $schema.chatkit_thread_items AS present
        (user_id, thread_id, id, sort_key, type, status, item, created_at, updated_at)
    VALUES (of_user, of_thread, item_id, given, item_type, item_status,
        CAST(item_document AS json), item_time, now())
    ON CONFLICT (user_id, thread_id, id) DO UPDATE SET
        type = excluded.type, status = excluded.status, item = excluded.item, updated_at = excluded.updated_at
""")

APPENDING = Template("""
DECLARE
    given bigint;
BEGIN
    $next_sort_key
    $insert
    WHERE NOT coalesce(excluded.status = 'pending' AND present.status IN ($finished), false);
    RETURN NEXT given;
END
""")
"""Updating the thread's row hands out the sort key, and its lock is held until the commit; see `append_item`."""

REPLACING = Template("""
DECLARE
    given bigint;
BEGIN
    UPDATE $schema.chatkit_thread_items AS present
    SET type = item_type, status = item_status, item = CAST(item_document AS json), updated_at = now()
    WHERE present.user_id = of_user AND present.thread_id = of_thread AND present.id = item_id
    RETURNING present.sort_key INTO given;
    IF FOUND THEN
        RETURN NEXT given;
        RETURN;
    END IF;
    $next_sort_key
    $insert;
    RETURN NEXT given;
END
""")
"""The thread's row is locked only to append; see `replace_item`."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, and how to make it."""

    signature: str
    """Its name and the types of its arguments, as ``regprocedure`` reads them."""
    body: str
    create: str


def functions(schema: str, user_type: UserType) -> tuple[Function, ...]:
    """Return the functions, for tables in *schema*, a name as SQL writes it: quoted where it has to be.

    Every table in them has its schema, for the machine that runs them has a search path of its own. They run with the
    rights of whoever calls them: who may not write the tables cannot do so by a function either.
    """
    pieces = {
        "schema": schema,
        "finished": ", ".join(f"'{status}'" for status in FINISHED),
        "next_sort_key": NEXT_SORT_KEY.substitute(schema=schema).strip(),
        "insert": INSERT.substitute(schema=schema).strip(),
    }
    bodies = ((APPEND_ITEM, APPENDING), (REPLACE_ITEM, REPLACING))
    return tuple(_function(f"{schema}.{name}", user_type, body.substitute(pieces)) for name, body in bodies)


def _function(name: str, user_type: UserType, body: str) -> Function:
    # A literal and not dollar quotes: a schema's name may hold any of those.
    literal = body.replace("'", "''")
    return Function(
        f"{name}({user_type}, text, text, text, text, text, timestamptz)",
        body,
        FUNCTION.substitute(name=name, user_type=user_type, body=literal),
    )
