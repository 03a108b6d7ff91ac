"""How the limits are shown: tables, a plot, and the ratios that are guarded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.blocks import SECONDS_TO_MICROSECONDS, microseconds, ratios, spread
from benchmarks.contenders import DEDICATED, HOST, NAMES, POOL, STORE
from benchmarks.measured import Plot, Point, Table
from benchmarks.workload import OPERATIONS

Times = Mapping[str, Mapping[str, Sequence[float]]]
"""Seconds per call of each round, by call and contender."""

FLOOR, SELECT, ECHO = "floor", "select", "echo"
HOW = ("awake", "asleep")
TITLES = {
    STORE: "store",
    POOL: "`asyncpg.Pool`",
    DEDICATED: "dedicated connection",
    SELECT: "`SELECT 1`, prepared, on the dedicated connection",
    ECHO: "bytes echoed over loopback TCP",
}
READS_TO_POOL, APPEND_TO_POOL, ANY_TO_DEDICATED = 0.7, 0.9, 1.5
TARGETS: Mapping[str, Mapping[str, float]] = {
    POOL: {
        **dict.fromkeys(("load_thread", "load_thread_items", "load_threads", "load_item"), READS_TO_POOL),
        "add_thread_item": APPEND_TO_POOL,
    },
    DEDICATED: dict.fromkeys(OPERATIONS, ANY_TO_DEDICATED),
}
"""The most of a contender's time that the store may take for a call; where there is none, none is set."""


@dataclass(frozen=True)
class Limits:
    """What was measured.

    Attributes:
        round_trips: Of one warm call, by call and contender.
        awake: Times with processors kept awake.
        asleep: Times with processors that may fall asleep.
    """

    round_trips: Mapping[str, Mapping[str, int]]
    awake: Times
    asleep: Times


def tables(limits: Limits) -> list[Table]:
    """Return all tables of the limits."""
    return [
        _calls(limits),
        _ratios(limits.awake),
        _host(limits.awake),
        _floor(limits),
        _asleep(limits),
        _in_short(limits.awake),
    ]


def plots(limits: Limits) -> list[Plot]:
    """Return the plot of the limits."""
    series = {TITLES[name].replace("`", ""): [_point(limits, call, name) for call in OPERATIONS] for name in NAMES}
    caption = (
        "For each call a bar of the store, one of asyncpg.Pool and one of a dedicated connection, as in the table."
    )
    return [Plot("calls", "Time of a call", "bars", "", "microseconds", series, caption=caption)]


def ratios_to_guard(limits: Limits) -> dict[str, float]:
    """Return the store's part of the others' times."""
    return {
        f"{call}: store / {name}": median(_to(limits.awake[call], name)) for call in OPERATIONS for name in NAMES[1:]
    }


def _calls(limits: Limits) -> Table:
    rows = [
        [f"`{call}`", *(f"{microseconds(limits.awake[call][name]):.0f}" for name in NAMES), _trips(limits, call)]
        for call in OPERATIONS
    ]
    columns = ["µs of a call", *(TITLES[name] for name in NAMES), "round trips of each"]
    return Table("calls", "Time of a call, on loopback", columns, rows)


def _ratios(times: Times) -> Table:
    rows = [[f"`{call}`", *_compared(times, call, POOL), *_compared(times, call, DEDICATED)] for call in OPERATIONS]
    columns = ["call", "store / pool", "spread", "aim", "store / dedicated", "spread", "aim"]
    note = "The aim is the most that the ratio should be. Spread is the least and the most of all rounds."
    return Table("ratios", "The store's part of the others' times", columns, rows, note)


def _compared(times: Times, call: str, name: str) -> list[str]:
    found, target = _to(times[call], name), TARGETS[name].get(call)
    verdict = "" if target is None else f"{target} {'reached' if median(found) <= target else 'missed'}"
    return [f"{median(found):.2f}", spread(found), verdict]


def _host(times: Times) -> Table:
    """Return what an engine of the host's adds, whose pool each call asks and pays back."""
    rows = [
        [f"`{call}`", *(each for name in NAMES for each in _compared_host(times[call], name))] for call in OPERATIONS
    ]
    columns = ["call", *(each for name in NAMES for each in (f"`engine=` / {name}", "spread"))]
    return Table("host", "The store on an engine of the host's", columns, rows)


def _compared_host(times: Mapping[str, Sequence[float]], name: str) -> tuple[str, str]:
    found = ratios(times[HOST], times[name])
    return f"{median(found):.2f}", spread(found)


def _floor(limits: Limits) -> Table:
    rows = [[TITLES[name], *_awake_and_asleep(limits, FLOOR, name)] for name in (ECHO, SELECT)]
    columns = ["µs", "processors kept awake", "processors left to sleep"]
    return Table("floor", "The least that a call can take", columns, rows)


def _asleep(limits: Limits) -> Table:
    rows = [
        [
            f"`{call}`",
            *_awake_and_asleep(limits, call, STORE),
            *(f"{median(_to(times[call], name)):.2f}" for name in NAMES[1:] for times in (limits.awake, limits.asleep)),
        ]
        for call in OPERATIONS
    ]
    columns = ["call", "µs awake", "µs asleep", *(f"store / {name} {how}" for name in NAMES[1:] for how in HOW)]
    return Table("asleep", "Processors kept awake, and left to sleep", columns, rows)


def _in_short(times: Times) -> Table:
    """Return what stands in the README, below words of its own."""
    rows = [
        [f"`{call}`", *(f"{median(_to(times[call], name)):.2f}" for name in NAMES[1:])]
        for call in ("load_thread", "load_thread_items", "add_thread_item")
    ]
    columns = ["time of a call against (one run on loopback)", TITLES[POOL], "one connection"]
    return Table("in_short", "", columns, rows)


def _awake_and_asleep(limits: Limits, call: str, name: str) -> list[str]:
    return [f"{microseconds(times[call][name]):.0f}" for times in (limits.awake, limits.asleep)]


def _to(times: Mapping[str, Sequence[float]], name: str) -> list[float]:
    """Return the store's time as a part of that of another, round by round."""
    return ratios(times[STORE], times[name])


def _trips(limits: Limits, call: str) -> str:
    return ", ".join(str(limits.round_trips[call][name]) for name in NAMES)


def _point(limits: Limits, call: str, name: str) -> Point:
    seconds = limits.awake[call][name]
    low, high = (each * SECONDS_TO_MICROSECONDS for each in (min(seconds), max(seconds)))
    return Point(call, microseconds(seconds), low, high)
