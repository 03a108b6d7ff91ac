"""Backends are ended and servers crash while others write: what was acknowledged is there once, and in order."""

from examples.embedded_postgres import EmbeddedPostgres
from tests.chaos.crashes import KILL, PROCESSES, TERMINATE, crashes

TERMINATIONS, KILLS = 50, 10


async def test_writers_in_two_processes_lose_nothing_in_50_backend_kills_and_10_crashes_of_the_server():
    """Same as ``python -m tests.chaos --crashes``, which prints the figures."""
    with EmbeddedPostgres(durable=True) as server:
        figures = await crashes(server, terminations=TERMINATIONS, kills=KILLS)
    assert figures.is_good, "\n".join(figures.lines())
    assert figures.faults == {TERMINATE: TERMINATIONS, KILL: KILLS}
    assert figures.acknowledged == figures.calls.total()
    assert figures.sent_again.total() >= (TERMINATIONS + KILLS) * PROCESSES
