"""What a BufferedStore refuses to be made with, and what it learns from the store inside."""

from types import SimpleNamespace

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore import ConfigurationError, PostgresStore
from chatkit_pgstore.buffered import BufferedStore
from chatkit_pgstore.testing import MemoryStore
from tests.support.outage import AwayStore
from tests.support.samples import ALICE, thread

URL = "postgresql://somebody:password@db.example:6543/chat"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_bytes": -1}, "max_bytes"),
        ({"max_bytes": 1.5}, "max_bytes"),
        ({"max_bytes": True}, "max_bytes"),
        ({"remember_threads": 0}, "remember_threads"),
        ({"remember_threads": "many"}, "remember_threads"),
        ({"database": ""}, "database="),
        ({"database": 5}, "database="),
        ({"journal": ""}, "journal="),
        ({"journal": None}, "journal="),
        ({"user_id": "alice", "context": dict}, "user_id= must be a callable"),
        ({"context": {"user_id": "alice"}}, "context= must be a callable"),
        ({"user_id": str}, "give context= too"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(options, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        BufferedStore(PostgresStore(URL), **{"journal": "journal", **options})


def test_a_store_that_does_not_name_its_database_has_to_be_told():
    with pytest.raises(ConfigurationError, match="MemoryStore does not tell.*database="):
        BufferedStore(MemoryStore(), "journal")


def database_of(store, **options):
    return BufferedStore(store, "journal", **options)._calls.settings.database


@pytest.mark.parametrize(
    ("url", "database"),
    [
        (URL, "db.example:6543/chat"),
        ("postgresql://other:word@db.example/chat?sslmode=disable", "db.example:5432/chat"),
        ("postgresql:///chat?host=/run/postgresql", "/run/postgresql:5432/chat"),
    ],
)
def test_a_database_is_its_host_port_and_name_and_no_credentials(url, database):
    assert database_of(PostgresStore(url)) == database


def test_a_database_of_a_hosts_engine_is_told_alike():
    engine = create_async_engine(URL.replace("postgresql://", "postgresql+asyncpg://"))
    assert database_of(PostgresStore(engine=engine)) == "db.example:6543/chat"


def test_the_name_that_is_given_comes_first():
    assert database_of(PostgresStore(URL), database="production") == "production"


def test_a_store_with_users_of_its_own_needs_contexts_for_them():
    with pytest.raises(ConfigurationError, match="give context= too"):
        BufferedStore(PostgresStore(URL, user_id=lambda context: context.account), "journal")
    store = PostgresStore(URL, user_id=lambda context: context.account, max_page_size=7)
    settings = BufferedStore(store, "journal", context=lambda user: SimpleNamespace(account=user))._calls.settings
    assert settings.user(SimpleNamespace(account=7)) == "7"
    assert settings.max_page_size == 7


async def test_a_context_of_somebody_else_is_told_by_the_first_call(tmp_path):
    inner = AwayStore()
    options = {"database": "memory", "context": lambda user_id: {"user_id": f"not {user_id}"}}
    async with BufferedStore(inner, tmp_path / "journal", **options) as store:
        with pytest.raises(ConfigurationError, match="another user"):
            await store.save_thread(thread(), ALICE)
    assert inner.calls == []


async def test_what_is_not_started_says_so(tmp_path):
    store = BufferedStore(MemoryStore(), tmp_path / "journal", database="memory")
    for call in (store.load_thread("thr_1", ALICE), store.save_thread(thread(), ALICE)):
        with pytest.raises(ConfigurationError, match="not started"):
            await call
    await store.close()
