"""Limit, order and cursor in; one page out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from chatkit.types import Page

from chatkit_pgstore._ids import check_id

T = TypeVar("T")

Row = tuple[str, str]
"""An id and the stored document that goes by it."""


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


def page_of(rows: Sequence[Row], request: PageRequest, decode: Callable[[str, str], T | None]) -> Page[T]:
    """Return the page made of up to ``limit + 1`` *rows*, of which the last only tells that there is more.

    A row that *decode* returns None for is left out; the cursor counts it all the same, so that the next
    page begins where this one ends.
    """
    wanted = rows[: request.limit]
    has_more = len(rows) > request.limit
    decoded = (decode(row_id, document) for row_id, document in wanted)
    return Page(
        data=[each for each in decoded if each is not None],
        has_more=has_more,
        after=wanted[-1][0] if has_more else None,
    )
