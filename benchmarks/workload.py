"""What is measured: the rows each contender finds, and the calls of one block."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    InferenceOptions,
    ThreadItem,
    ThreadMetadata,
    UserMessageItem,
    UserMessageTextContent,
)

from benchmarks.blocks import Call
from benchmarks.contenders import Contender

THREADS = 200
ITEMS = 200
PAGE = 20
TEXT = "What was said here is as long as a paragraph of an answer, and as dull. " * 6
LONG_THREAD = "thr_of_many_items"
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)

Operation = Callable[[Contender, str, int], list[Call]]


async def fill(store: Contender, user: str) -> None:
    """Give *user* a thread of `ITEMS` items and `THREADS` empty ones; the same for every user."""
    await store.save_thread(_thread(LONG_THREAD, -1), _context(user))
    for number in range(ITEMS):
        await store.add_thread_item(LONG_THREAD, _message(_item_id(number), number), _context(user))
    for number in range(THREADS):
        await store.save_thread(_thread(_thread_id(number), number), _context(user))


def load_thread(contender: Contender, user: str, calls: int) -> list[Call]:
    """One thread by its id; another one with each call."""
    context = _context(user)
    return [partial(contender.load_thread, thread_id, context) for thread_id in _threads_in_turn(calls)]


def load_thread_items(contender: Contender, user: str, calls: int) -> list[Call]:
    """The newest `PAGE` items of a thread that has `ITEMS`."""
    return [partial(contender.load_thread_items, LONG_THREAD, None, PAGE, "desc", _context(user))] * calls


def load_threads(contender: Contender, user: str, calls: int) -> list[Call]:
    """The newest `PAGE` threads of a user who has `THREADS` and one."""
    return [partial(contender.load_threads, PAGE, None, "desc", _context(user))] * calls


def load_item(contender: Contender, user: str, calls: int) -> list[Call]:
    """One item by its id; another one with each call."""
    context = _context(user)
    numbers = islice(cycle(range(ITEMS)), calls)
    return [partial(contender.load_item, LONG_THREAD, _item_id(number), context) for number in numbers]


def add_thread_item(contender: Contender, user: str, calls: int) -> list[Call]:
    """A new item; to another thread with each call, so that no thread's row is updated all the time."""
    context = _context(user)
    return [
        partial(contender.add_thread_item, thread_id, _message(f"msg_{uuid4().hex}", number), context)
        for number, thread_id in enumerate(_threads_in_turn(calls))
    ]


def save_thread(contender: Contender, user: str, calls: int) -> list[Call]:
    """An existing thread; another one with each call."""
    context = _context(user)
    return [
        partial(contender.save_thread, _thread(thread_id, number), context)
        for number, thread_id in enumerate(_threads_in_turn(calls))
    ]


OPERATIONS: Mapping[str, Operation] = {
    "load_thread": load_thread,
    "load_thread_items": load_thread_items,
    "load_threads": load_threads,
    "load_item": load_item,
    "add_thread_item": add_thread_item,
    "save_thread": save_thread,
}
"""The calls of a block by name."""


def _threads_in_turn(calls: int) -> list[str]:
    return [_thread_id(number) for number in islice(cycle(range(THREADS)), calls)]


def _context(user: str) -> dict[str, str]:
    return {"user_id": user}


def _thread_id(number: int) -> str:
    return f"thr_{number:032x}"


def _item_id(number: int) -> str:
    return f"msg_{number:032x}"


def _thread(thread_id: str, number: int) -> ThreadMetadata:
    created_at = BEGINNING + timedelta(minutes=number)
    return ThreadMetadata(id=thread_id, created_at=created_at, title=f"Conversation {number}")


def _message(item_id: str, number: int) -> ThreadItem:
    """Return a message of the user and of the assistant in turn."""
    base: dict[str, Any] = {"id": item_id, "thread_id": LONG_THREAD, "created_at": BEGINNING}
    if number % 2:
        return AssistantMessageItem(content=[AssistantMessageContent(text=TEXT)], **base)
    content = [UserMessageTextContent(text=TEXT)]
    return UserMessageItem(content=content, inference_options=InferenceOptions(), **base)
