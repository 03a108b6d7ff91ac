"""Measure PostgresStore against a hand-written store on asyncpg.Pool, and against one dedicated connection.

    python benchmarks/ratios.py [--rounds 7] [--block 500] [--json FILE]

All three run the same SQL and write and read the same JSON. Their blocks of calls alternate, one call at a time,
on an embedded server; another one begins each round. Figures are printed and nothing is asserted.
"""

import argparse
import asyncio
import gc
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.contenders import NAMES, STORE, Contender, opened_contenders
from benchmarks.report import Surroundings, markdown, surroundings
from benchmarks.results import Result
from benchmarks.workload import OPERATIONS, Call, Operation, fill
from examples.embedded_postgres import EmbeddedPostgres
from tests.support.proxy import RoundTripProxy

WARM_UP_CALLS = 200
# Vacuum would come by when it likes, and hit one contender more than the other.
SERVER_SETTINGS = {"autovacuum": "off"}


def main() -> None:
    """Run the measurement that the command line asks for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="blocks per call and contender; the median counts")
    parser.add_argument("--block", type=int, default=500, help="calls per block")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    with EmbeddedPostgres(settings=SERVER_SETTINGS) as server:
        results, where = asyncio.run(measured(server, options.rounds, options.block))
    print(markdown(results, where))
    if options.json:
        figures = {"calls": [asdict(result) for result in results], "surroundings": asdict(where)}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


async def measured(server: EmbeddedPostgres, rounds: int, block: int) -> tuple[list[Result], Surroundings]:
    """Fill the database and return the result of every operation, and what it was measured on."""
    async with opened_contenders(server.url()) as contenders:
        for name in NAMES:
            await fill(contenders[STORE], user=name)
        where = await surroundings(server.url(), rounds, block)
        trips = await _round_trips(server)
        gc.freeze()  # so that collections in a block look at that block's garbage alone
        results = [
            Result(call, trips[call], await _seconds(operation, contenders, rounds, block), target)
            for call, (operation, target) in OPERATIONS.items()
        ]
    return results, where


async def _seconds(
    operation: Operation, contenders: dict[str, Contender], rounds: int, block: int
) -> dict[str, list[float]]:
    """Return the seconds per call of each round, by contender."""
    for name in NAMES:
        await _timed(operation(contenders[name], name, WARM_UP_CALLS))
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    for number in range(rounds):
        first = number % len(NAMES)
        for name in NAMES[first:] + NAMES[:first]:
            seconds[name].append(await _timed(operation(contenders[name], name, block)))
    return seconds


async def _timed(calls: Sequence[Call]) -> float:
    # What one contender leaves behind is not collected in another one's time.
    gc.collect()
    started = perf_counter()
    for call in calls:
        await call()
    return (perf_counter() - started) / len(calls)


async def _round_trips(server: EmbeddedPostgres) -> dict[str, dict[str, int]]:
    """Return the round trips of one warm call, by operation and contender, as counted on the wire."""
    trips: dict[str, dict[str, int]] = {call: {} for call in OPERATIONS}
    async with (
        RoundTripProxy("127.0.0.1", server.port) as proxy,
        opened_contenders(proxy.url(server.url())) as contenders,
    ):
        for call, (operation, _) in OPERATIONS.items():
            for name in NAMES:
                warm_up, counted = operation(contenders[name], name, 2)
                await warm_up()
                proxy.reset()
                await counted()
                trips[call][name] = proxy.round_trips
    return trips


if __name__ == "__main__":
    main()
