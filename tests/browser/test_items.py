"""Every kind of item that ChatKit keeps, on the page, and again after a reload."""

import re

import pytest
from playwright.sync_api import expect

SHOWN = {
    "sources": {"assistant_message": ["A file says so", "3 sources", "handbook.pdf", "PostgreSQL manual", "Ada"]},
    "workflow": {"workflow": ["Took three steps", "Read the question", "what is a workflow", "The manual will do."]},
    "think": {"workflow": ["Worked for 2 seconds"]},
    "task": {"task": ["Looked at its pictures"], "end_of_turn": []},
    "image": {"generated_image": []},
    "widget": {"widget": ["A counter", "Count: 0", "Add one", "Finish"]},
    "tool": {"client_tool_call": ["Your browser answered get_local_time"]},
    "hide": {"assistant_message": ["that only an assistant can read"]},
}
"""What a message that says the word brings, by the kind of item."""

OVERHEAR_STATUS = """() => {
    const status = document.getElementById("status");
    window.said = [];
    new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true });
}"""


@pytest.mark.parametrize("word", SHOWN)
def test_it_is_shown_and_shown_again_after_a_reload(alice, word):
    alice.say(word)
    shown = alice.items.all_inner_texts()
    for kind, texts in SHOWN[word].items():
        expect(alice.newest(kind)).to_be_visible()
        for text in texts:
            expect(alice.newest(kind)).to_contain_text(text)
    alice.reload()
    expect(alice.items).to_have_count(len(shown))
    assert alice.items.all_inner_texts() == shown


def test_a_generated_picture_is_one(alice):
    alice.say("image")
    assert alice.newest("generated_image").locator("img").evaluate("image => image.naturalWidth") > 0


def test_links_of_sources_open_apart_from_the_page_and_tell_it_nothing(alice):
    alice.say("sources")
    link = alice.page.get_by_role("link", name="PostgreSQL manual")
    expect(link).to_have_attribute("href", "https://www.postgresql.org/docs/current/")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(link).to_have_attribute("target", "_blank")


def test_a_tool_of_the_browser_is_called_and_answered(alice):
    alice.say("tool")
    expect(alice.newest("client_tool_call")).to_contain_text(re.compile(r'"local_time":".+"'))
    expect(alice.newest("assistant_message")).to_contain_text("Your browser says that it is")


def test_a_form_is_answered(alice):
    alice.say("ask")
    form = alice.newest("structured_input")
    form.get_by_label("Blue").check()
    form.get_by_label("Why?").fill("Because of the sea")
    form.get_by_role("button", name="Answer").click()
    expect(alice.newest("assistant_message")).to_contain_text("Noted: Blue; Because of the sea.")
    alice.wait_for_reply()
    alice.reload()
    expect(form).to_contain_text("Blue")
    expect(form).to_contain_text("Because of the sea")
    expect(form.get_by_role("button")).to_have_count(0)


def test_an_answer_can_be_none_of_the_choices_and_a_question_be_left_out(alice):
    alice.say("ask")
    form = alice.newest("structured_input")
    form.get_by_label("Something else, in words").fill("Mauve")
    expect(form.get_by_label("Something else", exact=True)).to_be_checked()
    form.get_by_role("button", name="Answer").click()
    alice.wait_for_reply()
    expect(form.locator("dd")).to_have_text(["Mauve", "Skipped"])


def test_a_form_is_skipped(alice):
    alice.say("ask")
    form = alice.newest("structured_input")
    form.get_by_role("button", name="Skip").click()
    expect(alice.newest("assistant_message")).to_contain_text("Then we leave it at that.")
    alice.wait_for_reply()
    expect(form.locator("dd")).to_have_text(["Skipped", "Skipped"])


def test_the_buttons_of_a_widget_act(alice):
    alice.say("widget")
    widget = alice.newest("widget")
    widget.get_by_role("button", name="Add one").click()
    expect(widget).to_contain_text("Count: 1")
    # Its place among the buttons is kept, although the widget was drawn anew.
    expect(widget.get_by_role("button", name="Add one")).to_be_focused()
    widget.get_by_role("button", name="Add one").press("Enter")
    expect(widget).to_contain_text("Count: 2")
    widget.get_by_role("button", name="Finish").click()
    expect(widget).to_contain_text("Final count: 2")
    expect(alice.newest("assistant_message")).to_contain_text("You stopped at 2.")
    alice.wait_for_reply()
    alice.reload()
    expect(widget).to_contain_text("Final count: 2")


def test_feedback_is_a_switch_that_keeps_its_state(alice):
    alice.say("Hello")
    good = alice.page.get_by_role("button", name="Good reply")
    bad = alice.page.get_by_role("button", name="Bad reply")
    expect(good).to_have_attribute("aria-pressed", "false")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    alice.reload()
    expect(good).to_have_attribute("aria-pressed", "true")
    bad.click()
    expect(bad).to_have_attribute("aria-pressed", "true")
    alice.reload()
    expect(bad).to_have_attribute("aria-pressed", "true")
    expect(good).to_have_attribute("aria-pressed", "false")


def test_progress_is_told_while_it_is_made(alice):
    alice.page.evaluate(OVERHEAR_STATUS)
    alice.say("progress")
    said = alice.page.evaluate("said")
    expected = ["The assistant is answering…", "Looking for the right words", "Putting them in order", ""]
    assert [words for words in said if words in expected] == expected


def test_a_notice_is_shown_in_words_and_can_be_closed(alice):
    alice.say("notice")
    notice = alice.page.locator("#notices .warning")
    expect(notice).to_contain_text("It belongs to this moment, and is not kept.")
    notice.get_by_role("button", name="Close").click()
    expect(notice).to_have_count(0)


def test_what_is_hidden_never_comes_to_the_page(alice):
    texts = []

    def overhear(route):
        answer = route.fetch()
        texts.append(answer.text())
        route.fulfill(response=answer)

    alice.context.route("**/chatkit", overhear)
    alice.say("hide")
    alice.reload()
    expect(alice.items).to_have_count(2)
    assert len(texts) >= 3
    assert not [text for text in [*texts, alice.page.content()] if "to see how something is hidden" in text]
