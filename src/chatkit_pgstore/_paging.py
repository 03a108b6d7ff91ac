"""Limit, order and cursor in; one page out."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from chatkit.store import NotFoundError
from chatkit.types import Page

from chatkit_pgstore._ids import check_id

T = TypeVar("T")

Row = tuple[str, str]
"""An id and the stored document that goes by it."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

DECODED_AT_ONCE = 50

CURSOR_BY_ACTIVITY = re.compile(r"(-?[0-9]{1,18}):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A checked request for one page."""

    limit: int
    after: str | None
    descending: bool


def page_request(limit: int, after: str | None, order: str, max_page_size: int) -> PageRequest:
    """Return the checked request.

    Raises:
        ValueError: *limit* is below 1, *order* is neither "asc" nor "desc", or *after* cannot be an id.
    """
    if not isinstance(limit, int) or limit < 1:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise ValueError(f"limit must be a whole number of at least 1, not {limit!r}")
    if order not in ("asc", "desc"):
        raise ValueError(f'order must be "asc" or "desc", not {order!r}')
    cursor = None if after is None else check_id(after, "after")
    return PageRequest(min(limit, max_page_size), cursor, order == "desc")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list of threads by last activity goes on: behind this moment, and at it behind this id."""

    time: datetime
    thread_id: str

    def values(self) -> dict[str, Any]:
        """Return the values of the statements that go on from it."""
        return {"after_time": self.time, "after": self.thread_id}


def place_of(cursor: str) -> Place:
    """Return the place that a cursor of a list by last activity carries.

    Raises:
        NotFoundError: It is no such cursor.
        ValueError: It could not be one, or its id cannot be an id.
    """
    carried = CURSOR_BY_ACTIVITY.fullmatch(cursor) if isinstance(cursor, str) else None  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
    if carried is None:
        raise NotFoundError(f"Cursor {check_id(cursor, 'after')} not found")
    try:
        time = EPOCH + int(carried[1]) * MICROSECOND
    except OverflowError as error:
        raise NotFoundError(f"Cursor {cursor} not found") from error
    return Place(time, check_id(carried[2], "after"))


def cursor_by_activity(row: Sequence[Any]) -> str:
    """Return the cursor behind a row of a list by last activity: its microseconds since 1970, and its id."""
    return f"{row[2]}:{row[0]}"


def _id_of(row: Sequence[Any]) -> str:
    return str(row[0])


def page_of(
    rows: list[Any],
    request: PageRequest,
    decode: Callable[[list[Any]], list[T]],
    cursor_of: Callable[[Sequence[Any]], str] = _id_of,
) -> Page[T]:
    """Return the page made of up to ``limit + 1`` *rows*, of which the last only tells that there is more.

    Rows that *decode* leaves out are counted by the cursor all the same, so that the next page begins where this
    one ends. *rows* is empty afterwards: the list is the driver's, and kept until the caller awaits something else,
    so that a long page would be in memory twice.
    """
    has_more = len(rows) > request.limit
    after = cursor_of(rows[request.limit - 1]) if has_more else None
    del rows[request.limit :]
    data: list[T] = []
    while rows:
        data += decode(rows[:DECODED_AT_ONCE])
        del rows[:DECODED_AT_ONCE]
    return Page(data=data, has_more=has_more, after=after)
