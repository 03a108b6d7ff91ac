"""Blocks of calls that alternate between contenders, and what their times are to each other."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import median
from time import perf_counter, process_time

from benchmarks.blocks import Call, in_turns, ratios
from benchmarks.peers.settings import Amount


@dataclass(frozen=True)
class Timed:
    """Seconds of one call in each round, by contender; and those of the client's processor."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    processor: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """Return a contender's time of one call."""
        return median(self.seconds[name])

    def ratios(self, ours: str, theirs: str) -> list[float]:
        """Return the time of one as a part of another one's, round by round."""
        return ratios(self.seconds[ours], self.seconds[theirs])


def in_words(values: Sequence[float]) -> str:
    """Return the median of ratios, and their spread."""
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


async def warm_up(calls: Iterable[Iterator[Call]], count: int) -> None:
    """Let everything be there that comes with the first calls: connections, prepared statements, caches."""
    for each in calls:
        await _run(each, count)


async def alternating(calls: Mapping[str, Iterator[Call]], amount: Amount) -> Timed:
    """Time blocks of calls, one after the other; another contender begins each round."""
    sizes = {name: await _size(each, amount) for name, each in calls.items()}
    timed = Timed({name: [] for name in calls}, {name: [] for name in calls})
    for name in in_turns(list(calls), amount.rounds):
        wall, processor = await _timed(calls[name], sizes[name])
        timed.seconds[name].append(wall)
        timed.processor[name].append(processor)
    return timed


async def _size(calls: Iterator[Call], amount: Amount) -> int:
    """Return how many calls make a block."""
    wall, _ = await _timed(calls, amount.least_calls)
    return max(amount.least_calls, min(amount.most_calls, int(amount.block_seconds / wall)))


async def _timed(calls: Iterator[Call], count: int) -> tuple[float, float]:
    # What one contender leaves behind is not collected in another one's time.
    gc.collect()
    wall, processor = perf_counter(), process_time()
    await _run(calls, count)
    return (perf_counter() - wall) / count, (process_time() - processor) / count


async def _run(calls: Iterator[Call], count: int) -> None:
    for call in islice(calls, count):
        await call()
