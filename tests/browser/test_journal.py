"""The database goes away, and a journal lets the chat go on."""

import pytest
from playwright.sync_api import expect

from tests.browser.place import running_place


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Its database can go away without taking others along, and it has a journal."""
    with running_place(CHATKIT_JOURNAL=str(tmp_path_factory.mktemp("journal") / "journal.sqlite3")) as own:
        yield own


def test_in_an_outage_the_chat_goes_on_and_is_shown_again(alice, postgres):
    # Feedback is in no journal.
    alice.expected.append("the server responded with a status of 503")
    alice.say("Before the outage")
    postgres.stop()
    alice.say("During the outage")
    shown = alice.items.all_inner_texts()
    assert len(shown) == 4
    alice.reload()
    expect(alice.items).to_have_count(4)
    assert alice.items.all_inner_texts() == shown
    postgres.start()
