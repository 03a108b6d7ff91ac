"""Previews of images: their addresses are made anew at every load, wherever a copy of the image is."""

import pytest
from chatkit.types import FileAttachment, ImageAttachment, InferenceOptions, UserMessageItem, UserMessageTextContent

from chatkit_pgstore import ConfigurationError, PostgresStore
from chatkit_pgstore.testing import MemoryStore
from tests.support.samples import ALICE, BOB, MOMENT, message, thread
from tests.support.tables import fetch_value

STORED = "https://example.com/expired"


class Signed:
    """Makes an address that tells for whom, for what and for the how-manieth time it was made."""

    def __init__(self):
        self.made = 0

    async def preview_url(self, user_id, attachment):
        self.made += 1
        return f"https://example.com/{user_id}/{attachment.id}?{self.made}"


def image(attachment_id="atc_image"):
    return ImageAttachment(id=attachment_id, name="a.png", mime_type="image/png", preview_url=STORED)


def asked(item_id="msg_1"):
    return UserMessageItem(
        id=item_id,
        thread_id="thr_1",
        created_at=MOMENT,
        content=[UserMessageTextContent(text="What is this?")],
        attachments=[image("atc_1"), FileAttachment(id="atc_2", name="b.txt", mime_type="text/plain"), image("atc_3")],
        inference_options=InferenceOptions(),
    )


async def made(kind, make_store, **options):
    return await make_store(**options) if kind == "postgres" else MemoryStore(**options)


async def filled(store):
    await store.save_attachment(image(), ALICE)
    await store.save_attachment(FileAttachment(id="atc_file", name="b.txt", mime_type="text/plain"), ALICE)
    await store.save_thread(thread(), ALICE)
    for item in (asked(), message("msg_2"), asked("msg_3")):
        await store.add_thread_item("thr_1", item, ALICE)
    return store


def urls_of(item):
    return [str(each.preview_url) for each in item.attachments if each.type == "image"]


@pytest.fixture(params=["postgres", "memory"])
async def store(request, make_store):
    return await filled(await made(request.param, make_store, preview_urls=Signed()))


async def test_an_attachment_has_a_fresh_one_at_every_load(store):
    loaded = [str((await store.load_attachment("atc_image", ALICE)).preview_url) for _ in range(2)]
    assert loaded == ["https://example.com/alice/atc_image?1", "https://example.com/alice/atc_image?2"]


async def test_a_message_has_them_in_its_copies(store):
    item = await store.load_item("thr_1", "msg_1", ALICE)
    assert urls_of(item) == ["https://example.com/alice/atc_1?1", "https://example.com/alice/atc_3?2"]


async def test_so_has_a_page_of_them(store):
    page = await store.load_thread_items("thr_1", None, 9, "asc", ALICE)
    assert urls_of(page.data[2]) == ["https://example.com/alice/atc_1?3", "https://example.com/alice/atc_3?4"]
    assert page.data[1] == message("msg_2")


async def test_what_was_loaded_can_be_written_as_json(store):
    """An address that is no URL to pydantic would warn."""
    item = await store.load_item("thr_1", "msg_1", ALICE)
    assert "alice/atc_1?1" in item.model_dump_json()


async def test_a_file_is_not_asked_about(store):
    assert (await store.load_attachment("atc_file", ALICE)).type == "file"
    assert urls_of(await store.load_item("thr_1", "msg_1", ALICE))[0].endswith("?1")


async def test_nothing_is_made_for_who_may_not_load_it(store):
    assert (await store.load_thread_items("thr_1", None, 9, "asc", BOB)).data == []
    assert urls_of(await store.load_item("thr_1", "msg_1", ALICE))[0].endswith("?1")


@pytest.mark.parametrize("kind", ["postgres", "memory"])
async def test_without_it_they_are_as_they_were_stored(kind, make_store):
    store = await filled(await made(kind, make_store))
    assert str((await store.load_attachment("atc_image", ALICE)).preview_url) == STORED
    assert urls_of(await store.load_item("thr_1", "msg_1", ALICE)) == [STORED, STORED]


async def test_loading_changes_nothing_that_is_stored(make_store, database_url):
    store = await filled(await make_store(preview_urls=Signed()))
    await store.load_item("thr_1", "msg_1", ALICE)
    assert STORED in await fetch_value(database_url, "SELECT item::text FROM chatkit_thread_items ORDER BY id LIMIT 1")


async def test_a_bound_store_has_them_too(make_store):
    store = await filled(await make_store(preview_urls=Signed()))
    async with store.engine.connect() as connection, connection.begin():
        bound = store.bind(connection)
        assert "/alice/atc_1?1" in urls_of(await bound.load_item("thr_1", "msg_1", ALICE))[0]


async def test_the_user_is_the_one_that_the_store_found(make_store):
    store = await make_store(preview_urls=Signed(), user_id=lambda context: context["who"])
    await store.save_attachment(image(), {"who": 7})
    assert "/7/atc_image" in str((await store.load_attachment("atc_image", {"who": 7})).preview_url)


@pytest.mark.parametrize("wrong", ["https://example.com", object(), lambda user_id, attachment: ""])
def test_something_else_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="preview_urls= must have a method preview_url"):
        PostgresStore("postgresql://h/d", preview_urls=wrong)
