"""Lists read page by page, until one has been read to its end."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chatkit.types import Page

from chatkit_pgstore._paging import PageRequest
from chatkit_pgstore.buffered._watch import Topic

MOST = 200
"""How many walks are followed at once; the one that rests longest is given up."""


@dataclass(slots=True)
class _Walk:
    descending: bool
    cursor: str | None = None
    rows: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])


class Walks:
    """The walks under way; each is on one list, in one direction, with nothing written to it meanwhile."""

    def __init__(self) -> None:
        self._walks: OrderedDict[Topic, _Walk] = OrderedDict()

    def step(
        self, topic: Topic, request: PageRequest, page: Page[Any], rows: Sequence[tuple[str, Any]]
    ) -> list[tuple[str, Any]] | None:
        """Follow a reader to the next page, and return the whole list, in ascending order, after the last one."""
        walk = self._walks.pop(topic, None)
        if request.after is None:
            walk = _Walk(request.descending)
        if walk is None or (walk.cursor, walk.descending) != (request.after, request.descending):
            return None
        walk.rows += rows
        if not page.has_more:
            return walk.rows[::-1] if walk.descending else walk.rows
        walk.cursor = page.after
        self._walks[topic] = walk
        if len(self._walks) > MOST:
            self._walks.popitem(last=False)
        return None

    def end(self, topic: Topic) -> None:
        """Give up the walk on a list that changes."""
        self._walks.pop(topic, None)
