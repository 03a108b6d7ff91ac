"""Every trace of a user goes, at once, and what went is put on a receipt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table

from chatkit_pgstore._ids import check_id
from chatkit_pgstore._tables import attachments, feedback, files, thread_items, threads
from chatkit_pgstore.errors import StoreUnavailableError
from chatkit_pgstore.operations import _statements as sql
from chatkit_pgstore.operations._moving_work import act_as, patient
from chatkit_pgstore.operations._work import Work
from chatkit_pgstore.store import PostgresStore

TABLES = (feedback, thread_items, attachments, threads)
"""In an order in which each deletes, and counts, its own: with a thread the rest of it would go uncounted."""

ROUNDS = 10
"""How often what a user writes meanwhile is deleted, too, before it is said that they have to be signed out."""

NOT_TOUCHED = (
    "backups and replicas that lag behind, and the write-ahead log",
    "the files of attachments: the next sweep deletes those that chatkit_pgstore.attachments keeps, and only those",
    "the logs and tables of your server, its table of users among them",
    "the journal of a BufferedStore that has not been replayed",
    "what the provider of the model keeps",
)
"""Where there may be traces that no statement on these tables can reach."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was deleted, and that nothing was left of it."""

    user_id: str
    erased_at: datetime
    """When, by the clock of the server, no table but those of files held a row of this user any more."""
    database: str
    schema: str
    """Where the tables are."""
    threads: int
    items: int
    attachments: int
    feedback: int
    """How many items they had rated."""
    files_to_sweep: int
    """Those of attachments that `FileAttachments.sweep` has to delete, with their rows in ``chatkit_files``."""
    not_touched: tuple[str, ...] = NOT_TOUCHED


async def erase(store: PostgresStore[Any], user_id: str) -> Receipt:
    """Delete every row of a user: threads, items, attachments and feedback.

    Files of attachments stay, with their rows in ``chatkit_files``, until the next sweep has deleted their bytes.

    One transaction: all of it or nothing. Before it commits it looks whether anything is left, and deletes what the
    user wrote meanwhile. A user who is still signed in can write again afterwards. Nobody else has to wait; this
    user's own writes do.

    Raises:
        ValueError: *user_id* cannot be one.
        UnknownUserError: No user of the host's can have this *user_id*.
        StoreUnavailableError: The database could not be reached, or the user went on writing. Nothing was deleted,
            unless the connection broke in the COMMIT itself: erase once more.
        SchemaOutOfDateError: The tables are not there.
        ConfigurationError: The server refuses the login, or the role lacks rights.
    """
    check_id(user_id, "user_id")
    async with patient(store) as w:
        await act_as(w, user_id)
        return await _erased(w, user_id)


async def _erased(w: Work, user_id: str) -> Receipt:
    deleted = dict.fromkeys(TABLES, 0)
    for _ in range(ROUNDS):
        await w.connection.execute(sql.lock_threads_of(user_id, w.layout))
        for table in TABLES:
            deleted[table] += (await w.connection.execute(sql.delete_all_of(user_id, table, w.layout))).rowcount
        if not await _is_anything_left(w, user_id):
            return await _receipt(w, user_id, deleted)
    raise StoreUnavailableError(
        f"The user goes on writing: after {ROUNDS} rounds there were new rows again, and nothing was deleted. "
        "Sign the user out first."
    )


async def _is_anything_left(w: Work, user_id: str) -> bool:
    statements = [sql.any_of(user_id, table, w.layout) for table in TABLES]
    return any([(await w.connection.execute(statement)).first() for statement in statements])


async def _receipt(w: Work, user_id: str, deleted: Mapping[Table, int]) -> Receipt:
    found = (await w.connection.execute(sql.place_and_time(w.layout))).one()
    return Receipt(
        user_id=user_id,
        erased_at=found.moment,
        database=found.database,
        schema=found.schema,
        threads=deleted[threads],
        items=deleted[thread_items],
        attachments=deleted[attachments],
        feedback=deleted[feedback],
        files_to_sweep=(await w.connection.execute(sql.number_of(user_id, files, w.layout))).scalar_one(),
    )
