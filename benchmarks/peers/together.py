"""What becomes of messages that many tasks append to one conversation at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from benchmarks.measured import Table
from benchmarks.peers.chatkit_messages import OnStore
from benchmarks.peers.opening import Field, opened
from benchmarks.peers.settings import Amount
from benchmarks.peers.tutorial import OnTutorialStore
from benchmarks.peers.workload import TOGETHER, USER, Ready, text


@dataclass(frozen=True)
class Appended:
    """A message that was stored, and when its call began and came back."""

    text: str
    began: float
    ended: float


@dataclass(frozen=True)
class Outcome:
    """What was asked for, and what was found then.

    Attributes:
        failed: Calls that raised, by what they raised.
        lost: Messages that were acknowledged and are not there.
        misplaced: Messages that stand before one whose call had come back when theirs began.
        sharing: Messages whose place another one has, too; None where a contender has no numbered places.
        skipped: Messages that are there, and on no page of twenty; None where there are no pages.
    """

    stored: int
    failed: dict[str, int]
    lost: int
    misplaced: int
    sharing: int | None
    skipped: int | None
    per_second: float


async def outcomes(made: Field, amount: Amount) -> dict[str, Outcome]:
    """Return what happened with each contender."""
    async with opened(made) as contenders:
        return {each.name: await _outcome(each, amount) for each in contenders}


async def _outcome(ready: Ready, amount: Amount) -> Outcome:
    await ready.contender.fill(USER, TOGETHER, [text()])
    wanted = iter([text() for _ in range(amount.appends_together)])
    appended: list[Appended] = []
    failed: dict[str, int] = {}

    async def append_some() -> None:
        for one in wanted:
            began = perf_counter()
            try:
                await ready.contender.append(USER, TOGETHER, one)
            except Exception as error:  # noqa: BLE001  # whatever a peer raises is counted
                failed[type(error).__name__] = failed.get(type(error).__name__, 0) + 1
            else:
                appended.append(Appended(one, began, perf_counter()))

    started = perf_counter()
    await asyncio.gather(*(append_some() for _ in range(amount.tasks)))
    rate = len(appended) / (perf_counter() - started)
    found = await ready.contender.newest(USER, TOGETHER, amount.appends_together + 1)
    lost = len({each.text for each in appended} - set(found))
    contender = ready.contender
    return Outcome(
        stored=len(appended),
        failed=failed,
        lost=lost,
        misplaced=misplaced(found, appended),
        sharing=await contender.shared_places(TOGETHER) if isinstance(contender, OnTutorialStore) else None,
        skipped=await _skipped(contender, found) if isinstance(contender, OnStore) else None,
        per_second=rate,
    )


def misplaced(found: Sequence[str], appended: Sequence[Appended]) -> int:
    """Return how many messages stand before one that was stored before they began."""
    known = {each.text: each for each in appended}
    earliest_end_behind, count = float("inf"), 0
    for each in (known[one] for one in reversed(found) if one in known):
        count += earliest_end_behind < each.began
        earliest_end_behind = min(earliest_end_behind, each.ended)
    return count


async def _skipped(contender: OnStore, found: Sequence[str]) -> int:
    return len(set(found) - set(await contender.paged(USER, TOGETHER)))


def table(found: dict[str, Outcome], amount: Amount) -> Table:
    """Return what happened."""
    return Table(
        name="together",
        title=f"{amount.tasks} tasks append {amount.appends_together} messages to one conversation",
        columns=[
            "",
            "acknowledged",
            "failed",
            "lost",
            "out of order",
            "in a place that is taken",
            "on no page",
            "per second",
        ],
        rows=[[name, *_cells(outcome)] for name, outcome in found.items()],
        note="Lost: acknowledged, and not there. Out of order: it stands before a message whose call had come back "
        "when its own began. A place that is taken: a sort key that another message has. On no page: it is there, "
        "and whoever reads the conversation in pages of twenty does not see it.",
    )


def _cells(outcome: Outcome) -> list[str]:
    return [
        str(outcome.stored),
        ", ".join(f"{count} {error}" for error, count in outcome.failed.items()) or "0",
        str(outcome.lost),
        str(outcome.misplaced),
        *("-" if count is None else str(count) for count in (outcome.sharing, outcome.skipped)),
        f"{outcome.per_second:,.0f}",
    ]
