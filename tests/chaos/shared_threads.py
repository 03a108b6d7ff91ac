"""Threads to which several tasks append at once, and what has to hold of each.

Here no reference can be exact, for nobody knows in which order the writers come. But every item that was acknowledged,
or had begun when its writer was cancelled, is there once; one that was acknowledged before another was begun stands
before it; and whoever looks, whenever, sees a beginning of the thread as it becomes: the order of keys is that of
commits. Half of the items come under the placeholder id, so that it is their text which tells them apart: the store
could double them without breaking a key.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from math import inf
from random import Random
from time import monotonic_ns
from typing import Any

from chatkit_pgstore.testing.contract._samples import text_of
from tests.chaos.anything import PLACEHOLDER_ID
from tests.chaos.cancelling import CANCELLED_CALLS, Cancelling
from tests.chaos.figures import Figures
from tests.support.samples import items_of, message, thread

ITEMS_PER_THREAD = 300
LOOKS = 0.1
SHOWN_ITEMS = 12
ACKNOWLEDGED, FAILED = "acknowledged", "failed"


@dataclass(slots=True)
class Append:
    """One append; times in nanoseconds. ``returned`` stays infinite when it failed: it may be there or not."""

    text: str
    began: int
    returned: float = inf
    how: str = ""


@dataclass(slots=True)
class Look:
    """What one listing showed."""

    began: int
    texts: list[str]


@dataclass(slots=True)
class SharedThread:
    """One thread, everything that was done to it, and everything that was seen of it."""

    thread_id: str
    appends: dict[str, Append] = field(default_factory=dict[str, Append])
    looks: list[Look] = field(default_factory=list[Look])

    def judge(self, texts: Sequence[str], figures: Figures) -> None:
        """Hold what is there in the end, in its order, against what was done."""
        counts = Counter(texts)
        promised = [each for each in self.appends.values() if each.returned < inf]
        faults = {
            "missing": [each.text for each in promised if each.text not in counts],
            "doubled": [text for text, count in counts.items() if count > 1],
            "unheard_of": [text for text in counts if text not in self.appends],
            "out_of_order": [*self._overtaken(texts), *self._looks_that_differ(texts)],
        }
        figures.acknowledged += len(promised)
        for name, found in faults.items():
            setattr(figures, name, getattr(figures, name) + len(found))
            if found:
                figures.complain(f"{self.thread_id}: {name} {found[:SHOWN_ITEMS]}", *self._history(found, texts))

    def _overtaken(self, texts: Sequence[str]) -> list[str]:
        """Return the items that stand before one which had been acknowledged when they were begun."""
        overtaken, earliest = [], inf
        for text in reversed(texts):
            append = self.appends.get(text)
            if append is None:
                continue
            if earliest < append.began:
                overtaken.append(text)
            earliest = min(earliest, append.returned)
        return overtaken

    def _looks_that_differ(self, texts: Sequence[str]) -> list[str]:
        """Return the first item that each listing should have shown, and did not, or not there."""
        differing = [self._difference(look, texts) for look in self.looks]
        return [text for text in differing if text is not None]

    def _difference(self, look: Look, texts: Sequence[str]) -> str | None:
        for shown, text in zip_longest(look.texts, texts[: len(look.texts)]):
            if shown != text:
                return text or shown
        seen = set(look.texts)
        earlier = [each.text for each in self.appends.values() if each.returned < look.began]
        return next((text for text in earlier if text not in seen), None)

    def _history(self, found: list[str], texts: Sequence[str]) -> list[str]:
        """Tell of the items at fault, and of those around them, when they were added and where they are."""
        everybody = sorted(self.appends.values(), key=lambda each: each.began)
        first = everybody[0].began
        at = [place for place, each in enumerate(everybody) if each.text in found][:SHOWN_ITEMS]
        near = [each for place, each in enumerate(everybody) if any(abs(place - one) < 4 for one in at)]
        return [
            f"{each.text}: began {(each.began - first) / 1e6:.1f} ms, returned {(each.returned - first) / 1e6:.1f} ms"
            f"{each.how}, at places {[place for place, text in enumerate(texts) if text == each.text]}"
            for each in near
        ]


class SharedThreads:
    """The threads of one user, one after the other, each full at some time."""

    def __init__(self, store: Any, user_id: str, items_per_thread: float = ITEMS_PER_THREAD) -> None:
        self.store = store
        self.context = {"user_id": user_id}
        self.threads: list[SharedThread] = []
        self._items_per_thread = items_per_thread
        self._lock = asyncio.Lock()

    async def current(self) -> SharedThread:
        """Return the thread to append to, a new one when the last is full."""
        async with self._lock:
            if not self.threads or len(self.threads[-1].appends) >= self._items_per_thread:
                fresh = SharedThread(f"thr_shared_{len(self.threads)}")
                await self.store.save_thread(thread(fresh.thread_id), self.context)
                self.threads.append(fresh)
            return self.threads[-1]

    async def texts_of(self, shared: SharedThread, store: Any) -> list[str]:
        return [text_of(each) for each in await items_of(store, shared.thread_id, self.context)]


class Appender:
    """A task that appends to shared threads, and looks at them now and then.

    Args:
        name: The beginning of the texts of its items.
        seed: Fixes what it does.
        looks: Before which share of its appends it looks.
        cancelled: Which share of them is cancelled.
    """

    def __init__(
        self,
        name: str,
        shared: SharedThreads,
        figures: Figures,
        *,
        seed: str,
        looks: float = LOOKS,
        cancelled: float = CANCELLED_CALLS,
    ) -> None:
        self.name = name
        self.doing = "looking"
        self._shared = shared
        self._figures = figures
        self._random = Random(f"{seed} {name}")
        self._looks = looks
        self._cancelled = cancelled
        self._count = 0

    async def step(self) -> None:
        """Append one item."""
        is_curious = self._random.random() < self._looks
        try:
            current = await self._shared.current()
            if is_curious:
                await self._look(current)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody should have met it
            self._failed("looking", error)
        else:
            await self._append(current)

    async def _look(self, current: SharedThread) -> None:
        self._figures.count("load_thread_items")
        self.doing = "looking"
        began = monotonic_ns()
        current.looks.append(Look(began, await self._shared.texts_of(current, self._shared.store)))

    async def _append(self, current: SharedThread) -> None:
        self._count += 1
        text = f"{self.name} {self._count}"
        item_id = self._random.choice((PLACEHOLDER_ID, f"msg_{self.name}_{self._count}"))
        method = self._random.choice(("add_thread_item", "save_item"))
        cancelling = Cancelling.drawn(self._random, self._cancelled)
        append = Append(text, monotonic_ns(), how=str(cancelling))
        self._figures.count(method, cancelling.way)
        self.doing = f"{method} of {text!r}{cancelling}"
        answer = await cancelling.of(partial(self._write, current, append, method, message(item_id, text)))
        now = monotonic_ns()
        self._figures.time((now - append.began) / 1e9)
        # What was cancelled after it began is as good as acknowledged; a caller whose write failed was told so.
        if text in current.appends and answer != FAILED:
            append.returned = now

    async def _write(self, current: SharedThread, append: Append, method: str, item: Any) -> str:
        current.appends[append.text] = append
        try:
            await getattr(self._shared.store, method)(current.thread_id, item, self._shared.context)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody should have met it
            self._failed(f"{method} of {append.text!r}", error)
            return FAILED
        return ACKNOWLEDGED

    def _failed(self, what: str, error: Exception) -> None:
        self._figures.failed += 1
        self._figures.complain(f"{self.name}: {what} failed: {type(error).__name__}: {error}")
