"""What the store has acknowledged, kept apart from it, and what it holds in the end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chatkit.types import ThreadItem


@dataclass(slots=True)
class Entry:
    """What may be stored of one item: what was acknowledged last, and what was sent since and not acknowledged."""

    documents: set[int] = field(default_factory=set[int])
    is_acknowledged: bool = False
    is_deleted: bool = False
    """Whether a delete was sent; once one is acknowledged, there is no entry any more."""


@dataclass(slots=True)
class Findings:
    """What is wrong with what was found; all of it has to be zero."""

    missing: int = 0
    out_of_order: int = 0
    changed: int = 0
    unexpected: int = 0
    of_another_user: int = 0

    def add(self, others: "Findings") -> None:
        """Add what was found elsewhere."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(others, name))


class ThreadLedger:
    """The items of one thread, in the order in which they were first sent.

    Once `settle` has been called it keeps no more than a digest: a long run must not grow with what it has done.
    """

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.digest: int | None = None
        self._entries: dict[str, Entry] = {}

    def will_write(self, item: ThreadItem) -> None:
        """Take down that *item* is on its way."""
        self._entries.setdefault(item.id, Entry()).documents.add(_document(item))

    def has_written(self, item: ThreadItem) -> None:
        """Take down that the store has acknowledged *item*."""
        entry = self._entries[item.id]
        entry.documents, entry.is_acknowledged = {_document(item)}, True

    def will_delete(self, item_id: str) -> None:
        """Take down that the delete of an item is on its way."""
        if item_id in self._entries:
            self._entries[item_id].is_deleted = True

    def has_deleted(self, item_id: str) -> None:
        """Take down that the store has acknowledged the delete of an item."""
        self._entries.pop(item_id, None)

    def compared(self, items: Sequence[ThreadItem]) -> Findings:
        """Hold all *items* of the thread, oldest first, against what was acknowledged."""
        found = {item.id: item for item in items}
        known = [item_id for item_id in found if item_id in self._entries]
        return Findings(
            missing=sum(self._must_be_there(item_id) for item_id in self._entries if item_id not in found),
            out_of_order=int(known != [item_id for item_id in self._entries if item_id in found]),
            changed=sum(_document(found[item_id]) not in self._entries[item_id].documents for item_id in known),
            unexpected=len(items) - len(known),
            of_another_user=sum(not carries(self.mark, item) for item in items),
        )

    def settle(self, items: Sequence[ThreadItem]) -> None:
        """Keep a digest of *items*, which were compared, instead of the entries: nothing is written any more."""
        self.digest = digest_of(items)
        self._entries = {}

    def _must_be_there(self, item_id: str) -> bool:
        entry = self._entries[item_id]
        return entry.is_acknowledged and not entry.is_deleted


class Ledger:
    """The threads of every user that the store should hold."""

    def __init__(self) -> None:
        self.threads: dict[str, dict[str, ThreadLedger]] = {}
        self.doomed: set[tuple[str, str]] = set()
        """Threads whose delete was sent and not acknowledged: they may be there or not."""

    def begin(self, user_id: str, thread_id: str) -> None:
        """Take down a thread that is on its way."""
        self.threads.setdefault(user_id, {}).setdefault(thread_id, ThreadLedger(user_id))

    def thread(self, user_id: str, thread_id: str) -> ThreadLedger:
        """Return the ledger of one thread."""
        return self.threads[user_id][thread_id]

    def will_delete(self, user_id: str, thread_id: str) -> None:
        """Take down that the delete of a thread is on its way."""
        self.doomed.add((user_id, thread_id))

    def has_deleted(self, user_id: str, thread_id: str) -> None:
        """Take down that the store has acknowledged the delete of a thread."""
        self.doomed.discard((user_id, thread_id))
        del self.threads[user_id][thread_id]


def digest_of(items: Iterable[ThreadItem]) -> int:
    """Return a number that tells these items in this order from others."""
    return hash(tuple((item.id, _document(item)) for item in items))


def carries(mark: str, item: ThreadItem) -> bool:
    """Tell whether what was said in *item* was said to the user of *mark*; markers of the SDK say nothing."""
    content = getattr(item, "content", None)
    return not isinstance(content, list) or all(f"{mark}: " in part.text for part in content)


def _document(item: ThreadItem) -> int:
    return hash(item.model_dump_json())
