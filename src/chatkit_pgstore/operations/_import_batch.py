"""Rows of one user on their way into the tables, by the thousand."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import DBAPIError

from chatkit_pgstore._failures import underlying
from chatkit_pgstore.errors import UnknownUserError
from chatkit_pgstore.operations._import_lines import NumberedLine
from chatkit_pgstore.operations._lines import RowLine
from chatkit_pgstore.operations._moving_statements import (
    ATTACHMENTS,
    FEEDBACK,
    ITEMS,
    THREADS,
    Kind,
    first_that_differs,
    first_without_item,
    first_without_thread,
    insert_rows,
    keep_threads,
)
from chatkit_pgstore.operations._work import Work

ROWS_PER_BATCH = 1000
CHARACTERS_PER_BATCH = 2**20

FOREIGN_KEY_VIOLATION = "23503"

_KINDS = {kind.name: kind for kind in (THREADS, ITEMS, ATTACHMENTS, FEEDBACK)}
"""In an order in which each stands behind what it refers to."""

Line = NumberedLine[RowLine]


class Batch:
    """Gathers rows, and writes them when they are many; threads before what belongs to them."""

    def __init__(self, w: Work, user_id: str) -> None:
        self._connection = w.connection
        self._user_id = user_id
        self._user = w.layout.user(user_id)
        self._lines: dict[str, list[tuple[Line, Sequence[str | None]]]] = {name: [] for name in _KINDS}
        self._rows = self._characters = 0
        self.already_there = 0

    async def add(self, line: Line, documents: Sequence[str | None]) -> None:
        """Take the row of a line, with its documents.

        Raises:
            DamagedExportError: A row differs from one that is there, or its thread or item is not there.
            UnknownUserError: The user is not in the host's table of users.
        """
        self._lines[line.says.kind].append((line, documents))
        self._rows += 1
        self._characters += len(line.document)
        if self._rows >= ROWS_PER_BATCH or self._characters >= CHARACTERS_PER_BATCH:
            await self.write()

    async def write(self) -> None:
        """Write what has been gathered.

        Raises:
            DamagedExportError: See `add`.
            UnknownUserError: See `add`.
        """
        for name, kind in _KINDS.items():
            if self._lines[name]:
                lines, documents = zip(*self._lines[name], strict=True)
                await self._write(kind, lines, documents)
                self._lines[name] = []
        self._rows = self._characters = 0

    async def _write(self, kind: Kind, lines: Sequence[Line], documents: Sequence[Sequence[str | None]]) -> None:
        if kind is ATTACHMENTS:
            await self._check_threads(lines)
        if kind is FEEDBACK:
            await self._check_items(lines)
        said = kind.names.values()
        rows = [[*(getattr(line.says, name) for name in said), *documents[n]] for n, line in enumerate(lines)]
        try:
            inserted = (await self._connection.execute(insert_rows(kind, self._user, rows))).rowcount
        except DBAPIError as error:
            if getattr(underlying(error), "sqlstate", None) == FOREIGN_KEY_VIOLATION:
                raise UnknownUserError(f"There is no user {self._user_id!r} in the table of users.") from error
            raise
        if inserted < len(rows):
            self.already_there += len(rows) - inserted
            await self._check_those_there(kind, lines, rows)

    async def _check_those_there(self, kind: Kind, lines: Sequence[Line], rows: list[list[Any]]) -> None:
        if kind is THREADS:
            # Their items, which come next, need them.
            await self._connection.execute(keep_threads(self._user, [line.says.id for line in lines]))
        place: int | None = (await self._connection.execute(first_that_differs(kind, self._user, rows))).scalar()
        if place is not None:
            line = lines[place - 1]
            raise line.damaged(
                f"user {self._user_id!r} has {kind.name} {line.says.id!r} already, and it is another one"
            )

    async def _check_threads(self, lines: Sequence[Line]) -> None:
        thread_ids = [getattr(line.says, "thread_id", None) for line in lines]
        place: int | None = (await self._connection.execute(first_without_thread(self._user, thread_ids))).scalar()
        if place is not None:
            raise lines[place - 1].damaged(f"its thread {thread_ids[place - 1]!r} does not stand before it")

    async def _check_items(self, lines: Sequence[Line]) -> None:
        thread_ids, item_ids = [vars(line.says)["thread_id"] for line in lines], [line.says.id for line in lines]
        missing = first_without_item(self._user, thread_ids, item_ids)
        place: int | None = (await self._connection.execute(missing)).scalar()
        if place is not None:
            raise lines[place - 1].damaged(
                f"its item {item_ids[place - 1]!r} of thread {thread_ids[place - 1]!r} does not stand before it"
            )
