"""The database goes away while somebody looks at the page, and comes back."""

import pytest
from playwright.sync_api import expect

from tests.browser.place import running_place


@pytest.fixture(scope="module")
def place():
    """Its database can go away without taking others along."""
    with running_place() as own:
        yield own


def test_an_outage_is_told_in_words_and_afterwards_all_is_as_it_was(alice, postgres):
    alice.expected += ["the server responded with a status of 503", "ERR_INCOMPLETE_CHUNKED_ENCODING"]
    alice.say("Before the outage")
    postgres.stop()
    alice.composer.fill("During the outage")
    alice.composer.press("Enter")
    expect(alice.error).to_contain_text("cannot be reached at the moment")
    expect(alice.composer).to_have_value("During the outage")
    postgres.start()
    alice.button("Try again").click()
    expect(alice.composer).to_have_value("")
    expect(alice.error).to_be_empty()
    alice.wait_for_reply()
    shown = alice.items.all_inner_texts()
    assert len(shown) == 4
    alice.reload()
    expect(alice.items).to_have_count(4)
    assert alice.items.all_inner_texts() == shown


def test_a_server_that_is_gone_is_told_in_words(alice):
    alice.expected.append("net::ERR")
    alice.context.route("**/chatkit", lambda route: route.abort())
    alice.composer.fill("Is anybody there?")
    alice.composer.press("Enter")
    expect(alice.error).to_contain_text("The server cannot be reached.")
    alice.context.unroute("**/chatkit")
    alice.button("Try again").click()
    expect(alice.newest("assistant_message")).to_contain_text("Messages in this conversation")
    alice.wait_for_reply()
