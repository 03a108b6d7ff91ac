"""The page without a mouse, on a phone, in the dark, and without motion."""

import pytest
from playwright.sync_api import expect

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
FOCUS_RING = """() => {
    const style = getComputedStyle(document.activeElement);
    return [document.activeElement.id || document.activeElement.innerText, style.outlineStyle, style.outlineWidth];
}"""
OVERFLOWING = """() => [...document.querySelectorAll("#app *")]
    .filter((each) => each.checkVisibility({ visibilityProperty: true }))
    .filter((each) => !each.closest(".unseen, pre"))
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .map((each) => each.outerHTML.slice(0, 100))"""


def test_everything_can_be_done_with_the_keyboard(alice):
    keyboard = alice.page.keyboard
    expect(alice.composer).to_be_focused()
    keyboard.type("First line")
    keyboard.press("Shift+Enter")
    keyboard.type("second line")
    expect(alice.composer).to_have_value("First line\nsecond line")
    keyboard.press("Enter")
    expect(alice.newest("user_message")).to_contain_text("First line\nsecond line")
    alice.wait_for_reply()
    expect(alice.composer).to_be_focused()
    tab_to(alice, "Rename", backwards=True)
    keyboard.press("Enter")
    expect(alice.page.get_by_label("Title")).to_be_focused()
    keyboard.press("Escape")
    expect(alice.page.get_by_role("dialog")).to_have_count(0)
    expect(alice.button("Rename")).to_be_focused()
    keyboard.press("Enter")
    keyboard.press("Control+A")
    keyboard.type("Named by keyboard")
    keyboard.press("Enter")
    expect(alice.page.locator("#title")).to_have_text("Named by keyboard")
    tab_to(alice, "New", backwards=True)
    keyboard.press("Enter")
    expect(alice.composer).to_be_focused()
    tab_to(alice, "Named by keyboard", backwards=True)
    keyboard.press("Enter")
    expect(alice.items).to_have_count(2)
    expect(alice.composer).to_be_focused()
    tab_to(alice, "Good reply", backwards=True)
    keyboard.press("Space")
    expect(alice.button("Good reply")).to_have_attribute("aria-pressed", "true")
    expect(alice.button("Good reply")).to_be_focused()
    tab_to(alice, "Delete", backwards=True)
    keyboard.press("Enter")
    expect(alice.button("Keep")).to_be_focused()
    keyboard.press("Escape")
    expect(alice.items).to_have_count(2)


def tab_to(visitor, name, *, backwards):
    """Press the tab key until a button is reached; every stop on the way shows that it is one."""
    for _ in range(40):
        visitor.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        stop, style, width = visitor.page.evaluate(FOCUS_RING)
        assert (style, width) == ("solid", "2px"), stop
        if visitor.page.get_by_role("button", name=name).evaluate("each => each === document.activeElement"):
            return
    raise AssertionError(f"The tab key does not lead to {name}.")


def test_replies_and_errors_are_read_out(alice):
    alice.say("Hello")
    expect(alice.page.get_by_role("log")).to_contain_text("Messages in this conversation")
    alice.begin("fail")
    expect(alice.page.get_by_role("alert")).to_contain_text("This went wrong")


@pytest.mark.parametrize("word", ["sources", "ask", "widget", "workflow", "image", "notice", "long-word"])
def test_on_a_phone_nothing_is_wider_than_the_screen(visit, word):
    phone = visit(f"phone {word}", **PHONE)
    phone.say("x" * 300 if word == "long-word" else word)
    assert phone.page.evaluate(OVERFLOWING) == []
    for part in ("html", "#scroller", "#composer"):
        assert phone.page.locator(part).evaluate("part => part.scrollWidth - part.clientWidth") == 0, part


def test_on_a_phone_the_history_is_a_drawer(visit):
    phone = visit("phone", **PHONE)
    phone.say("Hello")
    opener = phone.button("Conversations")
    expect(phone.history.first).to_be_hidden()
    opener.tap()
    expect(phone.history.first).to_be_visible()
    expect(opener).to_have_attribute("aria-expanded", "true")
    phone.page.keyboard.press("Escape")
    expect(phone.history.first).to_be_hidden()
    expect(opener).to_be_focused()
    opener.tap()
    phone.button("New").tap()
    expect(phone.history.first).to_be_hidden()
    expect(phone.items).to_have_count(0)
    opener.tap()
    phone.history.get_by_role("button", name="Hello").tap()
    expect(phone.history.first).to_be_hidden()
    expect(phone.items).to_have_count(2)


@pytest.mark.parametrize(("scheme", "ground"), [("dark", "rgb(22, 24, 27)"), ("light", "rgb(255, 255, 255)")])
def test_the_colours_are_those_that_the_system_prefers(visit, scheme, ground):
    visitor = visit(f"in the {scheme}", color_scheme=scheme)
    expect(visitor.page.locator("body")).to_have_css("background-color", ground)


def test_nothing_moves_for_those_who_prefer_it_so(visit):
    still = visit("still", reduced_motion="reduce", **PHONE)
    expect(still.page.locator("#conversations")).to_have_css("transition-duration", "0s")
