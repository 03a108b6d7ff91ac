"""The rows that real traffic would have left, in the order in which it would have written them.

Traffic comes in stretches of 50,000 items. The threads of one stretch are written to in turns, by chance, so that the
rows of a thread stand among those of 5,000 others. A thread's row comes first, with the last sort key it will have:
the load leaves out the versions between, which vacuum would have removed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import md5
from random import Random
from uuid import UUID

from benchmarks.scale.documents import TURNS, attachment_document, kinds, piece, thread_document

ITEMS_PER_THREAD = 10
THREADS_PER_USER = 10
STRETCH = 50_000
COLLECTOR, TALKER = "collector", "talker"
"""Who has many threads, and who has one long thread."""
START = datetime(2025, 1, 1, tzinfo=UTC)
BETWEEN = timedelta(seconds=0.25)
"""Between two items of all users: ten million of them are a month."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of traffic.

    Attributes:
        number: Of the first item in it, counted over all: makes its ids its own.
        items: How many.
        threads: How many are opened in it.
        users: How many start in it; each of its threads is of any of them, so that users have as many threads at every
            size of the whole.
        turns: Of what kind; see `documents.TURNS`.
        of: The one user all threads belong to; None: any.
    """

    number: int
    items: int
    threads: int
    users: int
    turns: str = "mixed"
    of: str | None = None


@dataclass
class Rows:
    """Rows as COPY takes them."""

    threads: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    attachments: list[str] = field(default_factory=list)


def stretches(start: int, end: int, turns: str = "mixed") -> Iterator[Stretch]:
    """Return the traffic between two numbers of items."""
    for number in range(start, end, STRETCH):
        items = min(STRETCH, end - number)
        threads = max(items // ITEMS_PER_THREAD, 1)
        yield Stretch(number, items, threads, max(threads // THREADS_PER_USER, 1), turns)


def whales(threads: int, items: int) -> tuple[Stretch, Stretch]:
    """Return the traffic of a user with many threads, and of one with a long thread."""
    return (
        Stretch(-1, threads, threads, 1, of=COLLECTOR),
        Stretch(-2, items, 1, 1, of=TALKER),
    )


def name(prefix: str, *numbers: object) -> str:
    """Return an id as the store makes them, of 128 bits, but always the same."""
    return f"{prefix}_{md5(repr(numbers).encode()).hexdigest()}"  # noqa: S324  # no secret


def user(*numbers: int) -> str:
    """Return the id of a user: a UUID, as many hosts have them."""
    return str(UUID(bytes=md5(repr(numbers).encode()).digest()))  # noqa: S324  # no secret


def rows_of(stretch: Stretch) -> Rows:
    """Return what a stretch of traffic leaves."""
    return _Writer(stretch).write()


class _Writer:
    def __init__(self, stretch: Stretch) -> None:
        self._stretch = stretch
        self._dice = Random(stretch.number)  # noqa: S311  # no secret
        self._threads = [name("thr", stretch.number, each) for each in range(stretch.threads)]
        self._users = [stretch.of or user(stretch.number, self._dice.randrange(stretch.users)) for _ in self._threads]
        self._last = Counter[int]()
        self._opened: dict[int, tuple[str, str]] = {}
        self._rows = Rows()
        self._seconds = 0.0

    def write(self) -> Rows:
        for thread in self._turns():
            for kind in TURNS[self._stretch.turns](self._dice):
                if len(self._rows.items) == self._stretch.items:
                    break
                self._item(thread, kind)
        for thread in range(len(self._threads)):
            self._thread(thread)
        if self._stretch.of:
            # Over a year the traffic of others came between each two of them.
            self._dice.shuffle(self._rows.threads)
            self._dice.shuffle(self._rows.items)
        return self._rows

    def _turns(self) -> Sequence[int]:
        """Return the threads in the order in which they are written to: each once, and some often."""
        numbers = range(len(self._threads))
        more = max(self._stretch.items // 2 - len(numbers), 0)
        often = self._dice.choices(numbers, [self._dice.expovariate(1) for _ in numbers], k=more)
        turns = [*numbers, *often]
        self._dice.shuffle(turns)
        return turns

    def _now(self) -> tuple[str, str]:
        """Return the time as a document has it and as a row has it."""
        self._seconds += self._dice.random() * 2 * BETWEEN.total_seconds()
        at = START + self._stretch.number * BETWEEN + timedelta(seconds=self._seconds)
        if not at.microsecond:
            at += timedelta(microseconds=1)
        text = at.replace(tzinfo=None).isoformat()
        return f"{text}Z", f"{text}+00"

    def _item(self, thread: int, kind: str) -> None:
        key = self._last[thread] = self._last[thread] + 1
        made = kinds()[kind]
        length = made.lengths[int(self._dice.random() * len(made.lengths))]
        thread_id, user_id = self._threads[thread], self._users[thread]
        item_id = name("msg", thread_id, key)
        at, moment = self._now()
        self._opened.setdefault(thread, (at, moment))
        values = {"id": item_id, "thread": thread_id, "at": at, "text": piece(self._dice, length)}
        if kind == "question with a file":
            values["file"] = self._attachment(thread, key, moment)
        document = made.document % values
        status = made.status or r"\N"
        self._rows.items.append(
            f"{user_id}\t{thread_id}\t{item_id}\t{key}\t{made.type}\t{status}\t{document}\t{moment}\t{moment}\n"
        )

    def _attachment(self, thread: int, key: int, moment: str) -> str:
        thread_id, user_id = self._threads[thread], self._users[thread]
        attachment_id = name("atc", thread_id, key)
        document = attachment_document() % {"file": attachment_id, "thread": thread_id}
        self._rows.attachments.append(f"{user_id}\t{attachment_id}\t{thread_id}\t{document}\t{moment}\t{moment}\n")
        return attachment_id

    def _thread(self, thread: int) -> None:
        thread_id = self._threads[thread]
        at, moment = self._opened.get(thread) or self._now()
        document = thread_document() % {"id": thread_id, "at": at, "text": piece(self._dice, 32)}
        self._rows.threads.append(
            f"{self._users[thread]}\t{thread_id}\t{document}\t{self._last[thread]}\t{moment}\t{moment}"
            '\t{"agent": "billing"}\n'
        )
