"""No call of one user reads, changes or reveals a row of another, whatever ids it is made with."""

import json
import random

import asyncpg
import pytest
from chatkit.store import Store

from chatkit_pgstore import NotFoundError
from tests.support.calls import Call, fill
from tests.support.samples import ALICE, BOB, attachment, ids_of, message, thread, tool_call
from tests.support.tables import TABLES, dump, fetch

TWIN = {"user_id": "twin of bob"}
"""Has what bob has and does what he does, but before alice has anything."""


def on_alices_thread(item):
    return lambda store, _, user: store.add_thread_item("thr_1", item, user)


ATTEMPTS = (
    Call("load_thread", lambda store, _, user: store.load_thread("thr_1", user), NotFoundError),
    Call("save_thread", lambda store, _, user: store.save_thread(thread("thr_1", "Taken"), user)),
    Call("load_threads", lambda store, _, user: store.load_threads(99, None, "asc", user)),
    Call("load_threads behind hers", lambda store, _, user: store.load_threads(9, "thr_1", "asc", user), NotFoundError),
    Call("delete_thread", lambda store, _, user: store.delete_thread("thr_1", user)),
    Call("load_thread_items", lambda store, _, user: store.load_thread_items("thr_1", None, 9, "asc", user)),
    Call(
        "load_thread_items behind hers",
        lambda store, _, user: store.load_thread_items("thr_1", "msg_a", 9, "asc", user),
        NotFoundError,
    ),
    Call(
        "load_thread_items of his own thread behind hers",
        lambda store, _, user: store.load_thread_items("thr_own", "msg_a", 9, "asc", user),
        NotFoundError,
    ),
    Call("add_thread_item", on_alices_thread(message("msg_new", "Taken")), NotFoundError),
    Call("add_thread_item of an id of hers", on_alices_thread(message("msg_a", "Taken")), NotFoundError),
    Call("add_thread_item again while pending", on_alices_thread(tool_call("tc_done", completed=False)), NotFoundError),
    Call(
        "add_thread_item of an id of hers to his own thread",
        lambda store, _, user: store.add_thread_item("thr_own", message("msg_a", "His"), user),
    ),
    Call("save_item", lambda store, _, user: store.save_item("thr_1", message("msg_a", "Taken"), user), NotFoundError),
    Call("save_item new", lambda store, _, user: store.save_item("thr_1", message("msg_new"), user), NotFoundError),
    Call(
        "save_item of an id of hers in his own thread",
        lambda store, _, user: store.save_item("thr_own", message("msg_a", "His"), user),
    ),
    Call("load_item", lambda store, _, user: store.load_item("thr_1", "msg_a", user), NotFoundError),
    Call(
        "load_item by his own thread", lambda store, _, user: store.load_item("thr_own", "msg_a", user), NotFoundError
    ),
    Call("delete_thread_item", lambda store, _, user: store.delete_thread_item("thr_1", "msg_a", user)),
    Call(
        "delete_thread_item by his own thread",
        lambda store, _, user: store.delete_thread_item("thr_own", "msg_a", user),
    ),
    Call("save_attachment", lambda store, _, user: store.save_attachment(attachment("atc_1", name="His"), user)),
    Call(
        "save_attachment new, of her thread",
        lambda store, _, user: store.save_attachment(attachment("atc_new", "thr_1"), user),
        NotFoundError,
    ),
    Call(
        "save_attachment of an id and a thread of hers",
        lambda store, _, user: store.save_attachment(attachment("atc_of_thread_1", "thr_1"), user),
        NotFoundError,
    ),
    Call(
        "save_attachment of his own, moved to her thread",
        lambda store, _, user: store.save_attachment(attachment("atc_own", "thr_1"), user),
        NotFoundError,
    ),
    Call("load_attachment", lambda store, _, user: store.load_attachment("atc_1", user), NotFoundError),
    Call("delete_attachment", lambda store, _, user: store.delete_attachment("atc_1", user)),
)


def test_the_attempts_below_are_made_through_all_methods_of_the_store():
    assert {attempt.method for attempt in ATTEMPTS} == Store.__abstractmethods__


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
async def test_another_users_ids_are_as_good_as_ids_that_nobody_has(attempt, store, database_url):
    for user in (TWIN, BOB):
        await fill_own(store, user)
    of_twin = await outcome(attempt, store, TWIN)
    await fill(store, ALICE)
    before = await dump(database_url, "alice")
    of_bob = await outcome(attempt, store, BOB)
    assert await dump(database_url, "alice") == before
    assert of_bob == of_twin
    assert await documents(database_url, "bob") == await documents(database_url, "twin of bob")


async def fill_own(store, user):
    await store.save_thread(thread("thr_own"), user)
    await store.add_thread_item("thr_own", message("msg_own", thread_id="thr_own"), user)
    await store.save_attachment(attachment("atc_own"), user)


async def outcome(attempt, store, user):
    """Return all that a call tells, to the last word of its error, and see that it ends as it should."""
    try:
        result = await attempt.act(store, 1, user)
    except NotFoundError as error:
        assert attempt.raises is NotFoundError
        return repr(error)
    assert attempt.raises is None
    return repr(result)


async def documents(database_url, user_id):
    """Return a user's rows without what names the user, and without the times of writing."""
    rows = {}
    for table in TABLES:
        found = await fetch(database_url, f"SELECT row_to_json(t)::text FROM {table} t WHERE user_id = $1", user_id)
        own = [json.loads(row[0]) for row in found]
        hidden = {"user_id", "updated_at"} | ({"created_at"} if table == "chatkit_attachments" else set())
        rows[table] = [{name: value for name, value in row.items() if name not in hidden} for row in own]
    return rows


GUESSES = (
    *("%", "_%", "*", ".*", "thr_", "THR_1", "thr_1 ", "thr_1\n", "thr_\uff11"),
    *("thr_1' OR '1'='1", "thr_1; --", "$1", "null"),
)


async def test_a_guessed_id_finds_nothing(store, database_url):
    await fill(store, ALICE)
    before = await dump(database_url)
    for guess in GUESSES:
        for user in (ALICE, BOB):
            await see_that_nothing_is_found(store, guess, user)
    assert await dump(database_url) == before


async def see_that_nothing_is_found(store, guess, user):
    for read in (
        store.load_thread(guess, user),
        store.load_attachment(guess, user),
        store.load_item("thr_1", guess, user),
        store.load_thread_items("thr_1", guess, 9, "asc", user),
        store.load_threads(9, guess, "asc", user),
    ):
        with pytest.raises(NotFoundError):
            await read
    assert (await store.load_thread_items(guess, None, 9, "asc", user)).data == []
    await store.delete_thread(guess, user)
    await store.delete_thread_item("thr_1", guess, user)
    await store.delete_attachment(guess, user)


ALIKE = (
    *("alice", "Alice", "ALICE", "alice ", " alice", "alice\n", "ali\u00adce"),
    *("\u00e9", "e\u0301", "al%", "alic_", "alice' OR '1'='1"),
)


async def test_users_who_look_alike_see_nothing_of_each_other(store):
    for user in ALIKE:
        await store.save_thread(thread("thr_1", title=user), {"user_id": user})
        await store.add_thread_item("thr_1", message("msg_1", text=user), {"user_id": user})
    for user in ALIKE:
        page = await store.load_threads(99, None, "asc", {"user_id": user})
        assert [each.title for each in page.data] == [user]
        item = await store.load_item("thr_1", "msg_1", {"user_id": user})
        assert item.content[0].text == user
    await store.delete_thread("thr_1", {"user_id": ALIKE[0]})
    assert [await ids_of(store, context={"user_id": user}) for user in ALIKE[1:]] == [["msg_1"]] * (len(ALIKE) - 1)


async def test_no_row_can_belong_to_another_users_thread_even_by_hand(store, database_url):
    await fill(store, ALICE)
    insert = (
        "INSERT INTO chatkit_thread_items (user_id, thread_id, id, sort_key, type, item, created_at, updated_at)"
        " VALUES ('bob', 'thr_1', 'msg_1', 1, 'end_of_turn', '{}', now(), now())"
    )
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await fetch(database_url, insert)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await fetch(database_url, "UPDATE chatkit_attachments SET user_id = 'bob' WHERE thread_id = 'thr_1'")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_others_do_with_the_same_ids_changes_nothing_for_a_user(seed, make_store, empty_database_url):
    alone, shared = await make_store(empty_database_url), await make_store()
    await alone.initialize()
    choice = random.Random(seed)
    for number in range(200):
        act = random_call(choice, number)
        assert await told(act, shared, ALICE) == await told(act, alone, ALICE)
        for user in (BOB, TWIN):
            await told(random_call(choice, number), shared, user)


async def told(act, store, user):
    """Return what a call tells its user, to the last word of its error."""
    try:
        return repr(await act(store, user))
    except NotFoundError as error:
        return repr(error)


def random_call(choice, number):
    """Return a call with ids out of a handful, as likely to be there as not."""
    thread_id, other = (f"thr_{choice.randrange(3)}" for _ in range(2))
    item_id, attachment_id = f"msg_{choice.randrange(4)}", f"atc_{choice.randrange(3)}"
    order, limit, text = choice.choice(("asc", "desc")), choice.randint(1, 4), f"number {number}"
    cursor, thread_cursor = choice.choice((None, item_id)), choice.choice((None, other))
    kept_thread = choice.choice((None, thread_id))
    return choice.choice(
        (
            lambda store, user: store.save_thread(thread(thread_id, text, age_seconds=limit), user),
            lambda store, user: store.save_thread(thread(other, text, age_seconds=limit), user),
            lambda store, user: store.load_thread(thread_id, user),
            lambda store, user: store.load_threads(limit, thread_cursor, order, user),
            lambda store, user: store.delete_thread(thread_id, user),
            lambda store, user: store.load_thread_items(thread_id, cursor, limit, order, user),
            lambda store, user: store.add_thread_item(thread_id, message(item_id, text), user),
            lambda store, user: store.add_thread_item(other, message(item_id, text), user),
            lambda store, user: store.save_item(thread_id, message(item_id, text), user),
            lambda store, user: store.load_item(thread_id, item_id, user),
            lambda store, user: store.delete_thread_item(thread_id, item_id, user),
            lambda store, user: store.save_attachment(attachment(attachment_id, kept_thread, text), user),
            lambda store, user: store.load_attachment(attachment_id, user),
            lambda store, user: store.delete_attachment(attachment_id, user),
        )
    )
