"""Every call of the store and every way it can end, by name, over one small set of rows.

Each call exists twice, for number 1 and for number 2, so that a test can make it once to warm a connection up and
then again, on rows in the same state.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from chatkit_pgstore import NotFoundError
from tests.support.samples import ALICE, attachment, message, thread, tool_call

NUMBERS = (1, 2)
NEVER_SEEN = thread("thr_never_seen")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the store; its name begins with the method's, and ends with what it meets."""

    name: str
    act: Callable[[Any, int, Any], Awaitable[Any]]
    raises: type[Exception] | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def method(self) -> str:
        return self.name.split()[0]

    async def made(self, store: Any, number: int = 1, context: Any = ALICE) -> Any:
        """Make the call, and see that it ends as it should."""
        if self.raises is None:
            return await self.act(store, number, context)
        with pytest.raises(self.raises):
            await self.act(store, number, context)
        return None


async def fill(store: Any, context: Any = ALICE) -> None:
    """Write the rows that `CALLS` are about."""
    for number in NUMBERS:
        thread_id = f"thr_{number}"
        await store.save_thread(thread(thread_id, age_seconds=number), context)
        for each in ("a", "b", "c"):
            await store.add_thread_item(thread_id, message(f"msg_{each}", thread_id=thread_id), context)
        await store.add_thread_item(thread_id, tool_call("tc_done", completed=True, thread_id=thread_id), context)
        await store.save_attachment(attachment(f"atc_{number}"), context)
        await store.save_attachment(attachment(f"atc_of_thread_{number}", thread_id), context)


def _threads(after: str | None, order: str, store: Any, _number: int, context: Any) -> Awaitable[Any]:
    return store.load_threads(1, after, order, context)


def _items(after: str | None, order: str, store: Any, number: int, context: Any) -> Awaitable[Any]:
    return store.load_thread_items(f"thr_{number}", after, 2, order, context)


def _add(item_id: str, store: Any, number: int, context: Any) -> Awaitable[Any]:
    return store.add_thread_item(f"thr_{number}", message(item_id, "Added"), context)


def _save(item_id: str, store: Any, number: int, context: Any) -> Awaitable[Any]:
    return store.save_item(f"thr_{number}", message(item_id, "Saved"), context)


CALLS = (
    Call("load_thread found", lambda store, n, user: store.load_thread(f"thr_{n}", user)),
    Call("load_thread unknown", lambda store, n, user: store.load_thread("thr_x", user), NotFoundError),
    Call("save_thread new", lambda store, n, user: store.save_thread(thread(f"thr_new_{n}"), user)),
    Call("save_thread existing", lambda store, n, user: store.save_thread(thread(f"thr_{n}", "Titled"), user)),
    Call("load_threads first page asc", partial(_threads, None, "asc")),
    Call("load_threads first page desc", partial(_threads, None, "desc")),
    Call("load_threads cursor asc", partial(_threads, "thr_2", "asc")),
    Call("load_threads cursor desc", partial(_threads, "thr_1", "desc")),
    Call("load_threads cursor at the end", partial(_threads, "thr_1", "asc")),
    Call("load_threads unknown cursor", partial(_threads, "thr_x", "asc"), NotFoundError),
    Call("load_threads none", lambda store, n, user: store.load_threads(9, None, "asc", {"user_id": "nobody"})),
    Call("delete_thread with items", lambda store, n, user: store.delete_thread(f"thr_{n}", user)),
    Call("delete_thread unknown", lambda store, n, user: store.delete_thread("thr_x", user)),
    Call("load_thread_items first page asc", partial(_items, None, "asc")),
    Call("load_thread_items first page desc", partial(_items, None, "desc")),
    Call("load_thread_items cursor asc", partial(_items, "msg_a", "asc")),
    Call("load_thread_items cursor desc", partial(_items, "tc_done", "desc")),
    Call("load_thread_items cursor at the end", partial(_items, "tc_done", "asc")),
    Call("load_thread_items unknown cursor", partial(_items, "msg_x", "asc"), NotFoundError),
    Call("load_thread_items unknown", lambda store, n, user: store.load_thread_items("thr_x", None, 9, "asc", user)),
    Call("add_thread_item new", partial(_add, "msg_new")),
    Call("add_thread_item existing", partial(_add, "msg_a")),
    Call(
        "add_thread_item pending again",
        lambda store, n, user: store.add_thread_item(f"thr_{n}", tool_call("tc_done", completed=False), user),
    ),
    Call(
        "add_thread_item unknown thread",
        lambda store, n, user: store.add_thread_item("thr_x", message("msg_new"), user),
        NotFoundError,
    ),
    Call("save_item new", partial(_save, "msg_new")),
    Call("save_item existing", partial(_save, "msg_a")),
    Call(
        "save_item unknown thread",
        lambda store, n, user: store.save_item("thr_x", message("msg_new"), user),
        NotFoundError,
    ),
    Call("load_item found", lambda store, n, user: store.load_item(f"thr_{n}", "msg_a", user)),
    Call("load_item unknown", lambda store, n, user: store.load_item(f"thr_{n}", "msg_x", user), NotFoundError),
    Call("delete_thread_item found", lambda store, n, user: store.delete_thread_item(f"thr_{n}", "msg_a", user)),
    Call("delete_thread_item unknown", lambda store, n, user: store.delete_thread_item(f"thr_{n}", "msg_x", user)),
    Call("save_attachment new", lambda store, n, user: store.save_attachment(attachment(f"atc_new_{n}"), user)),
    Call("save_attachment existing", lambda store, n, user: store.save_attachment(attachment(f"atc_{n}"), user)),
    Call(
        "save_attachment new, of a thread",
        lambda store, n, user: store.save_attachment(attachment(f"atc_new_{n}", f"thr_{n}"), user),
    ),
    Call(
        "save_attachment existing, gets its thread",
        lambda store, n, user: store.save_attachment(attachment(f"atc_{n}", f"thr_{n}"), user),
    ),
    Call(
        "save_attachment unknown thread",
        lambda store, n, user: store.save_attachment(attachment(f"atc_new_{n}", "thr_x"), user),
        NotFoundError,
    ),
    Call("load_attachment found", lambda store, n, user: store.load_attachment(f"atc_{n}", user)),
    Call("load_attachment unknown", lambda store, n, user: store.load_attachment("atc_x", user), NotFoundError),
    Call("delete_attachment found", lambda store, n, user: store.delete_attachment(f"atc_{n}", user)),
    Call("delete_attachment unknown", lambda store, n, user: store.delete_attachment("atc_x", user)),
)

BEYOND = (
    Call("replace_thread", lambda store, n, user: store.replace_thread(thread(f"thr_{n}", "New"), NEVER_SEEN, user)),
    Call("load_threads_where", lambda store, n, user: store.load_threads_where(1, None, "desc", user, metadata={})),
    Call(
        "load_threads_where unknown cursor",
        lambda store, n, user: store.load_threads_where(1, "thr_x", "desc", user, metadata={}),
        NotFoundError,
    ),
    Call("count_items", lambda store, n, user: store.count_items(["thr_1", "thr_2", "thr_x"], user)),
    Call("save_feedback", lambda store, n, user: store.save_feedback(f"thr_{n}", ["msg_a", "msg_b"], "positive", user)),
    Call(
        "save_feedback unknown",
        lambda store, n, user: store.save_feedback(f"thr_{n}", ["msg_a", "msg_x"], "positive", user),
        NotFoundError,
    ),
    Call("load_feedback", lambda store, n, user: store.load_feedback(f"thr_{n}", user)),
)
"""Calls of what the store does beyond ChatKit's ``Store``."""

BY_METHOD = {call.method: call for call in reversed(CALLS)}
"""One call of each of the twelve methods: the first, which finds what it is about."""
