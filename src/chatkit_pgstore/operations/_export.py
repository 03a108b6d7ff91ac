"""A user's history as lines of JSON, complete and of one moment."""

from collections.abc import AsyncGenerator, AsyncIterator
from importlib.metadata import version
from typing import Any

from sqlalchemy import ColumnElement, Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from chatkit_pgstore._ids import check_id
from chatkit_pgstore.operations._lines import CompleteLine, EndLine, ExportLine, UserLine, written, written_row
from chatkit_pgstore.operations._moving_statements import (
    ATTACHMENTS,
    FEEDBACK,
    ITEMS,
    THREADS,
    Kind,
    next_rows,
    next_user,
)
from chatkit_pgstore.operations._moving_work import act_as, one_moment
from chatkit_pgstore.operations._work import Work
from chatkit_pgstore.store import PostgresStore


async def export_users(store: PostgresStore[Any], *user_ids: str) -> AsyncGenerator[str, None]:
    """Yield all that these users have, as the lines of a file: JSON in UTF-8, each with its line break.

    Threads, items, attachments and feedback; the bytes of attachments are not in it.

    It is one moment, whatever is written meanwhile, and at most a few megabytes of it are in memory, a longer document
    apart. `import_users` brings it back equal to the letter. A user without anything is an empty section. One
    connection is in use until the last line is taken, or the generator is closed: where you may stop early, use
    ``contextlib.aclosing``.

    Raises:
        ValueError: A user's id cannot be one, or stands there twice.
        UnknownUserError: A user's id is none of the type that the column has.
        StoreUnavailableError: The database could not be reached, or the connection broke: the lines so far are no
            whole file.
    """
    for user_id in user_ids:
        check_id(user_id, "user_id")
    if len(set(user_ids)) != len(user_ids):
        raise ValueError("A user is named twice.")
    async with one_moment(store) as w:
        yield _first_line()
        for user_id in user_ids:
            async for line in _lines_of(w, user_id):
                yield line
        yield written(CompleteLine(users=len(user_ids)))


async def export_everybody(store: PostgresStore[Any]) -> AsyncGenerator[str, None]:
    """Yield all that all users have, as `export_users` does, in one file and of one moment.

    It needs a role that row security does not hold, such as the tables' owner. Rows that are deleted while it goes on
    stay on the disk until it ends, as with any long transaction.

    Raises:
        ConfigurationError: Row security would leave rows out.
        StoreUnavailableError: See `export_users`.
    """
    async with one_moment(store) as w:
        # An error, instead of rows left out.
        await w.connection.execute(text("SET LOCAL row_security = off"))
        yield _first_line()
        users, user_id = 0, await _user_behind(w, None)
        while user_id is not None:
            async for line in _lines_of(w, user_id):
                yield line
            users, user_id = users + 1, await _user_behind(w, user_id)
        yield written(CompleteLine(users=users))


def _first_line() -> str:
    return written(ExportLine(chatkit=version("openai-chatkit")))


async def _user_behind(w: Work, user_id: str | None) -> str | None:
    after = None if user_id is None else w.layout.user(user_id)
    found: str | None = (await w.connection.execute(next_user(after))).scalar()
    return found


async def _lines_of(w: Work, user_id: str) -> AsyncIterator[str]:
    await act_as(w, user_id)
    user = w.layout.user(user_id)
    counts = dict.fromkeys((THREADS.name, ITEMS.name, ATTACHMENTS.name, FEEDBACK.name), 0)
    yield written(UserLine(user_id=user_id))
    async for kind, row in _in_order(w.connection, user):
        counts[kind.name] += 1
        yield _line(kind, row)
    threads, items, attachments, feedback = counts.values()
    yield written(EndLine(user_id=user_id, threads=threads, items=items, attachments=attachments, feedback=feedback))


async def _in_order(connection: AsyncConnection, user: ColumnElement[Any]) -> AsyncIterator[tuple[Kind, Row[Any]]]:
    """Yield each thread with its items behind it, then the attachments, then the feedback.

    Threads and items are read by their threads' ids, both in few steps, and laid into each other here.
    """
    items = _rows(connection, ITEMS, user)
    item = await anext(items, None)
    async for thread in _rows(connection, THREADS, user):
        yield THREADS, thread
        while item is not None and item.thread_id == thread.id:
            yield ITEMS, item
            item = await anext(items, None)
    async for attachment in _rows(connection, ATTACHMENTS, user):
        yield ATTACHMENTS, attachment
    async for feedback in _rows(connection, FEEDBACK, user):
        yield FEEDBACK, feedback


async def _rows(connection: AsyncConnection, kind: Kind, user: ColumnElement[Any]) -> AsyncIterator[Row[Any]]:
    rows = (await connection.execute(next_rows(kind, user, None))).all()
    while rows:
        for row in rows:
            yield row
        after = [getattr(rows[-1], each.name) for each in kind.order]
        rows = (await connection.execute(next_rows(kind, user, after))).all()


def _line(kind: Kind, row: Row[Any]) -> str:
    columns = {said: getattr(row, name) for name, said in kind.names.items()}
    return written_row(kind.name, columns, None if kind.document is None else row.document)
