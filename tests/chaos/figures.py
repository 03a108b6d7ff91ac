"""What a run counts, and what it says of it."""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

from chatkit_pgstore import NotFoundError

FAILED_ATTEMPT = re.compile(r"^\w+: attempt \d+ failed \((\w+)\)")
MOST_COMPLAINTS = 5


@dataclass(slots=True)
class Figures:
    """The figures of a run.

    Attributes:
        acknowledged: Writes that returned, and writes that had begun when their callers were cancelled.
        missing: Of those on shared threads, the ones that are not there.
        doubled: Items that are there more than once.
        out_of_order: Items that stand before one that was acknowledged when they were begun, and listings that
            are no beginning of the thread as it became.
        unheard_of: Items that nobody has begun to add.
        failed: Calls that failed in the caller's face, or behind the back of a caller who was cancelled.
        disagreements: Answers that are not those of the reference.
        broken_pools: What was wrong with the connections after the run.
        noises: What asyncio or SQLAlchemy complained of on the way.
        longest_call_seconds: What a caller waited at most, retries included.
        complaints: What is wrong, with the history of the thread at fault.
    """

    calls: Counter[str] = field(default_factory=Counter)
    cancellations: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    sent_again: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    missing: int = 0
    doubled: int = 0
    out_of_order: int = 0
    unheard_of: int = 0
    failed: int = 0
    disagreements: int = 0
    broken_pools: int = 0
    noises: int = 0
    longest_call_seconds: float = 0.0
    complaints: list[str] = field(default_factory=list)

    @property
    def bad(self) -> dict[str, int]:
        """Everything that has to be nought."""
        return {
            "missing": self.missing,
            "doubled": self.doubled,
            "out of order": self.out_of_order,
            "unheard of": self.unheard_of,
            "failed": self.failed,
            "disagreements with the reference": self.disagreements,
            "pools not whole": self.broken_pools,
            "noises": self.noises,
        }

    @property
    def is_good(self) -> bool:
        return not any(self.bad.values())

    def count(self, method: str, cancelled: str = "") -> None:
        self.calls[method] += 1
        if cancelled:
            self.cancellations[cancelled] += 1

    def time(self, seconds: float) -> None:
        self.longest_call_seconds = max(self.longest_call_seconds, seconds)

    def told(self) -> dict[str, Any]:
        """Return what `add` takes, as JSON can hold it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def add(self, counted: dict[str, Any]) -> None:
        """Add what another process has counted."""
        self.time(counted.pop("longest_call_seconds"))
        for name, value in counted.items():
            mine = getattr(self, name)
            if isinstance(mine, Counter):
                mine.update(value)
            else:
                setattr(self, name, mine + value)

    def complain(self, *lines: str) -> None:
        self.complaints.append("\n  ".join(lines))

    def lines(self) -> Iterable[str]:
        for name, counter in (
            ("calls", self.calls),
            ("cancelled", self.cancellations),
            ("faults", self.faults),
            ("attempts that failed and were made again", self.sent_again),
        ):
            yield f"{counter.total():,} {name}"
            yield from (f"    {count:,} {kind}" for kind, count in sorted(counter.items()))
        yield f"the longest call took {self.longest_call_seconds:.1f} s"
        yield f"acknowledged {self.acknowledged:,}, " + ", ".join(f"{name} {n}" for name, n in self.bad.items())
        yield from self.complaints[:MOST_COMPLAINTS]
        if len(self.complaints) > MOST_COMPLAINTS:
            yield f"and {len(self.complaints) - MOST_COMPLAINTS} more complaints"


class _Listener(logging.Handler):
    """Counts what the store logs: attempts made again, and writes that failed behind a cancelled caller's back."""

    def __init__(self, figures: Figures) -> None:
        super().__init__()
        self._figures = figures

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if attempt := FAILED_ATTEMPT.match(message):
            self._figures.sent_again[attempt[1]] += 1
        elif record.levelno >= logging.ERROR and not _is_an_answer(record):
            self._figures.failed += 1
            self._figures.complain(message)

    def noise(self, _: Any, context: dict[str, Any]) -> None:
        """Count what asyncio complains of: an exception that nobody asked for, a task that was destroyed.

        Not a future that lost its connection: asyncpg leaves one behind when a connection ends while it is made.
        """
        if isinstance(context.get("exception"), ConnectionError):
            return
        self._figures.noises += 1
        self._figures.complain(f"asyncio: {context['message']} {context.get('exception')!r}")


def _is_an_answer(record: logging.LogRecord) -> bool:
    """Tell whether a write failed as it would have done without any fault: its thread is not there."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    return any(isinstance(each, NotFoundError) for each in arguments)


@contextmanager
def listening(figures: Figures) -> Iterator[None]:
    """Count what the store logs and what asyncio and the pool complain of."""
    listener = _Listener(figures)
    loggers = [logging.getLogger(name) for name in ("chatkit_pgstore", "sqlalchemy.pool", "asyncio")]
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(listener.noise)
    for logger in loggers:
        logger.addHandler(listener)
    try:
        yield
    finally:
        loop.set_exception_handler(before)
        for logger in loggers:
            logger.removeHandler(listener)
