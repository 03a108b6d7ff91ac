"""What a warm call sends and receives: round trips and bytes, counted between client and server."""

from dataclasses import dataclass

from benchmarks.measured import Table
from benchmarks.peers.opening import Field, opened
from benchmarks.peers.proxy import DelayingProxy
from benchmarks.peers.settings import FULL
from benchmarks.peers.timing import warm_up
from benchmarks.peers.workload import JOBS, TITLES, Ready, calls

COUNTED_CALLS = 20
NOT_OFFERED = "not offered"


@dataclass(frozen=True)
class OnTheWire:
    """Of one call, on the average of some."""

    round_trips: float
    bytes_to_server: float
    bytes_from_server: float


Wire = dict[str, dict[str, OnTheWire]]


async def on_the_wire(made: Field, proxy: DelayingProxy) -> Wire:
    """Return what the calls of each contender take, by its name and the job's."""
    proxy.delay(0)
    async with opened(made, {each.name: proxy.url(made.url(each)) for each in made.facts}) as contenders:
        return {
            each.name: {job: await _counted(each, job, proxy) for job in JOBS if each.does(job)} for each in contenders
        }


async def _counted(ready: Ready, job: str, proxy: DelayingProxy) -> OnTheWire:
    each = calls(ready.contender, job)
    await warm_up([each], FULL.warm_up_calls)
    proxy.counts()
    for _ in range(COUNTED_CALLS):
        await next(each)()
    counts = proxy.counts()
    return OnTheWire(
        counts.round_trips / COUNTED_CALLS,
        counts.bytes_to_server / COUNTED_CALLS,
        counts.bytes_from_server / COUNTED_CALLS,
    )


def tables(wire: Wire) -> list[Table]:
    """Return the round trips, and the bytes."""
    head = ["", *(TITLES[job] for job in JOBS)]
    return [
        Table(
            name="trips",
            title="Round trips of one warm call",
            columns=head,
            rows=[[name, *(_trips(jobs.get(job)) for job in JOBS)] for name, jobs in wire.items()],
            note=f"Mean of {COUNTED_CALLS} calls: how a client's bytes fall into packets moves some of them a little.",
        ),
        Table(
            name="wire",
            title="Bytes of one warm call: to the server / from it",
            columns=head,
            rows=[[name, *(_bytes(jobs.get(job)) for job in JOBS)] for name, jobs in wire.items()],
            note="PostgreSQL's protocol without TLS; what TCP and IP add is not counted.",
        ),
    ]


def _trips(counted: OnTheWire | None) -> str:
    return NOT_OFFERED if counted is None else f"{counted.round_trips:.3g}"


def _bytes(counted: OnTheWire | None) -> str:
    if counted is None:
        return NOT_OFFERED
    return f"{counted.bytes_to_server:,.0f} / {counted.bytes_from_server:,.0f}"
