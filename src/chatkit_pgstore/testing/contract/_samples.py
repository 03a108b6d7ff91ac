"""One sample at least of everything the SDK may hand to a store, and a check that nothing is forgotten.

Samples are kept as plain data and made into objects when a test asks for them: the SDK warns of its own widget
classes whenever one is made. Those of types that the installed SDK does not have yet are left out.
"""

import warnings
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import uuid4

from chatkit import widgets
from chatkit.types import Attachment, ThreadItem, ThreadMetadata, WidgetItem
from pydantic import TypeAdapter, ValidationError

from chatkit_pgstore.testing.contract._unsampled import missing_in

NOW = datetime(2026, 2, 3, 4, 5, 6, 789012)  # noqa: DTZ001  # naive, as the SDK's own datetime.now() is

_ITEM: TypeAdapter[ThreadItem] = TypeAdapter(ThreadItem)
_ATTACHMENT: TypeAdapter[Attachment] = TypeAdapter(Attachment)


def new_id(prefix: str) -> str:
    """Return an id that nobody else has."""
    return f"{prefix}_{uuid4().hex}"


def thread_sample(**values: Any) -> ThreadMetadata:
    """Return a thread of an id of its own."""
    return ThreadMetadata.model_validate({"id": new_id("thr"), "created_at": NOW, **values})


def message(thread_id: str, text: str = "Hello", **values: Any) -> ThreadItem:
    """Return an assistant's message of an id of its own."""
    content = {"type": "output_text", "text": text}
    return _item({"type": "assistant_message", "content": [content], "thread_id": thread_id, **values})


def tool_call(thread_id: str, status: str = "pending", **values: Any) -> ThreadItem:
    """Return a client tool call."""
    return _item({**_CLIENT_TOOL_CALL, "thread_id": thread_id, "status": status, **values})


def question(thread_id: str, status: str = "pending", **values: Any) -> ThreadItem:
    """Return a structured input."""
    return _item({**_STRUCTURED_INPUT, "thread_id": thread_id, "status": status, **values})


def hidden_context(thread_id: str, content: Any) -> ThreadItem:
    """Return the item that may hold anything."""
    return _item({"type": "hidden_context_item", "thread_id": thread_id, "content": content})


def item_sample(name: str, thread_id: str) -> ThreadItem:
    """Return the item sample of that name."""
    return _item({**ITEMS[name], "thread_id": thread_id})


def template_widget(thread_id: str) -> ThreadItem:
    """Return an item whose widget comes from a template and has properties the strict classes do not know."""
    rendered = '{"type": "Card", "glow": {"px": {{ glow }}}, "children": [{"type": "Sparkline", "points": [1, 2.5]}]}'
    template = widgets.WidgetTemplate({"version": "1.0", "name": "sample", "template": rendered})
    return WidgetItem(id=new_id("msg"), thread_id=thread_id, created_at=NOW, widget=template.build({"glow": 3}))


def attachment_sample(name: str = "file", /, **values: Any) -> Attachment:
    """Return the attachment sample of that name, which is not the name in *values*."""
    return _ATTACHMENT.validate_python({"id": new_id("atc"), **ATTACHMENTS[name], **values})


def text_of(item: ThreadItem) -> str:
    """Return the text of a `message`."""
    assert item.type == "assistant_message"
    return item.content[0].text


def _item(values: dict[str, Any]) -> ThreadItem:
    return _ITEM.validate_python({"id": new_id("msg"), "created_at": NOW, **values})


THREADS: dict[str, dict[str, Any]] = {
    "plain": {},
    "active": {"title": "Travel", "status": {"type": "active"}},
    "locked": {"status": {"type": "locked", "reason": "Under review"}},
    "closed": {"status": {"type": "closed", "reason": "Done"}},
    "full": {
        "title": "Everything",
        "status": {"type": "locked"},
        "allowed_image_domains": ["images.example.com", "*.example.org"],
        "metadata": {"previous_response_id": "resp_1", "nested": {"list": [1, None, {"a": 0.5}]}},
    },
}

_FILE: dict[str, Any] = {"type": "file", "name": "report.pdf", "mime_type": "application/pdf"}
_IMAGE: dict[str, Any] = {
    "type": "image",
    "name": "cat.png",
    "mime_type": "image/png",
    "preview_url": "https://example.com/cat%20small.png?size=1&x=%C3%A9",
}
_UPLOAD_URL = "https://example.com/upload?signature=a%2Fb"
_UPLOAD: dict[str, Any] = {"url": _UPLOAD_URL, "method": "PUT", "headers": {"x-a": "1"}}

ATTACHMENTS: dict[str, dict[str, Any]] = {
    "file": _FILE,
    "image": _IMAGE,
    "file to be uploaded": {
        **_FILE,
        "upload_url": _UPLOAD_URL,
        "upload_descriptor": _UPLOAD,
        "metadata": {"owner": "me", "bytes": 2**40},
    },
    "image to be uploaded": {
        **_IMAGE,
        "upload_url": _UPLOAD_URL,
        "upload_descriptor": {"url": _UPLOAD_URL, "method": "POST"},
        "metadata": {},
    },
}

_URL_SOURCE: dict[str, Any] = {
    "type": "url",
    "title": "Docs",
    "url": "https://example.com/?q=a b",
    "description": "The manual",
    "timestamp": "2026-01-01",
    "group": "web",
    "attribution": "Example",
}
_FILE_SOURCE: dict[str, Any] = {**_URL_SOURCE, "type": "file", "filename": "a/b.txt"}
_ENTITY_SOURCE: dict[str, Any] = {
    **_URL_SOURCE,
    "type": "entity",
    "id": "entity_1",
    "icon": "sparkle",
    "label": "Ada",
    "inline_label": "A.",
    "interactive": True,
    "data": {"rank": 1},
    "preview": "lazy",
}

_TASKS: list[dict[str, Any]] = [
    {"type": "custom", "title": "Think", "icon": "sparkle", "content": "…", "status_indicator": "loading"},
    {
        "type": "web_search",
        "title": "Search",
        "title_query": "weather",
        "queries": ["weather", ""],
        "sources": [_URL_SOURCE],
        "status_indicator": "complete",
    },
    {"type": "thought", "title": "Hm", "content": "First, …", "status_indicator": "none"},
    {"type": "file", "title": "Read", "sources": [_FILE_SOURCE], "status_indicator": "none"},
    {"type": "image", "title": "Draw", "status_indicator": "none"},
]

_CLIENT_TOOL_CALL: dict[str, Any] = {
    "type": "client_tool_call",
    "status": "pending",
    "call_id": "call_1",
    "name": "read_page",
    "arguments": {"selector": "#main", "depth": 2},
}

_STRUCTURED_INPUT: dict[str, Any] = {
    "type": "structured_input",
    "status": "pending",
    "inputs": [
        {
            "type": "multiple_choice",
            "id": "colour",
            "question": "Which?",
            "options": [{"value": "red"}, {"value": "blue"}],
            "multiple": True,
            "answer": {"values": ["red", "own"], "skipped": False},
        },
        {"type": "freeform", "id": "why", "question": "Why?", "description": "Freely", "answer": {"skipped": True}},
    ],
}

_ACTION: dict[str, Any] = {
    "type": "buy",
    "payload": {"id": 1},
    "handler": "client",
    "loadingBehavior": "self",
    "streaming": False,
}
_BAR: dict[str, Any] = {"type": "bar", "label": "Sales", "dataKey": "y", "color": {"light": "#fff", "dark": "#000"}}

_COMPONENTS: list[dict[str, Any]] = [
    {"type": "Text", "value": "", "streaming": True, "editable": {"name": "t", "required": False}, "id": "t"},
    {"type": "Title", "value": "T", "size": "4xl", "key": "k"},
    {"type": "Caption", "value": "C", "maxLines": 0},
    {
        "type": "Chart",
        "data": [{"x": "a", "y": 1, "z": 1.0}],
        "series": [_BAR, {**_BAR, "type": "line", "curveType": "bump"}, {**_BAR, "type": "area"}],
        "xAxis": {"dataKey": "x", "labels": {"a": "A"}},
    },
    {"type": "Badge", "label": "new", "pill": False},
    {"type": "Markdown", "value": "# Hi\n"},
    {"type": "Box", "padding": {"x": 1.5, "top": "2px"}, "children": []},
    {"type": "Row", "children": [{"type": "Col", "border": {"top": {"size": 1, "style": "dashed"}}}]},
    {"type": "Divider", "flush": True},
    {"type": "Icon", "name": "sparkle"},
    {"type": "Image", "src": "data:,x", "aspectRatio": 1.5},
    {"type": "Button", "label": "Buy", "onClickAction": _ACTION},
    {"type": "Checkbox", "name": "c", "defaultChecked": False},
    {"type": "Spacer", "minSize": "auto"},
    {"type": "Select", "name": "s", "options": [{"value": "", "label": "none", "disabled": True}]},
    {"type": "DatePicker", "name": "d", "min": "2026-01-01T00:00:00Z"},
    {"type": "Form", "onSubmitAction": {"type": "send"}, "children": [{"type": "Input", "name": "i"}]},
    {"type": "Label", "value": "L", "fieldName": "i"},
    {"type": "RadioGroup", "name": "r", "options": [{"label": "a", "value": "a"}]},
    {"type": "Textarea", "name": "a", "rows": 3},
    {"type": "Transition", "children": {"type": "Text", "value": "moved"}},
    {"type": "Transition", "children": None},
]

_FREE_COMPONENTS: list[dict[str, Any]] = [
    {"type": "Icon", "name": "vendor:thing"},
    {"type": "Unheard", "of": [1, {"a": 2.0}], "children": [{"type": "Text", "value": "inner"}]},
]

_WIDGETS: dict[str, dict[str, Any]] = {
    "card": {
        "type": "Card",
        "children": _COMPONENTS,
        "status": {"text": "ok", "icon": "check"},
        "confirm": {"label": "OK", "action": _ACTION},
    },
    "list": {
        "type": "ListView",
        "limit": "auto",
        "status": {"text": "ok", "favicon": "https://example.com/i.ico"},
        "children": [{"type": "ListViewItem", "children": [{"type": "Text", "value": "1"}], "onClickAction": _ACTION}],
    },
    "free": {"type": "Card", "children": [*_COMPONENTS, *_FREE_COMPONENTS]},
    "basic": {"type": "Basic", "columns": 2, "children": [{"type": "Text", "value": "free"}]},
}

EVERY_ITEM: dict[str, dict[str, Any]] = {
    "user message": {
        "type": "user_message",
        "content": [
            {"type": "input_text", "text": "Hello"},
            {
                "type": "input_tag",
                "id": "tag_1",
                "text": "@Ada",
                "data": {"id": 7, "tags": ["a"]},
                "group": "people",
                "interactive": True,
            },
        ],
        "attachments": [{"id": f"atc_{name}", **values, "thread_id": "thr_1"} for name, values in ATTACHMENTS.items()],
        "quoted_text": "as you said",
        "inference_options": {"model": "large", "tool_choice": {"id": "search"}},
    },
    "bare user message": {"type": "user_message", "content": [], "inference_options": {}},
    "assistant message": {
        "type": "assistant_message",
        "content": [
            {
                "type": "output_text",
                "text": "See here",
                "annotations": [
                    {"type": "annotation", "source": source, "index": index}
                    for index, source in enumerate((_URL_SOURCE, _FILE_SOURCE, _ENTITY_SOURCE))
                ],
            },
            {"type": "output_text", "text": ""},
        ],
    },
    "pending tool call": _CLIENT_TOOL_CALL,
    "completed tool call": {**_CLIENT_TOOL_CALL, "status": "completed", "output": [{"ok": True}, None]},
    **{f"{name} widget": {"type": "widget", "widget": widget} for name, widget in _WIDGETS.items()},
    "widget with copy text": {"type": "widget", "widget": {"type": "Card", "children": []}, "copy_text": "a card"},
    "generated image": {"type": "generated_image", "image": {"id": "img_1", "url": "https://example.com/i.png"}},
    "image being generated": {"type": "generated_image", "image": None},
    "pending structured input": _STRUCTURED_INPUT,
    "answered structured input": {**_STRUCTURED_INPUT, "status": "answered"},
    "skipped structured input": {**_STRUCTURED_INPUT, "status": "skipped"},
    **{f"{task['type']} task": {"type": "task", "task": task} for task in _TASKS},
    "task with an icon of Lucide": {"type": "task", "task": {"type": "custom", "icon": "lucide:rocket"}},
    "custom workflow": {
        "type": "workflow",
        "workflow": {
            "type": "custom",
            "tasks": _TASKS,
            "summary": {"title": "Done", "icon": "check"},
            "expanded": True,
        },
    },
    "reasoning workflow": {
        "type": "workflow",
        "workflow": {"type": "reasoning", "tasks": [], "summary": {"duration": 12}},
    },
    "hidden context": {"type": "hidden_context_item", "content": {"any": ["thing", 1, None]}},
    "hidden context of the SDK": {"type": "sdk_hidden_context", "content": "The user cancelled the stream."},
    "end of turn": {"type": "end_of_turn"},
}
"""Of the newest SDK that is supported."""


def _is_known(values: dict[str, Any]) -> bool:
    """Tell whether the installed SDK has all that a sample is made of."""
    is_known = False
    with suppress(ValidationError), warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        _item({**values, "thread_id": "thr_1"})
        is_known = True
    return is_known


ITEMS = {name: values for name, values in EVERY_ITEM.items() if _is_known(values)}

_QUESTION_IS_KNOWN = "pending structured input" in ITEMS
FINISHED_ITEMS = [
    (tool_call, "completed"),
    *([(question, "answered"), (question, "skipped")] if _QUESTION_IS_KNOWN else []),
]
"""What makes an item, and a status with which it is finished; without one it is pending."""


def unsampled() -> list[str]:
    """Return the names of the installed SDK's classes, and of their fields, that no sample has."""
    return missing_in(
        [
            *(item_sample(name, "thr_1") for name in ITEMS),
            *(thread_sample(**values) for values in THREADS.values()),
            *(attachment_sample(name, thread_id="thr_1") for name in ATTACHMENTS),
            template_widget("thr_1"),
        ]
    )
