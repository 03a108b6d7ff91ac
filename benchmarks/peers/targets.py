"""What has to be reached, whether it was, and the ratios that are guarded."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.blocks import ratios
from benchmarks.measured import Table
from benchmarks.peers.facts import STORE, TUTORIAL
from benchmarks.peers.latency import FAR, NEAR, Latencies
from benchmarks.peers.throughput import KINDS, Rates
from benchmarks.peers.turn import Turns
from benchmarks.peers.wire import Wire
from benchmarks.peers.workload import JOBS, TITLES

TIMES_TUTORIAL = 4


@dataclass(frozen=True)
class Target:
    """Something to reach."""

    what: str
    wanted: str
    found: str
    reached: bool


def targets(wire: Wire, latencies: Latencies, rates: Rates) -> list[Target]:
    """Return all of them."""
    return [*_trips(wire), *_distances(latencies), *_tutorial(latencies), *_rates(rates)]


def _trips(wire: Wire) -> Iterator[Target]:
    for job in JOBS:
        trips = wire[STORE][job].round_trips
        yield Target(f"round trips to {TITLES[job]}", "1", f"{trips:g}", trips == 1)


def _distances(latencies: Latencies) -> Iterator[Target]:
    for job in JOBS:
        timed = latencies[job][FAR]
        parts = {name: median(timed.ratios(STORE, name)) for name in timed.seconds if name != STORE}
        nearest = max(parts, key=lambda name: parts[name])
        yield Target(
            f"{TITLES[job]}, {FAR} ms away",
            "less time than every peer",
            f"{parts[nearest]:.2f} of {nearest}'s",
            parts[nearest] < 1,
        )


def _tutorial(latencies: Latencies) -> Iterator[Target]:
    for job in JOBS:
        times = median(latencies[job][FAR].ratios(TUTORIAL, STORE))
        yield Target(
            f"{TITLES[job]}, {FAR} ms away",
            f"{TIMES_TUTORIAL} times as fast as the tutorial store",
            f"{times:.1f} times",
            times >= TIMES_TUTORIAL,
        )


def _rates(rates: Rates) -> Iterator[Target]:
    for kind, title in KINDS.items():
        times = {name: median(ratios(rates[kind][STORE], its)) for name, its in rates[kind].items() if name != STORE}
        nearest = min(times, key=lambda name: times[name])
        yield Target(
            f"32 tasks: {title}",
            "more calls per second than every peer",
            f"{times[nearest]:.2f} times those of {nearest}",
            times[nearest] > 1,
        )


def table(all_targets: list[Target]) -> Table:
    """Return them, reached or not."""
    return Table(
        name="targets",
        title="What has to be reached",
        columns=["", "wanted", "measured", "reached"],
        rows=[[each.what, each.wanted, each.found, "yes" if each.reached else "no"] for each in all_targets],
        note="Beside the peer that comes nearest. Medians of the rounds' ratios.",
    )


def guarded(latencies: Latencies, rates: Rates, turns: Turns) -> dict[str, float]:
    """Return the ratios that must not grow, by name: the store's part of the tutorial store's time.

    Those to the others are shown and not guarded: they move with releases of theirs.
    """
    parts = {
        **{f"{job}, {distance} ms": latencies[job][distance].seconds for job in JOBS for distance in (NEAR, FAR)},
        **{f"{job}, the client's processor": latencies[job][NEAR].processor for job in JOBS},
        **{
            f"a turn with {attachments} attachments, {distance} ms": timed.seconds
            for attachments, by_distance in turns.timed.items()
            for distance, timed in by_distance.items()
        },
    }
    found = {f"{name}: store / tutorial": median(ratios(its[STORE], its[TUTORIAL])) for name, its in parts.items()}
    for kind, its in rates.items():
        found[f"{kind}, 32 tasks: store / tutorial"] = median(ratios(its[TUTORIAL], its[STORE]))
    return found
