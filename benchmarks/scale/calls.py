"""The calls of the store, each for a target of its own by chance, and how long they take."""

import gc
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median, quantiles
from time import perf_counter
from typing import Any
from uuid import uuid4

from chatkit.types import AssistantMessageContent, AssistantMessageItem, FileAttachment, ThreadItem, ThreadMetadata

from benchmarks.scale.documents import piece
from benchmarks.scale.targets import Targets
from chatkit_pgstore import PostgresStore

PAGE = 20
"""Threads or items of a page, as ChatKit asks for them."""
ITEMS_OF_A_THREAD = 4
"""Of one that is made to be deleted."""
LETTERS = 400
ORDER = "desc"

Timed = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class Times:
    """How long one call took, in seconds, round by round.

    Attributes:
        whose: Whose rows they were.
        call: Its name.
        rounds: The durations.
    """

    whose: str
    call: str
    rounds: Sequence[Sequence[float]]

    @property
    def p50(self) -> float:
        """The median of the rounds' medians."""
        return median(median(each) for each in self.rounds)

    @property
    def p99s(self) -> list[float]:
        """Of each round."""
        return [quantiles(each, n=100)[-1] for each in self.rounds]

    @property
    def p99(self) -> float:
        """The median of the rounds'."""
        return median(self.p99s)


class Caller:
    """Makes calls of a store for random targets; what it adds, it takes away again."""

    def __init__(self, store: PostgresStore[Any], targets: Targets, only: Sequence[str] = ()) -> None:
        self._store = store
        self._targets = targets
        self._only = only
        self._dice = random.Random(1)  # noqa: S311  # no secret

    def calls(self) -> Mapping[str, Timed]:
        """Return the calls that these targets have, by name."""
        found: dict[str, Timed] = {
            "load_thread": self._load_thread,
            "save_thread": self._save_thread,
            "load_threads, first page": self._load_threads,
            "load_threads, by cursor": self._load_more_threads,
            "delete_thread": self._delete_thread,
            "load_thread_items, newest": self._load_items,
            "load_thread_items, by cursor": self._load_more_items,
            "add_thread_item": self._add_item,
            "save_item": self._save_item,
            "load_item": self._load_item,
            "delete_thread_item": self._delete_item,
            "save_attachment": self._save_attachment,
            "load_attachment": self._load_attachment,
            "delete_attachment": self._delete_attachment,
        }
        return {name: found[name] for name in self._only or self._targets.calls(found)}

    async def read_everything(self) -> None:
        """Read once whatever the calls may be about: active users' pages are in memory."""
        for user, thread in self._targets.threads:
            await self._store.load_thread(thread, _context(user))
            await self._store.load_threads(PAGE, thread, ORDER, _context(user))
            await self._store.load_threads(PAGE, None, ORDER, _context(user))
        for user, thread, item in self._targets.items:
            await self._store.load_item(thread, item, _context(user))
            await self._store.load_thread_items(thread, item, PAGE, ORDER, _context(user))
            await self._store.load_thread_items(thread, None, PAGE, ORDER, _context(user))
        for user, attachment in self._targets.attachments:
            await self._store.load_attachment(attachment, _context(user))

    async def round(self, calls: int) -> Mapping[str, Sequence[float]]:
        """Make each call so many times, in turns, and return how long each took."""
        named = list(self.calls().items())
        seconds: dict[str, list[float]] = {name: [] for name, _ in named}
        with _undisturbed():
            for _ in range(calls):
                self._dice.shuffle(named)
                for name, call in named:
                    seconds[name].append(await call())
        return seconds

    async def _load_thread(self) -> float:
        user, thread = self._dice.choice(self._targets.threads)
        return await _timed(self._store.load_thread(thread, _context(user)))

    async def _save_thread(self) -> float:
        user, thread = self._dice.choice(self._targets.threads)
        return await _timed(self._store.save_thread(self._thread(thread), _context(user)))

    async def _load_threads(self) -> float:
        user, _ = self._dice.choice(self._targets.threads)
        return await _timed(self._store.load_threads(PAGE, None, ORDER, _context(user)))

    async def _load_more_threads(self) -> float:
        user, thread = self._dice.choice(self._targets.threads)
        return await _timed(self._store.load_threads(PAGE, thread, ORDER, _context(user)))

    async def _delete_thread(self) -> float:
        user, _ = self._dice.choice(self._targets.threads)
        thread = self._thread(f"thr_{uuid4().hex}")
        await self._store.save_thread(thread, _context(user))
        for _ in range(ITEMS_OF_A_THREAD):
            await self._store.add_thread_item(thread.id, self._item(thread.id), _context(user))
        return await _timed(self._store.delete_thread(thread.id, _context(user)))

    async def _load_items(self) -> float:
        user, thread, _ = self._dice.choice(self._targets.items)
        return await _timed(self._store.load_thread_items(thread, None, PAGE, ORDER, _context(user)))

    async def _load_more_items(self) -> float:
        user, thread, item = self._dice.choice(self._targets.items)
        return await _timed(self._store.load_thread_items(thread, item, PAGE, ORDER, _context(user)))

    async def _load_item(self) -> float:
        user, thread, item = self._dice.choice(self._targets.items)
        return await _timed(self._store.load_item(thread, item, _context(user)))

    async def _add_item(self) -> float:
        user, thread, _ = self._dice.choice(self._targets.items)
        item = self._item(thread)
        seconds = await _timed(self._store.add_thread_item(thread, item, _context(user)))
        await self._store.delete_thread_item(thread, item.id, _context(user))
        return seconds

    async def _save_item(self) -> float:
        user, thread, _ = self._dice.choice(self._targets.items)
        item = self._item(thread)
        await self._store.add_thread_item(thread, item, _context(user))
        grown = self._item(thread).model_copy(update={"id": item.id})
        seconds = await _timed(self._store.save_item(thread, grown, _context(user)))
        await self._store.delete_thread_item(thread, item.id, _context(user))
        return seconds

    async def _delete_item(self) -> float:
        user, thread, _ = self._dice.choice(self._targets.items)
        item = self._item(thread)
        await self._store.add_thread_item(thread, item, _context(user))
        return await _timed(self._store.delete_thread_item(thread, item.id, _context(user)))

    async def _save_attachment(self) -> float:
        user, thread = self._dice.choice(self._targets.threads)
        attachment = _attachment(thread)
        seconds = await _timed(self._store.save_attachment(attachment, _context(user)))
        await self._store.delete_attachment(attachment.id, _context(user))
        return seconds

    async def _load_attachment(self) -> float:
        user, attachment = self._dice.choice(self._targets.attachments)
        return await _timed(self._store.load_attachment(attachment, _context(user)))

    async def _delete_attachment(self) -> float:
        user, thread = self._dice.choice(self._targets.threads)
        attachment = _attachment(thread)
        await self._store.save_attachment(attachment, _context(user))
        return await _timed(self._store.delete_attachment(attachment.id, _context(user)))

    def _thread(self, thread_id: str) -> ThreadMetadata:
        title = piece(self._dice, 32)
        return ThreadMetadata(id=thread_id, created_at=datetime.now(UTC), title=title, metadata={"agent": "billing"})

    def _item(self, thread_id: str) -> ThreadItem:
        content = [AssistantMessageContent(text=piece(self._dice, LETTERS))]
        item_id = f"msg_{uuid4().hex}"
        return AssistantMessageItem(id=item_id, thread_id=thread_id, created_at=datetime.now(UTC), content=content)


def _attachment(thread_id: str) -> FileAttachment:
    attachment_id = f"atc_{uuid4().hex}"
    return FileAttachment(id=attachment_id, thread_id=thread_id, name="report.pdf", mime_type="application/pdf")


def _context(user_id: str) -> dict[str, str]:
    return {"user_id": user_id}


async def _timed(call: Awaitable[Any]) -> float:
    started = perf_counter()
    await call
    return perf_counter() - started


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the collector of garbage from running within a call."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def times_of(
    store: PostgresStore[Any], targets: Targets, rounds: int, calls: int, only: Sequence[str] = ()
) -> list[Times]:
    """Return how long the calls take, after a warm-up."""
    caller = Caller(store, targets, only)
    await caller.read_everything()
    await caller.round(max(calls // 4, 1))
    done = [await caller.round(calls) for _ in range(rounds)]
    return [Times(targets.whose, name, [each[name] for each in done]) for name in done[0]]
