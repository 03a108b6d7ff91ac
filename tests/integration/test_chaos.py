"""A short chaos run with a fixed seed (``make chaos`` is a long one), and what it says of stores that are broken."""

import asyncio
import re

import pytest

from chatkit_pgstore import StoreUnavailableError
from chatkit_pgstore.testing import MemoryStore
from examples.embedded_postgres import EmbeddedPostgres
from tests.chaos.__main__ import verdict
from tests.chaos.anything import EVERYBODYS, METHODS
from tests.chaos.cancelling import WAYS
from tests.chaos.figures import Figures, listening
from tests.chaos.player import DisagreementError, Player
from tests.chaos.run import all_at_work, chaos
from tests.chaos.shared_threads import Appender, SharedThreads
from tests.support.samples import message

SECONDS, SEED = 15, 20260203
STEPS = 300


async def test_under_faults_and_cancellations_postgres_store_stays_what_memory_store_is():
    with EmbeddedPostgres(durable=True) as server:
        figures = await chaos(server, SECONDS, SEED)
    again = f"again: python -m tests.chaos --seconds {SECONDS} --seed {SEED}"
    assert figures.is_good, "\n".join([*figures.lines(), again])
    assert figures.calls.keys() == set(METHODS)
    assert figures.cancellations.keys() == set(WAYS)
    assert len(figures.faults) > 8, figures.faults
    assert figures.acknowledged > 100
    assert figures.sent_again.total() > 50


class CancelledInTheMiddle(MemoryStore):
    async def add_thread_item(self, thread_id, item, context):
        await asyncio.sleep(0.001)
        await super().add_thread_item(thread_id, item, context)


class SentTwice(MemoryStore):
    """As a store that makes up an id for each attempt."""

    async def add_thread_item(self, thread_id, item, context):
        for _ in range(2):
            await super().add_thread_item(thread_id, item, context)


class Doubtful(MemoryStore):
    async def save_item(self, thread_id, item, context):
        await super().save_item(thread_id, item, context)
        raise StoreUnavailableError("It is there all the same.")


class AcknowledgedTooSoon(MemoryStore):
    late = None

    async def add_thread_item(self, thread_id, item, context):
        if self.late is not None:
            await super().add_thread_item(thread_id, self.late, context)
        self.late = item


class FullOfLatecomers(MemoryStore):
    """New items stand first."""

    async def add_thread_item(self, thread_id, item, context):
        await super().add_thread_item(thread_id, item, context)
        items = self._users[context["user_id"]].threads[thread_id].items
        for item_id in [*items][:-1]:
            items[item_id] = items.pop(item_id)


class MadeUp(MemoryStore):
    async def save_item(self, thread_id, item, context):
        await super().save_item(thread_id, item, context)
        await super().save_item(thread_id, message("msg_made_up", "made up"), context)


def player(store, figures, seed="seed 1"):
    stores = (MemoryStore(), store)
    return Player("alice", "alice", EVERYBODYS, stores, figures, is_alone=True, seed=seed)


@pytest.mark.parametrize(
    ("store", "fault"),
    [
        (CancelledInTheMiddle(), "missing"),
        (SentTwice(), "doubled"),
        (Doubtful(), "failed"),
        (AcknowledgedTooSoon(), "missing"),
        (FullOfLatecomers(), "out of order"),
        (MadeUp(), "unheard of"),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_a_shared_thread_of_a_broken_store_is_reported(store, fault):
    figures = Figures()
    shared = SharedThreads(store, "dave")
    appenders = [Appender(str(number), shared, figures, seed="seed 1") for number in range(3)]
    for _ in range(STEPS // len(appenders)):
        await asyncio.gather(*(appender.step() for appender in appenders))
    for thread in shared.threads:
        thread.judge(await shared.texts_of(thread, store), figures)
    assert figures.bad[fault] > 0
    assert figures.complaints


@pytest.mark.parametrize(
    ("store", "fault"),
    [
        (CancelledInTheMiddle(), "disagreements with the reference"),
        (Doubtful(), "failed"),
        (AcknowledgedTooSoon(), "disagreements with the reference"),
        (FullOfLatecomers(), "disagreements with the reference"),
        (MadeUp(), "disagreements with the reference"),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_a_player_on_a_broken_store_reports_it_with_its_history(store, fault):
    figures = Figures()
    with pytest.raises(DisagreementError):
        await play(player(store, figures))
    assert figures.bad[fault] == 1
    [complaint] = figures.complaints
    assert "found: " in complaint
    assert "expected: " in complaint


async def test_a_sound_store_gives_nothing_to_report():
    figures = Figures()
    await play(player(MemoryStore(), figures))
    assert figures.is_good
    assert figures.calls.total() > STEPS


class Hanging(MemoryStore):
    async def save_item(self, thread_id, item, context):
        await asyncio.Event().wait()


async def test_a_call_that_does_not_end_is_reported():
    figures, over = Figures(), asyncio.Event()
    appender = Appender("stuck", SharedThreads(Hanging(), "dave"), figures, seed="seed 1", cancelled=0)
    await all_at_work([appender], over, figures, 0.2)
    assert figures.failed == 1
    assert re.fullmatch(r"stuck: a call that does not end: save_item of 'stuck \d+'", figures.complaints[0])


def test_bad_figures_end_with_an_error_and_the_command_that_repeats_them(capsys):
    assert verdict(Figures(), "--seconds 5 --seed 7") == 0
    assert "again: " not in capsys.readouterr().out
    assert verdict(Figures(missing=1), "--seconds 5 --seed 7") == 1
    *_, figures, again = capsys.readouterr().out.splitlines()
    assert figures.startswith("acknowledged 0, missing 1, doubled 0, out of order 0")
    assert again == "again: python -m tests.chaos --seconds 5 --seed 7"


async def test_a_seed_fixes_what_a_player_does():
    players = [player(MemoryStore(), Figures(), seed) for seed in ("seed 1", "seed 1", "seed 2")]
    for each in players:
        await play(each)
    first, again, other = (calls_of(each) for each in players)
    assert first == again != other


async def play(each):
    for _ in range(STEPS):
        await each.step()


def calls_of(each):
    """Return the calls without their times, and without the addresses of objects that no JSON can hold."""
    return [re.sub(r"^ *[\d.]+ s|0x[0-9a-f]+", "", call) for call, _ in each._history]


async def test_a_write_that_fails_behind_the_back_of_its_caller_counts(make_store):
    store, figures = await make_store(pool_size=1, retry_seconds=1.0), Figures()
    with listening(figures):
        async with store.engine.connect():
            caller = asyncio.create_task(store.add_thread_item("thr_1", message("msg_1"), {"user_id": "alice"}))
            await asyncio.sleep(0)
            caller.cancel()
            await asyncio.wait([caller])
    assert caller.cancelled()
    assert figures.failed == 1
