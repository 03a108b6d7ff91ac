"""Copying out of another store: equal, resumable, never double, and an end to stores that have none."""

from datetime import timedelta

import pytest
from chatkit.store import NotFoundError
from chatkit.types import InferenceOptions, Page, UserMessageItem

from chatkit_pgstore import SourceStoreError, UnknownUserError, UnstorableItemError, UsersTable
from chatkit_pgstore.operations import _copy, copy_user
from chatkit_pgstore.testing import MemoryStore, StoreContract
from tests.conformance.runner import PARTS, failing_tests
from tests.conformance.simple_store import SimpleStore
from tests.support.histories import history, write_history
from tests.support.samples import ALICE, BOB, MOMENT, attachment, ids_of, items_of, message, thread, tool_call
from tests.support.sqlite_store import SQLiteStore, context_of
from tests.support.tables import dump, fetch, fetch_value
from tests.support.users import ALL_IDS, USERS, create_users

HERS = context_of("alice")


class PlainContract(StoreContract):
    capabilities = frozenset()

    def context(self, user):
        return context_of(user)


def test_the_sqlite_store_is_one_that_serves_with_the_weakness_of_its_kind():
    made = []

    def make():
        made.append(SQLiteStore())
        return made[-1]

    failed = [name for part in PARTS.values() for name in failing_tests(part, PlainContract(), make)]
    for store in made:
        store.close()
    assert failed == ["test_items_that_arrive_between_pages_move_nothing"]


@pytest.fixture
def sqlite_store(tmp_path):
    store = SQLiteStore(tmp_path / "chat.db")
    yield store
    store.close()


@pytest.fixture
async def source():
    source = MemoryStore()
    await source.save_thread(thread(), ALICE)
    for each in ("msg_a", "msg_b", "msg_c"):
        await source.add_thread_item("thr_1", message(each), ALICE)
    return source


class ListStore(SimpleStore):
    """Keeps what it is given in a list, every time it is given it."""

    def __init__(self, page_size=100):
        super().__init__()
        self.page_size = page_size
        self.lists = {}

    async def add_thread_item(self, thread_id, item, context):
        self.lists.setdefault(thread_id, []).append(item)

    async def load_thread_items(self, thread_id, after, limit, order, context):
        start, items = int(after or 0), self.lists.get(thread_id, [])
        end = start + min(limit, self.page_size)
        return Page(data=items[start:end], has_more=end < len(items), after=str(end))


async def of_items(*items, page_size=100):
    source = ListStore(page_size)
    await source.save_thread(thread(), "alice")
    for item in items:
        await source.add_thread_item("thr_1", item, "alice")
    return source


def its_user(user_id):
    return user_id


async def test_a_history_out_of_memory_is_equal(store):
    source = MemoryStore()
    await write_history(source, threads=3)
    copied = await copy_user(source, store, "alice")
    assert copied.differences == ()
    assert (copied.threads, copied.items, copied.attachments) == (3, copied.items, 12)
    assert copied.written == copied.threads + copied.items + copied.attachments
    assert await history(store) == await history(source)


async def test_a_history_out_of_sqlite_is_equal(store, sqlite_store):
    await write_history(sqlite_store, HERS, threads=3)
    copied = await copy_user(sqlite_store, store, "alice", context=context_of)
    assert copied.differences == ()
    assert await history(store) == await history(sqlite_store, HERS)


async def rated(store):
    """Return what alice thinks of the items of a thread, by their ids."""
    return {item_id: each.kind for item_id, each in (await store.load_feedback("thr_1", ALICE)).items()}


async def test_feedback_out_of_a_store_that_keeps_it_is_equal(store, source, empty_database_url, make_store):
    await source.save_feedback("thr_1", ["msg_a", "msg_b"], "positive", ALICE)
    await source.save_feedback("thr_1", ["msg_c"], "negative", ALICE)
    other = await make_store(empty_database_url)
    await other.initialize()
    for old, new in ((source, store), (store, other)):
        copied = await copy_user(old, new, "alice")
        assert (copied.feedback, copied.written, copied.differences) == (3, 7, ())
        assert await rated(new) == {"msg_a": "positive", "msg_b": "positive", "msg_c": "negative"}


async def test_a_changed_mind_is_copied_and_what_is_equal_is_not_written_again(store, source, database_url):
    await source.save_feedback("thr_1", ["msg_a", "msg_b"], "positive", ALICE)
    await copy_user(source, store, "alice")
    await source.save_feedback("thr_1", ["msg_b"], "negative", ALICE)
    assert (await copy_user(source, store, "alice")).written == 1
    assert await rated(store) == {"msg_a": "positive", "msg_b": "negative"}
    before = await dump(database_url)
    assert (await copy_user(source, store, "alice")).written == 0
    assert await dump(database_url) == before


async def test_feedback_whose_item_is_gone_is_not_copied(store, source, database_url, empty_database_url, make_store):
    await source.save_feedback("thr_1", ["msg_a", "msg_b"], "positive", ALICE)
    await copy_user(source, store, "alice")
    await fetch(database_url, "DELETE FROM chatkit_thread_items WHERE id = 'msg_a'")
    other = await make_store(empty_database_url)
    await other.initialize()
    copied = await copy_user(store, other, "alice")
    assert (copied.feedback, copied.differences) == (1, ())
    assert await rated(other) == {"msg_b": "positive"}


async def test_feedback_on_this_side_alone_stays(store, source):
    await copy_user(source, store, "alice")
    await store.save_feedback("thr_1", ["msg_c"], "negative", ALICE)
    assert (await copy_user(source, store, "alice")).differences == ()
    await source.save_feedback("thr_1", ["msg_a"], "positive", ALICE)
    await copy_user(source, store, "alice")
    assert await rated(store) == {"msg_a": "positive", "msg_c": "negative"}


async def test_feedback_that_changes_meanwhile_is_named(store, source, monkeypatch):
    await source.save_feedback("thr_1", ["msg_b"], "positive", ALICE)
    compare = _copy.compared

    async def change_and_compare(theirs, ours):
        await source.save_feedback("thr_1", ["msg_b"], "negative", ALICE)
        return await compare(theirs, ours)

    monkeypatch.setattr(_copy, "compared", change_and_compare)
    [difference] = (await copy_user(source, store, "alice")).differences
    assert str(difference) == "item 'msg_b' of thread 'thr_1' has other feedback in the database"


async def test_feedback_that_cannot_be_read_is_an_error_of_the_other_store(store, source):
    async def load_feedback(thread_id, context):
        raise RuntimeError("no such table")

    source.load_feedback = load_feedback
    with pytest.raises(SourceStoreError, match=r"MemoryStore.load_feedback\('thr_1'\): RuntimeError"):
        await copy_user(source, store, "alice")


async def test_the_context_may_be_made_asynchronously(store, source):
    async def context(user_id):
        return {"user_id": "alice"}

    assert (await copy_user(source, store, "bob", context=context)).items == 3
    assert await ids_of(store, context=BOB) == ["msg_a", "msg_b", "msg_c"]


async def test_nothing_of_others_is_read_or_written(store, source, database_url):
    await write_history(store, BOB)
    await source.save_thread(thread("thr_of_bob"), BOB)
    before = await dump(database_url, "bob")
    assert (await copy_user(source, store, "alice")).threads == 1
    assert await dump(database_url, "bob") == before


async def test_a_second_run_writes_nothing(store, database_url):
    source = MemoryStore()
    await write_history(source, threads=2)
    await copy_user(source, store, "alice")
    before = await dump(database_url)
    assert (await copy_user(source, store, "alice")).written == 0
    assert await dump(database_url) == before


async def test_a_second_run_brings_what_changed(store, source):
    await copy_user(source, store, "alice")
    await source.save_thread(thread(title="Named"), ALICE)
    await source.save_item("thr_1", message("msg_b", "Changed"), ALICE)
    await source.add_thread_item("thr_1", message("msg_d"), ALICE)
    await source.save_thread(thread("thr_2"), ALICE)
    copied = await copy_user(source, store, "alice")
    assert (copied.written, copied.differences) == (4, ())
    assert await history(store) == await history(source)


async def test_it_goes_on_where_it_was_broken_off(store):
    source = MemoryStore()
    await write_history(source, threads=3)
    whole = await copy_user(source, store, "bob", context=lambda _: ALICE)

    def unplug(threads):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await copy_user(source, store, "alice", progress=unplug)
    copied = await copy_user(source, store, "alice")
    assert copied.differences == ()
    assert 0 < copied.written < whole.written
    assert await history(store) == await history(source)


async def test_progress_counts_threads(store):
    source, seen = MemoryStore(), []
    await write_history(source, threads=2)
    await copy_user(source, store, "alice", progress=seen.append)
    assert seen == [1, 2]


@pytest.mark.parametrize("page_size", [1, 2, 3, 7])
async def test_pages_of_any_size_are_put_together(store, page_size):
    ids = [f"msg_{number}" for number in range(7)]
    source = await of_items(*map(message, ids), page_size=page_size)
    assert (await copy_user(source, store, "alice", context=its_user)).items == 7
    assert await ids_of(store) == ids


async def test_threads_of_many_pages_are_copied_once_each(store):
    source = MemoryStore(max_page_size=2)
    for number in range(5):
        await source.save_thread(thread(f"thr_{number}", age_seconds=number), ALICE)
    assert (await copy_user(source, store, "alice")).threads == 5
    listed = await store.load_threads(10, None, "desc", ALICE)
    assert [each.id for each in listed.data] == [f"thr_{number}" for number in range(5)]


async def test_a_thread_that_two_pages_have_is_one(store, source):
    class Overlapping(MemoryStore):
        async def load_threads(self, limit, after, order, context):
            page = await super().load_threads(limit, None, order, context)
            return page.model_copy(update={"has_more": after is None, "after": "behind it"})

    source.__class__ = Overlapping
    assert (await copy_user(source, store, "alice")).threads == 1


async def test_an_item_that_a_list_has_twice_is_one_at_its_first_place(store):
    twice = [message("msg_a", "begun"), message("msg_b"), message("msg_a", "done")]
    source = await of_items(*twice)
    copied = await copy_user(source, store, "alice", context=its_user)
    assert (copied.items, copied.written, copied.differences) == (2, 3, ())
    assert [item.content[0].text for item in await items_of(store)] == ["done", "Hello"]
    assert (await copy_user(source, store, "alice", context=its_user)).written == 0


async def test_an_item_that_a_list_has_pending_again_stays_completed(store):
    source = await of_items(tool_call("tc_1", completed=True), tool_call("tc_1", completed=False))
    assert (await copy_user(source, store, "alice", context=its_user)).differences == ()
    assert [item.status for item in await items_of(store)] == ["completed"]


async def test_replies_that_share_the_placeholder_are_all_kept_and_never_doubled(store):
    replies = [message("__fake_id__", "one"), message("msg_a", "two"), message("__fake_id__", "three")]
    source = await of_items(*replies)
    for written in (4, 0):
        copied = await copy_user(source, store, "alice", context=its_user)
        assert (copied.items, copied.written, copied.differences) == (3, written, ())
    assert [item.content[0].text for item in await items_of(store)] == ["one", "two", "three"]


async def test_an_item_that_comes_late_among_others_stands_among_them(store, sqlite_store):
    await sqlite_store.save_thread(thread(), HERS)
    for number in (1, 3, 4):
        item = message(f"msg_{number}").model_copy(update={"created_at": MOMENT + timedelta(seconds=number)})
        await sqlite_store.add_thread_item("thr_1", item, HERS)
    await copy_user(sqlite_store, store, "alice", context=context_of)
    late = message("msg_2").model_copy(update={"created_at": MOMENT + timedelta(seconds=2)})
    await sqlite_store.add_thread_item("thr_1", late, HERS)
    copied = await copy_user(sqlite_store, store, "alice", context=context_of)
    assert (copied.written, copied.differences) == (3, ())
    assert await ids_of(store) == ["msg_1", "msg_2", "msg_3", "msg_4"]


async def test_what_only_the_database_has_is_named_and_left(store, source):
    await copy_user(source, store, "alice")
    await store.save_thread(thread("thr_new"), ALICE)
    await store.add_thread_item("thr_1", message("msg_new"), ALICE)
    copied = await copy_user(source, store, "alice")
    assert [str(each) for each in copied.differences] == [
        "item 'msg_new' of thread 'thr_1' is only in the database",
        "thread 'thr_new' is only in the database",
    ]
    assert await ids_of(store) == ["msg_a", "msg_b", "msg_c", "msg_new"]


async def test_new_items_on_both_sides_stand_where_they_can(store, source):
    await copy_user(source, store, "alice")
    await store.add_thread_item("thr_1", message("msg_new"), ALICE)
    await source.add_thread_item("thr_1", message("msg_late"), ALICE)
    [difference] = (await copy_user(source, store, "alice")).differences
    assert str(difference) == "item 'msg_new' of thread 'thr_1' is only in the database"
    assert await ids_of(store) == ["msg_a", "msg_b", "msg_c", "msg_new", "msg_late"]


class Watched(MemoryStore):
    """Does something when its threads are listed for the second time, which is for the comparison."""

    listings = 0

    async def load_threads(self, limit, after, order, context):
        self.listings += 1
        if self.listings == 2:
            await self.meanwhile()
        return await super().load_threads(limit, after, order, context)


LOST = {
    "thread 'thr_1' is not in the database": lambda s: s.delete_thread("thr_1", ALICE),
    "thread 'thr_1' is another in the database": lambda s: s.save_thread(thread(title="Other"), ALICE),
    "item 'msg_b' of thread 'thr_1' is not in the database": lambda s: s.delete_thread_item("thr_1", "msg_b", ALICE),
    "item 'msg_c' of thread 'thr_1' is not in the database": lambda s: s.delete_thread_item("thr_1", "msg_c", ALICE),
    "item 'msg_b' of thread 'thr_1' is another in the database": lambda s: s.save_item(
        "thr_1", message("msg_b", "Other"), ALICE
    ),
    "item 'msg_b' of thread 'thr_1' stands at another place in the database": lambda s: moved(s, "msg_b"),
    "attachment 'atc_1', named in thread 'thr_1', is not in the database": lambda s: s.delete_attachment(
        "atc_1", ALICE
    ),
    "attachment 'atc_1', named in thread 'thr_1', is another in the database": lambda s: s.save_attachment(
        attachment("atc_1", name="other.txt"), ALICE
    ),
}


async def moved(store, item_id):
    await store.delete_thread_item("thr_1", item_id, ALICE)
    await store.add_thread_item("thr_1", message(item_id), ALICE)


def asking(item_id, *attachments):
    return UserMessageItem(
        id=item_id,
        thread_id="thr_1",
        created_at=MOMENT,
        content=[],
        attachments=list(attachments),
        inference_options=InferenceOptions(),
    )


@pytest.mark.parametrize("told", LOST)
async def test_every_difference_is_named(store, told):
    source = Watched()
    source.meanwhile = lambda: LOST[told](store)
    await source.save_thread(thread(), ALICE)
    await source.save_attachment(attachment("atc_1"), ALICE)
    for item in (message("msg_a"), message("msg_b"), message("msg_c"), asking("msg_d", attachment("atc_1"))):
        await source.add_thread_item("thr_1", item, ALICE)
    copied = await copy_user(source, store, "alice")
    assert told in [str(each) for each in copied.differences]


async def test_attachments_that_the_other_store_does_not_have_are_counted(store, source):
    await source.add_thread_item("thr_1", asking("msg_d", attachment("atc_gone"), attachment("atc_gone")), ALICE)
    copied = await copy_user(source, store, "alice")
    assert (copied.attachments, copied.missing_attachments, copied.differences) == (0, 1, ())
    with pytest.raises(NotFoundError):
        await store.load_attachment("atc_gone", ALICE)


async def test_a_store_without_attachments_is_copied_without(store, source):
    class WithoutAttachments(MemoryStore):
        async def load_attachment(self, attachment_id, context):
            raise NotImplementedError

    source.__class__ = WithoutAttachments
    await source.add_thread_item("thr_1", asking("msg_d", attachment("atc_1")), ALICE)
    assert (await copy_user(source, store, "alice")).missing_attachments == 1


async def test_an_attachment_of_a_thread_that_is_not_there_is_named(store, source):
    source._users["alice"].attachments.clear()
    strange = attachment("atc_1", "thr_gone")

    async def load_attachment(attachment_id, context):
        return strange

    source.load_attachment = load_attachment
    await source.add_thread_item("thr_1", asking("msg_d", strange), ALICE)
    [difference] = (await copy_user(source, store, "alice")).differences
    assert str(difference) == "attachment 'atc_1', named in thread 'thr_1', is not in the database"


async def test_the_time_a_thread_is_listed_by_is_kept(store, source, database_url):
    await copy_user(source, store, "alice")
    assert await fetch_value(database_url, "SELECT created_at FROM chatkit_threads") == MOMENT


async def test_a_store_with_contexts_of_its_own_takes_the_user_all_the_same(make_store, source):
    store = await make_store(user_id=lambda request: request.state.user)
    assert (await copy_user(source, store, "alice")).differences == ()


@pytest.mark.parametrize("ids", ALL_IDS, ids=str)
async def test_users_of_every_type_of_id(ids, source, empty_database_url, make_store):
    await create_users(empty_database_url, ids)
    store = await make_store(empty_database_url, users=UsersTable(USERS))
    await store.initialize()
    assert (await copy_user(source, store, ids.alice, context=lambda _: ALICE)).differences == ()
    assert await ids_of(store, context={"user_id": ids.alice}) == ["msg_a", "msg_b", "msg_c"]
    for nobody in (ids.nobody, *ids.impossible):
        with pytest.raises(UnknownUserError):
            await copy_user(source, store, nobody, context=lambda _: ALICE)


class Circular(MemoryStore):
    """Pages that do not end, in one of the ways that are seen."""

    async def load_thread_items(self, thread_id, after, limit, order, context):
        page = await super().load_thread_items(thread_id, None, limit, order, context)
        page.has_more, page.after = True, self.cursor(after)
        return page


@pytest.mark.parametrize(
    "cursor",
    [lambda after: None, lambda after: "msg_a", lambda after: str(int(after or 0) + 1)],
    ids=["no cursor", "the same cursor", "another cursor each time"],
)
async def test_pages_that_do_not_end_are_an_error(store, source, cursor):
    source.__class__ = Circular
    source.cursor = cursor
    with pytest.raises(SourceStoreError, match=r"Circular.load_thread_items\('thr_1'\): its pages do not end"):
        await copy_user(source, store, "alice")


@pytest.mark.parametrize("raised", [RuntimeError("no disk"), NotFoundError("no cursor"), NotImplementedError()])
async def test_what_the_other_store_raises_is_told(store, source, raised):
    async def load_threads(limit, after, order, context):
        raise raised

    source.load_threads = load_threads
    with pytest.raises(SourceStoreError, match=f"MemoryStore.load_threads: {type(raised).__name__}"):
        await copy_user(source, store, "alice")


@pytest.mark.parametrize("returned", [None, [message("msg_a")], Page(data=[{"id": "msg_a"}])])
async def test_what_is_no_page_is_told(store, source, returned):
    async def load_thread_items(thread_id, after, limit, order, context):
        return returned

    source.load_thread_items = load_thread_items
    with pytest.raises(SourceStoreError, match="it returned no Page of ChatKit's objects"):
        await copy_user(source, store, "alice")


async def test_an_id_that_cannot_be_stored_is_told_with_its_thread(store):
    source = await of_items(message("m" * 513))
    with pytest.raises(SourceStoreError, match="Thread 'thr_1' cannot be copied: item.id must be at most 512 bytes"):
        await copy_user(source, store, "alice", context=its_user)


async def test_what_json_cannot_hold_is_told_as_ever(store):
    item = message("msg_a")
    item.content[0].text = object()
    source = await of_items(item)
    with pytest.raises(UnstorableItemError, match="'msg_a' cannot be stored"):
        await copy_user(source, store, "alice", context=its_user)


async def test_the_users_id_is_checked_before_anything_is_read(store):
    with pytest.raises(ValueError, match="user_id must not be empty"):
        await copy_user(None, store, "")
