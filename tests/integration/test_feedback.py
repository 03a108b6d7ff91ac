"""What users think of replies: kept whole or not at all, theirs alone, and gone with the item."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from chatkit.server import ChatKitServer

from chatkit_pgstore import (
    BufferedStore,
    ConfigurationError,
    Feedback,
    NotFoundError,
    PostgresStore,
    StoreUnavailableError,
    UsersTable,
    keep_feedback,
)
from chatkit_pgstore.operations import enable_row_security
from chatkit_pgstore.testing import MemoryStore
from tests.conformance.simple_store import SimpleStore
from tests.support.locks import WAITING
from tests.support.outage import SOON, caught_up, sever, severable
from tests.support.roles import GRANTS, role_of
from tests.support.samples import ALICE, BOB, message, thread
from tests.support.tables import fetch_value
from tests.support.users import USERS, UUIDS, create_users
from tests.support.waiting import eventually_true

ITEMS = ("msg_a", "msg_b", "msg_c")


@pytest.fixture(params=["postgres", "memory"])
async def store(request, make_store):
    store = await make_store() if request.param == "postgres" else MemoryStore()
    for context in (ALICE, BOB):
        await store.save_thread(thread("thr_1"), context)
    for item_id in ITEMS:
        await store.add_thread_item("thr_1", message(item_id), ALICE)
    return store


async def opinions_of(store, context=ALICE, thread_id="thr_1"):
    return {item_id: each.kind for item_id, each in (await store.load_feedback(thread_id, context)).items()}


async def test_feedback_comes_back_by_the_ids_of_items(store):
    before = datetime.now(UTC)
    await store.save_feedback("thr_1", ["msg_b", "msg_a", "msg_b"], "positive", ALICE)
    found = await store.load_feedback("thr_1", ALICE)
    assert found.keys() == {"msg_a", "msg_b"}
    assert {each.kind for each in found.values()} == {"positive"}
    for each in found.values():
        assert before.timestamp() - 60 < each.created_at.timestamp() == each.updated_at.timestamp()
        assert each.created_at.utcoffset() is not None


async def test_another_opinion_takes_the_place_of_the_first(store):
    await store.save_feedback("thr_1", ["msg_a", "msg_b"], "positive", ALICE)
    first = await store.load_feedback("thr_1", ALICE)
    await store.save_feedback("thr_1", ["msg_a"], "negative", ALICE)
    then = await store.load_feedback("thr_1", ALICE)
    assert then["msg_b"] == first["msg_b"]
    assert then["msg_a"] == Feedback("negative", first["msg_a"].created_at, then["msg_a"].updated_at)
    assert then["msg_a"].updated_at > first["msg_a"].updated_at


async def test_the_same_opinion_again_is_no_error(store):
    for _ in range(2):
        await store.save_feedback("thr_1", list(ITEMS), "positive", ALICE)
    assert await opinions_of(store) == dict.fromkeys(ITEMS, "positive")


@pytest.mark.parametrize(("thread_id", "item_id"), [("thr_1", "msg_x"), ("thr_x", "msg_a"), ("thr_2", "msg_a")])
async def test_of_items_one_of_which_is_not_there_nothing_is_kept(store, thread_id, item_id):
    await store.save_thread(thread("thr_2"), ALICE)
    await store.save_feedback("thr_1", ["msg_b"], "positive", ALICE)
    with pytest.raises(NotFoundError, match=item_id):
        await store.save_feedback(thread_id, ["msg_b", item_id, "msg_c"], "negative", ALICE)
    assert await opinions_of(store) == {"msg_b": "positive"}
    assert await opinions_of(store, thread_id="thr_2") == {}


async def test_items_of_another_user_are_not_there(store):
    """BOB knows every id, and has a thread of the same one."""
    await store.save_feedback("thr_1", ["msg_a"], "positive", ALICE)
    with pytest.raises(NotFoundError, match="Thread thr_1 has not all of the items msg_a"):
        await store.save_feedback("thr_1", ["msg_a"], "negative", BOB)
    assert await opinions_of(store, BOB) == {}
    assert await opinions_of(store) == {"msg_a": "positive"}


async def test_two_users_think_of_their_own_items(store):
    await store.add_thread_item("thr_1", message("msg_a"), BOB)
    await store.save_feedback("thr_1", ["msg_a"], "positive", ALICE)
    await store.save_feedback("thr_1", ["msg_a"], "negative", BOB)
    assert (await opinions_of(store), await opinions_of(store, BOB)) == ({"msg_a": "positive"}, {"msg_a": "negative"})


async def test_feedback_goes_with_its_item(store):
    await store.save_feedback("thr_1", list(ITEMS), "positive", ALICE)
    await store.delete_thread_item("thr_1", "msg_a", ALICE)
    await store.add_thread_item("thr_1", message("msg_a"), ALICE)
    assert await opinions_of(store) == {"msg_b": "positive", "msg_c": "positive"}
    await store.delete_thread("thr_1", ALICE)
    assert await opinions_of(store) == {}


async def test_an_item_that_is_written_again_keeps_its_feedback(store):
    await store.save_feedback("thr_1", ["msg_a", "msg_b"], "positive", ALICE)
    await store.add_thread_item("thr_1", message("msg_a", "Again"), ALICE)
    await store.save_item("thr_1", message("msg_b", "Again"), ALICE)
    assert await opinions_of(store) == {"msg_a": "positive", "msg_b": "positive"}


async def test_of_no_item_nothing_is_asked(store):
    await store.save_feedback("thr_x", [], "positive", ALICE)
    assert await store.load_feedback("thr_x", ALICE) == {}


@pytest.mark.parametrize("kind", ["", "Positive", None, 1, ["positive"]])
async def test_another_kind_is_refused(store, kind):
    with pytest.raises(ValueError, match='kind must be "positive" or "negative"'):
        await store.save_feedback("thr_1", ["msg_a"], kind, ALICE)


@pytest.mark.parametrize(("item_ids", "reason"), [("msg_a", "not one text"), ([""], "empty"), (["a\0"], "NUL")])
async def test_what_cannot_be_ids_is_refused(store, item_ids, reason):
    with pytest.raises(ValueError, match=reason):
        await store.save_feedback("thr_1", item_ids, "positive", ALICE)


async def test_feedback_on_an_item_that_is_being_deleted_waits_and_finds_nothing(make_store, database_url):
    store = await make_store()
    await store.save_thread(thread("thr_1"), ALICE)
    await store.add_thread_item("thr_1", message("msg_a"), ALICE)
    async with store.engine.connect() as connection, connection.begin():
        await store.bind(connection).delete_thread_item("thr_1", "msg_a", ALICE)
        saving = asyncio.create_task(store.save_feedback("thr_1", ["msg_a"], "positive", ALICE))
        await eventually_true(lambda: fetch_value(database_url, WAITING))
        await connection.commit()
    with pytest.raises(NotFoundError):
        await saving
    assert await store.load_feedback("thr_1", ALICE) == {}


async def test_within_a_transaction_it_is_part_of_it(make_store):
    store = await make_store()
    await store.save_thread(thread("thr_1"), ALICE)
    await store.add_thread_item("thr_1", message("msg_a"), ALICE)
    async with store.engine.connect() as connection, connection.begin() as transaction:
        bound = store.bind(connection)
        await bound.save_feedback("thr_1", ["msg_a"], "negative", ALICE)
        assert await opinions_of(bound) == {"msg_a": "negative"}
        await transaction.rollback()
    assert await opinions_of(store) == {}


async def test_under_row_security_with_a_table_of_users_it_means_the_same(database_url):
    await create_users(database_url, UUIDS)
    alice, bob = {"user_id": UUIDS.alice}, {"user_id": UUIDS.bob}
    users = UsersTable(USERS)
    async with PostgresStore(database_url, users=users) as owners:
        await enable_row_security(owners)
    grants = (*GRANTS, "GRANT USAGE ON SCHEMA app TO {role}")
    async with (
        role_of(database_url, grants=grants) as url,
        PostgresStore(url, users=users, row_security=True, pool_size=1) as store,
    ):
        await store.save_thread(thread("thr_1"), alice)
        await store.add_thread_item("thr_1", message("msg_a"), alice)
        await store.save_feedback("thr_1", ["msg_a"], "positive", alice)
        with pytest.raises(NotFoundError):
            await store.save_feedback("thr_1", ["msg_a"], "negative", bob)
        assert await opinions_of(store, alice) == {"msg_a": "positive"}
        assert await opinions_of(store, bob) == {}


# A server


class Server(ChatKitServer):
    add_feedback = keep_feedback

    async def respond(self, thread, input_user_message, context):
        raise AssertionError
        yield


async def tell(server, item_ids, kind="positive", context=ALICE):
    """Send what the page sends when a thumb is clicked."""
    params = {"thread_id": "thr_1", "item_ids": item_ids, "kind": kind}
    return await server.process(json.dumps({"type": "items.feedback", "params": params}), context)


async def test_one_line_has_a_server_keep_it(store):
    result = await tell(Server(store), ["msg_a", "msg_c"], "negative")
    assert result.json == b"{}"
    assert await opinions_of(store) == {"msg_a": "negative", "msg_c": "negative"}


async def test_a_server_refuses_what_is_not_the_users(store):
    with pytest.raises(NotFoundError):
        await tell(Server(store), ["msg_a"], context=BOB)
    assert await opinions_of(store) == {}


async def test_a_store_that_keeps_none_is_told_of():
    with pytest.raises(ConfigurationError, match=r"a SimpleStore, has no save_feedback\(\)"):
        await tell(Server(SimpleStore()), ["msg_a"])


# In an outage


async def test_a_buffered_store_hands_it_on_and_says_when_it_cannot(database_url, tmp_path):
    async with severable(database_url) as proxy:
        inner = PostgresStore(proxy.url(database_url), retry_seconds=SOON)
        async with BufferedStore(inner, tmp_path / "journal") as store:
            await store.save_thread(thread("thr_1"), ALICE)
            await store.load_thread_items("thr_1", None, 9, "asc", ALICE)
            sever(proxy)
            await store.add_thread_item("thr_1", message("msg_a"), ALICE)
            with pytest.raises(StoreUnavailableError):
                await tell(Server(store), ["msg_a"])
            proxy.accept()
            await caught_up(store)
            await tell(Server(store), ["msg_a"])
            assert await opinions_of(store) == {"msg_a": "positive"}
            assert await store.count_items(["thr_1"], ALICE) == {"thr_1": 1}
            assert (await store.load_threads_where(9, None, "asc", ALICE, metadata={})).data == [thread("thr_1")]
