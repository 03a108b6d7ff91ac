"""A store on the engine that its host already has: shared as it is, whatever settings it carries."""

import asyncio
import json
import logging

import asyncpg
import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from chatkit_pgstore import ConfigurationError, PostgresStore
from tests.support.calls import CALLS, fill
from tests.support.locks import Holder
from tests.support.samples import ALICE, ids_of, message, thread
from tests.support.tables import dump, fetch_value
from tests.support.waiting import eventually_true

NAME = "the host"
SESSIONS = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{NAME}'"


class OtherDialect(PGDialect_asyncpg):
    """An async driver that is not ours, without the need to install one."""

    driver = "other"


@pytest.fixture
async def make_engine(database_url):
    """``make_engine(**options)``: an engine as a host would make it, disposed of after the test."""
    engines = []

    def make(**options):
        connect_args = {"server_settings": {"application_name": NAME}, **options.pop("connect_args", {})}
        url = database_url.replace("postgresql://", "postgresql+asyncpg://")
        engines.append(create_async_engine(url, connect_args=connect_args, **options))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.dispose()


async def test_close_leaves_the_hosts_engine_open(make_engine, database_url):
    engine = make_engine(pool_size=1)
    store = PostgresStore(engine=engine)
    assert store.engine is engine
    await store.save_thread(thread(), ALICE)
    process = await process_of(engine)
    await store.close()
    assert await process_of(engine) == process
    assert await store.load_thread("thr_1", ALICE) == thread()


async def process_of(engine):
    async with engine.connect() as connection:
        return await connection.scalar(text("SELECT pg_backend_pid()"))


async def test_close_ends_the_connections_of_the_stores_own_engine(database_url):
    store = PostgresStore(f"{database_url}?application_name=the%20host")
    await asyncio.gather(*(store.load_threads(1, None, "asc", ALICE) for _ in range(5)))
    assert await fetch_value(database_url, SESSIONS) > 1
    await store.close()
    await eventually_true(lambda: no_more_sessions_are_left(0, database_url))


async def no_more_sessions_are_left(number, database_url):
    return await fetch_value(database_url, SESSIONS) <= number


async def test_leaving_the_context_closes_only_what_the_store_made(make_engine):
    engine = make_engine(pool_size=1)
    async with PostgresStore(engine=engine) as store:
        process = await process_of(store.engine)
    assert await process_of(engine) == process


def test_another_driver_is_refused():
    registry.register("postgresql.other", __name__, "OtherDialect")
    engine = create_async_engine("postgresql+other://alice:hunter2@db.example/chats")
    with pytest.raises(ConfigurationError, match="must use the driver asyncpg, not other") as raised:
        PostgresStore(engine=engine)
    assert "hunter2" not in str(raised.value)
    with pytest.raises(ConfigurationError, match="must use the driver asyncpg, not other"):
        PostgresStore("postgresql://").bind(AsyncConnection(engine))


@pytest.mark.parametrize(
    ("engine", "kind"),
    [(create_engine("sqlite://"), "Engine"), ("postgresql://db.example/chats", "str"), (object(), "object")],
    ids=["sync engine", "URL", "object"],
)
def test_what_is_no_async_engine_is_refused(engine, kind):
    with pytest.raises(ConfigurationError, match=f"must be a sqlalchemy.ext.asyncio.AsyncEngine, not {kind}"):
        PostgresStore(engine=engine)


async def test_a_store_takes_a_url_or_an_engine_and_not_both(make_engine):
    for arguments in ({}, {"database_url": "postgresql://db.example/chats", "engine": make_engine()}):
        with pytest.raises(ConfigurationError, match="one of the two"):
            PostgresStore(**arguments)


def test_making_a_store_connects_to_nothing():
    """No event loop, no server: the host of the URL does not even exist."""
    assert PostgresStore("postgresql://alice@nowhere.invalid/chats").engine.pool.checkedin() == 0


async def test_pool_pre_ping_is_warned_about(make_engine, caplog):
    PostgresStore(engine=make_engine())
    assert caplog.messages == []
    PostgresStore(engine=make_engine(pool_pre_ping=True))
    assert "pool_pre_ping=True, which costs every call three more round trips" in caplog.text


def run_sql(dbapi_connection, *_):
    cursor = dbapi_connection.cursor()
    cursor.execute("SELECT set_config('search_path', current_setting('search_path'), false)")
    cursor.close()


@pytest.mark.parametrize("moment", ["connect", "checkout", "checkin"])
async def test_writes_survive_a_listener_that_runs_sql(moment, make_engine, database_url):
    """Its BEGIN is left open, and check-in would roll back whatever came after it."""
    engine = make_engine(pool_size=1)
    event.listen(engine.sync_engine, moment, run_sql)
    store = PostgresStore(engine=engine)
    for number in range(3):
        await store.save_thread(thread(f"thr_{number}"), ALICE)
        assert await fetch_value(database_url, "SELECT count(*) FROM chatkit_threads") == number + 1
    await store.delete_thread("thr_0", ALICE)
    assert await fetch_value(database_url, "SELECT count(*) FROM chatkit_threads") == 2


def spoil(_):
    raise AssertionError("the host's json codec was asked")


async def test_a_json_codec_of_the_drivers_own_is_not_asked(make_engine):
    def install(dbapi_connection, _):
        codec = {"schema": "pg_catalog", "encoder": spoil, "decoder": spoil}
        dbapi_connection.run_async(lambda driver: driver.set_type_codec("json", **codec))

    engine = make_engine()
    event.listen(engine.sync_engine, "connect", install)
    store = PostgresStore(engine=engine)
    await store.save_thread(thread(title="Title"), ALICE)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    assert (await store.load_threads(9, None, "asc", ALICE)).data == [thread(title="Title")]
    assert (await store.load_thread_items("thr_1", None, 9, "asc", ALICE)).data == [message("msg_1")]


SETTINGS = {
    "as it comes": {},
    "autocommit": {"isolation_level": "AUTOCOMMIT"},
    "serializable": {"isolation_level": "SERIALIZABLE"},
    "repeatable read by option": {"execution_options": {"isolation_level": "REPEATABLE READ"}},
    "a json codec": {"json_serializer": spoil, "json_deserializer": spoil},
    "no reset": {"pool_reset_on_return": None},
    "pre ping": {"pool_pre_ping": True},
    "no pool": {"poolclass": NullPool},
    "a small pool": {"pool_size": 1, "max_overflow": 2},
    "no statement cache": {"connect_args": {"statement_cache_size": 0}},
    "an odd session": {
        "connect_args": {
            "server_settings": {
                "application_name": NAME,
                "TimeZone": "Asia/Kathmandu",
                "DateStyle": "SQL, DMY",
                "IntervalStyle": "sql_standard",
                "extra_float_digits": "-15",
                "default_transaction_isolation": "serializable",
                "default_transaction_deferrable": "on",
                "enable_indexscan": "off",
            }
        }
    },
}


@pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS)
async def test_the_settings_of_an_engine_make_no_difference(options, make_engine, make_store, database_url):
    plain, hosts = await make_store(), await make_store(engine=make_engine(**options))
    for call in CALLS:
        results = []
        for store, user in ((plain, "plain"), (hosts, "host's")):
            await fill(store, {"user_id": f"{user} {call}"})
            results.append(await call.made(store, 1, {"user_id": f"{user} {call}"}))
        assert results[0] == results[1]
    assert await documents(database_url, "plain") == await documents(database_url, "host's")


async def documents(database_url, kind):
    """Return the rows of all users of a kind, without the times of writing."""
    found = []
    for rows in (await dump(database_url)).values():
        for *_, row in rows:
            values = json.loads(row)
            user, _, call = values["user_id"].partition(f"{kind} ")
            if not user:
                document = values.get("thread") or values.get("item") or values["attachment"]
                found.append((call, values["id"], values.get("sort_key"), values.get("status"), str(document)))
    assert found
    return sorted(found, key=str)


@pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS)
async def test_a_burst_of_calls_leaks_no_connection(options, make_engine, make_store, database_url):
    engine = make_engine(**options)
    store = await make_store(engine=engine)
    await store.save_thread(thread(), ALICE)
    ids = [f"msg_{number}" for number in range(12)]
    calls = [store.add_thread_item("thr_1", message(item_id), ALICE) for item_id in ids]
    calls += [store.load_thread(f"thr_{number % 3}", ALICE) for number in range(12)]
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    await asyncio.wait(tasks)
    assert sorted(await ids_of(store)) == sorted(ids)
    kept = 0 if isinstance(engine.pool, NullPool) else engine.pool.checkedin()
    assert kept <= options.get("pool_size", 5)
    # Fewer are fine: what a cancelled read had is opened again when it is next needed.
    await eventually_true(lambda: no_more_sessions_are_left(kept, database_url))


async def test_conflicts_of_a_serializable_session_are_sent_again(make_engine, make_store, database_url, caplog):
    caplog.set_level(logging.WARNING, logger="chatkit_pgstore")
    settings = {"application_name": NAME, "default_transaction_isolation": "serializable"}
    store = await make_store(engine=make_engine(connect_args={"server_settings": settings}))
    await store.save_thread(thread(), ALICE)
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("UPDATE chatkit_threads SET updated_at = now()")
        adding = asyncio.create_task(store.add_thread_item("thr_1", message("msg_1"), ALICE))
        await Holder(other).is_waited_for_by(1)
    await other.close()
    await adding
    assert await ids_of(store) == ["msg_1"]
    assert "failed (SerializationError)" in caplog.text
