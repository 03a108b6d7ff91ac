"""Measures the store against what asyncpg can do at most, and against the network itself.

The same SQL, and the same work on JSON, go through the store, through `asyncpg.Pool`, and over one dedicated
connection with prepared statements. Below them lie a `SELECT 1` on that connection, and bytes that are echoed.
"""

import gc
from dataclasses import asdict
from functools import partial

import asyncpg

from benchmarks.awake import AS_THEY_ARE, processors_awake
from benchmarks.blocks import Block, Call, timed_in_turn
from benchmarks.contenders import HOST, NAMES, POOL_SIZE, STORE, Contender, opened_contenders
from benchmarks.limits_figures import ECHO, FLOOR, SELECT, Limits, Times, plots, ratios_to_guard, tables
from benchmarks.measured import Measured
from benchmarks.round_trip import Questions, echo
from benchmarks.surroundings import surroundings
from benchmarks.workload import OPERATIONS, Operation, fill
from examples.embedded_postgres import EmbeddedPostgres
from tests.support.proxy import RoundTripProxy

ROUNDS, CALLS, WARM_UP_CALLS = 7, 500, 200
ROUNDS_OF_A_QUICK_RUN, CALLS_OF_A_QUICK_RUN = 3, 50


async def measured(server: EmbeddedPostgres, *, quick: bool) -> Measured:
    """Return what the calls of a store cost on *server*, which is empty and has autovacuum off."""
    rounds, calls = (ROUNDS_OF_A_QUICK_RUN, CALLS_OF_A_QUICK_RUN) if quick else (ROUNDS, CALLS)
    async with opened_contenders(server.url()) as (contenders, connection), echo() as questions:
        for name in (*NAMES, HOST):
            await fill(contenders[STORE], user=name)
        trips = await _round_trips(server)
        gc.freeze()  # so that collections in a block look at that block's garbage alone
        blocks = _blocks(contenders) | {FLOOR: await _floor(connection, questions)}
        with processors_awake() as processors:
            awake = await _timed(blocks, rounds, calls)
        limits = Limits(trips, awake, await _timed(blocks, rounds, calls))
    where = await surroundings(
        server.url(),
        method=f"medians of {rounds} rounds of {calls} calls each; blocks alternate, one call at a time, and another "
        "one begins each round; a ratio is taken in each round, and its median shown",
        processors=f"{processors}; for comparison {AS_THEY_ARE}, too",
        pools=f"store: pool_size={POOL_SIZE}; asyncpg.Pool: min_size=max_size={POOL_SIZE}, defaults otherwise",
    )
    return Measured(
        name="limits",
        command="make bench",
        surroundings=where,
        tables=tables(limits),
        plots=plots(limits),
        ratios=ratios_to_guard(limits),
        raw=asdict(limits),
    )


def _blocks(contenders: dict[str, Contender]) -> dict[str, dict[str, Block]]:
    """Return who has to make which calls, by operation and contender; each as a user of its own."""
    return {
        call: {name: partial(operation, contender, name) for name, contender in contenders.items()}
        for call, operation in OPERATIONS.items()
    }


async def _floor(connection: asyncpg.Connection, questions: Questions) -> dict[str, Block]:
    select = (await connection.prepare("SELECT 1")).fetch
    return {SELECT: partial(_repeated, select), ECHO: partial(_repeated, questions.ask)}


def _repeated(call: Call, calls: int) -> list[Call]:
    return [call] * calls


async def _timed(blocks: dict[str, dict[str, Block]], rounds: int, calls: int) -> Times:
    return {
        call: await timed_in_turn(each, rounds=rounds, calls=calls, warm_up=WARM_UP_CALLS)
        for call, each in blocks.items()
    }


async def _round_trips(server: EmbeddedPostgres) -> dict[str, dict[str, int]]:
    """Return the round trips of one warm call, by operation and contender, as counted on the wire."""
    async with (
        RoundTripProxy("127.0.0.1", server.port) as proxy,
        opened_contenders(proxy.url(server.url())) as (contenders, _),
    ):
        return {
            call: {name: await _trips_of(operation, contenders[name], name, proxy) for name in NAMES}
            for call, operation in OPERATIONS.items()
        }


async def _trips_of(operation: Operation, contender: Contender, name: str, proxy: RoundTripProxy) -> int:
    warm_up, counted = operation(contender, name, 2)
    await warm_up()
    proxy.reset()
    await counted()
    return proxy.round_trips
