"""How long a call takes with 0, 1 and 5 ms to the database, one call after the other; and the client's part of it."""

from collections.abc import Iterator
from statistics import median

from benchmarks.blocks import Call
from benchmarks.measured import Plot, Point, Table
from benchmarks.peers.facts import STORE
from benchmarks.peers.opening import Field, opened
from benchmarks.peers.proxy import DelayingProxy
from benchmarks.peers.settings import Amount
from benchmarks.peers.timing import Timed, alternating, in_words, warm_up
from benchmarks.peers.wire import NOT_OFFERED
from benchmarks.peers.workload import JOBS, TITLES, Ready, calls

NEAR, FAR = 0, 5
DISTANCES = (NEAR, 1, FAR)
"""Milliseconds to the database, each way."""

Latencies = dict[str, dict[int, Timed]]


async def latencies(made: Field, proxy: DelayingProxy, amount: Amount) -> Latencies:
    """Return the times of each job at each distance. Where there is none, there is no proxy either."""
    found: Latencies = {job: {} for job in JOBS}
    async with opened(made) as contenders:
        for job in JOBS:
            await warm_up(_calls(contenders, job).values(), amount.warm_up_calls)
            found[job][NEAR] = await alternating(_calls(contenders, job), amount)
    proxy.delay(0)
    async with opened(made, {each.name: proxy.url(made.url(each)) for each in made.facts}) as contenders:
        for job in JOBS:
            await warm_up(_calls(contenders, job).values(), amount.warm_up_calls)
            for distance in DISTANCES[1:]:
                proxy.delay(distance / 1000)
                found[job][distance] = await alternating(_calls(contenders, job), amount)
            proxy.delay(0)
    return found


def _calls(contenders: list[Ready], job: str) -> dict[str, Iterator[Call]]:
    return {ready.name: calls(ready.contender, job) for ready in contenders if ready.does(job)}


def tables(found: Latencies, names: list[str]) -> list[Table]:
    """Return a table for each job, and one of the client's processor."""
    return [*(_table(job, found[job], names) for job in JOBS), _processor_table(found, names)]


def plots(found: Latencies, names: list[str]) -> list[Plot]:
    """Return a plot for each job, and one of the client's processor."""
    return [*(_plot(job, found[job], names) for job in JOBS), _processor_plot(found, names)]


def _table(job: str, by_distance: dict[int, Timed], names: list[str]) -> Table:
    return Table(
        name=job,
        title=f"Milliseconds to {TITLES[job]}",
        columns=[
            "",
            *(f"{distance} ms away" for distance in DISTANCES),
            f"{STORE}'s part of it, {NEAR} ms",
            f"{FAR} ms",
        ],
        rows=[[name, *_cells(name, by_distance)] for name in names],
        note="Medians; parts are medians of the rounds, with their spread. A distance is that of each way: a round "
        "trip takes twice as long.",
    )


def _cells(name: str, by_distance: dict[int, Timed]) -> list[str]:
    if name not in by_distance[NEAR].seconds:
        return [NOT_OFFERED] * (len(DISTANCES) + 2)
    times = [f"{by_distance[distance].median(name) * 1000:.3g}" for distance in DISTANCES]
    return [*times, *(in_words(by_distance[distance].ratios(STORE, name)) for distance in (NEAR, FAR))]


def _plot(job: str, by_distance: dict[int, Timed], names: list[str]) -> Plot:
    return Plot(
        name=job,
        title=TITLES[job].capitalize(),
        kind="lines",
        x_label="milliseconds to the database, each way",
        y_label="milliseconds of one call",
        series={name: _line(name, by_distance) for name in names if name in by_distance[NEAR].seconds},
        caption="Each contender's line rises with its round trips: the fewer, the flatter.",
    )


def _line(name: str, by_distance: dict[int, Timed]) -> list[Point]:
    return [_point(float(distance), [s * 1000 for s in timed.seconds[name]]) for distance, timed in by_distance.items()]


def _point(x: str | float, values: list[float]) -> Point:
    return Point(x, median(values), min(values), max(values))


def _processor_table(found: Latencies, names: list[str]) -> Table:
    return Table(
        name="cpu",
        title="Microseconds of the client's processor for one call",
        columns=["", *(TITLES[job] for job in JOBS)],
        rows=[[name, *(_processor_cell(name, found[job][NEAR]) for job in JOBS)] for name in names],
        note="All threads of the process, one call after the other, no distance; medians.",
    )


def _processor_cell(name: str, timed: Timed) -> str:
    if name not in timed.processor:
        return NOT_OFFERED
    return f"{median(timed.processor[name]) * 1e6:,.0f}"


def _processor_plot(found: Latencies, names: list[str]) -> Plot:
    return Plot(
        name="cpu",
        title="The client's processor",
        kind="bars",
        x_label="",
        y_label="microseconds of one call",
        series={name: _bars(name, found) for name in names},
        caption="What the client itself works for a call, wherever the database is.",
    )


def _bars(name: str, found: Latencies) -> list[Point]:
    return [
        _point(job.replace("_", " "), [seconds * 1e6 for seconds in found[job][NEAR].processor[name]])
        for job in JOBS
        if name in found[job][NEAR].processor
    ]
