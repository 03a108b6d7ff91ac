"""What a call is given and cannot use: one clear error, before any SQL where the store itself can tell."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from chatkit.types import AssistantMessageContent

from chatkit_pgstore import MissingUserError, NotFoundError, PostgresStore, UnstorableItemError
from tests.support.calls import BY_METHOD, CALLS, fill
from tests.support.samples import ALICE, attachment, message, thread, tool_call
from tests.support.shared import proxy_before, shared_database
from tests.support.tables import dump
from tests.support.waiting import turns_of_the_loop

LONGEST = "i" * 512


@pytest.fixture(scope="module")
def filled_database_url(server_url, template_database):
    """One database for all tests of this module, which write nothing to it."""
    with shared_database(server_url, template_database) as url:
        asyncio.run(fill_database(url))
        yield url


async def fill_database(url):
    async with PostgresStore(url) as store:
        await fill(store)


@pytest.fixture
async def unchanged_store(filled_database_url):
    """A store whose tables are the same after the test, and which has no connection checked out."""
    before = await dump(filled_database_url)
    async with PostgresStore(filled_database_url) as store:
        yield store
        await turns_of_the_loop()
        assert store.engine.pool.checkedout() == 0
    assert await dump(filled_database_url) == before


@pytest.fixture
async def silent_store(filled_database_url):
    """A store from which the test sends nothing to the server."""
    async with proxy_before(filled_database_url) as proxy, PostgresStore(proxy.url(filled_database_url)) as store:
        proxy.reset()
        yield store
        assert proxy.round_trips == 0
        assert store.engine.pool.checkedout() == 0


NO_USERS = {
    "no key": {},
    "None": {"user_id": None},
    "empty": {"user_id": ""},
    "a bool": {"user_id": True},
    "a float": {"user_id": 1.5},
    "a list": {"user_id": ["alice"]},
    "no context": None,
    "no attribute": SimpleNamespace(name="alice"),
    "an empty attribute": SimpleNamespace(user_id=""),
}


@pytest.mark.parametrize("call", BY_METHOD.values(), ids=str)
async def test_a_context_without_a_user_is_an_error_of_every_call(call, silent_store):
    for context in NO_USERS.values():
        with pytest.raises(MissingUserError, match="needed"):
            await call.act(silent_store, 1, context)


@pytest.mark.parametrize("returned", [None, "", False, 1.5])
async def test_a_user_id_callable_that_returns_no_user_is_an_error(returned, database_url, make_store):
    store = await make_store(user_id=lambda _: returned)
    before = await dump(database_url)
    with pytest.raises(MissingUserError, match="the user_id= callable returned"):
        await store.save_thread(thread(), ALICE)
    assert await dump(database_url) == before


@pytest.mark.parametrize("call", [call for call in CALLS if call.raises], ids=str)
async def test_what_is_not_there_is_named(call, unchanged_store):
    with pytest.raises(
        NotFoundError, match=r"^(Thread thr_x|Cursor (thr|msg)_x|Item msg_x|Attachment atc_x) not found$"
    ):
        await call.act(unchanged_store, 1, ALICE)


async def test_what_is_not_there_is_no_error_where_the_sdk_relies_on_it(unchanged_store):
    page = await unchanged_store.load_thread_items("thr_x", None, 9, "asc", ALICE)
    assert (page.data, page.has_more, page.after) == ([], False, None)
    await unchanged_store.delete_thread("thr_x", ALICE)
    await unchanged_store.delete_thread_item("thr_x", "msg_a", ALICE)
    await unchanged_store.delete_thread_item("thr_1", "msg_x", ALICE)
    await unchanged_store.delete_attachment("atc_x", ALICE)


LISTINGS = pytest.mark.parametrize(
    "listing",
    [
        lambda store, limit, order: store.load_threads(limit, None, order, ALICE),
        lambda store, limit, order: store.load_thread_items("thr_1", None, limit, order, ALICE),
    ],
    ids=["load_threads", "load_thread_items"],
)


@LISTINGS
@pytest.mark.parametrize("limit", [0, -1, -(10**20), 2.0, "3", None], ids=repr)
async def test_a_limit_that_is_no_number_of_rows_is_an_error(listing, limit, silent_store):
    with pytest.raises(ValueError, match="limit must be a whole number of at least 1"):
        await listing(silent_store, limit, "asc")


@LISTINGS
@pytest.mark.parametrize("order", ["", "ASC", "ascending", "asc; DROP TABLE chatkit_threads", None, 1], ids=repr)
async def test_an_unknown_order_is_an_error(listing, order, silent_store):
    with pytest.raises(ValueError, match='order must be "asc" or "desc"'):
        await listing(silent_store, 9, order)


def renamed(value, **fields):
    """Return a copy that pydantic did not look at."""
    return value.model_copy(update=fields)


ID_FIELDS = {
    "load_thread: thread_id": lambda store, bad: store.load_thread(bad, ALICE),
    "save_thread: thread.id": lambda store, bad: store.save_thread(renamed(thread(), id=bad), ALICE),
    "load_threads: after": lambda store, bad: store.load_threads(9, bad, "asc", ALICE),
    "delete_thread: thread_id": lambda store, bad: store.delete_thread(bad, ALICE),
    "load_thread_items: thread_id": lambda store, bad: store.load_thread_items(bad, None, 9, "asc", ALICE),
    "load_thread_items: after": lambda store, bad: store.load_thread_items("thr_1", bad, 9, "asc", ALICE),
    "add_thread_item: thread_id": lambda store, bad: store.add_thread_item(bad, message("msg_new"), ALICE),
    "add_thread_item: item.id": lambda store, bad: store.add_thread_item("thr_1", renamed(message(""), id=bad), ALICE),
    "save_item: thread_id": lambda store, bad: store.save_item(bad, message("msg_new"), ALICE),
    "save_item: item.id": lambda store, bad: store.save_item("thr_1", renamed(message(""), id=bad), ALICE),
    "load_item: thread_id": lambda store, bad: store.load_item(bad, "msg_a", ALICE),
    "load_item: item_id": lambda store, bad: store.load_item("thr_1", bad, ALICE),
    "delete_thread_item: thread_id": lambda store, bad: store.delete_thread_item(bad, "msg_a", ALICE),
    "delete_thread_item: item_id": lambda store, bad: store.delete_thread_item("thr_1", bad, ALICE),
    "save_attachment: attachment.id": lambda store, bad: store.save_attachment(renamed(attachment(""), id=bad), ALICE),
    "load_attachment: attachment_id": lambda store, bad: store.load_attachment(bad, ALICE),
    "delete_attachment: attachment_id": lambda store, bad: store.delete_attachment(bad, ALICE),
}
BAD_IDS = {
    "": "must not be empty",
    "thr\0_1": "must not hold a NUL",
    "i" * 513: "must be at most 512 bytes, not 513",
    "€" * 171: "must be at most 512 bytes, not 513",
    "thr_\ud800": "lone surrogate",
    7: "must be text, not int",
}


@pytest.mark.parametrize("field", ID_FIELDS)
async def test_an_id_that_cannot_be_stored_is_an_error_that_names_the_field(field, silent_store):
    _, name = field.split(": ")
    for bad, complaint in BAD_IDS.items():
        with pytest.raises(ValueError, match=f"^{name} .*{complaint}"):
            await ID_FIELDS[field](silent_store, bad)


@pytest.mark.parametrize("bad", ["", "thr\0_1", "i" * 513])
async def test_an_attachments_thread_id_that_cannot_be_stored_is_an_error(bad, silent_store):
    with pytest.raises(ValueError, match=r"^attachment\.thread_id must"):
        await silent_store.save_attachment(attachment("atc_new", bad), ALICE)


@pytest.mark.parametrize("call", BY_METHOD.values(), ids=str)
async def test_a_user_id_that_cannot_be_stored_is_an_error_of_every_call(call, silent_store):
    for bad in ("ali\0ce", "a" * 513, "\udfff"):
        with pytest.raises(ValueError, match=r"^user_id must"):
            await call.act(silent_store, 1, {"user_id": bad})


@pytest.mark.parametrize("longest", [LONGEST, "€" * 170 + "ii"], ids=["ascii", "3 bytes each"])
async def test_the_longest_ids_of_all_are_stored_together(longest, store):
    context = {"user_id": longest}
    await store.save_thread(thread(longest), context)
    await store.add_thread_item(longest, message(longest), context)
    await store.save_attachment(attachment(longest, longest), context)
    assert (await store.load_threads(1, None, "asc", context)).data == [thread(longest)]
    assert await store.load_item(longest, longest, context) == message(longest)
    assert await store.load_attachment(longest, context) == attachment(longest, longest)
    assert (await store.load_thread_items(longest, longest, 1, "asc", context)).data == []


def holding(value):
    """Return one object of each kind with *value* in it, and the calls that would store it, by name."""
    call = renamed(tool_call("tc_new", completed=True), arguments={"page": value})
    of_file = renamed(attachment("atc_new"), metadata={"page": value})
    of_thread = renamed(thread("thr_new"), metadata={"page": value})
    return {
        "save_thread": (lambda store: store.save_thread(of_thread, ALICE), "metadata.page"),
        "add_thread_item": (lambda store: store.add_thread_item("thr_1", call, ALICE), "arguments.page"),
        "save_item": (lambda store: store.save_item("thr_1", call, ALICE), "arguments.page"),
        "save_attachment": (lambda store: store.save_attachment(of_file, ALICE), "metadata.page"),
    }


@pytest.mark.parametrize("method", holding(None))
async def test_what_json_cannot_hold_is_an_error_that_names_the_field(method, silent_store):
    endless = []
    endless.append(endless)
    for unstorable in (object(), lambda: "secret", endless, {"a": [object()]}):
        save, field = holding(unstorable)[method]
        with pytest.raises(UnstorableItemError, match=field) as raised:
            await save(silent_store)
        assert "secret" not in str(raised.value)


async def test_a_document_that_could_not_be_read_back_is_an_error(silent_store):
    wrong = renamed(message("msg_new"), content=[AssistantMessageContent.model_construct(text=7)])
    with pytest.raises(UnstorableItemError, match=r"content\.0\.text"):
        await silent_store.add_thread_item("thr_1", wrong, ALICE)


@pytest.mark.parametrize("method", holding(None))
async def test_a_lone_surrogate_is_stored_as_the_replacement_character_with_a_warning(method, store, caplog):
    await store.save_thread(thread(), ALICE)
    save, _ = holding("secret \ud83d, \ude00 and \ud83d\ude00")[method]
    await save(store)
    (warning,) = caplog.messages
    assert "lone surrogate; it is stored as U+FFFD" in warning
    assert "secret" not in warning
    kept = "secret \ufffd, \ufffd and \U0001f600"
    if method == "save_thread":
        assert (await store.load_thread("thr_new", ALICE)).metadata == {"page": kept}
    elif method == "save_attachment":
        assert (await store.load_attachment("atc_new", ALICE)).metadata == {"page": kept}
    else:
        assert (await store.load_item("thr_1", "tc_new", ALICE)).arguments == {"page": kept}


@pytest.mark.parametrize(
    "moment",
    [
        datetime.fromisoformat("0001-01-01T00:00:00+01:00"),
        datetime.fromisoformat("9999-12-31T23:59:59-01:00"),
    ],
    ids=str,
)
async def test_a_time_that_postgresql_cannot_hold_is_an_error(moment, silent_store):
    with pytest.raises(ValueError, match=r"^thread\.created_at must be a time within the years 1 to 9999"):
        await silent_store.save_thread(renamed(thread("thr_new"), created_at=moment), ALICE)
    with pytest.raises(ValueError, match=r"^item\.created_at must be"):
        await silent_store.add_thread_item("thr_1", renamed(message("msg_new"), created_at=moment), ALICE)


@pytest.mark.parametrize("moment", [datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)], ids=str)
async def test_the_first_and_the_last_time_are_stored(moment, store):
    await store.save_thread(renamed(thread(), created_at=moment), ALICE)
    assert (await store.load_threads(1, None, "asc", ALICE)).data == [renamed(thread(), created_at=moment)]
