"""Measures the store beside its peers, in all dimensions."""

import gc
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import TypeAdapter

from benchmarks.awake import processors_awake
from benchmarks.figures import Measured, Plot, Table, surroundings
from benchmarks.peers import disk, facts_table, latency, network, targets, throughput, together, turn, wire
from benchmarks.peers.opening import Field, field
from benchmarks.peers.proxy import DelayingProxy, delaying_proxy
from benchmarks.peers.settings import FULL, QUICK, Amount
from examples.embedded_postgres import EmbeddedPostgres

Result = TypeVar("Result")

METHOD = (
    "medians of {rounds} rounds; in each, blocks of every contender alternate, and another one begins; a ratio is "
    "taken in each round. A block takes some {block_seconds} s and has at most {most_calls} calls, after {warm_up} of "
    "warm-up"
)


@dataclass(frozen=True)
class Found:
    """All that was measured."""

    network: dict[str, float]
    wire: wire.Wire
    latencies: latency.Latencies
    rates: throughput.Rates
    together: dict[str, together.Outcome]
    turns: turn.Turns
    disk: dict[str, disk.OnDisk]


AS_JSON = TypeAdapter(Found)


async def measured(server: EmbeddedPostgres, *, quick: bool) -> Measured:
    """Return the figures of the store and its peers on *server*, on which databases come and go."""
    amount = QUICK if quick else FULL
    with processors_awake() as how, delaying_proxy(server.port) as proxy:
        async with field(server) as made:
            found = await _found(made, proxy, amount)
            where = await surroundings(server.url(), processors=how, method=_method(amount), peers=_versions(made))
    return Measured(
        name="peers",
        command="make bench",
        surroundings=where,
        tables=_tables(found, made, amount),
        plots=_plots(found, made, amount),
        ratios=targets.guarded(found.latencies, found.rates, found.turns),
        raw=AS_JSON.dump_python(found, mode="json"),
    )


async def _found(made: Field, proxy: DelayingProxy, amount: Amount) -> Found:
    gc.freeze()  # so that a collection before a block looks at what was made since, not at every library
    return Found(
        network=await _told("round trips of the network", network.round_trips(made, proxy, amount)),
        wire=await _told("round trips and bytes of calls", wire.on_the_wire(made, proxy)),
        latencies=await _told("times of calls", latency.latencies(made, proxy, amount)),
        turns=await _told("turns of a chat", turn.turns(made, proxy, amount)),
        rates=await _told("many tasks", throughput.throughputs(made, amount)),
        together=await _told("one conversation for all", together.outcomes(made, amount)),
        disk=await _told("bytes on disk", disk.sizes(made, amount)),
    )


async def _told(what: str, measurement: Awaitable[Result]) -> Result:
    """Say what is being measured: it takes minutes."""
    print(f"peers: {what}", file=sys.stderr, flush=True)
    return await measurement


def _tables(found: Found, made: Field, amount: Amount) -> list[Table]:
    names = [each.name for each in made.facts]
    return [
        targets.table(targets.targets(found.wire, found.latencies, found.rates)),
        facts_table.table(made),
        network.table(found.network),
        *wire.tables(found.wire),
        *latency.tables(found.latencies, names),
        throughput.table(found.rates, names, amount),
        together.table(found.together, amount),
        turn.table(found.turns),
        disk.table(found.disk),
    ]


def _plots(found: Found, made: Field, amount: Amount) -> list[Plot]:
    names = [each.name for each in made.facts]
    return [*latency.plots(found.latencies, names), throughput.plot(found.rates, names, amount)]


def _method(amount: Amount) -> str:
    return METHOD.format(
        rounds=amount.rounds,
        block_seconds=amount.block_seconds,
        most_calls=amount.most_calls,
        warm_up=amount.warm_up_calls,
    )


def _versions(made: Field) -> str:
    return ", ".join(f"{each.package} {made.versions[each.name]}" for each in made.facts)
