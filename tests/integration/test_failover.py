"""Two hosts in the URL: the primary dies, the standby takes over, and whoever writes goes on by themselves."""

import asyncio
import logging
import socket

import pytest

from chatkit_pgstore import PostgresStore, StoreUnavailableError
from tests.support.appender import append_one, see_that_what_returned_first_comes_first
from tests.support.replicas import running_pair
from tests.support.samples import ALICE, ids_of, thread
from tests.support.waiting import eventually, turns_of_the_loop

logger = logging.getLogger(__name__)

FAILOVERS, WRITERS, ITEMS_BETWEEN = 5, 4, 20


@pytest.fixture(scope="module")
def pair():
    with running_pair() as pair:
        yield pair


@pytest.fixture
def silent_host():
    """A place that takes connections, as a machine that hangs does, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


async def test_writers_go_on_when_the_primary_dies_and_the_standby_is_promoted(pair):
    appends, failed, enough = [], [], asyncio.Event()
    async with PostgresStore(pair.url()) as store:
        await pair.be_synchronous()
        await store.save_thread(thread(), ALICE)
        writers = [asyncio.create_task(append_until(enough, store, name, appends, failed)) for name in range(WRITERS)]
        for _ in range(FAILOVERS):
            await there_are_more(appends)
            await pair.fail_over()
            await there_are_more(appends)
            await asyncio.to_thread(pair.rebuild)
            await pair.be_synchronous()
        enough.set()
        await asyncio.gather(*writers)
        ids = await ids_of(store)
    acknowledged = {append.item_id for append in appends}
    logger.info(
        "%d failovers: %d acknowledged, %d missing, %d doubled, %d failed",
        *(FAILOVERS, len(appends), len(acknowledged - set(ids)), len(ids) - len(set(ids)), len(failed)),
    )
    assert failed == []
    assert sorted(ids) == sorted(append.item_id for append in appends)
    see_that_what_returned_first_comes_first(appends, ids)


async def there_are_more(appends):
    wanted = len(appends) + ITEMS_BETWEEN
    await eventually(lambda: len(appends) > wanted)


async def append_until(enough, store, name, appends, failed):
    number = 0
    while not enough.is_set():
        try:
            appends.append(await append_one(store, f"msg_{name}_{number}"))
        except StoreUnavailableError as error:
            failed.append(error)
        number += 1


async def test_a_standby_is_passed_over_wherever_it_stands_in_the_url(pair):
    primary, standby = f"127.0.0.1:{pair.primary.port}", f"127.0.0.1:{pair.standby.port}"
    for hosts in (f"{primary},{standby}", f"{standby},{primary}"):
        async with PostgresStore(f"postgresql://postgres@{hosts}/postgres") as store:
            await store.save_thread(thread(), ALICE)


async def test_a_standby_that_is_asked_for_is_what_the_store_gets(pair):
    hosts = f"127.0.0.1:{pair.primary.port},127.0.0.1:{pair.standby.port}"
    async with PostgresStore(pair.url()) as store:
        await store.save_thread(thread(), ALICE)
    for wanted in ("standby", "prefer-standby"):
        store = PostgresStore(
            f"postgresql://postgres@{hosts}/postgres?target_session_attrs={wanted}", retry_seconds=1.0
        )
        assert await store.load_thread("thr_1", ALICE) == thread()
        with pytest.raises(StoreUnavailableError, match="ReadOnlySQLTransaction"):
            await store.save_thread(thread(), ALICE)
        await store.close()


async def test_a_host_that_hangs_leaves_the_others_their_time(silent_host, database_url, make_store, caplog):
    caplog.set_level(logging.DEBUG, logger="chatkit_pgstore")
    store = await make_store(with_a_host_before(silent_host, database_url), connect_timeout_seconds=1.0)
    await store.save_thread(thread(), ALICE)
    assert not [each for each in caplog.messages if "failed" in each]


async def test_the_host_that_answered_last_is_asked_first(silent_host, database_url, make_store, caplog):
    caplog.set_level(logging.DEBUG, logger="chatkit_pgstore")
    store = await make_store(with_a_host_before(silent_host, database_url), connect_timeout_seconds=1.0)
    await store.save_thread(thread(), ALICE)
    await asyncio.gather(*(store.load_thread("thr_1", ALICE) for _ in range(10)))
    await turns_of_the_loop()
    assert store.engine.pool.checkedin() == 10
    assert len([each for each in caplog.messages if "gave no connection (TimeoutError)" in each]) == 1


async def test_a_login_that_is_refused_is_not_tried_at_the_next_host(silent_host, database_url, make_store):
    url = database_url.replace("/chatkit_pgstore_", "/no_such_database_")
    store = await make_store(with_a_host_behind(silent_host, url), connect_timeout_seconds=10)
    with pytest.raises(Exception, match="refused the login"):
        await store.load_thread("thr_1", ALICE)


def with_a_host_before(address, url):
    user_and_scheme, at, rest = url.rpartition("@")
    return f"{user_and_scheme}{at}{address[0]}:{address[1]},{rest}"


def with_a_host_behind(address, url):
    before, slash, database = url.rpartition("/")
    return f"{before},{address[0]}:{address[1]}{slash}{database}"
