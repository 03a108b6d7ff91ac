"""A worker that calls PostgresStore and MemoryStore alike, and holds every answer of the one against the other.

The comparison is exact because every row has one writer: a player. What a call leaves is then known, whatever
happens to it. A write that was cancelled before it began is not there. One that had begun is there whole: the
reference makes it, too, and the player looks at once whether the two agree. The three documented limits of calls
that are sent again need a second writer of the same row, and cannot be met here.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from time import monotonic
from typing import Any

from tests.chaos.anything import METHODS, Anything, Ids
from tests.chaos.cancelling import NOT_CANCELLED, Cancelling
from tests.chaos.figures import Figures
from tests.chaos.witness import Witness, as_it_is

OFTEN = (*METHODS, "save_thread", "load_thread_items", "save_attachment", *("add_thread_item", "save_item") * 4)
"""What is called; writes of items more often than the rest."""
EVERYTHING = 1000
REMEMBERED_CALLS = 400
SHOWN_CALLS = 40
ANSWERS = ("NotFoundError: ", "ValueError: ", "UnstorableItemError: ", "TypeError: ")


class DisagreementError(Exception):
    """A player has seen what it should not have; it plays no further."""


class Player:
    """One writer of its rows.

    Args:
        name: What the report calls it.
        user_id: Whose threads it uses.
        ids: Which; no other player may use them for the same user.
        is_alone: Whether the user has no other player, so that the whole list of threads can be compared.
        seed: Fixes its calls, and how they are cancelled.
    """

    def __init__(
        self, name: str, user_id: str, ids: Ids, stores: tuple[Any, Any], figures: Figures, *, is_alone: bool, seed: str
    ) -> None:
        self.name = name
        self.has_failed = False
        self.doing = ""
        self._context = {"user_id": user_id}
        self._ids = ids
        self._is_alone = is_alone
        self._memory, self._postgres = (Witness(store) for store in stores)
        self._figures = figures
        self._random = Random(f"{seed} {name}")
        self._any = Anything(self._random.choice, ids)
        self._history: deque[tuple[str, str]] = deque(maxlen=REMEMBERED_CALLS)
        self._began = monotonic()

    async def step(self) -> None:
        """Make one call, and look what it left."""
        method = self._random.choice(OFTEN)
        arguments = self._arguments(method)
        cancelling = Cancelling.drawn(self._random)
        await self._call(method, arguments, cancelling)
        if not method.startswith("load"):
            await self._look(method, arguments)

    async def look_at_everything(self, store: Any = None) -> None:
        """Compare all rows of this player, through another store if one is given."""
        if store is not None:
            self._postgres.store = store
        await self._look_at_threads()
        for thread_id in self._ids.all_threads:
            await self._look_at_items(thread_id)
        await self._look_at_attachments()

    def _arguments(self, method: str) -> tuple[Any, ...]:
        if method == "load_threads" and not self._is_alone:
            return EVERYTHING, None, self._random.choice(("asc", "desc"))
        return self._any.arguments(method)

    async def _call(self, method: str, arguments: tuple[Any, ...], cancelling: Cancelling = NOT_CANCELLED) -> None:
        """Make a call of both stores; raises DisagreementError when they differ."""
        begun = asyncio.Event()
        call = (method, (*arguments, self._context), self._view(method))
        self._figures.count(method, cancelling.way)
        started = monotonic()
        self.doing = f"{method}{arguments!r}{cancelling}"
        found = await cancelling.of(partial(self._ask_postgres, begun, *call))
        self._figures.time(monotonic() - started)
        self._note(self.doing, found or f"cancelled, {'' if begun.is_set() else 'not '}begun")
        is_write = not method.startswith("load")
        if begun.is_set() and (found is not None or is_write):
            expected = await self._memory.outcome(*call)
            self._compare(arguments, expected, found)
            self._figures.acknowledged += is_write and expected == "None"

    async def _ask_postgres(self, begun: asyncio.Event, *call: Any) -> str:
        begun.set()
        return await self._postgres.outcome(*call)

    def _view(self, method: str) -> Callable[[Any], Any]:
        """Of the threads of a user who has other players, only one's own can be compared."""
        if method != "load_threads" or self._is_alone:
            return as_it_is
        return partial(_those_of, self._ids.all_threads)

    async def _look(self, method: str, arguments: tuple[Any, ...]) -> None:
        match method:
            case "delete_thread":
                await self.look_at_everything()
            case "save_thread":
                await self._look_at_threads()
            case "save_attachment" | "delete_attachment":
                await self._look_at_attachments()
            case _:
                await self._look_at_items(arguments[0])

    async def _look_at_threads(self) -> None:
        await self._call("load_threads", (EVERYTHING, None, self._random.choice(("asc", "desc"))))

    async def _look_at_items(self, thread_id: str) -> None:
        await self._call("load_thread_items", (thread_id, None, EVERYTHING, "asc"))

    async def _look_at_attachments(self) -> None:
        for attachment_id in self._ids.all_attachments:
            await self._call("load_attachment", (attachment_id,))

    def _compare(self, arguments: tuple[Any, ...], expected: str, found: str | None) -> None:
        if found is None or found == expected:
            return
        if _is_failure(found):
            self._figures.failed += 1
        else:
            self._figures.disagreements += 1
        self.has_failed = True
        thread_ids = [each for each in self._ids.all_threads if repr(each) in repr(arguments)]
        self._figures.complain(
            f"{self.name}: PostgresStore and MemoryStore differ", *self._history_of(thread_ids), f"expected: {expected}"
        )
        raise DisagreementError(found)

    def _note(self, call: str, outcome: str) -> None:
        self._history.append((f"{monotonic() - self._began:9.3f} s  {call}", outcome))

    def _history_of(self, thread_ids: list[str]) -> list[str]:
        """Return the last calls about those threads, or all when none is named."""
        *before, (last, outcome) = self._history
        about = [each for each in before if not thread_ids or any(repr(one) in each[0] for one in thread_ids)]
        lines = [f"{call} -> {found[:200]}" for call, found in about[-SHOWN_CALLS:]]
        return [*lines, last, f"found:    {outcome}"]


def _those_of(ids: tuple[str, ...], page: Any) -> list[Any]:
    return [each for each in page.data if each.id in ids]


def _is_failure(found: str) -> bool:
    """Tell an error that is none of the store's answers, such as StoreUnavailableError."""
    name, colon, _ = found.partition(": ")
    return bool(colon) and name.endswith("Error") and not found.startswith(ANSWERS)
