"""The instruments of the benchmark beside peers: they count right, and what is missing is named."""

import asyncpg
import pytest

from benchmarks.peers import facts_table, opening
from benchmarks.peers.contender import Facts
from benchmarks.peers.facts import ALL, STORE, TUTORIAL
from benchmarks.peers.proxy import delaying_proxy
from benchmarks.peers.together import Appended, misplaced
from benchmarks.peers.turn import Chat
from benchmarks.peers.workload import USER, text
from examples.embedded_postgres import EmbeddedPostgres

OURS = [facts for facts in ALL if facts.name in (STORE, TUTORIAL)]


@pytest.fixture(scope="module")
def server():
    with EmbeddedPostgres() as running:
        yield running


@pytest.fixture
def proxy(server):
    with delaying_proxy(server.port) as running:
        yield running


@pytest.fixture
async def field(server):
    made = opening.Field(server, OURS, {}, {}, purpose="test")
    async with opening.databases(made):
        yield made


async def test_round_trips_and_bytes_are_those_of_the_conversation(server, proxy):
    connection = await asyncpg.connect(proxy.url(server.url()), statement_cache_size=0)
    try:
        assert proxy.counts().connections >= 1
        assert await connection.execute("SELECT 1") == "SELECT 1"
        once = proxy.counts()
        await connection.execute("SELECT 1")
        await connection.execute("SELECT 1")
        twice = proxy.counts()
    finally:
        await connection.close()
    # A simple query: its letter, its length, its text and a zero.
    assert (once.round_trips, once.bytes_to_server, once.connections) == (1, 1 + 4 + len("SELECT 1") + 1, 0)
    assert (twice.round_trips, twice.bytes_to_server) == (2, 2 * once.bytes_to_server)
    assert twice.bytes_from_server == 2 * once.bytes_from_server > 0


async def test_late_bytes_arrive_in_their_order(server, proxy):
    proxy.delay(0.001)
    connection = await asyncpg.connect(proxy.url(server.url()))
    try:
        # More than one packet each way.
        long = "x" * 3_000_000
        assert await connection.fetchval("SELECT $1::text", long) == long
        numbers = await connection.fetch("SELECT generate_series(1, 100000) AS number")
        assert [row["number"] for row in numbers] == list(range(1, 100_001))
    finally:
        await connection.close()


async def test_both_stores_answer_the_same_turn(field):
    async with opening.opened(field) as contenders:
        found = {}
        for each in contenders:
            chat = Chat(each.contender.store)
            await chat.prepare()
            await chat.turn(attachments=1)
            await chat.turn(attachments=0)
            items = await each.contender.store.load_thread_items("thr_of_turns", None, 10, "asc", {"user_id": USER})
            found[each.name] = [(item.type, item.content[0].text) for item in items.data]
    assert found[STORE] == found[TUTORIAL] == [("user_message", "Is it so?"), ("assistant_message", "Yes.")] * 2


async def test_pages_hold_what_was_appended_once_in_its_order(field):
    texts = [text() for _ in range(45)]
    async with opening.opened(field) as contenders:
        for each in contenders:
            await each.contender.fill(USER, "thr_2", texts)
            assert await each.contender.newest(USER, "thr_2", 45) == texts
            assert await each.contender.newest(USER, "thr_2") == texts[-20:]
            assert await each.contender.paged(USER, "thr_2") == texts[::-1]


def test_a_message_before_one_that_was_stored_earlier_is_misplaced():
    first, second, beside_both = Appended("1", 0, 1), Appended("2", 2, 3), Appended("3", 0, 3)
    appended = [first, second, beside_both]
    assert misplaced(["1", "2", "3"], appended) == misplaced(["3", "1", "2"], appended) == 0
    assert misplaced(["2", "1", "3"], appended) == misplaced(["2", "3", "unknown", "1"], appended) == 1


def test_a_peer_that_is_not_installed_is_named_with_the_reason(server, monkeypatch):
    words = dict.fromkeys(("append", "newest", "first_page", "users", "pages", "order", "single"), "")
    absent = Facts(name="absent", package="no-such-package", module="benchmarks.peers.no_such_peer", **words)
    monkeypatch.setattr(opening, "ALL", (*OURS, absent))
    monkeypatch.setattr(facts_table, "ALL", (*OURS, absent))
    made = opening.known(server)
    rows = {row[0]: row for row in facts_table.table(made).rows}
    assert [each.name for each in made.facts] == [STORE, TUTORIAL]
    assert rows["absent"][1] == "no-such-package not installed"
    assert rows["absent"][2].startswith("not measured: ModuleNotFoundError: No module named")
