"""Documents: what cannot be stored is named, what an older SDK wrote is mended, nothing is lost on the way."""

import json
import logging
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from chatkit.types import (
    ClientToolCallItem,
    CustomTask,
    HiddenContextItem,
    Page,
    Thread,
    ThreadMetadata,
    UserMessageItem,
    WidgetItem,
    Workflow,
    WorkflowItem,
)
from chatkit.widgets import WidgetTemplate

from chatkit_pgstore import UnreadableItemError, UnstorableItemError, _reading
from chatkit_pgstore._codec import ATTACHMENTS, ITEMS, THREADS, column_time, item_values
from chatkit_pgstore.testing.contract._samples import ITEMS as ITEM_SAMPLES

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901)
HEAD = {"id": "msg_1", "thread_id": "thr_1", "created_at": NOW}


def hidden(content):
    return HiddenContextItem(**HEAD, content=content)


def nested(depth):
    value = "deep"
    for _ in range(depth):
        value = [value]
    return value


def circle():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (object(), '"content" (object)'),
        ({"a": [1, {"b": object()}]}, '"content.a.1.b" (object)'),
        ({"a": (1, object())}, '"content.a.1" (object)'),
        ({"a": {1, object()}}, '"content.a" (set)'),
        ({object(): 1}, '"content" (dict)'),
        (b"\xff", '"content" (bytes)'),
    ],
)
def test_what_json_cannot_hold_is_named(content, field):
    with pytest.raises(UnstorableItemError) as caught:
        item_values(hidden(content))
    assert str(caught.value) == (
        f"Item 'msg_1' cannot be stored: JSON cannot hold its field {field}. Nothing was written."
    )


@pytest.mark.parametrize("content", [circle(), nested(300), nested(5000)])
def test_what_never_ends_or_is_too_deep_is_refused(content):
    with pytest.raises(UnstorableItemError, match=r"field \"content.*list\)"):
        item_values(hidden(content))


@pytest.mark.parametrize("content", [nested(220), [10**5000]], ids=["too deep", "too long a number"])
def test_what_could_be_written_but_not_read_back_is_refused(content):
    with pytest.raises(UnstorableItemError, match="could not be read back: json_invalid"):
        item_values(hidden(content))


def test_a_field_set_to_a_wrong_value_is_refused_without_quoting_it():
    item = ClientToolCallItem(**HEAD, call_id="c", name="n", arguments={})
    item.status = "my secret"
    with pytest.raises(UnstorableItemError, match=r"client_tool_call\.status: literal_error") as caught:
        item_values(item)
    assert "secret" not in str(caught.value)


def test_what_the_sdk_has_no_type_for_is_refused():
    class Note(HiddenContextItem):
        type: str = "note"

    with pytest.raises(UnstorableItemError, match="union_tag_invalid"):
        item_values(Note(**HEAD, content="hello"))


@pytest.mark.parametrize(
    ("text", "stored"),
    [("a\ud800b", "a\ufffdb"), ("\ud83d\ude00", "\U0001f600"), ("\ude00\ud83d", "\ufffd\ufffd")],
)
def test_a_lone_surrogate_is_replaced_with_a_warning(text, stored, caplog):
    with caplog.at_level(logging.WARNING, "chatkit_pgstore"):
        values = item_values(hidden({text: [text, 1, None]}))
    assert json.loads(values["item"])["content"] == {stored: [stored, 1, None]}
    assert "'msg_1' holds a lone surrogate" in caplog.text


def test_not_a_number_becomes_null_also_beside_a_surrogate():
    content = {"nan": float("nan"), "text": "\ud800", "several": ("\udfff", {"\udfff"}), 1: NOW}
    assert json.loads(item_values(hidden(content))["item"])["content"] == {
        "nan": None,
        "text": "\ufffd",
        "several": ["\ufffd", ["\ufffd"]],
        "1": NOW.isoformat(),
    }


def test_of_a_thread_the_items_are_not_stored():
    thread = Thread(id="thr_1", created_at=NOW, items=Page(data=[hidden("x")]))
    document, stored = THREADS.encode(thread)
    assert "items" not in json.loads(document)
    assert type(stored) is ThreadMetadata


def test_an_icon_of_any_text_is_mended_on_reading_and_left_in_the_document():
    document = {
        **json.loads(hidden("x").model_dump_json()),
        "type": "workflow",
        "workflow": {
            "type": "custom",
            "tasks": [{"type": "custom", "title": "Look", "icon": "magnifier"}],
            "summary": {"title": "Done", "icon": "tick"},
        },
    }
    item = ITEMS.decode("msg_1", json.dumps(document))
    assert (item.workflow.tasks[0].title, item.workflow.tasks[0].icon) == ("Look", None)
    assert (item.workflow.summary.title, item.workflow.summary.icon) == ("Done", None)


def test_a_good_icon_is_kept():
    tasks = [CustomTask(title="Look", icon="search"), CustomTask(title="Buy", icon="lucide:cart")]
    item = WorkflowItem(**HEAD, workflow=Workflow(type="custom", tasks=tasks))
    assert ITEMS.encode(item)[1] == item


URL = "https://example.com/upload?signature=a%2Fb"
OLD_ATTACHMENT = {"id": "atc_1", "name": "a.txt", "mime_type": "text/plain", "type": "file", "upload_url": URL}


def test_the_upload_url_of_an_old_attachment_becomes_a_post_to_it():
    attachment = ATTACHMENTS.decode("atc_1", json.dumps(OLD_ATTACHMENT))
    assert attachment.upload_descriptor.model_dump(mode="json") == {"url": URL, "method": "POST", "headers": {}}
    assert ATTACHMENTS.encode(attachment)[1] == attachment


def test_the_upload_urls_in_an_old_message_become_posts_to_them():
    without = {**OLD_ATTACHMENT, "id": "atc_2", "upload_url": None}
    message = UserMessageItem(**HEAD, content=[], inference_options={})
    document = {**json.loads(message.model_dump_json()), "attachments": [OLD_ATTACHMENT, without]}
    first, second = ITEMS.decode("msg_1", json.dumps(document)).attachments
    assert (str(first.upload_descriptor.url), second.upload_descriptor) == (URL, None)


def test_a_message_that_speaks_of_an_upload_url_is_left_alone():
    content = [{"type": "input_text", "text": '"upload_url"'}]
    message = UserMessageItem(**HEAD, content=content, inference_options={})
    document = json.loads(message.model_dump_json())
    del document["attachments"]
    assert ITEMS.decode("msg_1", json.dumps(document)) == message


@pytest.mark.parametrize(
    ("descriptor", "url"),
    [
        ({"url": URL, "method": "POST", "headers": {}}, URL),
        ({"url": URL, "method": "PUT", "headers": {}}, None),
        ({"url": URL, "method": "POST", "headers": {"x-a": "1"}}, None),
        (None, None),
    ],
)
def test_an_sdk_without_descriptors_is_told_of_an_upload_it_can_do(monkeypatch, descriptor, url):
    # What runs is newer than 1.4, which the matrix of releases asks itself.
    monkeypatch.setattr(_reading, "_OTHER_UPLOAD", "upload_descriptor")
    document = {"id": "atc_1", "upload_descriptor": descriptor}
    assert _reading._with_known_uploads(document).get("upload_url") == url


def test_a_document_wrong_in_more_than_an_icon_is_unreadable():
    document = '{"type":"workflow","id":"a","workflow":{"type":"custom","tasks":[{"type":"custom","icon":"?"}]}}'
    with pytest.raises(UnreadableItemError, match="Item 'a' cannot be read by openai-chatkit"):
        ITEMS.decode("a", document)


@pytest.mark.parametrize("document", ["{}", "[]", "null", '{"type":"hologram","id":"a"}', '"text"'])
def test_a_document_of_another_sdk_is_unreadable_with_its_reason(document):
    with pytest.raises(UnreadableItemError, match=r"union_tag_(not_found|invalid)|model_attributes_type|dict_type"):
        ITEMS.decode("a", document)


def template(root):
    return WidgetTemplate({"version": "1.0", "name": "w", "template": json.dumps(root)}).build()


@pytest.mark.parametrize(
    "root",
    [
        {"type": "Card", "children": [{"type": "Text", "value": "hi"}], "shimmer": True},
        {"type": "Card", "children": [{"type": "Text", "value": "hi", "shimmer": {"on": [1, 2]}}]},
        {"type": "ListView", "children": [{"type": "ListViewItem", "children": [], "badge": "new"}]},
        pytest.param(
            {"type": "Basic", "children": {"type": "Card", "anything": "goes"}},
            marks=pytest.mark.skipif("basic widget" not in ITEM_SAMPLES, reason="Basic roots came with SDK 1.6.1"),
        ),
        {"type": "Card", "children": [{"type": "Hologram", "depth": 3}]},
    ],
)
def test_properties_of_a_template_widget_survive_any_number_of_saves(root):
    item = WidgetItem(**HEAD, widget=template(root))
    once = ITEMS.decode("msg_1", ITEMS.encode(item)[0])
    twice = ITEMS.decode("msg_1", ITEMS.encode(once)[0])
    expected = item.model_dump(mode="json", exclude_none=True)
    assert once.model_dump(mode="json", exclude_none=True) == expected
    assert twice.model_dump(mode="json", exclude_none=True) == expected


@pytest.mark.parametrize(
    "value",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-1))),
    ],
)
def test_a_time_that_postgresql_cannot_be_given_is_refused(value):
    with pytest.raises(ValueError, match="thread.created_at must be a time within the years 1 to 9999 in UTC"):
        column_time(value, "thread.created_at")


def test_a_naive_time_is_local_time():
    assert column_time(NOW, "created_at") == NOW.astimezone()


FIRST_READ = """
import json, sys
from chatkit.types import Page
from chatkit_pgstore._codec import ITEMS

Page(data=[ITEMS.decode("a", document) for document in json.loads(sys.argv[1])]).model_dump_json()
"""


def test_a_page_that_is_the_first_thing_a_process_reads_can_be_sent():
    head = {"id": "a", "thread_id": "t", "created_at": "2026-01-02T03:04:05"}
    documents = [
        json.dumps({**head, "type": "user_message", "content": [], "inference_options": {}}),
        json.dumps({**head, "type": "workflow", "workflow": {"type": "custom", "tasks": []}}),
        json.dumps({**head, "type": "widget", "widget": {"type": "Card", "children": []}}),
    ]
    subprocess.run([sys.executable, "-c", FIRST_READ, json.dumps(documents)], check=True)
