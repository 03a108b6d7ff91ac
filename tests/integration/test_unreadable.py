"""Stored documents that the installed SDK cannot read: one of them never makes a thread unreadable, or is touched."""

import json
import logging
from itertools import product

import pytest

from chatkit_pgstore import UnreadableItemError
from tests.support.samples import ALICE, MOMENT, attachment, ids_of, message, thread
from tests.support.tables import dump, fetch

SECRET = "what alice wrote"
BASE = {"id": "msg_odd", "thread_id": "thr_1", "created_at": MOMENT.isoformat()}
UNREADABLE = {
    "of a type that a newer SDK knows": {**BASE, "type": "hologram", "content": SECRET},
    "without its content": {**BASE, "type": "assistant_message", "text": SECRET},
    "with a field of another type": {**BASE, "type": "assistant_message", "content": SECRET},
    "with a time that is none": {**BASE, "type": "end_of_turn", "created_at": SECRET},
    "without a type": {**BASE, "content": SECRET},
    "empty": {},
    "a list": [SECRET],
    "a text": SECRET,
    "null": None,
    "a number": 7,
}
INSERT = """
    INSERT INTO chatkit_thread_items (user_id, thread_id, id, sort_key, type, item, created_at, updated_at)
    SELECT user_id, id, $1, last_sort_key, 'odd', CAST($2::text AS json), now(), now() FROM chatkit_threads
"""
NEXT_KEY = "UPDATE chatkit_threads SET last_sort_key = last_sort_key + 1"


@pytest.fixture
async def add_odd(database_url):
    """``await add_odd(item_id, document)``: append a document to alice's thread past the store."""

    async def add(item_id, document):
        await fetch(database_url, NEXT_KEY)
        await fetch(database_url, INSERT, item_id, json.dumps(document))

    return add


@pytest.fixture
async def thread_store(store):
    await store.save_thread(thread(), ALICE)
    return store


@pytest.mark.parametrize("document", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_item_is_left_out_with_a_warning(document, thread_store, add_odd, database_url, caplog):
    await thread_store.add_thread_item("thr_1", message("msg_1"), ALICE)
    await add_odd("msg_odd", document)
    await thread_store.add_thread_item("thr_1", message("msg_2"), ALICE)
    before = await dump(database_url)
    assert await ids_of(thread_store) == ["msg_1", "msg_2"]
    (warning,) = caplog.messages
    assert warning.startswith(
        "Left out of a page of thread 'thr_1': Item 'msg_odd' cannot be read by openai-chatkit 1."
    )
    with pytest.raises(UnreadableItemError, match="Item 'msg_odd' cannot be read") as raised:
        await thread_store.load_item("thr_1", "msg_odd", ALICE)
    assert str(raised.value) in warning
    assert SECRET not in warning
    assert raised.value.__cause__ is None  # pydantic's own error quotes the document
    assert await dump(database_url) == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("of a type that a newer SDK knows", "union_tag_invalid"),
        ("without its content", "assistant_message.content: missing"),
        ("with a field of another type", "assistant_message.content: list_type"),
    ],
)
async def test_the_warning_tells_the_reason(name, reason, thread_store, add_odd, caplog):
    await add_odd("msg_odd", UNREADABLE[name])
    assert await ids_of(thread_store) == []
    assert f": {reason}. It is kept as it is" in caplog.text


PATTERNS = ("u", "uuu", "ru", "ur", "rur", "uuurrr", "rrruuu", "ruuuuuur", "ururur", "uurruuuurur")


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_pages_across_unreadable_items_miss_and_repeat_nothing(pattern, thread_store, add_odd):
    for place, kind in enumerate(pattern):
        if kind == "r":
            await thread_store.add_thread_item("thr_1", message(f"msg_{place}"), ALICE)
        else:
            await add_odd(f"msg_{place}", UNREADABLE["empty"])
    readable = [f"msg_{place}" for place, kind in enumerate(pattern) if kind == "r"]
    for order, limit in product(("asc", "desc"), range(1, len(pattern) + 2)):
        pages = await all_pages(thread_store, order, limit)
        assert [item.id for page in pages for item in page.data] == (readable if order == "asc" else readable[::-1])
        # Each page stands for as many rows as any other, whatever can be shown of them.
        assert len(pages) == -(-len(pattern) // limit)


async def all_pages(store, order, limit):
    pages, after = [], None
    while not pages or pages[-1].has_more:
        pages.append(await store.load_thread_items("thr_1", after, limit, order, ALICE))
        assert (pages[-1].after is not None) == pages[-1].has_more
        after = pages[-1].after
        assert len(pages) <= len(max(PATTERNS, key=len))
    return pages


async def test_an_unreadable_item_can_be_a_cursor_and_be_deleted(thread_store, add_odd):
    await add_odd("msg_odd", UNREADABLE["empty"])
    await thread_store.add_thread_item("thr_1", message("msg_1"), ALICE)
    page = await thread_store.load_thread_items("thr_1", "msg_odd", 9, "asc", ALICE)
    assert [item.id for item in page.data] == ["msg_1"]
    await thread_store.delete_thread_item("thr_1", "msg_odd", ALICE)
    assert await ids_of(thread_store) == ["msg_1"]


async def test_an_unreadable_item_saved_again_is_readable_in_its_old_place(thread_store, add_odd):
    await add_odd("msg_odd", UNREADABLE["empty"])
    await thread_store.add_thread_item("thr_1", message("msg_1"), ALICE)
    await thread_store.save_item("thr_1", message("msg_odd"), ALICE)
    assert await ids_of(thread_store) == ["msg_odd", "msg_1"]


async def test_an_unreadable_thread_is_left_out_of_the_list(store, database_url, caplog):
    for number in range(3):
        await store.save_thread(thread(f"thr_{number}", age_seconds=number), ALICE)
    odd = json.dumps({"title": SECRET})
    await fetch(database_url, "UPDATE chatkit_threads SET thread = CAST($1::text AS json) WHERE id = 'thr_1'", odd)
    first = await store.load_threads(2, None, "desc", ALICE)
    assert ([each.id for each in first.data], first.has_more, first.after) == (["thr_0"], True, "thr_1")
    second = await store.load_threads(2, first.after, "desc", ALICE)
    assert [each.id for each in second.data] == ["thr_2"]
    assert "Left out of a page of thread 'thr_1': Thread 'thr_1' cannot be read" in caplog.text
    with pytest.raises(UnreadableItemError, match="Thread 'thr_1' cannot be read"):
        await store.load_thread("thr_1", ALICE)
    assert SECRET not in caplog.text


async def test_an_unreadable_attachment_is_an_error(store, database_url):
    await store.save_attachment(attachment("atc_1"), ALICE)
    await fetch(database_url, """UPDATE chatkit_attachments SET attachment = '{"type": "video"}'""")
    with pytest.raises(UnreadableItemError, match="Attachment 'atc_1' cannot be read"):
        await store.load_attachment("atc_1", ALICE)


async def test_raise_turns_leaving_out_into_an_error(make_store, add_odd):
    store = await make_store(on_unreadable="raise")
    await store.save_thread(thread(), ALICE)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    await add_odd("msg_odd", UNREADABLE["empty"])
    assert (await store.load_thread_items("thr_1", None, 1, "asc", ALICE)).data == [message("msg_1")]
    with pytest.raises(UnreadableItemError, match="Item 'msg_odd' cannot be read"):
        await store.load_thread_items("thr_1", None, 2, "asc", ALICE)


OLD_TASK = {"type": "custom", "title": "Think", "icon": "sparkle-of-1.0", "content": None, "status_indicator": "none"}
OLD_SOURCE = {"type": "entity", "id": "e_1", "title": "Entity", "icon": "of-1.0", "data": {"icon": "kept"}}
FREE_ICONS = {
    "task": {**BASE, "type": "task", "task": OLD_TASK},
    "workflow": {
        **BASE,
        "type": "workflow",
        "workflow": {"type": "custom", "tasks": [OLD_TASK, OLD_TASK], "summary": {"title": "All", "icon": "of-1.0"}},
    },
    "annotation": {
        **BASE,
        "type": "assistant_message",
        "content": [
            {"type": "output_text", "text": "See", "annotations": [{"type": "annotation", "source": OLD_SOURCE}]}
        ],
    },
}


@pytest.mark.parametrize("document", FREE_ICONS.values(), ids=FREE_ICONS)
async def test_icons_of_the_first_sdk_are_dropped_on_reading(document, thread_store, add_odd, database_url, caplog):
    caplog.set_level(logging.WARNING, logger="chatkit_pgstore")
    await add_odd("msg_odd", document)
    before = await dump(database_url)
    item = await thread_store.load_item("thr_1", "msg_odd", ALICE)
    page = await thread_store.load_thread_items("thr_1", None, 9, "asc", ALICE)
    assert page.data == [item]
    written = item.model_dump_json(exclude_none=True)
    assert "of-1.0" not in written
    assert ('"icon":"kept"' in written) == (document["type"] == "assistant_message")
    assert caplog.messages == []
    assert await dump(database_url) == before


async def test_an_old_icon_does_not_hide_another_fault(thread_store, add_odd):
    await add_odd("msg_odd", {**BASE, "type": "task", "task": {**OLD_TASK, "status_indicator": SECRET}})
    with pytest.raises(UnreadableItemError, match="status_indicator"):
        await thread_store.load_item("thr_1", "msg_odd", ALICE)
