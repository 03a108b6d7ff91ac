"""Settings that make no sense are refused before anything connects."""

import math

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore import ConfigurationError, PostgresStore

URL = "postgresql://user:secret@localhost/database"


@pytest.mark.parametrize("name", ["retry_seconds", "attempt_timeout_seconds", "connect_timeout_seconds"])
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan, "5", None])
def test_a_duration_is_a_number_above_zero(name, value):
    with pytest.raises(ConfigurationError, match=f"{name} must be a number of seconds above 0"):
        PostgresStore(URL, **{name: value})


@pytest.mark.parametrize("name", ["max_page_size", "pool_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "5", None])
def test_a_size_is_a_whole_number_of_at_least_one(name, value):
    with pytest.raises(ConfigurationError, match=f"{name} must be a whole number of at least 1"):
        PostgresStore(URL, **{name: value})


def test_other_settings_are_checked_too():
    with pytest.raises(ConfigurationError, match='on_unreadable must be "leave_out" or "raise"'):
        PostgresStore(URL, on_unreadable="ignore")
    with pytest.raises(ConfigurationError, match="user_id= must be a callable"):
        PostgresStore(URL, user_id="alice")
    with pytest.raises(ConfigurationError, match='pooler must be "transaction" or "session"'):
        PostgresStore(URL, pooler="statement")
    with pytest.raises(ConfigurationError, match='thread_order must be "created_at" or "updated_at"'):
        PostgresStore(URL, thread_order="title")
    with pytest.raises(ConfigurationError, match="preview_urls= must have a method preview_url"):
        PostgresStore(URL, preview_urls="https://example.com")


def test_of_an_engine_the_host_knows_whether_it_goes_by_a_pooler():
    with pytest.raises(ConfigurationError, match="statement_cache_size"):
        PostgresStore(engine=create_async_engine("postgresql+asyncpg://"), pooler="transaction")


def test_it_is_a_url_or_an_engine():
    for arguments in ({}, {"database_url": URL, "engine": object()}):
        with pytest.raises(ConfigurationError, match="either a database_url or engine="):
            PostgresStore(**arguments)


def test_an_engine_has_to_be_asynchronous():
    with pytest.raises(ConfigurationError, match="must be a sqlalchemy.ext.asyncio.AsyncEngine, not Engine"):
        PostgresStore(engine=create_engine("sqlite://"))


def test_the_password_shows_nowhere():
    store = PostgresStore(URL)
    assert "secret" not in repr(store) + repr(store.engine) + str(store.engine.url) + repr(vars(store))
