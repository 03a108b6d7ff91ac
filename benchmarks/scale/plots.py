"""What was found out, as plots: flat lines are good ones."""

from collections.abc import Mapping, Sequence

from benchmarks.measured import Plot, Point
from benchmarks.scale.findings import Findings, Stage
from benchmarks.scale.targets import LONG_THREAD, MANY_THREADS, ORDINARY

READS, WRITES = ("load",), ("save", "add", "delete")


def plots(found: Findings) -> list[Plot]:
    """Return the plots; none where there was one size alone."""
    stages = found.stages
    if len(stages) < 2 or not stages[0].times:  # noqa: PLR2004  # a line takes two points
        return []
    return [
        _times("reads", "Reads of an ordinary user", stages, ORDINARY, READS),
        _times("writes", "Writes of an ordinary user", stages, ORDINARY, WRITES),
        _times("many-threads", "Calls of a user with many threads", stages, MANY_THREADS, (*READS, *WRITES)),
        _times("long-thread", "Calls about a long thread", stages, LONG_THREAD, (*READS, *WRITES)),
        _pages(stages),
    ]


def _times(name: str, title: str, stages: Sequence[Stage], whose: str, verbs: tuple[str, ...]) -> Plot:
    series: Mapping[str, Sequence[Point]] = {
        call.call: [_point(stage, number) for stage in stages]
        for number, call in enumerate(stages[0].times)
        if call.whose == whose and call.call.startswith(verbs)
    }
    caption = f"{title}: p99 of each call over the number of items, from {stages[0].items:,} to {stages[-1].items:,}."
    return Plot(name, title, "lines", "items", "p99, µs", series, log_x=True, caption=caption)


def _point(stage: Stage, number: int) -> Point:
    call = stage.times[number]
    rounds = call.p99s
    return Point(float(stage.items), call.p99 * 1e6, min(rounds) * 1e6, max(rounds) * 1e6)


def _pages(stages: Sequence[Stage]) -> Plot:
    series = {
        call.call: [Point(float(stage.items), stage.touched[number].middle) for stage in stages]
        for number, call in enumerate(stages[0].touched)
        if call.whose == ORDINARY
    }
    title = "Pages that calls of an ordinary user touch"
    caption = f"{title}, median, over the number of items: one more where an index has one level more."
    return Plot("pages", title, "lines", "items", "pages of 8 kB", series, log_x=True, caption=caption)
