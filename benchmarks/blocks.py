"""Times blocks of calls in turn, so that a machine which grows slow is slow for everybody."""

import gc
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from statistics import median
from time import perf_counter
from typing import Any

Call = Callable[[], Awaitable[Any]]
Block = Callable[[int], Sequence[Call]]
"""Makes so many calls, ready to be awaited; what that takes is not timed."""

SECONDS_TO_MICROSECONDS = 1e6


async def timed_in_turn(
    blocks: Mapping[str, Block], *, rounds: int, calls: int, warm_up: int
) -> dict[str, list[float]]:
    """Return the seconds that a call took in each round, by name; another one begins each round."""
    for block in blocks.values():
        await timed(block(warm_up))
    seconds: dict[str, list[float]] = {name: [] for name in blocks}
    for name in in_turns(list(blocks), rounds):
        seconds[name].append(await timed(blocks[name](calls)))
    return seconds


def in_turns(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Return the names as often as there are rounds, each round beginning with another one."""
    for number in range(rounds):
        first = number % len(names)
        yield from names[first:]
        yield from names[:first]


async def timed(calls: Sequence[Call]) -> float:
    """Make the calls one after the other, and return the seconds that one took."""
    # What one contender leaves behind is not collected in another one's time.
    gc.collect()
    started = perf_counter()
    for call in calls:
        await call()
    return (perf_counter() - started) / len(calls)


def microseconds(seconds: Sequence[float]) -> float:
    """Return the median of rounds."""
    return median(seconds) * SECONDS_TO_MICROSECONDS


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the one as a part of the other, round by round."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def spread(values: Sequence[float]) -> str:
    """Return the least and the most of some ratios."""
    return f"{min(values):.2f}-{max(values):.2f}"
