"""What the page makes of single items, some of which no assistant of the example sends."""

from datetime import datetime

import pytest
from chatkit.types import AssistantMessageContent, AssistantMessageItem, UserMessageItem, WidgetItem
from pydantic import TypeAdapter

NOW = datetime(2030, 1, 1)
RENDER = """async (item) => {
    const { renderItem } = await import("/page/render.js");
    const called = [];
    const note = (name) => (...args) => called.push([name, ...args.slice(1)]);
    const actions = { act: note("act"), feedbackOf: () => undefined };
    const li = renderItem(item, actions);
    document.getElementById("messages").append(li);
    window.called = called;
    return li.innerHTML;
}"""
BASE = {"id": "msg_1", "thread_id": "thr_1", "created_at": NOW}


@pytest.fixture
def render(alice):
    """``render(ItemClass, **fields)``: puts an item on the page as the server would send it, and returns its HTML."""

    def put(kind, /, **fields):
        document = TypeAdapter(kind).dump_python(kind(**BASE, **fields), mode="json", exclude_none=True)
        return alice.page.evaluate(RENDER, document)

    return put


def say(render, text):
    return render(AssistantMessageItem, content=[AssistantMessageContent(text=text)])


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "**<b onclick=alert(1)>**",
        "```\n<svg onload=alert(1)>\n```",
        "- <a href='javascript:alert(1)'>x</a>",
    ],
)
def test_what_a_model_says_is_text_and_never_markup(alice, render, text):
    html = say(render, text)
    assert "&lt;" in html
    assert alice.newest("assistant_message").locator("img, script, svg[onload], a, [onclick]").count() == 0


@pytest.mark.parametrize("address", ["javascript:alert`1`", "data:text/html,x", "vbscript:x", "http://[broken"])
def test_an_address_that_is_none_of_the_web_is_no_link(alice, render, address):
    say(render, f"Look [here]({address}).")
    assert alice.newest("assistant_message").locator("a").count() == 0
    assert "Look here." in alice.newest("assistant_message").inner_text()


def test_a_little_markdown_is_understood(alice, render):
    html = say(
        render, "# Title\n\nSome *fine* **bold** `code`.\n\n1. one\n2. two\n\n```py\nx < 1\n```\n[a](https://b.example)"
    )
    for part in ("<h3>Title</h3>", "<em>fine</em>", "<strong>bold</strong>", "<code>code</code>", "<li>one</li>"):
        assert part in html
    assert "x &lt; 1" in html
    assert 'href="https://b.example/"' in html


def test_a_message_shows_what_it_quotes_and_its_tags(render):
    html = render(
        UserMessageItem,
        content=[
            {"type": "input_text", "text": "Ask "},
            {"type": "input_tag", "id": "tag_1", "text": "Ada", "data": {}},
        ],
        quoted_text="What was said",
        inference_options={},
    )
    assert "<blockquote>What was said</blockquote>" in html
    assert '<span class="badge">Ada</span>' in html


def show(render, *children, **card):
    return render(WidgetItem, widget={"type": "Card", "children": list(children), **card})


def test_a_component_that_the_page_does_not_know_shows_its_text_and_what_it_contains(alice, render):
    unknown = {"type": "Carousel", "value": "Turning", "children": [{"type": "Text", "value": "Inside"}]}
    show(render, unknown)
    assert alice.newest("widget").inner_text().split() == ["Turning", "Inside"]


def test_a_picture_on_another_server_is_a_link(alice, render):
    show(render, {"type": "Image", "src": "https://elsewhere.example/a.png", "alt": "A view"})
    assert alice.newest("widget").locator("img").count() == 0
    assert (
        alice.newest("widget").get_by_role("link", name="A view").get_attribute("href").startswith("https://elsewhere")
    )


def test_the_fields_of_a_form_go_along_with_its_action(alice, render):
    options = [{"value": "a", "label": "First"}, {"value": "b", "label": "Second"}]
    show(
        render,
        {"type": "Label", "value": "Your name", "fieldName": "who.name"},
        {"type": "Input", "name": "who.name", "defaultValue": "Ada"},
        {"type": "Textarea", "name": "note", "placeholder": "A note"},
        {"type": "Select", "name": "choice", "options": options, "defaultValue": "b"},
        {"type": "RadioGroup", "name": "radio", "options": options, "ariaLabel": "One of two"},
        {"type": "Checkbox", "name": "sure", "label": "I am sure"},
        {"type": "DatePicker", "name": "day", "defaultValue": "2030-01-02T00:00:00Z"},
        asForm=True,
        confirm={"label": "Save", "action": {"type": "save", "payload": {"id": 7}}},
        cancel={"label": "Leave", "action": {"type": "leave"}},
    )
    widget = alice.newest("widget")
    widget.get_by_label("A note").fill("Hello")
    widget.get_by_label("First").check()
    widget.get_by_label("I am sure").check()
    widget.get_by_role("button", name="Save").click()
    [[_, action]] = alice.page.evaluate("called")
    values = {"who": {"name": "Ada"}, "note": "Hello", "choice": "b", "radio": "a", "sure": True, "day": "2030-01-02"}
    assert (action["type"], action["payload"]) == ("save", {"id": 7, **values})


def test_a_list_shows_more_when_asked_and_its_rows_can_be_pressed(alice, render):
    rows = [
        {
            "type": "ListViewItem",
            "children": [{"type": "Text", "value": f"Row {number}"}],
            "onClickAction": {"type": "open", "payload": number},
        }
        for number in range(3)
    ]
    render(WidgetItem, widget={"type": "ListView", "children": rows, "limit": 2, "status": {"text": "Three rows"}})
    widget = alice.newest("widget")
    widget.get_by_role("button", name="Show more").click()
    widget.get_by_role("button", name="Row 2").click()
    [[_, action]] = alice.page.evaluate("called")
    assert (action["type"], action["payload"]) == ("open", 2)


def test_a_chart_is_a_table_of_its_numbers(alice, render):
    show(
        render,
        {
            "type": "Chart",
            "data": [{"month": "May", "sold": 3}],
            "series": [{"type": "bar", "dataKey": "sold", "label": "Sold"}],
            "xAxis": "month",
        },
    )
    assert alice.newest("widget").locator("table").inner_text().split() == ["Sold", "May", "3"]


def test_other_components_show_what_they_say(alice, render):
    show(
        render,
        {"type": "Title", "value": "A title"},
        {"type": "Markdown", "value": "**bold**"},
        {"type": "Badge", "label": "New", "color": "success"},
        {"type": "Divider"},
        {"type": "Row", "children": [{"type": "Caption", "value": "Small"}, {"type": "Spacer"}]},
        {"type": "Button", "label": "Off", "disabled": True},
    )
    widget = alice.newest("widget")
    assert widget.inner_text().split() == ["A", "title", "bold", "New", "Small", "Off"]
    assert widget.get_by_role("button", name="Off").is_disabled()
