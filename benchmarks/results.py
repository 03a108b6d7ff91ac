"""The figures of one operation."""

from dataclasses import dataclass
from statistics import median

from benchmarks.contenders import STORE


@dataclass(frozen=True)
class Result:
    """What was measured of one call of the store.

    Attributes:
        call: The method's name.
        round_trips: Of one warm call, by contender.
        seconds: Per call in each round, by contender.
        target: The most of the pool's time that the store may take, if there is such a limit.
    """

    call: str
    round_trips: dict[str, int]
    seconds: dict[str, list[float]]
    target: float | None

    def microseconds(self, contender: str) -> float:
        """Return the median time of one call."""
        return median(self.seconds[contender]) * 1e6

    def ratios(self, contender: str) -> list[float]:
        """Return the store's time as a part of *contender*'s, round by round."""
        pairs = zip(self.seconds[STORE], self.seconds[contender], strict=True)
        return [ours / theirs for ours, theirs in pairs]
