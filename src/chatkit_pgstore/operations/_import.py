"""Lines of an exported file back into the tables: of each user all, or nothing."""

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast

from chatkit_pgstore._ids import check_id
from chatkit_pgstore.errors import DamagedExportError, UnknownUserError
from chatkit_pgstore.operations._import_batch import Batch
from chatkit_pgstore.operations._import_documents import documents_of
from chatkit_pgstore.operations._import_lines import Lines, NumberedLine, damaged
from chatkit_pgstore.operations._import_order import Order
from chatkit_pgstore.operations._lines import (
    AttachmentLine,
    CompleteLine,
    EndLine,
    ExportLine,
    FeedbackLine,
    ItemLine,
    RowLine,
    ThreadLine,
    UserLine,
)
from chatkit_pgstore.operations._moving_work import act_as, patient
from chatkit_pgstore.store import PostgresStore

LINES_PER_REPORT = 1000


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file had, and how much of it was there before."""

    users: int = 0
    threads: int = 0
    items: int = 0
    attachments: int = 0
    feedback: int = 0
    already_there: int = 0
    """Rows that stood in the tables just as the file has them, and were left."""
    unreadable: int = 0
    """Documents that the installed SDK cannot read; they are stored as they are, and each was logged."""

    def plus(self, order: Order, already_there: int, unreadable: int) -> "Imported":
        """Return this with another user's share."""
        return replace(
            self,
            users=self.users + 1,
            threads=self.threads + order.threads,
            items=self.items + order.items,
            attachments=self.attachments + order.attachments,
            feedback=self.feedback + order.feedback,
            already_there=self.already_there + already_there,
            unreadable=self.unreadable + unreadable,
        )


async def import_users(
    store: PostgresStore[Any],
    source: BinaryIO | AsyncIterable[str | bytes],
    *,
    user_id: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Write what `export_users` has written: the same rows, documents equal to the letter.

    One transaction for each user of the file: all of that user, or nothing. A row that is there already is left when
    it is the same in every column, and an error when it is not; so importing a file again is safe, and finishes what
    was broken off. At most a few megabytes are in memory, a longer line apart.

    Args:
        source: A file, open in binary mode, or lines, such as `export_users` of another store yields.
        user_id: Write all of it as this user's, whoever had it.
        progress: Called with the number of lines read so far.

    Returns:
        What the file had.

    Raises:
        DamagedExportError: A line is damaged, the file is cut off, or a row that is there differs. The message names
            the line, and what of the file was imported before.
        UnknownUserError: A user is not in the host's table of users, or cannot be.
        ValueError: *user_id* cannot be one.
        StoreUnavailableError: The database could not be reached, or the connection broke.
    """
    if user_id is not None:
        check_id(user_id, "user_id")
    file = _File(store, Lines(source), user_id, progress or _nobody)
    try:
        await file.read()
    except (DamagedExportError, UnknownUserError) as error:
        raise type(error)(f"{error} {_told(file.done)}") from error
    finally:
        await file.lines.close()
    return file.done


def _nobody(_: int) -> None:
    """Tell nobody how far it is."""


@dataclass(slots=True)
class _File:
    """A file on its way into the tables."""

    store: PostgresStore[Any]
    lines: Lines
    user_id: str | None
    progress: Callable[[int], None]
    done: Imported = Imported()

    async def read(self) -> None:
        await self.lines.next(ExportLine)
        while isinstance(says := (await self.lines.next(UserLine, CompleteLine)).says, UserLine):
            await self._read_user(says.user_id, self.user_id or says.user_id)
        await _check_complete(self.lines, vars(says)["users"], self.done)

    async def _read_user(self, user_id: str, new_user_id: str) -> None:
        order, unreadable = Order(user_id), 0
        async with patient(self.store) as w:
            await act_as(w, new_user_id)
            batch = Batch(w, new_user_id)
            while (row := await self._row(order)) is not None:
                documents = await documents_of(row, w.connection)
                unreadable += not documents.are_readable
                await batch.add(row, documents.values)
            await batch.write()
        self.done = self.done.plus(order, batch.already_there, unreadable)

    async def _row(self, order: Order) -> NumberedLine[RowLine] | None:
        """Return the user's next row, None at the end."""
        line = await self.lines.next(ThreadLine, ItemLine, AttachmentLine, FeedbackLine, EndLine)
        if line.number % LINES_PER_REPORT == 0:
            self.progress(line.number)
        if isinstance(line.says, EndLine):
            order.check_end(cast("NumberedLine[EndLine]", line))
            return None
        row = cast("NumberedLine[RowLine]", line)
        order.check(row)
        return row


async def _check_complete(lines: Lines, users: int, done: Imported) -> None:
    if users != done.users:
        raise damaged(lines.number, f"it counts {users} users, and there were {done.users}")
    await lines.end()


def _told(done: Imported) -> str:
    """Say what of a file is imported."""
    if not done.users:
        return "Nothing was imported."
    return f"What stands before it of {done.users} user{'s' if done.users > 1 else ''} is imported, and nothing else."
