"""Threads by their metadata: what a filter finds, whoever wrote the thread and whatever text is in it."""

import json

import pytest
from chatkit.types import ThreadMetadata
from pydantic_core import from_json

from chatkit_pgstore import NotFoundError, UnstorableItemError
from chatkit_pgstore._codec import THREADS, metadata_document
from chatkit_pgstore.testing import MemoryStore
from tests.support.samples import ALICE, BOB, MOMENT, message
from tests.support.tables import fetch, fetch_value

AS_AN_OLDER_RELEASE_DOES = """
    INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at)
    VALUES ('alice', $1, CAST($2::text AS json), 0, now(), now())
    ON CONFLICT (user_id, id) DO UPDATE SET thread = excluded.thread, updated_at = excluded.updated_at
"""


def tagged(thread_id, metadata, title=None):
    return ThreadMetadata(id=thread_id, title=title, created_at=MOMENT, metadata=metadata)


@pytest.fixture(params=["created_at", "updated_at"])
def thread_order(request):
    return request.param


@pytest.fixture(params=["postgres", "memory"])
async def store(request, make_store):
    return await make_store() if request.param == "postgres" else MemoryStore()


async def found(store, metadata, *, limit=50, order="asc", context=ALICE):
    """Return the ids of the threads with these metadata, page by page."""
    ids, after = [], None
    while True:
        page = await store.load_threads_where(limit, after, order, context, metadata=metadata)
        ids += [each.id for each in page.data]
        assert len(page.data) == limit or not page.has_more
        if not page.has_more:
            return ids
        after = page.after


@pytest.fixture(params=["postgres", "memory"])
async def ordered_store(request, make_store, thread_order):
    """A store in either order, with ten threads of which every third is billing's."""
    options = {"thread_order": thread_order}
    store = await make_store(**options) if request.param == "postgres" else MemoryStore(**options)
    for number in range(10):
        agent = "billing" if number % 3 == 0 else "sales"
        await store.save_thread(tagged(f"thr_{number}", {"agent": agent, "number": number}), ALICE)
    return store


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_have_each_thread_with_the_metadata_once(ordered_store, limit, order):
    billing = ["thr_0", "thr_3", "thr_6", "thr_9"]
    expected = billing if order == "asc" else billing[::-1]
    assert await found(ordered_store, {"agent": "billing"}, limit=limit, order=order) == expected


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_no_metadata_are_in_every_thread_and_others_in_none(ordered_store, order):
    everything = [each.id for each in (await ordered_store.load_threads(50, None, order, ALICE)).data]
    assert await found(ordered_store, {}, limit=3, order=order) == everything
    assert await found(ordered_store, {"agent": "nobody"}, order=order) == []


async def test_the_cursor_may_be_any_thread_of_the_user(ordered_store):
    everything = await ordered_store.load_threads(2, None, "asc", ALICE)
    assert everything.data[-1].metadata["agent"] == "sales"
    page = await ordered_store.load_threads_where(2, everything.after, "asc", ALICE, metadata={"agent": "billing"})
    assert [each.id for each in page.data] == ["thr_3", "thr_6"]


async def test_another_users_cursor_and_threads_are_not_there(store):
    await store.save_thread(tagged("thr_alice", {"agent": "billing"}), ALICE)
    await store.save_thread(tagged("thr_bob", {"agent": "billing"}), BOB)
    assert await found(store, {"agent": "billing"}) == ["thr_alice"]
    for cursor in ("thr_bob", "thr_of_nobody"):
        with pytest.raises(NotFoundError, match=f"Cursor {cursor} not found"):
            await store.load_threads_where(9, cursor, "asc", ALICE, metadata={"agent": "billing"})


async def test_a_filter_finds_what_a_thread_has_now(store):
    await store.save_thread(tagged("thr_1", {"agent": "billing"}), ALICE)
    await store.save_thread(tagged("thr_1", {"agent": "sales"}), ALICE)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    assert await found(store, {"agent": "billing"}) == []
    assert await found(store, {"agent": "sales"}) == ["thr_1"]


async def test_what_replace_thread_stores_is_found(make_store):
    store = await make_store()
    first, then = tagged("thr_1", {"agent": "billing"}), tagged("thr_1", {"agent": "sales"})
    await store.save_thread(first, ALICE)
    assert await store.replace_thread(then, first, ALICE)
    assert await found(store, {"agent": "sales"}) == ["thr_1"]


WHOLE = {"agent": "billing", "tags": ["a", {"b": [1, 2]}], "nested": {"x": {"y": None}}, "on": True, "n": 1, "f": 0.1}
CONTAINED = [
    {"agent": "billing"},
    {"tags": ["a"]},
    {"tags": []},
    {"tags": [{"b": [2]}, "a", "a"]},
    {"nested": {"x": {}}},
    {"nested": {"x": {"y": None}}},
    {"on": True},
    {"n": 1},
    {"n": 1.0},
    {"f": 0.1},
    {"n": 1, "on": True},
]
NOT_CONTAINED = [
    {"agent": "bill"},
    {"agent": None},
    {"tags": "a"},
    {"tags": ["c"]},
    {"tags": [["a"]]},
    {"nested": {"y": None}},
    {"nested": {"x": None}},
    {"on": 1},
    {"n": True},
    {"n": "1"},
    {"missing": None},
    {"n": 1, "on": False},
]


@pytest.mark.parametrize("metadata", CONTAINED, ids=json.dumps)
async def test_a_mapping_and_a_list_are_found_by_parts_of_them(store, metadata):
    await store.save_thread(tagged("thr_1", WHOLE), ALICE)
    assert await found(store, metadata) == ["thr_1"]


@pytest.mark.parametrize("metadata", NOT_CONTAINED, ids=json.dumps)
async def test_nor_are_they_found_by_what_is_no_part_of_them(store, metadata):
    await store.save_thread(tagged("thr_1", WHOLE), ALICE)
    assert await found(store, metadata) == []


# Text and numbers that jsonb cannot hold, or that look like it

AWKWARD = [
    "\0",
    "\0\0",
    "a\0\0\0b\0",
    "\\\0",
    "\\\\\0",
    "\\u0000",
    "\\\\u0000",
    "\\\0\\u0000\\\\\0\0",
    "u0000",
    "\n\0\t\x01\x1f",
    "\ufffd",
    "\ud800",
    "é漢😀",
    '"\\"\0"',
    10**4299,
    -(10**4298),
    1e308,
    5e-324,
    -0.0,
    2**53 + 1,
    0.1 + 0.2,
    float("nan"),
    float("-inf"),
    b"bytes",
    MOMENT,
    (1, 2),
]


def named(value):
    """Return a name with *value* in it; of a lone surrogate in a name pydantic makes this or that."""
    return f"name {value}" if isinstance(value, str) and value != "\ud800" else "name"


def with_replacement(value):
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


@pytest.mark.parametrize("value", AWKWARD, ids=lambda value: repr(value)[:20])
async def test_whatever_can_be_stored_can_be_found(store, value):
    await store.save_thread(tagged("thr_1", {"a": {"b": [value]}, named(value): 1}, "\0\0 \\u0000"), ALICE)
    await store.save_thread(tagged("thr_2", {"a": {"b": ["another"]}}), ALICE)
    assert await found(store, {"a": {"b": [value]}}) == ["thr_1"]
    assert await found(store, {"a": {"b": [with_replacement(value)]}}) == ["thr_1"]
    assert await found(store, {named(value): 1}) == ["thr_1"]


@pytest.mark.parametrize("value", AWKWARD, ids=lambda value: repr(value)[:20])
async def test_what_an_older_release_wrote_is_found_in_the_document(value, make_store, database_url):
    store = await make_store()
    title = "\0\\\0\\\\u0000"
    document, _ = THREADS.encode(tagged("thr_1", {"a": {"b": [value]}, named(value): 1}, title))
    await fetch(database_url, AS_AN_OLDER_RELEASE_DOES, "thr_1", document)
    assert await fetch_value(database_url, "SELECT metadata IS NULL FROM chatkit_threads")
    assert await found(store, {"a": {"b": [value]}}) == ["thr_1"]
    assert await found(store, {named(value): 1}) == ["thr_1"]
    assert await found(store, {"a": {"b": ["another"]}}) == []
    # The column, as this release writes it, says the same.
    await store.save_thread(await store.load_thread("thr_1", ALICE), ALICE)
    assert not await fetch_value(database_url, "SELECT metadata IS NULL FROM chatkit_threads")
    assert await found(store, {"a": {"b": [value]}}) == ["thr_1"]


async def test_a_document_without_metadata_has_none(make_store, database_url):
    """As before the SDK had them."""
    store = await make_store()
    document = {"id": "thr_1", "created_at": "2026-01-02T03:04:05"}
    await fetch(database_url, AS_AN_OLDER_RELEASE_DOES, "thr_1", json.dumps(document))
    assert await found(store, {}) == ["thr_1"]
    assert await found(store, {"agent": "billing"}) == []


async def test_what_an_older_release_saves_over_a_thread_is_found_by_its_metadata_of_before(make_store, database_url):
    """The limit that the docs tell of."""
    store = await make_store()
    await store.save_thread(tagged("thr_1", {"agent": "billing"}), ALICE)
    document, _ = THREADS.encode(tagged("thr_1", {"agent": "sales"}))
    await fetch(database_url, AS_AN_OLDER_RELEASE_DOES, "thr_1", document)
    assert await found(store, {"agent": "billing"}) == ["thr_1"]
    assert (await store.load_thread("thr_1", ALICE)).metadata == {"agent": "sales"}


async def test_metadata_come_back_as_they_were(make_store):
    store = await make_store()
    metadata = {"a\0": "\0\\u0000", "n": 10**30}
    await store.save_thread(tagged("thr_1", metadata), ALICE)
    assert (await store.load_thread("thr_1", ALICE)).metadata == metadata


async def test_integers_that_no_thread_can_have_are_refused_before_any_sql(store):
    """jsonb's numbers end at 131,072 digits, ChatKit's documents at 4,300."""
    with pytest.raises(UnstorableItemError):
        await store.save_thread(tagged("thr_1", {"n": 10**4300}), ALICE)
    with pytest.raises(ValueError, match="metadata must be what JSON can hold"):
        await store.load_threads_where(9, None, "asc", ALICE, metadata={"n": 10**4300})


@pytest.mark.parametrize("metadata", [None, "agent", ["agent"], {1: 2}, {"a": object()}, {"a": {"b": {1, object()}}}])
async def test_what_is_no_metadata_is_refused(store, metadata):
    with pytest.raises(ValueError, match="^metadata must be"):
        await store.load_threads_where(9, None, "asc", ALICE, metadata=metadata)


@pytest.mark.parametrize(
    ("arguments", "reason"), [((0, None, "asc"), "limit"), ((1, None, "up"), "order"), ((1, "", "asc"), "after")]
)
async def test_limit_order_and_cursor_are_checked_as_ever(ordered_store, arguments, reason):
    with pytest.raises(ValueError, match=f"{reason} must"):
        await ordered_store.load_threads_where(*arguments, ALICE, metadata={})


@pytest.mark.parametrize("text", ["plain", "\0", "\\u0000", "\\\0\0\\\\u0000"])
def test_python_and_postgresql_replace_the_same(text):
    metadata = {text: text}
    assert from_json(metadata_document(metadata)) == {with_replacement(text): with_replacement(text)}
