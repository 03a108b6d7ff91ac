"""The index that lists threads by last activity.

It is there only where it was asked for: an append moves the time of its thread, and where that is indexed, PostgreSQL
cannot update the thread's row in place any more. So it is an option of a database and no revision of its schema.
"""

from functools import partial

from alembic.operations import Operations
from alembic.operations.ops import CreateIndexOp
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from chatkit_pgstore import _index_builds
from chatkit_pgstore._index_builds import Obstacle, Pause
from chatkit_pgstore._revisions import if_missing
from chatkit_pgstore.errors import SchemaOutOfDateError

BY_ACTIVITY = CreateIndexOp("chatkit_threads_by_activity", "chatkit_threads", ["user_id", "updated_at", "id"])


def is_in_place(connection: Connection, schema: str | None) -> bool:
    """Whether the index is there, and whole."""
    return _index_builds.is_standing(connection, BY_ACTIVITY, schema)


def bring_about(connection: Connection, schema: str | None, pause: Pause) -> Obstacle | None:
    """Make the index in the transaction that is open, unless it is there.

    Returns:
        What has to be called first, on a connection in autocommit, where the table has rows: it builds the index, and
        writers go on meanwhile. Else None.
    """
    if is_in_place(connection, schema):
        return None
    if _index_builds.to_be_built(connection, [BY_ACTIVITY], schema):
        return partial(_index_builds.build, indexes=[BY_ACTIVITY], schema=schema, pause=pause)
    Operations(MigrationContext.configure(connection)).invoke(if_missing(BY_ACTIVITY, schema))
    return None


def out_of_date() -> SchemaOutOfDateError:
    """Return the error for a database without the index."""
    return SchemaOutOfDateError(
        'The index of threads by their last activity is not there, which thread_order="updated_at" needs. Run '
        "`chatkit-pgstore migrate --thread-order updated_at` as the tables' owner, or await store.initialize() at "
        "start-up."
    )
