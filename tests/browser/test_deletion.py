"""Whoever deletes everything through the page leaves nothing behind."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from obstore.store import LocalStore
from playwright.sync_api import expect

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.attachments import FileAttachments, Files
from tests.browser.files import PICTURE, TEXT, chip, files_in, rows_of
from tests.browser.place import running_place


@pytest.fixture(scope="module")
def place():
    """Empty at first."""
    with running_place() as own:
        yield own


def test_after_everything_is_deleted_and_one_sweep_there_is_neither_row_nor_file(alice, place):
    for number in range(2):
        choose(alice, PICTURE, TEXT)
        alice.say(f"Conversation {number}")
        alice.button("Good reply").click()
        expect(alice.button("Good reply")).to_have_attribute("aria-pressed", "true")
        alice.button("New").click()
    choose(alice, TEXT)
    alice.button("Remove notes.txt").click()
    assert {"chatkit_threads", "chatkit_thread_items", "chatkit_feedback"} <= {*rows_of(place.postgres, None)}
    assert len(files_in(place.files_folder)) >= 4
    for number in reversed(range(2)):
        alice.open(f"Conversation {number}")
        alice.delete_open_conversation()
    expect(alice.page.get_by_text("Nothing yet.")).to_be_visible()
    sweep(place.postgres.url(), place.files_folder)
    assert rows_of(place.postgres, None) == {}
    assert files_in(place.files_folder) == []


def choose(visitor, *files):
    visitor.page.locator("#file").set_input_files(list(files))
    for file in files:
        expect(chip(visitor, file["name"])).to_have_class("ready")


def sweep(database_url, folder):
    # In a thread: Playwright has this one's event loop.
    with ThreadPoolExecutor() as thread:
        thread.submit(asyncio.run, _sweep(database_url, folder)).result()


async def _sweep(database_url, folder):
    files = Files(
        LocalStore(folder), secret="a sweep signs nothing with its secret", public_url="http://127.0.0.1/files"
    )
    async with PostgresStore(database_url) as store:
        await FileAttachments(store, files).sweep(grace_seconds=0)
