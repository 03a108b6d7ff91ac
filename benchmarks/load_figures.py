"""The figures of a load: how they are counted, printed and judged."""

import math
import os
import resource
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, mean

from benchmarks.load_ledger import Findings

FASTEST_SECONDS = 1e-5
STEP = math.log(1.05)
BUCKETS = 400
MEBIBYTE = 2**20
FIFTHS = 5
WARM_UP_FIFTHS = 2
FLAT = 0.05
"""The part of its size by which memory may seem to grow over the whole time after the warm-up."""
SHORTEST_SECONDS = 60
"""A shorter run is all warm-up, and says nothing of memory."""


class Histogram:
    """Durations, counted in buckets that grow by 5 %, so that it takes no more room when there are more."""

    def __init__(self) -> None:
        self._counts = array("Q", bytes(8 * BUCKETS))

    def __len__(self) -> int:
        return sum(self._counts)

    def add(self, seconds: float) -> None:
        """Count a duration."""
        bucket = int(math.log(max(seconds, FASTEST_SECONDS) / FASTEST_SECONDS) / STEP)
        self._counts[min(bucket, BUCKETS - 1)] += 1

    def milliseconds(self, quantile: float) -> float:
        """Return a quantile, at most 5 % too high."""
        wanted = quantile * len(self)
        for bucket, count in enumerate(self._counts):
            wanted -= count
            if wanted <= 0:
                return 1000 * FASTEST_SECONDS * math.exp((bucket + 1) * STEP)
        raise AssertionError("a quantile is at most 1")


class Memory:
    """The resident memory of this process, sampled by whoever calls `sample`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._samples: list[tuple[float, float]] = []

    def sample(self, elapsed: float) -> None:
        """Take down how much memory there is after so many seconds."""
        self._samples.append((elapsed, resident_mebibytes()))

    def by_fifth(self) -> list[float]:
        """Return the mean of each fifth of the time."""
        return [mean(size for _, size in self._within(fifth, fifth + 1)) for fifth in range(FIFTHS)]

    @property
    def slope(self) -> float:
        """How much it grew per minute after the warm-up, by the line that fits best."""
        times, sizes = zip(*self._within(WARM_UP_FIFTHS, FIFTHS), strict=True)
        return linear_regression(times, sizes).slope * 60

    @property
    def growth(self) -> float:
        """The part of its size by which it grew after the warm-up, by that line."""
        minutes = self._seconds * (1 - WARM_UP_FIFTHS / FIFTHS) / 60
        return self.slope * minutes / self.by_fifth()[WARM_UP_FIFTHS]

    @property
    def is_flat(self) -> bool:
        """Whether it stays where it was after the warm-up."""
        return self._seconds < SHORTEST_SECONDS or self.growth <= FLAT

    def _within(self, first: int, last: int) -> list[tuple[float, float]]:
        fifth = self._seconds / FIFTHS
        return [sample for sample in self._samples if first * fifth <= sample[0] < last * fifth]


def resident_mebibytes() -> float:
    """Return this process' resident memory; where there is no /proc, the most it ever was."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / MEBIBYTE if sys.platform == "darwin" else most / 1024


@dataclass
class Figures:
    """What a load has done, and what is left of it."""

    calls: Mapping[str, Histogram]
    memory: Memory
    findings: Findings = field(default_factory=Findings)
    done: Counter[str] = field(default_factory=Counter[str])
    """Conversations, turns and so on, in the order in which they are printed."""
    errors: Counter[str] = field(default_factory=Counter[str])
    markers_missing: int = 0
    attempts_made_again: int = 0
    elapsed: float = 0.0
    processor_seconds: float = 0.0
    tasks_at_start: int = 0
    tasks_at_end: int = 0
    connections_checked_out: int = 0
    connections_in_transaction: int = 0
    rows_verified: int = 0
    rows_left: int = 0

    def complaints(self) -> list[str]:
        """Return what makes the run a failure, each with its figure; nothing when it is none."""
        wrong = {
            "errors": self.errors.total(),
            **{f"items {name.replace('_', ' ')}": getattr(self.findings, name) for name in Findings.__slots__},
            "replies cut off without the SDK's marker": self.markers_missing,
            "tasks left over": self.tasks_at_end - self.tasks_at_start,
            "connections checked out": self.connections_checked_out,
            "connections idle in transaction": self.connections_in_transaction,
            "rows that nobody wrote": self.rows_left - self.rows_verified,
        }
        complaints = [f"{name}: {count}" for name, count in wrong.items() if count]
        if not self.memory.is_flat:
            complaints.append(f"memory grew by {self.memory.growth:.1%} after the warm-up")
        return complaints


def printed(figures: Figures) -> Iterator[str]:
    """Yield the lines of a report."""
    yield f"{figures.elapsed:.0f} s, processor {figures.processor_seconds / figures.elapsed:.0%} of one core"
    yield from (f"{name}: {count:,}" for name, count in figures.done.items())
    yield ""
    yield from _table_of_calls(figures.calls, figures.elapsed)
    yield ""
    sizes = ", ".join(f"{size:.0f}" for size in figures.memory.by_fifth())
    yield f"memory, MiB by fifth of the time: {sizes}; {figures.memory.slope:+.2f} per minute after the warm-up"
    yield f"asyncio tasks: {figures.tasks_at_start} at the start, {figures.tasks_at_end} at the end"
    left_over = (figures.connections_checked_out, figures.connections_in_transaction)
    yield "connections at the end: {} checked out, {} idle in transaction".format(*left_over)
    yield f"rows: {figures.rows_left:,} of items in the tables, {figures.rows_verified:,} verified"
    yield ", ".join(f"{name.replace('_', ' ')} {getattr(figures.findings, name)}" for name in Findings.__slots__)
    yield f"replies cut off without the SDK's marker: {figures.markers_missing}"
    yield f"attempts made again: {figures.attempts_made_again}"
    yield f"errors: {figures.errors.total()}"
    yield from (f"  {count} x {error}" for error, count in figures.errors.most_common(20))


def _table_of_calls(calls: Mapping[str, Histogram], elapsed: float) -> Sequence[str]:
    lines = ["| call | calls | per second | p50 ms | p99 ms | longest ms |", "|---|--:|--:|--:|--:|--:|"]
    for name, durations in calls.items():
        if count := len(durations):
            quantiles = " | ".join(f"{durations.milliseconds(quantile):.1f}" for quantile in (0.5, 0.99, 1))
            lines.append(f"| {name} | {count:,} | {count / elapsed:.1f} | {quantiles} |")
    total = sum(len(durations) for durations in calls.values())
    return [*lines, f"| all | {total:,} | {total / elapsed:.1f} | | | |"]
