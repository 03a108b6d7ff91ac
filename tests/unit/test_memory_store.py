"""What MemoryStore has beside the contract that it shares with PostgresStore."""

import inspect
import logging
from types import SimpleNamespace
from uuid import UUID

import pytest
from chatkit.store import NotFoundError, Store

from chatkit_pgstore import ConfigurationError, MissingUserError, PostgresStore
from chatkit_pgstore.testing import MemoryStore
from chatkit_pgstore.testing.contract._samples import attachment_sample, message, thread_sample

ALICE = {"user_id": "alice"}


@pytest.fixture
def store():
    return MemoryStore()


async def threads_of(store, context):
    return (await store.load_threads(20, None, "asc", context)).data


async def test_the_user_is_the_attribute_of_a_context_that_is_no_mapping(store):
    thread = thread_sample()
    await store.save_thread(thread, SimpleNamespace(user_id="alice"))
    assert await threads_of(store, ALICE) == [thread]


async def test_the_user_is_what_the_callable_makes_of_the_context():
    store = MemoryStore(user_id=lambda context: context.split()[0])
    thread = thread_sample()
    await store.save_thread(thread, "alice from her phone")
    assert await threads_of(store, "alice from her desk") == [thread]
    assert await threads_of(store, "bob") == []


@pytest.mark.parametrize("user", [7, 0, "0", UUID(int=1)])
async def test_a_number_and_a_uuid_are_the_user_of_their_text(store, user):
    thread = thread_sample()
    await store.save_thread(thread, {"user_id": user})
    assert await threads_of(store, {"user_id": str(user)}) == [thread]


@pytest.mark.parametrize("user", [True, 1.5, b"alice", ["alice"]])
async def test_other_things_are_no_users(store, user):
    with pytest.raises(MissingUserError, match=type(user).__name__ if user is not True else "True"):
        await store.save_thread(thread_sample(), {"user_id": user})


async def test_two_stores_share_nothing(store):
    await store.save_thread(thread_sample(), ALICE)
    assert await threads_of(MemoryStore(), ALICE) == []


async def test_start_up_code_for_postgres_store_runs_as_it_is(store):
    thread = thread_sample()
    async with store as opened:
        await opened.initialize(migrate=False)
        await opened.save_thread(thread, ALICE)
    assert await threads_of(store, ALICE) == [thread]


@pytest.mark.parametrize("options", [{"max_page_size": 0}, {"max_page_size": 1.5}, {"user_id": "alice"}])
def test_an_option_that_makes_no_sense_is_refused(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        MemoryStore(**options)


@pytest.mark.parametrize("call", ["load_item", "delete_thread_item"])
async def test_the_placeholder_id_is_warned_about(store, caplog, call):
    with caplog.at_level(logging.WARNING, "chatkit_pgstore"):
        try:
            await getattr(store, call)("thr_1", "__fake_id__", ALICE)
        except NotFoundError:
            assert call == "load_item"
    assert "unique_item_ids" in caplog.text


@pytest.mark.parametrize(
    ("call", "arguments", "words"),
    [
        ("load_thread", ("thr_1",), "Thread thr_1 not found"),
        ("load_threads", (20, "thr_1", "asc"), "Cursor thr_1 not found"),
        ("load_thread_items", ("thr_1", "msg_1", 20, "asc"), "Cursor msg_1 not found"),
        ("add_thread_item", ("thr_1", message("thr_1")), "Thread thr_1 not found"),
        ("save_item", ("thr_1", message("thr_1")), "Thread thr_1 not found"),
        ("load_item", ("thr_1", "msg_1"), "Item msg_1 not found"),
        ("load_attachment", ("atc_1",), "Attachment atc_1 not found"),
        ("save_attachment", (attachment_sample(thread_id="thr_1"),), "Thread thr_1 not found"),
    ],
)
async def test_what_is_not_found_is_named(store, call, arguments, words):
    with pytest.raises(NotFoundError, match=f"^{words}$"):
        await getattr(store, call)(*arguments, ALICE)


@pytest.mark.parametrize("name", [*sorted(Store.__abstractmethods__), "initialize", "close"])
def test_every_method_takes_what_it_takes_on_postgres_store(name):
    ours, theirs = (
        inspect.signature(getattr(store, name)).parameters.values() for store in (MemoryStore, PostgresStore)
    )
    assert [(each.name, each.kind, each.default) for each in ours] == [
        (each.name, each.kind, each.default) for each in theirs
    ]
