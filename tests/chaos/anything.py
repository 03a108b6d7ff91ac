"""What a store is called with: mostly what is usual, on few ids so that calls meet, and seldom what is not.

It is written against one function that chooses from a sequence. Hypothesis chooses so that it finds a disagreement
and shrinks it; a chaos run chooses by its seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Self

from chatkit.types import ThreadMetadata

from chatkit_pgstore.testing.contract._samples import FINISHED_ITEMS, attachment_sample, hidden_context, message

Choose = Callable[[Sequence[Any]], Any]

PLACEHOLDER_ID = "__fake_id__"
NOON = datetime(2026, 2, 3, 12)
WEST = timezone(timedelta(hours=-8))
TIMES = (
    NOON,
    NOON.replace(tzinfo=UTC),
    NOON.replace(tzinfo=WEST),
    NOON + timedelta(microseconds=1),
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
)
UNUSABLE = ("", "a\0b", "x" * 513, "\ud800")

ARGUMENTS = {
    "load_thread": ("thread_id",),
    "save_thread": ("thread",),
    "load_threads": ("limit", "after_thread", "order"),
    "delete_thread": ("thread_id",),
    "load_thread_items": ("thread_id", "after_item", "limit", "order"),
    "add_thread_item": ("thread_id", "item"),
    "save_item": ("thread_id", "item"),
    "load_item": ("thread_id", "item_id"),
    "delete_thread_item": ("thread_id", "item_id"),
    "save_attachment": ("attachment",),
    "load_attachment": ("attachment_id",),
    "delete_attachment": ("attachment_id",),
}
"""What each method takes before the context, as methods of `Anything`."""
METHODS = tuple(ARGUMENTS)


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids that calls are about; the second of each pair seldom."""

    threads: tuple[str, ...] = ("thr_1", "thr_Z", "thr_é")
    strange_threads: tuple[str, ...] = ("thr_none", "THR_1")
    attachments: tuple[str, ...] = ("atc_1", "atc_2")
    strange_attachments: tuple[str, ...] = ("atc_none",)

    def of(self, owner: str) -> Self:
        """Return as many ids that nobody else uses."""
        return type(self)(
            *(
                tuple(f"{each}_{owner}" for each in ids)
                for ids in (self.threads, self.strange_threads, self.attachments, self.strange_attachments)
            )
        )

    @property
    def all_threads(self) -> tuple[str, ...]:
        return self.threads + self.strange_threads

    @property
    def all_attachments(self) -> tuple[str, ...]:
        return self.attachments + self.strange_attachments


EVERYBODYS = Ids()


class Anything:
    """Makes up arguments.

    Args:
        choose: Chooses from a sequence.
        ids: What the calls are about.
    """

    def __init__(self, choose: Choose, ids: Ids = EVERYBODYS) -> None:
        self._choose = choose
        self._ids = ids

    def arguments(self, method: str) -> tuple[Any, ...]:
        """Make up what a method of the store takes before the context."""
        return tuple(getattr(self, kind)() for kind in ARGUMENTS[method])

    def mostly(self, *usual: Any, seldom: Sequence[Any]) -> Any:
        """Choose one of the usual values nineteen times out of twenty."""
        return self._choose([*usual] * (19 * len(seldom) // len(usual) + 1) + [*seldom])

    def user(self) -> Any:
        return self.mostly("alice", "bob", seldom=["", None, True, 1.5])

    def thread_id(self) -> str:
        return self.mostly(*self._ids.threads, seldom=[*self._ids.strange_threads, *UNUSABLE])

    def item_id(self) -> str:
        return self.mostly("msg_1", "msg_2", "msg_3", seldom=["msg_none", PLACEHOLDER_ID, *UNUSABLE])

    def attachment_id(self) -> str:
        return self.mostly(*self._ids.attachments, seldom=[*self._ids.strange_attachments, *UNUSABLE])

    def limit(self) -> Any:
        return self.mostly(1, 2, 5, seldom=[0, -1, 10**12, None, 1.5])

    def order(self) -> Any:
        return self.mostly("asc", "desc", seldom=["up", "", None])

    def text(self) -> str:
        return self.mostly("hello", "", "a\0b", "😀", seldom=["a\ud800b"])

    def value(self) -> Any:
        return self.mostly(None, {"a": [1, 1.0, True]}, 10**25, seldom=[float("nan"), object(), "\udc00"])

    def time(self) -> datetime:
        return self.mostly(*TIMES, seldom=[datetime.max.replace(tzinfo=WEST)])

    def after_thread(self) -> str | None:
        return self._choose([None, self.thread_id()])

    def after_item(self) -> str | None:
        return self._choose([None, self.item_id()])

    def item(self) -> Any:
        kind = self._choose([self._message, self._unfinished, self._unfinished, self._hidden_context])
        return kind()

    def thread(self) -> ThreadMetadata:
        return ThreadMetadata(
            id=self.thread_id(),
            title=self._choose([None, self.text()]),
            created_at=self.time(),
            allowed_image_domains=self._choose([None, ["example.com"]]),
            metadata={"value": self.value()},
        )

    def attachment(self) -> Any:
        thread_id = self._choose([None, self.thread_id()])
        return attachment_sample(id=self.attachment_id(), name=self.text(), thread_id=thread_id)

    def _message(self) -> Any:
        return message("thr_1", self.text(), id=self.item_id(), created_at=self.time())

    def _hidden_context(self) -> Any:
        item_id = f"ctx_{self._choose(range(10**6))}"
        return hidden_context("thr_1", self.value()).model_copy(update={"id": item_id})

    def _unfinished(self) -> Any:
        make, finished = self._choose(FINISHED_ITEMS)
        return make("thr_1", self._choose(("pending", finished)), id=self.item_id())
