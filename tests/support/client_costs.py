"""How many functions are called on the client for one warm call of the store: of the package, and all there are.

What the event loop does for itself is left out, for that depends on how the network cuts an answer into pieces. What
is compiled, as most of asyncpg and pydantic are, counts where Python calls it. Among all calls a coroutine that goes on
after it has waited counts again, so that one wait more is seen; among the package's own it does not, and what runs
SQLAlchemy's pool does not count at all, for how often the pool waits is up to its release.
"""

import asyncio
import dis
import gc
import logging
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from chatkit.types import InferenceOptions, ThreadItem, UserMessageItem, UserMessageTextContent

from chatkit_pgstore import NotFoundError, PostgresStore
from tests.support.calls import BEYOND, CALLS, Call, fill
from tests.support.samples import MOMENT, message, thread
from tests.support.tables_of_text import read_table, written_table

CHECKOUT = Path(__file__).parents[2]
FILE = CHECKOUT / "tests" / "golden" / "client_costs.txt"
PINS = CHECKOUT / "requirements" / "test.txt"
PACKAGE = "chatkit_pgstore"
EVENT_LOOP = ("asyncio.base_events", "asyncio.events", "asyncio.selector_events", "asyncio.unix_events", "selectors")
RUNS_THE_POOL = f"{PACKAGE}._greenlet"
COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>")
"""Functions of their own on Python 3.11 alone."""

COUNTED_WITH = ("anyio", "asyncpg", "greenlet", "openai-chatkit", "pydantic", "sqlalchemy")
"""Whose releases change how many calls there are in all."""

LENGTHS = (10, 20, 30)
EACH_ROW = ", each row"
READER = {"user_id": "reader of pages"}

TURNS_TO_REST = 3
"""A write's task ends, and a connection goes back, after the caller has its result."""


@dataclass
class Calls:
    """The functions called, from the first of the package on until its caller has the result."""

    own: Counter[str] = field(default_factory=Counter)
    every: Counter[str] = field(default_factory=Counter)

    @property
    def figures(self) -> tuple[int, int]:
        """Of the package, and all."""
        return self.own.total(), self.every.total()

    def see(self, frame: FrameType, event: str, argument: Any) -> None:
        """Count what Python tells a function given to ``sys.setprofile``."""
        module = str(frame.f_globals.get("__name__"))
        is_own = module.split(".", maxsplit=1)[0] == PACKAGE
        if event not in ("call", "c_call") or module in EVENT_LOOP or module.startswith("tests."):
            return
        if not is_own and not self.own:
            return  # the caller makes its arguments
        name = f"{module}.{frame.f_code.co_qualname}"
        self.every[name if event == "call" else f"{argument.__qualname__}, by {name}"] += 1
        if is_own and event == "call" and module != RUNS_THE_POOL and _is_one(frame):
            self.own[name] += 1


def _is_one(frame: FrameType) -> bool:
    """Tell a function that begins from a coroutine or generator that goes on, and from what is none everywhere."""
    return frame.f_code.co_name not in COMPREHENSIONS and frame.f_lasti <= _beginning(frame.f_code)


@cache
def _beginning(code: CodeType) -> int:
    """Return where the body of a function begins; it goes on behind that place."""
    return next(each.offset for each in dis.get_instructions(code) if each.opname == "RESUME")


async def counted(act: Callable[[], Awaitable[Any]]) -> Calls:
    """Make a call and count, until all is at rest again; what it is about may be missing.

    In a task of its own: whoever waits for this one goes on, and off again, with each thing that happens in it.
    """
    return await asyncio.create_task(_counted(act))


async def _counted(act: Callable[[], Awaitable[Any]]) -> Calls:
    calls = Calls()
    with _without_finalizers(), suppress(NotFoundError):
        sys.setprofile(calls.see)
        try:
            await act()
        finally:
            for _ in range(TURNS_TO_REST):
                await _TurnOfTheLoop()
            sys.setprofile(None)
    return calls


class _TurnOfTheLoop:
    def __await__(self) -> Iterator[None]:
        yield


@contextmanager
def _without_finalizers() -> Iterator[None]:
    """Collect what is garbage now, and not at a time of Python's own."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@asynccontextmanager
async def _warm(database_url: str, act: Callable[[Any], Awaitable[Any]]) -> AsyncIterator[PostgresStore[Any]]:
    """Yield a store that has made one call, and so always has the same past; none of its lines get into the log."""
    logger = logging.getLogger(PACKAGE)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        async with PostgresStore(database_url, pool_size=1) as store:
            await act(store)
            for _ in range(TURNS_TO_REST):
                await _TurnOfTheLoop()
            yield store
    finally:
        logger.setLevel(level)


async def calls_of(call: Call, database_url: str) -> Calls:
    """Count the second of two calls on rows in the same state, of a user that has no others."""
    context = {"user_id": f"counted: {call}"}
    async with PostgresStore(database_url) as store:
        await fill(store, context)
    async with _warm(database_url, lambda store: call.made(store, 1, context)) as store:
        return await counted(partial(call.act, store, 2, context))


def question(item_id: str) -> ThreadItem:
    """Return a message of a user, which reading looks at again."""
    content = [UserMessageTextContent(text="Hello?")]
    options = InferenceOptions()
    return UserMessageItem(
        id=item_id, thread_id="thr_1", created_at=MOMENT, content=content, attachments=[], inference_options=options
    )


def _ids(number: int) -> list[str]:
    return [f"thr_{each}" for each in range(number)]


Load = Callable[[Any, int, Any], Awaitable[Any]]
PAGES: dict[str, Load] = {
    "load_threads": lambda store, limit, user: store.load_threads(limit, None, "desc", user),
    "load_threads_where": lambda store, n, user: store.load_threads_where(n, None, "desc", user, metadata={}),
    "load_thread_items": lambda store, limit, user: store.load_thread_items("thr_0", None, limit, "desc", user),
    "load_thread_items of the user's": lambda store, limit, user: store.load_thread_items(
        "thr_1", None, limit, "desc", user
    ),
    "load_feedback": lambda store, number, user: store.load_feedback(f"thr_{number}", user),
    "count_items": lambda store, number, user: store.count_items(_ids(number), user),
}
"""Calls that answer with as many as are asked for, or, for feedback, as there are."""


async def fill_pages(database_url: str) -> None:
    """Write a thread and an item more than the longest page has, and feedback on as many items as pages have."""
    longest = max(LENGTHS)
    async with PostgresStore(database_url) as store:
        for thread_id in _ids(longest + 1):
            await store.save_thread(thread(thread_id), READER)
        for thread_id in ("thr_0", *(f"thr_{length}" for length in LENGTHS)):
            for number in range(longest + 1):
                await store.add_thread_item(thread_id, message(f"msg_{number}", thread_id=thread_id), READER)
                await store.add_thread_item("thr_1", question(f"msg_{number}"), READER)
        for length in LENGTHS:
            await store.save_feedback(f"thr_{length}", [f"msg_{n}" for n in range(length)], "positive", READER)


async def calls_of_pages(name: str, database_url: str) -> list[Calls]:
    """Count one call for each of `LENGTHS`, over what `fill_pages` wrote."""
    return [await _calls_of_page(PAGES[name], length, database_url) for length in LENGTHS]


async def _calls_of_page(load: Load, length: int, database_url: str) -> Calls:
    async with _warm(database_url, lambda store: load(store, length, READER)) as store:
        return await counted(partial(load, store, length, READER))


def per_row(pages: list[Calls]) -> tuple[float, float]:
    """Return what each further row adds between the first of *pages* and the second."""
    (own, every), (more_own, more) = pages[0].figures, pages[1].figures
    rows = LENGTHS[1] - LENGTHS[0]
    return (more_own - own) / rows, (more - every) / rows


async def all_figures(database_url: str) -> dict[str, tuple[str, ...]]:
    """Return the figures of every call, and of a row of every page."""
    rows: dict[str, tuple[float, float]] = {
        str(call): (await calls_of(call, database_url)).figures for call in CALLS + BEYOND
    }
    await fill_pages(database_url)
    for name in PAGES:
        rows[f"{name}{EACH_ROW}"] = per_row(await calls_of_pages(name, database_url))
    return {name: tuple(f"{figure:g}" for figure in figures) for name, figures in rows.items()}


def releases() -> dict[str, str]:
    """Return what the sum of all calls depends on, as it is installed."""
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}"} | {
        name: version(name) for name in COUNTED_WITH
    }


def pinned() -> Mapping[str, str]:
    """Return the releases that development uses."""
    pins = re.findall(r"^([\w-]+)==(\S+)", PINS.read_text(), re.MULTILINE)
    return {name: release for name, release in pins if name in COUNTED_WITH}


async def text_of_file(database_url: str) -> str:
    """Return what should stand in the file."""
    return written_table(releases(), ("call", "own", "all"), await all_figures(database_url))


def kept() -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Return the releases that the file was counted with, and its figures by the names of the calls."""
    return read_table(FILE.read_text())
