"""Conversations on the page: said, stopped, answered again, renamed, deleted, and nobody else's."""

import re

from playwright.sync_api import expect

from tests.acceptance.support import Browser

EXPIRE = """() => {
    const session = JSON.parse(sessionStorage.session);
    sessionStorage.session = JSON.stringify({ ...session, token: "expired" });
}"""


def test_two_users_in_two_browsers_never_see_each_other(visit):
    alice, bob = visit("alice"), visit("bob")
    alice.say("Quokka")
    bob.reload()
    expect(bob.page.get_by_text("Nothing yet.")).to_be_visible()
    bob.expected.append("404")
    bob.page.goto(f"/{alice.page.evaluate('location.hash')}")
    bob.reload()
    expect(bob.error).to_contain_text("There is no such conversation")
    expect(bob.items).to_have_count(0)
    bob.say("Narwhal")
    alice.reload()
    expect(alice.history).to_have_count(1)
    assert "Narwhal" not in alice.page.content()
    assert "Quokka" not in bob.page.content()


def test_a_reload_in_the_middle_of_a_reply_shows_what_was_kept(alice):
    alice.begin("long")
    reply = alice.newest("assistant_message")
    expect(reply).to_contain_text("sentence 3 of sixty")
    alice.reload()
    expect(reply).to_contain_text("sentence 3 of sixty")
    expect(alice.items).to_have_count(2)
    assert "sentence 60 of sixty" not in reply.inner_text()


def test_a_stopped_reply_stays_as_far_as_it_came(alice, demo):
    before = len(demo.lines)
    alice.begin("long")
    reply = alice.newest("assistant_message")
    expect(reply).to_contain_text("sentence 3 of sixty")
    alice.button("Stop").click()
    expect(alice.page.get_by_text("Stopped. What was said so far is kept.")).to_be_visible()
    expect(alice.composer).to_be_focused()
    # The message itself, what was said of the reply, and the marker of the stop: the server has stopped, too.
    demo.wait_for(r"chatkit_pgstore: add_thread_item", after=before, times=3)
    heard = reply.inner_text()
    assert "sentence 60 of sixty" not in heard
    alice.reload()
    expect(reply).to_contain_text(heard)
    alice.say("And now?")
    expect(alice.newest("assistant_message")).to_contain_text("Messages in this conversation")


def test_an_answer_that_is_asked_for_again_takes_the_place_of_the_first(alice):
    alice.say("Hello")
    first = alice.newest("assistant_message").get_attribute("data-id")
    alice.button("Answer again").click()
    expect(alice.page.locator(f"[data-id='{first}']")).to_have_count(0)
    alice.wait_for_reply()
    expect(alice.items).to_have_count(2)
    alice.reload()
    expect(alice.items).to_have_count(2)
    assert alice.newest("assistant_message").get_attribute("data-id") != first


def test_a_reply_that_failed_says_so_and_can_be_tried_again(alice):
    alice.begin("fail")
    expect(alice.error).to_contain_text("This went wrong, as you asked.")
    alice.button("Try again").click()
    expect(alice.newest("assistant_message")).to_contain_text("The second time it went well.")
    expect(alice.error).to_be_empty()
    expect(alice.items).to_have_count(2)


def test_a_suggestion_begins_a_conversation(alice):
    alice.button("Title My first conversation").click()
    expect(alice.page.locator("#title")).to_have_text("My first conversation")
    expect(alice.newest("assistant_message")).to_contain_text("Messages in this conversation: 1.")
    alice.wait_for_reply()
    expect(alice.page.locator("#welcome")).to_be_hidden()


def test_a_conversation_is_renamed(alice):
    alice.say("Hello")
    alice.button("Rename").click()
    alice.page.get_by_role("dialog").get_by_label("Title").fill("Ptarmigan")
    alice.page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(alice.page.locator("#title")).to_have_text("Ptarmigan")
    alice.reload()
    expect(alice.page.locator("#title")).to_have_text("Ptarmigan")
    expect(alice.history.get_by_role("button", name="Ptarmigan")).to_be_visible()


def test_a_conversation_is_deleted_once_that_is_confirmed(alice):
    alice.say("Hello")
    alice.button("Delete").click()
    alice.button("Keep").click()
    expect(alice.items).to_have_count(2)
    alice.delete_open_conversation()
    expect(alice.items).to_have_count(0)
    expect(alice.history).to_have_count(0)
    alice.reload()
    expect(alice.page.get_by_text("Nothing yet.")).to_be_visible()


def test_a_long_history_comes_page_by_page(visit, demo):
    with Browser(demo.address, "a talker") as program:
        for number in range(23):
            program.http.post("/api/conversations", json={"title": f"Talk {number}"}).raise_for_status()
    talker = visit("a talker")
    expect(talker.history).to_have_count(20)
    talker.button("More").click()
    expect(talker.history).to_have_count(23)
    expect(talker.button("More")).to_be_hidden()
    titles = [text.splitlines()[0] for text in talker.history.all_inner_texts()]
    assert titles == [f"Talk {number}" for number in reversed(range(23))]


def test_a_long_conversation_comes_page_by_page(visit, demo):
    with Browser(demo.address, "a writer") as program:
        made = program.http.post("/api/conversations", json={"title": "Long"}).raise_for_status().json()
        for number in range(35):
            message = {"role": "user", "content": f"Line {number}."}
            program.http.post(f"/api/conversations/{made['id']}/messages", json=message).raise_for_status()
    writer = visit("a writer")
    writer.open("Long")
    expect(writer.items).to_have_count(30)
    expect(writer.items.last).to_be_in_viewport()
    writer.button("Earlier messages").click()
    expect(writer.items).to_have_count(35)
    shown = [re.sub("Answer again", "", text).strip() for text in writer.items.all_inner_texts()]
    assert shown == [f"Line {number}." for number in range(35)]


def test_a_token_that_is_not_valid_any_more_leads_back_to_the_sign_in_with_words(alice):
    alice.expected.append("401")
    alice.say("Hello")
    alice.page.evaluate(
        "sessionStorage.session = JSON.stringify({token: 'expired', name: JSON.parse(sessionStorage.session).name})"
    )
    alice.composer.fill("What I was writing")
    alice.composer.press("Enter")
    expect(alice.page.get_by_text("Please sign in again.")).to_be_visible()
    expect(alice.items).to_have_count(0)
    alice.sign_in()
    expect(alice.composer).to_have_value("What I was writing")
    expect(alice.items).to_have_count(2)


def test_signing_out_leaves_nothing_on_the_page(alice):
    alice.say("Quokka")
    alice.button("Sign out").click()
    expect(alice.page.get_by_label("Your name")).to_be_focused()
    alice.page.reload()
    expect(alice.page.get_by_label("Your name")).to_be_focused()
    assert "Quokka" not in alice.page.content()
    assert alice.page.evaluate("[location.hash, sessionStorage.length]") == ["", 0]


def test_the_page_with_the_official_component_says_what_it_needs(alice):
    alice.context.route("https://cdn.platform.openai.com/**", lambda route: route.abort())
    alice.expected.append("cdn.platform.openai.com")
    alice.page.goto("/component")
    expect(alice.page.get_by_role("status")).to_contain_text("could not be loaded: it needs the network")
    alice.page.evaluate("sessionStorage.clear()")
    alice.page.reload()
    expect(alice.page.get_by_role("status")).to_contain_text("Sign in first")
