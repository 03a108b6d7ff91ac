"""How many calls a second 32 tasks get done over a pool of ten connections."""

import asyncio
import gc
from collections.abc import Iterator
from itertools import islice
from statistics import median
from time import perf_counter

from benchmarks.blocks import Call, in_turns, ratios
from benchmarks.measured import Plot, Point, Table
from benchmarks.peers.contender import POOL_SIZE
from benchmarks.peers.facts import STORE
from benchmarks.peers.opening import Field, opened
from benchmarks.peers.settings import Amount
from benchmarks.peers.timing import in_words
from benchmarks.peers.wire import NOT_OFFERED
from benchmarks.peers.workload import JOBS, TITLES, Ready, calls, mixed

MIX = "mix"
KINDS = {**TITLES, MIX: "mix: one read of the newest, two appends"}

Rates = dict[str, dict[str, list[float]]]
"""Calls per second in each round, by kind and contender."""


async def throughputs(made: Field, amount: Amount) -> Rates:
    """Return the rates of every kind of work."""
    async with opened(made) as contenders:
        return {kind: await _of(contenders, kind, amount) for kind in KINDS}


async def _of(contenders: list[Ready], kind: str, amount: Amount) -> dict[str, list[float]]:
    each = {ready.name: _calls(ready, kind) for ready in contenders if kind == MIX or ready.does(kind)}
    sizes = {name: await _size(its, amount) for name, its in each.items()}
    rates: dict[str, list[float]] = {name: [] for name in each}
    for name in in_turns(list(each), amount.throughput_rounds):
        rates[name].append(await _rate(each[name], sizes[name], amount.tasks))
    return rates


def _calls(ready: Ready, kind: str) -> Iterator[Call]:
    return mixed(ready.contender) if kind == MIX else calls(ready.contender, kind)


async def _size(its: Iterator[Call], amount: Amount) -> int:
    """Return how many calls make a block; the second try knows prepared statements."""
    few = amount.tasks * 4
    await _rate(its, few, amount.tasks)
    return max(few, int(await _rate(its, few, amount.tasks) * amount.throughput_seconds))


async def _rate(its: Iterator[Call], count: int, tasks: int) -> float:
    gc.collect()
    some = islice(its, count)

    async def take_turns() -> None:
        for call in some:
            await call()

    started = perf_counter()
    await asyncio.gather(*(take_turns() for _ in range(tasks)))
    return count / (perf_counter() - started)


def table(rates: Rates, names: list[str], amount: Amount) -> Table:
    """Return the rates, and what the store's is to each."""
    return Table(
        name="throughput",
        title=f"Calls per second of {amount.tasks} tasks over a pool of {POOL_SIZE} connections",
        columns=["", *KINDS.values()],
        rows=[[name, *(_cell(rates[kind], name) for kind in KINDS)] for name in names],
        note=f"Medians of {amount.throughput_rounds} rounds, and how many times as fast {STORE} is, with the spread of "
        "it. No distance: one process asks, on a processor that it shares with the server.",
    )


def _cell(rates: dict[str, list[float]], name: str) -> str:
    if name not in rates:
        return NOT_OFFERED
    times = "" if name == STORE else f", {STORE} {in_words(ratios(rates[STORE], rates[name]))} times"
    return f"{median(rates[name]):,.0f}{times}"


def plot(rates: Rates, names: list[str], amount: Amount) -> Plot:
    """Return the rates as bars."""
    return Plot(
        name="throughput",
        title=f"{amount.tasks} tasks, a pool of {POOL_SIZE}",
        kind="bars",
        x_label="",
        y_label="calls per second",
        series={
            name: [_point(kind, rates[kind][name]) for kind in (*JOBS, MIX) if name in rates[kind]] for name in names
        },
        caption="Higher is better.",
    )


def _point(kind: str, values: list[float]) -> Point:
    return Point(kind.replace("_", " "), median(values), min(values), max(values))
