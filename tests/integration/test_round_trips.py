"""Every call is one round trip, counted on the wire between the store and the server."""

import pytest
from chatkit.store import Store
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore import PostgresStore
from chatkit_pgstore._beyond import BeyondChatKit
from tests.support.calls import BEYOND, BY_METHOD, CALLS, fill
from tests.support.shared import proxy_before, shared_database


@pytest.fixture(scope="module")
def shared_database_url(server_url, template_database):
    """One database for all cases, each of which is a user of its own."""
    with shared_database(server_url, template_database) as url:
        yield url


@pytest.fixture
async def proxy(shared_database_url):
    async with proxy_before(shared_database_url) as proxy:
        yield proxy


def test_the_calls_below_are_all_methods_of_the_store():
    assert {call.method for call in CALLS} == Store.__abstractmethods__
    assert {call.method for call in BEYOND} == {name for name in vars(BeyondChatKit) if not name.startswith("_")}


@pytest.mark.parametrize("call", CALLS + BEYOND, ids=str)
async def test_a_warm_call_is_one_round_trip(call, proxy, shared_database_url):
    store = PostgresStore(proxy.url(shared_database_url), pool_size=1)
    try:
        assert await round_trips_of_the_second(call, store, proxy, {"user_id": f"own: {call}"}) == 1
    finally:
        await store.close()


class Elsewhere:
    async def preview_url(self, user_id, attachment):
        return "https://example.com/preview"


@pytest.mark.parametrize(
    "call", [call for call in CALLS + BEYOND if "threads" not in call.name or "cursor" not in call.name], ids=str
)
async def test_no_option_costs_a_round_trip_but_row_security(call, proxy, shared_database_url):
    store = PostgresStore(
        proxy.url(shared_database_url), pool_size=1, thread_order="updated_at", preview_urls=Elsewhere()
    )
    try:
        assert await round_trips_of_the_second(call, store, proxy, {"user_id": f"options: {call}"}) == 1
    finally:
        await store.close()


@pytest.mark.parametrize("call", BY_METHOD.values(), ids=str)
async def test_a_warm_call_on_a_hosts_engine_is_one_round_trip(call, proxy, shared_database_url):
    url = proxy.url(shared_database_url).replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, pool_size=1, max_overflow=0)
    try:
        store = PostgresStore(engine=engine)
        assert await round_trips_of_the_second(call, store, proxy, {"user_id": f"host's: {call}"}) == 1
    finally:
        await engine.dispose()


async def round_trips_of_the_second(call, store, proxy, context):
    await fill(store, context)
    await call.made(store, 1, context)
    proxy.reset()
    await call.made(store, 2, context)
    assert proxy.connections == 0
    return proxy.round_trips
