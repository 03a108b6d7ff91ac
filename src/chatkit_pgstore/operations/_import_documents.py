"""What a document of a file has to be before it becomes a row."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json
from sqlalchemy import JSON, Text, bindparam, cast, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from chatkit_pgstore import _codec
from chatkit_pgstore._failures import underlying
from chatkit_pgstore.errors import UnreadableItemError
from chatkit_pgstore.operations._import_lines import NumberedLine
from chatkit_pgstore.operations._lines import FeedbackLine, RowLine, ThreadLine

logger = logging.getLogger("chatkit_pgstore")

_CODECS: dict[str, _codec.Codec[Any]] = {
    "thread": _codec.THREADS,
    "item": _codec.ITEMS,
    "attachment": _codec.ATTACHMENTS,
}

_REFUSED = ("22", "54")
"""The classes of SQLSTATE for data that is wrong, and for what goes beyond a limit, such as a million brackets."""


@dataclass(frozen=True, slots=True)
class Documents:
    """The values of a row's documents: none, the document, or that and what is made of it."""

    values: Sequence[str | None]
    are_readable: bool


async def documents_of(line: NumberedLine[RowLine], connection: AsyncConnection) -> Documents:
    """Return the values of a row's documents.

    One that the installed SDK cannot read is kept, for a release that does; nothing is made of it.

    Raises:
        DamagedExportError: It is no JSON object, or another row's.
    """
    if isinstance(line.says, FeedbackLine):
        return Documents((), are_readable=True)
    if not line.document.lstrip(" \t\r\n").startswith("{"):
        raise line.damaged("its document is no JSON object")
    if not _is_json(line.document):
        await _ask_the_server(line, connection)
    value = _read(line)
    if isinstance(line.says, ThreadLine):
        # As saving the thread would: infinity, say, is null.
        metadata = None if value is None else _codec.metadata_document(_codec.THREADS.encode(value)[1].metadata)
        return Documents((line.document, metadata), are_readable=value is not None)
    return Documents((line.document,), are_readable=value is not None)


def _read(line: NumberedLine[RowLine]) -> Any:
    try:
        value = _CODECS[line.says.kind].decode(line.says.id, line.document)
    except UnreadableItemError as error:
        logger.warning("Line %d: %s", line.number, error)
        return None
    _check_columns(line, value)
    return value


def _check_columns(line: NumberedLine[RowLine], value: object) -> None:
    columns, fields = vars(line.says), vars(value)
    for name in ("id", "type", "status"):
        if name in columns and columns[name] != fields.get(name):
            raise line.damaged(f'its document has another "{name}" than the line')


def _is_json(document: str) -> bool:
    """Whether it is JSON beyond doubt; numbers without end and deep nesting are left for the server to judge."""
    try:
        from_json(document, allow_inf_nan=False)
    except ValueError:
        return False
    return True


async def _ask_the_server(line: NumberedLine[RowLine], connection: AsyncConnection) -> None:
    document = bindparam("document", line.document, type_=Text())
    try:
        await connection.execute(select(func.num_nulls(cast(document, JSON))))
    except DBAPIError as error:
        if str(getattr(underlying(error), "sqlstate", "")).startswith(_REFUSED):
            raise line.damaged("its document is no JSON that PostgreSQL can hold") from None
        raise
